/** What a model made of a few photos, at each step that was kept; the newest unless another is chosen. */

import { make, write } from "../shared/elements.js";
import { resolveAddress } from "../shared/requests.js";

/** @typedef {{step: number, address: string}} Picture */

export class Pictures {
  constructor() {
    /** @type {Picture[]} */
    this.all = [];
    this.isNewest = true;
    this.image = make("img", { class: "models-picture", alt: "" });
    this.image.addEventListener("error", () => {
      write(this.words, `${this.words.textContent} (this picture cannot be shown)`);
    });
    this.words = make("output", { class: "control-value" });
    this.hint = make("p", { class: "hint" });
    this.range = make("input", { type: "range", min: 0, step: 1, "aria-label": "Step of the picture" });
    this.range.addEventListener("input", () => {
      this.isNewest = this.place === this.all.length - 1;
      this.draw();
    });
    this.element = make("section", { class: "models-section", hidden: true, "data-part": "pictures" },
      make("div", { class: "section-head" }, make("h3", {}, "What it makes of photos"), this.words),
      this.hint, make("div", { class: "models-picture-frame" }, this.image), this.range);
  }

  get place() {
    return Number(this.range.value);
  }

  /** @param {Picture[]} pictures @param {string} pictured what is in them */
  update(pictures, pictured) {
    write(this.hint, pictured);
    this.element.hidden = !pictures.length;
    const place = this.isNewest ? pictures.length - 1 : this.place;
    this.all = pictures;
    this.range.max = String(Math.max(pictures.length - 1, 0));
    this.range.value = String(place);
    this.range.hidden = pictures.length < 2;
    if (pictures.length) this.draw();
  }

  draw() {
    const { all, place } = this;
    const picture = all[place];
    const address = resolveAddress(picture.address);
    if (this.image.src !== address) this.image.src = address;
    this.range.style.setProperty("--filled", `${(100 * place) / Math.max(all.length - 1, 1)}%`);
    const step = `step ${picture.step.toLocaleString("en")}`;
    this.range.setAttribute("aria-valuetext", step);
    this.image.alt = `${this.hint.textContent} At ${step}.`;
    write(this.words, `${step}${all.length > 1 ? `, ${place + 1} of ${all.length}` : ""}`);
  }
}
