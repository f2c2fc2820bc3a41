/** The row of concepts: each with its crop of the photo, its word and its share. Several may be chosen. */

import { make, write } from "../shared/elements.js";
import { percentOf } from "../drawing/chips.js";
import { enlarged } from "./cutout/alpha.js";
import { fieldOf } from "./cutout/field.js";

/** @typedef {import("./cutout/cutouts.js").Cutouts} Cutouts @typedef {import("./cutout/layout.js").Layout} Layout */
/**
 * @typedef {{element: HTMLElement, canvas: HTMLCanvasElement, origin: number, name: HTMLElement, share: HTMLElement}}
 * Chip
 */

const [WIDTH, HEIGHT] = [84, 56];
/** A crop is this much larger than what it shows, and no smaller a part of the photo. */
const ROOM = 1.25;
const LEAST = 0.18;
const DIMMED = 0.2;

export class Chips {
  /**
   * @param {{enter: (token: number) => void, leave: () => void, press: (token: number, isMore: boolean) => void}} on
   */
  constructor(on) {
    this.on = on;
    /** @type {Chip[]} */
    this.chips = [];
    this.shown = "";
    /** @type {Cutouts | null} */
    this.cutouts = null;
    this.element = make("div", { class: "chips", role: "group", "aria-label": "Concepts, the largest first",
      "data-chips": "" });
  }

  /**
   * @param {Cutouts} cutouts
   * @param {number[]} order tokens as they stand in the row
   * @param {Layout} layout
   * @param {{words: string[], palette: string[], concepts: {mass: number, share?: number}[]}} known
   */
  update(cutouts, order, { origins, gone }, { words, palette, concepts }) {
    const key = origins.join();
    if (this.cutouts !== cutouts || this.shown !== key) {
      const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset?.chip;
      this.cutouts = cutouts;
      this.shown = key;
      this.chips = [];
      for (const token of order) this.chips[token] = this.build(token, origins[token], palette);
      this.element.replaceChildren(...order.map((token) => this.chips[token].element));
      for (const token of order) this.paint(cutouts, this.chips[token]);
      if (focused !== undefined) this.chips[Number(focused)]?.element.focus({ preventScroll: true });
    }
    this.chips.forEach(({ element, origin, name, share }, token) => {
      const word = token < words.length ? words[origin] : `copy of ${words[origin]}`;
      const percent = percentOf(concepts[origin].share ?? concepts[origin].mass);
      write(name, word);
      write(share, percent);
      element.title = `${word}, ${percent} of the photo (concept ${origin}). With Shift it is chosen beside others`;
      element.toggleAttribute("data-dropped", gone.has(token));
    });
  }

  /** @param {number} token @param {number} origin @param {string[]} palette @returns {Chip} */
  build(token, origin, palette) {
    const ratio = Math.min(3, window.devicePixelRatio || 1);
    const canvas = /** @type {HTMLCanvasElement} */ (
      make("canvas", { "aria-hidden": "true", width: Math.round(WIDTH * ratio), height: Math.round(HEIGHT * ratio) }));
    const [name, share] = [make("span", {}), make("span", { class: "chip-mass" })];
    const element = make("button", {
      type: "button", class: "chip", "data-chip": token, "aria-pressed": "false",
      style: `--concept: ${palette[origin]}`,
      onpointerenter: (/** @type {PointerEvent} */ event) => event.pointerType !== "touch" && this.on.enter(token),
      onpointerleave: (/** @type {PointerEvent} */ event) => event.pointerType !== "touch" && this.on.leave(),
      onfocus: () => element.matches(":focus-visible") && this.on.enter(token),
      onblur: () => this.on.leave(),
      onclick: (/** @type {MouseEvent} */ event) =>
        this.on.press(token, event.shiftKey || event.ctrlKey || event.metaKey),
    },
    make("span", { class: "chip-picture" }, canvas),
    make("span", { class: "chip-name" }, make("i", { class: "swatch" }), name), share);
    return { element, canvas, origin, name, share };
  }

  /** The crop about what the concept holds, the rest of it dimmed. @param {Cutouts} cutouts @param {Chip} chip */
  paint(cutouts, { canvas, origin }) {
    const { width, height } = canvas;
    const field = fieldOf(cutouts.grid, [origin]);
    const [x, y, w, h] = cropOf(field, cutouts.grid, cutouts.width, cutouts.height);
    const context = canvas.getContext("2d");
    if (!context) return;
    const [tall, wide] = [Math.round((cutouts.height * width) / w), Math.round((cutouts.width * width) / w)];
    const box = { left: Math.round((x * width) / w), top: Math.round((y * width) / w), right: 0, bottom: 0 };
    Object.assign(box, { right: box.left + width, bottom: box.top + height });
    const shares = enlarged(field, cutouts.grid, wide, tall, box);
    const veil = new ImageData(width, height);
    shares.forEach((share, at) => (veil.data[at * 4 + 3] = 255 * (DIMMED
      + (1 - DIMMED) * Math.min(1, Math.max(0, (share - 0.6) / 0.7)))));
    context.putImageData(veil, 0, 0);
    context.globalCompositeOperation = "source-in";
    context.imageSmoothingQuality = "high";
    context.drawImage(cutouts.image, x, y, w, h, 0, 0, width, height);
    context.globalCompositeOperation = "source-over";
  }

  /** @param {number[]} tokens */
  mark(tokens) {
    this.chips.forEach(({ element }, token) => element.setAttribute("aria-pressed", String(tokens.includes(token))));
  }

  /** Bring a chip into its row's sight, without moving the page. @param {number} token */
  reveal(token) {
    const chip = this.chips[token]?.element;
    const row = this.element;
    if (!chip || (chip.offsetLeft >= row.scrollLeft && chip.offsetLeft + chip.offsetWidth <= row.scrollLeft
      + row.clientWidth)) return;
    row.scrollTo({ left: chip.offsetLeft - row.clientWidth / 2 + chip.offsetWidth / 2 });
  }
}

/**
 * The part of the photo that shows a field whole, of a chip's shape: [x, y, width, height] in the photo's pixels.
 * @param {import("./cutout/field.js").Field} of
 * @param {{rows: number, cols: number}} grid
 * @param {number} width
 * @param {number} height
 */
export function cropOf({ field, limit }, { rows, cols }, width, height) {
  let [left, top, right, bottom] = [cols, rows, -1, -1];
  field.forEach((value, patch) => {
    if (value <= limit) return;
    const [row, col] = [Math.floor(patch / cols), patch % cols];
    left = Math.min(left, col);
    right = Math.max(right, col);
    top = Math.min(top, row);
    bottom = Math.max(bottom, row);
  });
  if (right < 0) [left, top, right, bottom] = [0, 0, cols - 1, rows - 1];
  const [across, down] = [width / cols, height / rows];
  const middle = [((left + right + 1) / 2) * across, ((top + bottom + 1) / 2) * down];
  const wanted = Math.max((right - left + 1) * across, ((bottom - top + 1) * down * WIDTH) / HEIGHT) * ROOM;
  const w = Math.min(width, (height * WIDTH) / HEIGHT, Math.max(wanted, LEAST * width));
  const h = (w * HEIGHT) / WIDTH;
  const held = (/** @type {number} */ at, /** @type {number} */ length, /** @type {number} */ all) =>
    Math.min(all - length, Math.max(0, at - length / 2));
  return [held(middle[0], w, width), held(middle[1], h, height), w, h];
}
