/** What the colours mean, with counts that follow the selection. A press on a line shows that value alone. */

import { make, write } from "../shared/elements.js";
import { swatch } from "./card.js";
import { FIELDS } from "./fields.js";

const FEW = 14;
const FEW_NARROW = 6;

/** @typedef {import("./fields.js").Category} Category */

export class Legend {
  /**
   * over: the code under the pointer or focused, -1 for none.
   * @param {{choose: (code: number) => void, over: (code: number) => void}} on
   */
  constructor(on) {
    this.on = on;
    this.isOpen = false;
    this.field = "";
    /** @type {Category[]} */
    this.categories = [];
    this.counts = new Uint32Array();
    this.chosen = -1;
    this.title = make("h2", {});
    this.hint = make("p", { class: "hint" });
    this.list = make("ul", { class: "atlas-legend-list" });
    this.more = make("button", {
      type: "button", class: "quiet-button",
      onclick: () => {
        this.isOpen = !this.isOpen;
        this.draw();
      },
    });
    this.element = make("details",
      { class: "atlas-fold atlas-legend", "data-legend": "", open: !matchMedia("(max-width: 640px)").matches },
      make("summary", {}, this.title), this.hint, this.list, this.more);
  }

  /**
   * categories: of what the map is coloured by.
   * @param {Category[]} categories @param {import("./points.js").Points} points
   * @param {import("./lighting.js").Lighting} lighting
   */
  show(categories, points, { field, counted, chosen }) {
    if (field !== this.field) this.isOpen = false;
    const isPart = counted !== null;
    Object.assign(this, { field, categories, counts: points.counts(field, counted), chosen });
    const press = matchMedia("(hover: none)").matches ? "Tap" : "Click";
    write(this.hint, isPart ? "Counts are of what is lit." : `${press} one to show it alone.`);
    this.draw();
  }

  draw() {
    const { field, counts, chosen, categories } = this;
    write(this.title, FIELDS[field].label);
    const sorted =
      field === "mass" ? categories : [...categories].sort((one, other) => counts[other.code] - counts[one.code]);
    const few = matchMedia("(max-width: 640px)").matches ? FEW_NARROW : FEW;
    const shown = this.isOpen ? sorted : sorted.slice(0, few);
    const alone = sorted.find(({ code }) => code === chosen);
    if (alone && !shown.includes(alone)) shown.push(alone);
    const focused = this.list.contains(document.activeElement)
      ? /** @type {HTMLElement} */ (document.activeElement).dataset.code : null;
    this.list.replaceChildren(...shown.map((category) => make("li", {}, this.line(category))));
    const item = focused && this.list.querySelector(`[data-code="${focused}"]`);
    if (item instanceof HTMLElement) item.focus({ preventScroll: true });
    this.more.hidden = sorted.length <= few;
    write(this.more, this.isOpen ? "Show fewer" : `Show all ${sorted.length.toLocaleString("en")}`);
  }

  /** @param {Category} category */
  line(category) {
    const { code, label, colourName } = category;
    const over = () => this.on.over(code);
    const out = () => this.on.over(-1);
    return make("button", {
      type: "button", class: "atlas-legend-item", "data-code": code, "data-none": !this.counts[code],
      "aria-pressed": String(code === this.chosen), title: label,
      onclick: () => this.on.choose(code === this.chosen ? -1 : code), onmouseenter: over, onmouseleave: out,
      onfocus: over, onblur: out,
    }, swatch(category), make("span", { class: "atlas-legend-label" }, label),
      make("span", { class: "unseen" }, `, ${colourName}, `),
      make("span", { class: "atlas-count" }, this.counts[code].toLocaleString("en")));
  }

  /** The line of what the pointer is over elsewhere. @param {number} code */
  over(code) {
    for (const item of /** @type {NodeListOf<HTMLElement>} */ (this.list.querySelectorAll("[data-code]")))
      item.toggleAttribute("data-over", Number(item.dataset.code) === code);
  }
}
