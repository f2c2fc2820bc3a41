/** The concepts of the query photo as a row of crops, each with its word and its share. */

import { Chips, percentOf } from "../drawing/chips.js";
import { make } from "../shared/elements.js";
import { namesInWords } from "../shared/names.js";

export class NamedChips extends Chips {
  /** @override @param {number} token @param {any} scene  a QueryPhoto */
  build(token, scene) {
    const percent = percentOf(scene.concepts[token].share ?? scene.concepts[token].mass);
    const [word, label] = [scene.word(token), scene.label(token)];
    const kind = scene.taught[token]?.length ? "taught-name" : word ? "" : "chip-unnamed";
    const guesses = namesInWords(scene.names[token], scene.taught[token]);
    const canvas = make("canvas", { "aria-hidden": "true" });
    canvas.width = this.thumbnail.width;
    canvas.height = this.thumbnail.height;
    const isMouse = (/** @type {PointerEvent} */ event) => event.pointerType !== "touch";
    /** @type {HTMLElement} */
    const element = make("button", {
      type: "button", class: "chip", "data-chip": token, "aria-pressed": "false",
      style: `--concept: ${scene.palette[token]}`,
      title: [`${label}, ${percent} of the photo. Concept ${token}`, guesses].filter(Boolean).join(". "),
      onpointerenter: (/** @type {PointerEvent} */ event) => isMouse(event) && this.on.enter(token),
      onpointerleave: (/** @type {PointerEvent} */ event) => isMouse(event) && this.on.leave(),
      onfocus: () => element.matches(":focus-visible") && this.on.enter(token),
      onblur: () => this.on.leave(),
      onclick: () => this.on.press(token),
    },
    make("span", { class: "chip-picture" }, canvas,
      make("span", { class: "chip-mass", "aria-hidden": "true" }, percent)),
    // Of an unnamed part the picture says what the words would take too much room for.
    make("span", { class: `chip-word ${kind}` }, label.replace(/^part at the /, "")),
    make("span", { class: "unseen" }, `, ${percent} of the photo`));
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
    return { element, context };
  }
}
