/** The clusters as a table: how often, where in the photo on average, typical crops, and which occur together. */

import { make, write } from "../shared/elements.js";
import { swatch } from "./card.js";
import { categories, percentOf } from "./fields.js";

const FEW = 10;
const CROP = 96;
const TYPICAL = 6;
const HEAD = ["Cluster", "How often", "Where in the photo", "Typical", "Often in the same photo"];

/** @typedef {import("./points.js").Points} Points */

export class ClusterTable {
  /**
   * over: the code of the cluster under the pointer or focused, -1 for none.
   * @param {import("./crops.js").Crops} crops
   * @param {{choose: (code: number) => void, over: (code: number) => void, pick: (id: number) => void}} on
   */
  constructor(crops, on) {
    this.crops = crops;
    this.on = on;
    this.isOpen = false;
    this.chosen = -1;
    /** @type {Points | null} */
    this.points = null;
    /** @type {import("./fields.js").Category[]} */
    this.categories = [];
    /** @type {[number, HTMLCanvasElement][]} */
    this.waiting = [];
    this.body = make("tbody", {});
    this.more = make("button", {
      type: "button", class: "button atlas-more",
      onclick: () => {
        this.isOpen = !this.isOpen;
        this.draw();
      },
    });
    const press = matchMedia("(hover: none)").matches ? "Tap" : "Point at a row to see where it lies; click";
    this.element = make("details",
      { class: "atlas-fold atlas-section", "data-clusters": "", open: !matchMedia("(max-width: 640px)").matches },
      make(
        "summary", {}, make("h2", {}, "Clusters"), make("span", { class: "hint" }, `${press} a name to show it alone.`),
      ),
      make("table", { class: "atlas-table" },
        make("thead", {}, make("tr", {}, ...HEAD.map((words) => make("th", { scope: "col" }, words)))), this.body),
      this.more);
    // A folded table asks for no crops.
    this.element.addEventListener("toggle", () => this.element.open && this.points && this.draw());
  }

  /** @param {Points} points */
  open(points) {
    this.points = points;
    this.categories = categories(points, "cluster", false);
    this.isOpen = false;
    this.draw();
  }

  /** @param {number} chosen  its code, or -1 */
  mark(chosen) {
    if (!this.points) return;
    this.chosen = chosen;
    if (chosen >= FEW && !this.isOpen) {
      this.isOpen = true;
      this.draw();
    }
    for (const button of /** @type {NodeListOf<HTMLElement>} */ (this.body.querySelectorAll("[data-cluster]")))
      button.setAttribute("aria-pressed", String(Number(button.dataset.cluster) === chosen));
  }

  /** The row of what the pointer is over on the map. @param {number} code */
  over(code) {
    for (const row of /** @type {Iterable<HTMLElement>} */ (/** @type {unknown} */ (this.body.children))) {
      row.toggleAttribute("data-over", Number(row.dataset.row) === code);
    }
  }

  draw() {
    this.waiting = [];
    if (!this.points || !this.element.open) return;
    const { clusters } = this.points.manifest;
    const most = Math.max(...clusters.map((/** @type {any} */ { count }) => count));
    const shown = clusters.slice(0, this.isOpen ? clusters.length : FEW);
    this.body.replaceChildren(
      ...shown.map((/** @type {any} */ cluster, /** @type {number} */ code) => this.row(cluster, code, most)),
    );
    this.more.hidden = clusters.length <= FEW;
    write(this.more, this.isOpen ? "Show the largest ten" : `Show all ${clusters.length} clusters`);
    this.arrive();
  }

