/** What is lit, as a grid of crops, and as a file. */

import { icon, make, write } from "../shared/elements.js";
import { drawArrived } from "./clusters.js";
import { save } from "./picture.js";
import { count } from "./search.js";
import { fetchExport } from "./server.js";

const PAGE = 60;
const PAGE_NARROW = 24;
const CROP = 120;

/** @typedef {import("./points.js").Points} Points */

export class Selection {
  /**
   * @param {import("./crops.js").Crops} crops
   * @param {{clear: () => void, goTo: (rows: Uint32Array) => void, pick: (id: number) => void, fail: (sentence: string)
   *   => void}} on
   */
  constructor(crops, on) {
    this.crops = crops;
    this.on = on;
    this.collection = "";
    /** @type {Points | null} */
    this.points = null;
    this.rows = new Uint32Array();
    /** The largest first: they show the most. */
    this.order = new Uint32Array();
    /** @type {[number, HTMLCanvasElement][]} */
    this.waiting = [];
    this.words = make("h2", { tabindex: "-1" });
    this.grid = make("div", { class: "atlas-grid" });
    this.more = make("button", { type: "button", class: "button atlas-more", onclick: () => this.grow() });
    const act = (
      /** @type {string} */ words,
      /** @type {string} */ title,
      /** @type {() => void} */ onclick,
      /** @type {string | null} */ sign,
    ) => make("button", { type: "button", class: "button", title, onclick }, sign && icon(sign), words);
    this.element = make("section", { class: "atlas-section", "data-selection": "", hidden: true },
      make("div", { class: "section-head atlas-selection-head" }, this.words,
        make("div", { class: "actions" },
          act(
            "CSV", "A row a concept: photo, names, share, box, place on the map", () => this.export("csv"), "download",
          ),
          act(
            "Parquet", "The same table as Parquet, for pandas and data sets", () => this.export("parquet"), "download",
          ),
          act("Zoom to it", "Bring all of these into view", () => this.on.goTo(this.rows), null),
          act("Clear", "Light everything again (Esc on the map)", () => this.on.clear(), "close"))),
      this.grid, this.more);
  }

  /**
   * rows: null hides the section.
   * @param {string} collection @param {Points} points @param {Uint32Array | null} rows
   */
  show(collection, points, rows) {
    this.element.hidden = !rows?.length;
    this.waiting = [];
    this.grid.replaceChildren();
    if (!rows?.length) return;
    Object.assign(this, { collection, points, rows });
    write(this.words, `${count(rows.length, "concept")} from ${count(points.numPhotos(rows), "photo")}`);
    this.order = Uint32Array.from(rows).sort((one, other) => points.mass[other] - points.mass[one]);
    this.grow();
  }

  grow() {
    const points = /** @type {Points} */ (this.points);
    const start = this.grid.children.length;
    const page = matchMedia("(max-width: 640px)").matches ? PAGE_NARROW : PAGE;
    for (const row of this.order.slice(start, start + page)) {
      const id = points.id[row];
      const canvas = make("canvas", { width: CROP, height: CROP });
      const words = `${points.nameOf(row) ?? points.labels[points.clusterOf(row)]}: show it on the map`;
      this.grid.append(make(
          "button",
          {
            type: "button", class: "atlas-crop", "data-id": id, "aria-label": words, title: words,
            onclick: () => this.on.pick(id),
          },
          canvas,
        ));
      this.waiting.push([id, canvas]);
    }
    const left = this.order.length - this.grid.children.length;
    this.more.hidden = left <= 0;
    write(this.more, left > page ? `Show ${page} more of ${left.toLocaleString("en")}` : `Show ${left} more`);
    this.arrive();
  }

  arrive() {
    this.waiting = drawArrived(this.crops, this.waiting, CROP);
  }

  /** @param {string} kind */
  async export(kind) {
    try {
      const ids = Array.from(this.rows, (row) => /** @type {Points} */ (this.points).id[row]);
      save(await fetchExport(this.collection, ids, kind), `stellar-atlas-selection.${kind}`);
    } catch (error) {
      this.on.fail(`The selection could not be exported. ${/** @type {Error} */ (error).message}`);
    }
  }
}
