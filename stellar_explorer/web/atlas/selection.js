/** What is selected, as a grid of crops, and as a file. */

import { icon, make, write } from "../shared/elements.js";
import { save } from "./picture.js";
import { ask } from "../shared/requests.js";

const PAGE = 60;
const PAGE_NARROW = 24;
const CROP = 120;

export class Selection {
  /** on: {clear(), goTo(rows), pick(id), fail(sentence)} */
  constructor(crops, on) {
    this.crops = crops;
    this.on = on;
    this.waiting = [];
    this.words = make("h3", { tabindex: "-1" });
    this.grid = make("div", { class: "atlas-grid" });
    this.more = make("button", { type: "button", class: "button atlas-more", onclick: () => this.grow() });
    const act = (words, title, onclick, name = "download") => make("button", { type: "button", class: "button", title, onclick }, name && icon(name), words);
    this.element = make("section", { class: "atlas-section", "data-selection": "", hidden: true },
      make("div", { class: "section-head atlas-selection-head" }, this.words,
        make("div", { class: "actions" },
          act("CSV", "A row a concept: photo, names, mass, box, place on the map", () => this.export("csv")),
          act("Parquet", "The same table as Parquet, for pandas and data sets", () => this.export("parquet")),
          act("Zoom to it", "Bring all of the selection into view", () => this.on.goTo(this.rows), null),
          act("Clear", "Select nothing (Esc on the map)", () => this.on.clear(), "close"))),
      this.grid, this.more);
  }

  /** rows: null hides the section. */
  show(collection, points, rows) {
    Object.assign(this, { collection, points, rows });
    this.element.hidden = rows === null;
    this.waiting = [];
    this.grid.replaceChildren();
    if (rows === null) return;
    const photos = points.photosOf(rows);
    write(this.words, rows.length ? `${count(rows.length, "concept")} from ${count(photos, "photo")}` : "Nothing lies inside this line");
    // The heaviest first: they show the most.
    this.order = Uint32Array.from(rows).sort((one, other) => points.mass[other] - points.mass[one]);
    this.grow();
  }

  grow() {
    const start = this.grid.children.length;
    const page = matchMedia("(max-width: 640px)").matches ? PAGE_NARROW : PAGE;
    for (const row of this.order.slice(start, start + page)) {
      const id = this.points.id[row];
      const canvas = make("canvas", { width: CROP, height: CROP });
      this.grid.append(make("button", { type: "button", class: "atlas-crop", "data-id": id, "aria-label": `Concept ${id}`, title: "Show it on the map",
        onclick: () => this.on.pick(id) }, canvas));
      this.waiting.push([id, canvas]);
    }
    const left = this.order.length - this.grid.children.length;
    this.more.hidden = left <= 0;
    this.more.textContent = `Show ${Math.min(page, left)} more of ${left.toLocaleString("en")}`;
    this.arrive();
  }

  arrive() {
    this.waiting = this.waiting.filter(([id, canvas]) => {
      const picture = this.crops.picture(id, CROP);
      if (picture) canvas.getContext("2d").drawImage(picture, 0, 0);
      return !picture;
    });
  }

  async export(kind) {
    try {
      const ids = Array.from(this.rows, (row) => this.points.id[row]);
      const response = await ask(`stellar/collections/${encodeURIComponent(this.collection)}/atlas/export.${kind}`,
        { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ ids }) });
      if (!response.ok) throw new Error(await response.text());
      save(await response.blob(), `stellar-atlas-selection.${kind}`);
    } catch (problem) {
      this.on.fail(`The selection could not be exported. ${problem.message}`);
    }
  }
}

function count(number, word) {
  return `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;
}
