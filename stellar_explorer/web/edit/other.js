/** Another photo beside the one that is edited: concepts to take from it, and the way towards it. */

import { slider } from "../shared/controls.js";
import { make, write } from "../shared/elements.js";
import { resolveAddress } from "../shared/requests.js";
import { askedOf, isSamePhoto } from "../shared/session.js";
import { PhotoView } from "./cutout/photo_view.js";
import { toolButton } from "./toolbar.js";
import { namesOf } from "./edits/words.js";

/**
 * @typedef {import("../shared/session.js").Session} Session
 * @typedef {import("../shared/session.js").PhotoRef} PhotoRef
 * What edits take from. asked: as a request names it; name: the photo's in a recipe.
 * @typedef {{name: string, asked: import("../shared/server.js").Asked, title: string, study:
 * import("../shared/server.js").Study,
 *   cutouts: import("./cutout/cutouts.js").Cutouts, words: string[], order: number[]}} Source
 */

const IDLE = "Choose another photo to take a concept's appearance or all positions from.";

export class OtherPhoto {
  /**
   * @param {Session} session
   * @param {{open: (asked: import("../shared/server.js").Asked, title: string) => void, swapWhat: (tokens: number[])
   * => void,
   *   swapWhere: () => void, morph: (what: number, where: number) => void}} on
   */
  constructor(session, on) {
    this.session = session;
    this.on = on;
    /** @type {Source | null} */
    this.source = null;
    /** @type {number[]} */
    this.taken = [];
    /** @type {number[]} */
    this.tokens = [];
    this.how = "together";
    this.offered = "";
    this.strip = make("div", { class: "photo-strip edit-picker", role: "group", "aria-label": "The other photo",
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.key(event) });
    this.title = make("p", { class: "edit-other-title" });
    this.hint = make("p", { class: "hint" }, IDLE);
    this.view = new PhotoView({ choose: (token, together) => this.take(this.how === "together" ? together : [token]),
      step: (by) => this.step(by) },
      { label: "The other photo and its concepts" });
    this.give = toolButton("swap-what", "what", "Swap appearance",
      "The chosen concepts look like those taken here, where they are", () => on.swapWhat(this.taken));
    this.places = toolButton("swap-where", "where", "Swap position",
      "Every concept goes where the most similar concept of this photo is. In the model's redraw alone",
        () => on.swapWhere());
    const share = (/** @type {string} */ name, /** @type {string} */ label, /** @type {string} */ hint) => slider({
      name, label, hint, min: 0, max: 1, step: 0.05,
        words: (/** @type {number} */ value) => `${Math.round(value * 100)} %`, onchange: () => this.morph(),
    });
    this.what = share("morph-what", "Blend appearance", "All concepts, towards this photo's; in the model's redraw.");
    this.where = share("morph-where", "Blend position",
      "All concepts, towards this photo's positions; in the model's redraw.");
    this.body = make("div", { class: "edit-other-body", hidden: true }, this.title, this.view.frame,
      make("div", { class: "edit-buttons" }, this.give, this.places),
        make("div", { class: "edit-morphs" }, this.what.element, this.where.element));
    this.element = make("section", { class: "edit-other", "aria-label": "Another photo", "data-other": "" },
      make("h2", {}, "With another photo"), this.strip, this.hint, this.body);
  }

  /** The photos of the strip, but the one that is edited. @param {PhotoRef} edited */
  offer(edited) {
    const { photos, settings } = this.session;
    const key = JSON.stringify([edited, photos.map(({ photo }) => photo)]);
    if (this.offered !== key) {
      this.offered = key;
      /** @type {{ref: PhotoRef, title: string, thumbnail: string}[]} */
      const all = [
        ...photos.map(({ photo, name, thumbnail }) => ({ ref: { photo, name }, title: name, thumbnail })),
        ...settings.examples.map((/** @type {any} */ one) =>
          ({ ref: { example: one.id }, title: one.title, thumbnail: one.thumbnail })),
      ];
      this.strip.replaceChildren(...all.filter(({ ref }) =>
        !isSamePhoto(ref, edited)).map(({ ref, title, thumbnail }) => make("button", {
        type: "button", class: "example", "aria-pressed": "false", "aria-label": title, title,
        ..."example" in ref ? { "data-other-example": ref.example } : { "data-other-photo": ref.photo },
          onclick: () => this.on.open(askedOf(ref), title),
      }, make("img", { src: resolveAddress(thumbnail), alt: "", width: "48", height: "48", draggable: "false",
        loading: "lazy" }))));
    }
    this.mark();
  }

  mark() {
    const photo = this.source?.study.photo;
    for (const button of /** @type {NodeListOf<HTMLElement>} */ (this.strip.querySelectorAll(".example"))) {
      const { otherExample, otherPhoto } = button.dataset;
      button.setAttribute("aria-pressed", String(Boolean(photo)
        && (otherExample ? otherExample === photo?.example : otherPhoto === photo?.token)));
    }
  }

  /** null: none any more. @param {Source | null} source @param {number[]} [taken] tokens to begin with */
  show(source, taken = []) {
    this.source = source;
    this.body.hidden = !source;
    this.mark();
    if (source) {
      write(this.title, source.title);
      this.title.title = source.title;
      const called = source.study.photo.alt || source.title;
      this.view.describe(`The other photo, ${called}. Arrow keys step through its concepts.`);
      const origins = source.words.map((_, token) => token);
      this.view.show({ cutouts: source.cutouts, layout: { pieces: [], lifted: [], origins, gone: new Set() },
        palette: source.study.analysis.palette });
    }
    this.take(taken);
  }

  /** @param {number[]} taken */
  take(taken) {
    this.taken = taken;
    this.view.choose(taken);
    this.element.dataset.taken = taken.join(" ");
    this.say();
  }

  /** @param {number} by */
  step(by) {
    const order = this.source?.order ?? [];
    const at = this.taken.length ? order.indexOf(this.taken[0]) : by > 0 ? -1 : order.length;
    this.take([order[(at + by + order.length) % order.length]]);
  }

  /**
   * tokens: the chosen of the photo that is edited; how: what a click takes.
   * @param {{tokens: number[], how: string, blend: {what?: number, where?: number}}} now
   */
  update({ tokens, how, blend }) {
    this.tokens = tokens;
    this.how = how;
    this.what.set(blend.what ?? 0);
    this.where.set(blend.where ?? 0);
    this.say();
  }

  say() {
    const { taken, tokens, source } = this;
    this.give.disabled = !(taken.length && tokens.length);
    const names = source && namesOf(taken, [], source.words);
    write(this.hint, !source ? IDLE
      : !taken.length ? "Choose a concept in this photo, to give its appearance to those chosen in yours."
        : !tokens.length ? `Taken: ${names}. Now choose in your photo what shall look like this.`
          : `Taken: ${names}. Swap appearance gives it to those chosen in your photo.`);
  }

  morph() {
    const [what, where] = [this.what, this.where].map(({ element }) =>
      Number(/** @type {HTMLInputElement} */ (element.querySelector("input")).value));
    this.on.morph(what, where);
  }

  /** Arrow keys go from photo to photo. @param {KeyboardEvent} event */
  key(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const buttons = /** @type {HTMLElement[]} */ ([...this.strip.querySelectorAll(".example")]);
    const at = buttons.indexOf(/** @type {HTMLElement} */ (event.target));
    if (!by || at < 0) return;
    event.preventDefault();
    buttons[Math.max(0, Math.min(buttons.length - 1, at + by))].focus();
  }
}
