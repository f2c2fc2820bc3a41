/** The row of concepts: of each what it covers of the photo, its word and its share. */

import { make, write } from "../shared/elements.js";
import { conceptWords } from "../shared/names.js";
import { maskBox, maskShare } from "./factorization.js";
import { Overlay } from "./layers.js";

/** @typedef {import("./layers.js").LitPhoto} LitPhoto */
/**
 * words: of each token, by which it is called; names: what it may be called, in a sentence.
 * @typedef {LitPhoto & {words?: string[], names?: string[]}} NamedScene
 * @typedef {{element: HTMLElement, context: CanvasRenderingContext2D, share?: HTMLElement}} Chip
 * @typedef {{enter: (token: number) => void, leave: () => void, press: (token: number) => void}} ChipEvents
 */

const THUMBNAIL_SIDE = 192; // of the photo that crops are cut from, in CSS pixels
const DIMMED = 0.78;
const REST = 80; // milliseconds
const MARGIN = 0.04; // round a crop, of the photo's sides

export class Chips {
  /** @param {ChipEvents} on */
  constructor(on) {
    this.on = on;
    this.overlay = new Overlay();
    this.thumbnail = document.createElement("canvas");
    /**
     * Of a chip's picture, in CSS pixels; as the thumbnail where nobody says.
     * @type {{width: number, height: number} | null}
     */
    this.size = null;
    /** @type {Map<number, Chip>} */
    this.chips = new Map();
    this.painted = "";
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.resting = undefined;
    this.element = make("div", { class: "chips", role: "group", "aria-label": "Concepts", "data-chips": "" });
  }

  /**
   * Rebuilt when the photo's concepts change; focus stays on the same token.
   * @param {NamedScene} scene @param {number[]} order
   */
  rebuild(scene, order) {
    const focused = this.element.contains(document.activeElement)
      ? /** @type {HTMLElement} */ (document.activeElement).dataset.chip : undefined;
    this.chips.clear();
    this.painted = "";
    const { naturalWidth, naturalHeight } = scene.image;
    const scale = (THUMBNAIL_SIDE * this.pixelRatio) / Math.max(naturalWidth, naturalHeight);
    this.thumbnail.width = Math.round(naturalWidth * scale) || 1;
    this.thumbnail.height = Math.round(naturalHeight * scale) || 1;
    const context = /** @type {CanvasRenderingContext2D} */ (this.thumbnail.getContext("2d"));
    context.imageSmoothingQuality = "high";
    context.drawImage(scene.image, 0, 0, this.thumbnail.width, this.thumbnail.height);
    for (const token of order) this.chips.set(token, this.build(token, scene));
    this.element.replaceChildren(...[...this.chips.values()].map((chip) => chip.element));
    if (focused !== undefined) this.chips.get(Number(focused))?.element.focus({ preventScroll: true });
  }

  get pixelRatio() {
    return Math.min(2, window.devicePixelRatio || 1);
  }

