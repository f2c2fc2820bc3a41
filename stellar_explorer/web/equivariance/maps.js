/** The pictures of a change: the photo as it moves, and the concept maps before, predicted and found. */

import { patchAt, strongestTokens } from "../drawing/factorization.js";
import { LayerCanvas, Overlay, drawPanel } from "../drawing/layers.js";
import { ScreenCanvas } from "../drawing/panels.js";
import { make } from "../shared/elements.js";
import { MirroredPicture, motionMatrix, veilUnseen } from "./motion.js";

/** @typedef {import("./answers.js").Subject} Subject @typedef {import("./motion.js").Motion} Motion */
/** @typedef {import("../drawing/layers.js").Scene} Scene */
/** @typedef {"before" | "predicted" | "found"} Which */
/** @typedef {{point: (token: number | null) => void, press: (token: number) => void}} TokenEvents */

/** @type {Which[]} */
export const WHICH = ["before", "predicted", "found"];
const OPACITY = 0.72;

/** @param {string} text base 64 */
const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** One localization of a subject, as the other tabs have a grid. @param {Subject} subject @param {Which} which */
export function gridOf(subject, which) {
  const [rows, cols] = subject.patch_grid;
  const numTokens = subject.num_tokens;
  const codes = bytesOf(subject.maps[which]);
  const peak = Float32Array.from(subject.maps.peak);
  const everyToken = Array.from({ length: numTokens }, (_, token) => token);
  const strongest = strongestTokens(codes, peak, everyToken, rows * cols);
  return { rows, cols, numPatches: rows * cols, numTokens, codes, peak, features: {}, semantics: {}, strongest };
}

/** @param {Subject} subject @param {Which} which @param {string} key changes with what was answered */
export function sceneOf(subject, which, key) {
  const grid = gridOf(subject, which);
  const tokens = Array.from({ length: grid.numTokens }, (_, token) => token);
  const scene = { grid, analysis: subject, basis: "", tokens, smooth: true, key: `${key}/${subject.name}/${which}` };
  return /** @type {Scene} */ (/** @type {unknown} */ (scene)); // a map of concepts needs neither photo nor arrays
}

class Picture {
  /** @param {string} name @param {string} title @param {string} hint @param {() => void} onresize */
  constructor(name, title, hint, onresize) {
    this.canvas = make("canvas", { class: "panel-canvas", role: "img", "aria-label": title });
    this.element = make("figure", { class: "panel", "data-picture": name },
      make("figcaption", { class: "panel-title" }, make("strong", {}, title), make("span", { class: "hint" }, hint)),
      make("div", { class: "panel-frame" }, this.canvas));
    this.screen = new ScreenCanvas(this.canvas, onresize);
    this.mirrored = new MirroredPicture();
  }

  /** @param {string} text */
  describe(text) {
    if (this.canvas.getAttribute("aria-label") !== text) this.canvas.setAttribute("aria-label", text);
  }

  /**
   * A picture moved, with its mirror images around it.
   * @param {string} key @param {Motion} motion
   * @param {(tile: CanvasRenderingContext2D, width: number, height: number) => void} paint
   */
  move(key, motion, paint) {
    const { width, height, context } = this.screen;
    this.mirrored.set(key, width, height, (tile) => paint(tile, width, height));
    this.mirrored.draw(context, motionMatrix(motion, width, height));
    this.veil(motion);
  }

  /** @param {Motion} motion */
  veil(motion) {
    const { width, height, context } = this.screen;
    veilUnseen(context, motionMatrix(motion, width, height));
  }
}

export class MovingPhoto extends Picture {
  /** @param {() => void} onresize */
  constructor(onresize) {
    super("photo", "Photo", "as it moves", onresize);
  }

  /** @param {HTMLImageElement} image @param {string} key @param {Motion} motion */
  draw(image, key, motion) {
    if (!this.screen.fit()) return;
    this.move(key, motion, (tile, width, height) => {
      tile.imageSmoothingQuality = "high";
      tile.drawImage(image, 0, 0, width, height);
    });
  }
}

export class ConceptPicture extends Picture {
  /**
   * @param {string} name @param {string} title @param {string} hint @param {TokenEvents} on
   * @param {() => void} onresize
   */
  constructor(name, title, hint, on, onresize) {
    super(name, title, hint, onresize);
    this.layer = new LayerCanvas();
    this.overlay = new Overlay();
    /** @type {Scene | null} */
    this.scene = null;
    this.canvas.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
      if (event.pointerType !== "touch") on.point(this.tokenAt(event));
    });
    this.canvas.addEventListener("pointerleave", () => on.point(null));
    this.canvas.addEventListener("click", (/** @type {MouseEvent} */ event) => {
      const token = this.tokenAt(event);
      if (token !== null) on.press(token);
    });
  }

  /** @param {MouseEvent} event */
  tokenAt(event) {
    if (!this.scene) return null;
    const { grid } = this.scene;
    const { cssWidth, cssHeight } = this.screen;
    return grid.strongest[patchAt(grid, event.offsetX / cssWidth, event.offsetY / cssHeight).patch];
  }

  /**
   * The map as it is. motion: what of it was not seen before is veiled; null for nothing.
   * @param {Scene} scene @param {number | null} lit @param {Motion | null} motion
   */
  draw(scene, lit, motion) {
    this.scene = scene;
    if (!this.screen.fit()) return;
    const { width, height, pixelRatio, context } = this.screen;
    const base = this.layer.render("concepts", scene, width, height);
    const overlay = lit === null ? null : this.overlay.render({ kind: "mask", token: lit, threshold: 1 }, scene,
      OPACITY, width, height, `${scene.key}/${lit}/${width}/${height}`);
    drawPanel(context, base, overlay, lit === null ? undefined : scene.analysis.palette[lit], null, pixelRatio);
    if (motion) this.veil(motion);
  }

  /** Until the server's own comes: the map before, moved as a picture. @param {Scene} before @param {Motion} motion */
  drawMoved(before, motion) {
    this.scene = null;
    if (!this.screen.fit()) return;
    this.move(before.key, motion, (tile, width, height) =>
      tile.drawImage(this.layer.render("concepts", before, width, height), 0, 0, width, height));
  }
}
