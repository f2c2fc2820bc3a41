/** The photo itself, with its things to take hold of: they move with the pointer, at the photo's own size. */

import { make } from "../../shared/elements.js";
import { patchAt } from "../../drawing/factorization.js";
import { ScreenCanvas } from "../../drawing/panels.js";
import { opacityAt } from "./cutouts.js";
import { tokensTogether } from "./field.js";
import { Grip } from "./grip.js";

/**
 * @typedef {import("./cutouts.js").Cutouts} Cutouts
 * @typedef {import("./layout.js").Layout} Layout
 * @typedef {import("./layout.js").Piece} Piece
 * key: changes with what is shown. palette: a colour for each token of the photo.
 * @typedef {{cutouts: Cutouts, layout: Layout, palette: string[]}} Scene
 */

/** Of a cut-out, in 0..255: what is more transparent is not taken hold of. */
const LEAST_OPACITY = 64;

export class PhotoView {
  /**
   * on: see Grip. drag missing: things can be chosen and not moved.
   * @param {import("./grip.js").GripActions} on
   * @param {{label: string, help?: string | null}} words
   */
  constructor(on, { label, help = null }) {
    this.on = on;
    /** @type {Scene | null} */
    this.scene = null;
    /** @type {number[]} */
    this.tokens = [];
    /** Pointed at, here or elsewhere. @type {number[]} */
    this.lit = [];
    this.isDue = false;
    this.canvas = /** @type {HTMLCanvasElement} */ (make("canvas", {
      class: "panel-canvas", role: "application", tabindex: "0", "aria-label": label, "aria-describedby": help,
      "data-edit-canvas": "",
    }));
    this.frame = make("div", { class: "panel-frame" }, this.canvas);
    this.screen = new ScreenCanvas(this.canvas, () => this.redraw());
    this.grip = new Grip(this.canvas, this, on);
  }

  /** @param {Scene} scene */
  show(scene) {
    if (scene.cutouts !== this.scene?.cutouts) {
      this.lit = [];
      this.frame.style.setProperty("--aspect", String(scene.cutouts.width / scene.cutouts.height));
      this.canvas.style.cursor = "pointer";
    }
    this.scene = scene;
    this.redraw();
  }

  /** @param {number[]} tokens */
  choose(tokens) {
    this.tokens = tokens;
    this.redraw();
  }

  /** @param {number[]} tokens pointed at */
  light(tokens) {
    if (tokens.join() === this.lit.join()) return;
    this.lit = tokens;
    this.redraw();
  }

  /** @param {string} label */
  describe(label) {
    this.canvas.setAttribute("aria-label", label);
  }

  // ---- what lies where ----

  /** The foremost piece at a point in 0..1. @param {number} u @param {number} v @returns {Piece | null} */
  pieceAt(u, v) {
    if (!this.scene) return null;
    const { cutouts, layout } = this.scene;
    for (const piece of [...layout.pieces].reverse()) {
      const placed = cutouts.placed(piece);
      if (!placed) continue;
      const { cutout, scale, right, down } = placed;
      if (opacityAt(cutout, (u * cutouts.width - right) / scale,
        (v * cutouts.height - down) / scale) >= LEAST_OPACITY) return piece;
    }
    return null;
  }

  /**
   * What is at a point: the strongest token, and all that lie there together.
   * @param {number} u
   * @param {number} v
   * @returns {{token: number, together: number[]} | null}
   */
  at(u, v) {
    if (!this.scene) return null;
    const piece = this.pieceAt(u, v);
    if (piece) return { token: piece.tokens[0], together: piece.tokens };
    const { cutouts: { grid }, layout } = this.scene;
    const away = new Set(layout.lifted.flat());
    const { patch } = patchAt(grid, u, v);
    const shares = Array.from({ length: grid.numTokens },
      (_, token) => (away.has(token) ? -1 : grid.codes[token * grid.numPatches + patch] * grid.peak[token]));
    const token = shares.indexOf(Math.max(...shares));
    if (shares[token] < 0) return null;
    return { token, together: tokensTogether(grid, token).filter((one) => !away.has(one)) };
  }

  /** @param {number} u @param {number} v */
  isChosen(u, v) {
    if (!this.scene || !this.tokens.length) return false;
    const piece = this.pieceAt(u, v);
    if (piece) return piece.tokens.some((token) => this.tokens.includes(token));
    const { cutouts } = this.scene;
    const cutout = cutouts.cut(this.inPlace(this.tokens));
    return Boolean(cutout && opacityAt(cutout, u * cutouts.width, v * cutouts.height) >= LEAST_OPACITY)
      || this.tokens.includes(this.at(u, v)?.token ?? -1);
  }

  /** Those of the tokens that are where the photo has them. @param {number[]} tokens */
  inPlace(tokens) {
    if (!this.scene) return [];
    const { layout, cutouts } = this.scene;
    const away = new Set(layout.lifted.flat());
    return tokens.filter((token) => token < cutouts.grid.numTokens && !away.has(token));
  }

  // ---- drawing ----

  redraw() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      this.draw();
    });
  }

  draw() {
    if (!this.scene || !this.screen.fit()) return;
    const { width, height, context, pixelRatio } = this.screen;
    this.scene.cutouts.draw(context, width, height, this.scene.layout);
    const lit = this.lit.every((token) => this.tokens.includes(token)) ? [] : this.lit;
    if (lit.length) this.outline(lit, 1.5 * pixelRatio, 0.8);
    if (this.tokens.length) this.outline(this.tokens, 2 * pixelRatio, 1);
    context.setTransform(1, 0, 0, 1, 0, 0);
    this.canvas.dataset.lit = (lit.length ? lit : this.tokens).join(" ");
  }

  /** @param {number[]} tokens @param {number} thick @param {number} strength */
  outline(tokens, thick, strength) {
    if (!this.scene) return;
    const { cutouts, layout, palette } = this.scene;
    const colour = palette[layout.origins[tokens[0]] ?? 0];
    const inPlace = this.inPlace(tokens);
    const still = inPlace.length ? cutouts.cut(inPlace) : null;
    if (still) this.stroke({ cutout: still, scale: 1, right: 0, down: 0 }, thick, colour, strength);
    for (const piece of layout.pieces) {
      if (!piece.tokens.some((token) => tokens.includes(token))) continue;
      const placed = cutouts.placed(piece);
      if (placed) this.stroke(placed, thick, colour, strength);
    }
  }

  /**
   * @param {import("./cutouts.js").Placed} placed
   * @param {number} thick
   * @param {string} colour
   * @param {number} strength
   */
  stroke(placed, thick, colour, strength) {
    const { width, height, context } = this.screen;
    const { cutouts } = /** @type {Scene} */ (this.scene);
    cutouts.into(context, width, height, placed);
    const unit = cutouts.width / (width * placed.scale);
    context.lineCap = "round";
    for (const [times, style, alpha] of /** @type {[number, string, number][]} */ (
      [[2.2, "#0a0908", 0.6], [1, colour, 1]])) {
      context.globalAlpha = alpha * strength;
      context.lineWidth = times * thick * unit;
      context.strokeStyle = style;
      context.stroke(placed.cutout.outline);
    }
    context.globalAlpha = 1;
  }
}