  /** @param {number} token @param {NamedScene} scene @returns {Chip} */
  build(token, scene) {
    const { analysis } = scene;
    const word = (scene.words ?? conceptWords(analysis.concepts))[token];
    const canvas = make("canvas", { "aria-hidden": "true" });
    canvas.width = this.size ? Math.round(this.size.width * this.pixelRatio) : this.thumbnail.width;
    canvas.height = this.size ? Math.round(this.size.height * this.pixelRatio) : this.thumbnail.height;
    const share = make("span", { class: "chip-share" });
    const name = make("span", { class: "chip-name" }, make("i", { class: "swatch" }), make("span", {}, word));
    const element = make("button", {
      type: "button", class: "chip", "data-chip": token, "aria-pressed": "false",
      style: `--concept: ${analysis.palette[token]}`, title: detailsOf(token, scene),
      onpointerenter: (/** @type {PointerEvent} */ event) => event.pointerType !== "touch" && this.on.enter(token),
      onpointerleave: (/** @type {PointerEvent} */ event) => event.pointerType !== "touch" && this.on.leave(),
      onfocus: () => element.matches(":focus-visible") && this.on.enter(token),
      onblur: () => this.on.leave(),
      onclick: () => this.on.press(token),
    }, make("span", { class: "chip-picture" }, canvas), name, share);
    return { element, context: /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")), share };
  }

  /**
   * Crops and shares at the threshold. While a threshold moves, shares follow it at once and crops when it rests:
   * sixteen of them are more than a frame should cost.
   * @param {LitPhoto} scene @param {number} threshold
   */
  drawMasks(scene, threshold) {
    const key = `${scene.key}/${threshold}/${scene.smooth}`;
    if (key === this.painted) return;
    const isOther = !this.painted.startsWith(`${scene.key}/`);
    this.painted = key;
    clearTimeout(this.resting);
    for (const [token, { share }] of this.chips) {
      if (share) write(share, percentOf(maskShare(scene.grid, token, threshold)));
    }
    if (isOther) this.drawCrops(scene, threshold);
    else this.resting = setTimeout(() => key === this.painted && this.drawCrops(scene, threshold), REST);
  }

  /** @param {LitPhoto} scene @param {number} threshold */
  drawCrops(scene, threshold) {
    const { width, height } = this.thumbnail;
    for (const [token, { context }] of this.chips) {
      const lit = /** @type {const} */ ({ kind: "mask", token, threshold });
      const over = this.overlay.render(lit, scene, DIMMED, width, height, `${this.painted}/${token}`);
      drawCrop(context, [this.thumbnail, over.canvas], maskBox(scene.grid, token, threshold), width / height);
    }
  }

  /** @param {{lit: number | null, pinned: number | null, tokens: number[]}} which */
  mark({ lit, pinned, tokens }) {
    const kept = new Set(tokens);
    for (const [token, { element }] of this.chips) {
      element.toggleAttribute("data-lit", token === lit);
      element.toggleAttribute("data-dropped", !kept.has(token));
      if ((element.getAttribute("aria-pressed") === "true") !== (token === pinned)) {
        element.setAttribute("aria-pressed", String(token === pinned));
      }
    }
  }

  /** Bring a chip into its row's sight, without moving the page. @param {number} token */
  reveal(token) {
    const chip = this.chips.get(token)?.element;
    if (!chip) return;
    const row = this.element;
    if (chip.offsetLeft < row.scrollLeft || chip.offsetLeft + chip.offsetWidth > row.scrollLeft + row.clientWidth) {
      row.scrollTo({ left: chip.offsetLeft - row.clientWidth / 2 + chip.offsetWidth / 2 });
    }
  }
}

/**
 * What a chip says to who asks more: the concept's number, and its measures.
 * @param {number} token @param {NamedScene} scene
 */
function detailsOf(token, { analysis, names }) {
  const { mass, peak } = analysis.concepts[token];
  const details = `Concept ${token}. Mass ${percentOf(mass)}, its part of all patches; `
    + `peak ${peak.toFixed(2)}, its largest share of one.`;
  return names?.[token] ? `${details} ${names[token]}.` : details;
}

/**
 * The box of a photo, whole and as large as the canvas lets it be, in the middle.
 * @param {CanvasRenderingContext2D} context @param {HTMLCanvasElement[]} pictures  of one size, drawn one over the
 *   other
 * @param {[number, number, number, number]} box  in 0..1 @param {number} aspect of the pictures
 */
function drawCrop(context, pictures, [left, top, right, bottom], aspect) {
  const { width, height } = context.canvas;
  const [x, y] = [Math.max(0, left - MARGIN), Math.max(0, top - MARGIN)];
  const [w, h] = [Math.min(1, right + MARGIN) - x, Math.min(1, bottom + MARGIN) - y];
  const wide = Math.min(width, (height * aspect * w) / h);
  const high = (wide * h) / (w * aspect);
  context.clearRect(0, 0, width, height);
  for (const picture of pictures) {
    context.drawImage(picture, x * picture.width, y * picture.height, w * picture.width, h * picture.height,
      (width - wide) / 2, (height - high) / 2, wide, high);
  }
}

/** @param {number} share */
export function percentOf(share) {
  const percent = share * 100;
  return `${percent < 9.95 ? percent.toFixed(1) : percent.toFixed(0)} %`;
}
