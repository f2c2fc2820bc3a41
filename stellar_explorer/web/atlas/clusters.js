/** The clusters as a table: how often, where in the photo on average, typical crops, and which occur together. */

import { make } from "../shared/elements.js";
import { percentOf } from "../drawing/chips.js";
import { clusterName } from "./points.js";

const FEW = 10;
const CROP = 96;
const TYPICAL = 6;

export class ClusterTable {
  /** on: {focus(code), pick(id)} */
  constructor(crops, on) {
    this.crops = crops;
    this.on = on;
    this.isOpen = false;
    this.waiting = [];
    this.body = make("tbody", {});
    this.summary = make("span", { class: "hint" });
    this.more = make("button", { type: "button", class: "button atlas-more", onclick: () => {
      this.isOpen = !this.isOpen;
      this.draw();
    } });
    const head = ["Cluster", "How often", "Where", "Typical", "Often in the same photo"];
    this.element = make("section", { class: "atlas-section", "data-clusters": "" },
      make("div", { class: "section-head" }, make("h3", {}, "Clusters"), this.summary),
      make("table", { class: "atlas-table" }, make("thead", {}, make("tr", {}, ...head.map((words) => make("th", { scope: "col" }, words)))), this.body),
      this.more);
  }

  open(points) {
    this.points = points;
    this.isOpen = false;
    this.focus = null;
    this.summary.textContent = "Names are a classifier's suggestions. Press one to see it on the map.";
    this.draw();
  }

  mark(focus) {
    this.focus = focus;
    const { clusters } = this.points.manifest;
    if (focus !== null && focus >= FEW && !this.isOpen && clusters.length > FEW) {
      this.isOpen = true;
      this.draw();
    }
    for (const button of this.body.querySelectorAll("[data-cluster]")) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.cluster) === focus));
    }
  }

  draw() {
    const { clusters } = this.points.manifest;
    this.waiting = [];
    const most = Math.max(...clusters.map(({ count }) => count));
    this.body.replaceChildren(...clusters.slice(0, this.isOpen ? clusters.length : FEW).map((cluster, code) => this.row(cluster, code, most)));
    this.more.hidden = clusters.length <= FEW;
    this.more.textContent = this.isOpen ? "Show the largest ten" : `Show all ${clusters.length} clusters`;
    this.arrive();
  }

  row(cluster, code, most) {
    const { manifest } = this.points;
    const cell = (label, ...children) => make("td", { "data-label": label }, ...children);
    const words = `${cluster.count.toLocaleString("en")}`;
    return make("tr", {},
      make("th", { scope: "row" }, this.button(code, clusterName(cluster, code))),
      cell("How often", make("div", { class: "atlas-often" }, make("span", { class: "atlas-often-count" }, words),
        make("span", { class: "atlas-bar", "aria-hidden": "true" }, make("span", { style: `width: ${(100 * cluster.count) / most}%; background: ${manifest.palette[cluster.colour]}` })),
        make("span", { class: "hint" }, `in ${cluster.num_photos.toLocaleString("en")} of ${manifest.num_photos.toLocaleString("en")} photos`))),
      cell("Where", placePicture(cluster)),
      cell("Typical", make("div", { class: "atlas-crops" }, ...cluster.typical.slice(0, TYPICAL).map((id) => this.crop(id)))),
      cell("Together with", cluster.together.length ? make("div", { class: "atlas-together" }, ...cluster.together.slice(0, 3).map(([other, lift, photos]) =>
        this.button(other, clusterName(manifest.clusters[other], other), `× ${lift < 9.95 ? lift.toFixed(1) : lift.toFixed(0)}`,
          `${photos.toLocaleString("en")} photos hold both, ${lift.toFixed(1)} times as many as by chance`)))
        : make("span", { class: "hint" }, "none more than by chance")));
  }

  button(code, words, more, title) {
    const { manifest } = this.points;
    return make("button", { type: "button", class: "atlas-cluster", "data-cluster": code, "aria-pressed": String(code === this.focus),
      title: title ?? "Light this cluster on the map", onclick: () => this.on.focus(code === this.focus ? null : code) },
    make("i", { class: "swatch", style: `--concept: ${manifest.palette[manifest.clusters[code].colour]}` }),
    make("span", { class: "atlas-cluster-name" }, words), more ? make("span", { class: "atlas-count" }, more) : null);
  }

  crop(id) {
    const canvas = make("canvas", { width: CROP, height: CROP });
    const button = make("button", { type: "button", class: "atlas-crop", "aria-label": `Concept ${id}: show it on the map`, title: "Show it on the map", onclick: () => this.on.pick(id) }, canvas);
    this.waiting.push([id, canvas]);
    return button;
  }

  /** Draws the crops that are there; called again when more have arrived. */
  arrive() {
    this.waiting = this.waiting.filter(([id, canvas]) => {
      const picture = this.crops.picture(id, CROP);
      if (picture) canvas.getContext("2d").drawImage(picture, 0, 0);
      return !picture;
    });
  }
}

/** How the masks of a cluster lie over each other, in the frame of a photo. */
function placePicture(cluster) {
  const side = Math.sqrt(cluster.place_map.length);
  const [x, y] = cluster.place.map(percentOf);
  const canvas = make("canvas", { class: "atlas-place", width: side, height: side, role: "img",
    "aria-label": `On average ${x} from the left and ${y} from the top`, title: `On average ${x} from the left and ${y} from the top; ${percentOf(cluster.mass)} of its photo` });
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(side, side);
  cluster.place_map.forEach((value, place) => pixels.data.set([92, 116, 196, value], 4 * place));
  context.putImageData(pixels, 0, 0);
  return canvas;
}
