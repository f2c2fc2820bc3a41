/** What is told of one concept: a passing card under the pointer, or one that stays, with what can be done. */

import { icon, make } from "../shared/elements.js";
import { percentOf } from "../drawing/chips.js";
import { nameOf, namesInWords } from "../shared/names.js";
import { teachMarks } from "../teach/marks.js";

export const PICTURE = 240;
const GAP = 16;

export class ConceptCard {
  /** on: {retrieve(row), cluster(code), close(), example(row) -> it as an example of a word} */
  constructor(crops, on) {
    this.crops = crops;
    this.on = on;
    this.row = -1;
    this.marks = teachMarks(() => on.example(this.row));
    this.element = make("div", { class: "atlas-card", hidden: true });
  }

  /** cluster: {name, colour} of it; place: where the concept is on the map, in pixels. */
  show(points, row, place, cluster, isPinned) {
    Object.assign(this, { points, row, place, cluster, isPinned, taught: null });
    this.element.hidden = false;
    this.element.toggleAttribute("data-pinned", isPinned);
    this.marks.show(isPinned ? this.on.example(row).key : null);
    if (isPinned) this.element.setAttribute("role", "dialog");
    else this.element.removeAttribute("role");
    this.element.setAttribute("aria-label", "The concept that was chosen");
    this.fill();
    this.put();
  }

  /** taught: what it is called by the visitor's own words too, which come later. */
  call(taught) {
    this.taught = taught;
    this.fill();
  }

  hide() {
    this.row = -1;
    this.isPinned = false;
    this.element.hidden = true;
  }

  /** Called again when what was missing has arrived. */
  fill() {
    if (this.row < 0) return;
    const { points, row, cluster } = this;
    const id = points.id[row];
    const facts = this.crops.factsOf(id);
    const picture = this.crops.picture(id, PICTURE);
    const taught = this.taught ?? facts?.taught ?? [];
    const names = facts?.names ?? [];
    const name = nameOf(names, taught);
    const canvas = make("canvas", { width: PICTURE, height: PICTURE, role: "img", "aria-label": name ? `Crop: ${name}` : "Crop of the concept" });
    if (picture) canvas.getContext("2d").drawImage(picture, 0, 0);
    const line = (term, ...words) => make("div", {}, make("dt", {}, term), make("dd", {}, ...words));
    this.element.replaceChildren(make("div", { class: "atlas-card-body" },
      make("div", { class: "atlas-card-picture" }, canvas),
      make("div", { class: "atlas-card-words" },
        make("strong", {}, name ?? (facts ? "No name suggested" : " ")),
        make("p", { class: "hint" }, namesInWords(names, taught) || " "),
        make("dl", {},
          line("Cluster", make("i", { class: "swatch", style: `--concept: ${cluster.colour}` }), cluster.label),
          line("Mass", `${percentOf(points.mass[row])} of the photo`),
          facts?.label ? line("Label", facts.label) : null,
          line("Photo", make("span", { title: facts?.name ?? "" }, facts?.name ?? " "))))),
    this.isPinned ? make("div", { class: "atlas-card-actions" }, this.marks.element,
      make("button", { type: "button", class: "button button-first", onclick: () => this.on.retrieve(row) }, icon("similar"), "Find this in other photos"),
      make("button", { type: "button", class: "button", onclick: () => this.on.cluster(points.cluster[row]) }, "Show its cluster"),
      make("button", { type: "button", class: "quiet-button atlas-card-close", "aria-label": "Close", title: "Close", onclick: () => this.on.close() }, icon("close"))) : "");
  }

  /** Beside the concept, on the side with more room. */
  put() {
    const map = this.element.parentElement;
    if (!map || this.row < 0) return;
    const { clientWidth: width, clientHeight: height } = map;
    const { offsetWidth, offsetHeight } = this.element;
    const x = this.place.x < width / 2 ? this.place.x + GAP : this.place.x - GAP - offsetWidth;
    const y = Math.min(Math.max(8, this.place.y - offsetHeight / 2), height - offsetHeight - 8);
    this.element.style.transform = `translate(${Math.round(Math.min(Math.max(8, x), Math.max(8, width - offsetWidth - 8)))}px, ${Math.round(y)}px)`;
  }
}
