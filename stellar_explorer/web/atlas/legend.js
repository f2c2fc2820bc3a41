/** What the colours mean, with counts that follow the selection. A press on a line lights that value alone. */

import { make } from "../shared/elements.js";
import { FIELDS } from "./points.js";

const FEW = 14;
const FEW_NARROW = 6;

export class Legend {
  /** on: {focus(code)} */
  constructor(on) {
    this.on = on;
    this.isOpen = false;
    this.title = make("h3", {});
    this.hint = make("p", { class: "hint" });
    this.list = make("ul", { class: "atlas-legend-list" });
    this.more = make("button", { type: "button", class: "quiet-button", onclick: () => {
      this.isOpen = !this.isOpen;
      this.draw();
    } });
    this.element = make("section", { class: "atlas-legend", "aria-label": "Legend" }, this.title, this.hint, this.list, this.more);
  }

  /** categories: [{code, label, colour}]; counts by code; focus: the code alone lit, or null; isPart: whether counts are of a selection. */
  show(field, categories, counts, focus, isPart) {
    if (field !== this.field) this.isOpen = false;
    Object.assign(this, { field, categories, counts, focus, isPart });
    this.draw();
  }

  draw() {
    const { field, counts, focus, isPart } = this;
    this.title.textContent = FIELDS[field].label;
    this.hint.textContent = isPart ? "Counts are of the selection." : "Press one to light it alone.";
    const isRamp = field === "mass";
    const sorted = isRamp ? this.categories : [...this.categories].sort((one, other) => counts[other.code] - counts[one.code]);
    const few = matchMedia("(max-width: 640px)").matches ? FEW_NARROW : FEW;
    const shown = this.isOpen ? sorted : sorted.slice(0, few);
    const chosen = sorted.find(({ code }) => code === focus);
    if (chosen && !shown.includes(chosen)) shown.push(chosen);
    const pressed = this.list.contains(document.activeElement) ? document.activeElement.dataset.code : null;
    this.list.replaceChildren(...shown.map(({ code, label, colour }) => make("li", {}, make("button", {
      type: "button", class: "atlas-legend-item", "data-code": code, "data-none": !counts[code], "aria-pressed": String(code === focus),
      title: label, onclick: () => this.on.focus(code === focus ? null : code),
    }, make("i", { class: "swatch", style: `--concept: ${colour}` }), make("span", { class: "atlas-legend-label" }, label),
    make("span", { class: "atlas-count" }, counts[code].toLocaleString("en"))))));
    if (pressed !== null) this.list.querySelector(`[data-code="${pressed}"]`)?.focus({ preventScroll: true });
    this.more.hidden = sorted.length <= few;
    this.more.textContent = this.isOpen ? "Show fewer" : `Show all ${sorted.length.toLocaleString("en")}`;
  }
}