  /** @param {any} cluster @param {number} code @param {number} most */
  row(cluster, code, most) {
    const { manifest } = /** @type {Points} */ (this.points);
    const cell = (/** @type {string} */ label, /** @type {any[]} */ ...children) =>
      make("td", { "data-label": label }, ...children);
    const over = () => this.on.over(code);
    const out = () => this.on.over(-1);
    const width = (100 * cluster.count) / most;
    const together = cluster.together
      .slice(0, 3)
      .map((/** @type {number[]} */ [other, lift, photos]) =>
        this.button(other, `× ${lift.toFixed(lift < 9.95 ? 1 : 0)}`,
          `${photos.toLocaleString("en")} photos hold both, ${lift.toFixed(1)} times as many as by chance`),
      );
    return make("tr", { "data-row": code, onmouseenter: over, onmouseleave: out, onfocusin: over, onfocusout: out },
      make("th", { scope: "row" }, this.button(code)),
      cell("How often",
        make("div", { class: "atlas-often" },
          make("span", { class: "atlas-often-count" }, cluster.count.toLocaleString("en")),
          make("span", { class: "atlas-bar", "aria-hidden": "true" },
            make("span", { style: `width: ${width}%; background: ${this.categories[code].colour}` })),
          make("span", { class: "hint" },
            `in ${cluster.num_photos.toLocaleString("en")} of ${manifest.num_photos.toLocaleString("en")} photos`))),
      cell("Where in the photo", placePicture(cluster)),
      cell("Typical",
        make("div", { class: "atlas-crops" },
          ...cluster.typical
            .slice(0, TYPICAL)
            .map((/** @type {number} */ id, /** @type {number} */ place) => this.crop(id, code, place)))),
      cell("Often in the same photo",
        together.length
          ? make("div", { class: "atlas-together" }, ...together)
          : make("span", { class: "hint" }, "none more than by chance")));
  }

  /** @param {number} code @param {string} [more] @param {string} [title] */
  button(code, more, title = "Show this cluster alone on the map") {
    const category = this.categories[code];
    return make("button", {
      type: "button", class: "atlas-cluster", "data-cluster": code, "aria-pressed": String(code === this.chosen),
      title, onclick: () => this.on.choose(code === this.chosen ? -1 : code),
    }, swatch(category), make("span", { class: "atlas-cluster-name" }, category.label),
      more ? make("span", { class: "atlas-count" }, more) : null);
  }

  /** @param {number} id @param {number} code @param {number} place */
  crop(id, code, place) {
    const canvas = make("canvas", { width: CROP, height: CROP });
    this.waiting.push([id, canvas]);
    return make("button", {
      type: "button", class: "atlas-crop",
      "aria-label": `Typical ${place + 1} of ${this.categories[code].label}: show it on the map`,
      title: "Show it on the map", onclick: () => this.on.pick(id),
    }, canvas);
  }

  /** Draws the crops that are there; called again when more have arrived. */
  arrive() {
    this.waiting = drawArrived(this.crops, this.waiting, CROP);
  }
}

/**
 * -> those that have not arrived.
 * @param {import("./crops.js").Crops} crops @param {[number, HTMLCanvasElement][]} waiting @param {number} side
 */
export function drawArrived(crops, waiting, side) {
  return waiting.filter(([id, canvas]) => {
    const picture = crops.picture(id, side);
    if (picture) canvas.getContext("2d")?.drawImage(picture, 0, 0);
    return !picture;
  });
}

/** How the masks of a cluster lie over each other, in the frame of a photo. @param {any} cluster */
function placePicture(cluster) {
  const side = Math.sqrt(cluster.place_map.length);
  const [x, y] = cluster.place.map(percentOf);
  const words = `On average ${x} from the left and ${y} from the top`;
  const canvas = make("canvas", {
    class: "atlas-place", width: side, height: side, role: "img", "aria-label": words,
    title: `${words}; ${percentOf(cluster.mass)} of its photo`,
  });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const pixels = context.createImageData(side, side);
  for (const [place, value] of cluster.place_map.entries()) pixels.data.set([92, 116, 196, value], 4 * place);
  context.putImageData(pixels, 0, 0);
  return canvas;
}
