/** The pictures of a change: the photo as it moves, and the concept maps before, foretold and found. */

import { make } from "../shared/elements.js";
import { MirroredPicture, motionMatrix, veilUnseen } from "./motion.js";
import { patchAt, strongestTokens } from "../drawing/factorization.js";
import { LayerCanvas, Overlay, drawPanel } from "../drawing/layers.js";
import { ScreenCanvas } from "../drawing/panels.js";

const OPACITY = 0.72;
const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** One localization of a subject ("before", "foretold" or "found") as factorization.js has a grid. */
export function gridOf(subject, which) {
  const [rows, cols] = subject.patch_grid;
  const { num_tokens: numTokens } = subject;
  const numPatches = rows * cols;
  const codes = bytesOf(subject.maps[which]);
  const peak = Float32Array.from(subject.maps.peak);
  const everyToken = Array.from({ length: numTokens }, (_, token) => token);
  const strongest = strongestTokens(codes, peak, everyToken, numPatches);
  return { rows, cols, numPatches, numTokens, codes, peak, features: {}, semantics: {}, strongest, everyToken };
}

/** A scene as layers.js draws it. */
export function sceneOf(subject, which, key) {
  const grid = gridOf(subject, which);
  return { grid, analysis: subject, basis: null, tokens: grid.everyToken, smooth: true, key: `${key}/${subject.name}/${which}` };
}

class Picture {
  constructor(name, title, hint, onresize) {
    this.canvas = make("canvas", { class: "panel-canvas", role: "img", "aria-label": title });
    this.element = make("figure", { class: "panel", "data-picture": name },
      make("figcaption", { class: "panel-title" }, make("strong", {}, title), make("span", { class: "hint" }, hint)),
      make("div", { class: "panel-frame" }, this.canvas));
    this.screen = new ScreenCanvas(this.canvas, onresize);
  }

  describe(text) {
    if (this.canvas.getAttribute("aria-label") !== text) this.canvas.setAttribute("aria-label", text);
  }
}

export class MovingPhoto extends Picture {
  constructor(onresize) {
    super("photo", "The photo", "as it moves", onresize);
    this.mirrored = new MirroredPicture();
  }

  /** motion: {change, amount, imageWidth}; the amount may lie between two steps. */
  draw(image, key, motion) {
    if (!this.screen.fit()) return;
    const { width, height, context } = this.screen;
    this.mirrored.set(key, width, height, (tile) => {
      tile.imageSmoothingQuality = "high";
      tile.drawImage(image, 0, 0, width, height);
    });
    const matrix = motionMatrix(motion.change, motion.amount, { width, height, imageWidth: motion.imageWidth });
    this.mirrored.draw(context, matrix);
    veilUnseen(context, matrix);
  }
}

export class ConceptPicture extends Picture {
  /** on: {point(token or null), press(token), resize()} */
  constructor(name, title, hint, on) {
    super(name, title, hint, on.resize);
    this.layer = new LayerCanvas();
    this.overlay = new Overlay();
    this.mirrored = new MirroredPicture();
    this.canvas.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "touch") on.point(this.tokenAt(event));
    });
    this.canvas.addEventListener("pointerleave", () => on.point(null));
    this.canvas.addEventListener("click", (event) => on.press(this.tokenAt(event)));
  }

  tokenAt(event) {
    if (!this.scene) return null;
    const { grid } = this.scene;
    return grid.strongest[patchAt(grid, event.offsetX / this.screen.cssWidth, event.offsetY / this.screen.cssHeight).patch];
  }

  /** The map as it is; motion: {change, amount, imageWidth} of what is veiled as not seen before, or null. */
  draw(scene, lit, motion) {
    this.scene = scene;
    if (!this.screen.fit()) return;
    const { width, height, pixelRatio, context } = this.screen;
    const base = this.layer.render("concepts", scene, width, height);
    const overlay = lit === null ? null
      : this.overlay.render({ kind: "mask", token: lit, threshold: 1 }, scene, OPACITY, width, height, `${scene.key}/${lit}/${width}/${height}`);
    drawPanel(context, base, overlay, lit === null ? null : scene.analysis.palette[lit], null, pixelRatio);
    if (motion) veilUnseen(context, motionMatrix(motion.change, motion.amount, { width, height, imageWidth: motion.imageWidth }));
  }

  /** Until the server's own comes: the map before, moved as a picture. */
  drawMoved(before, motion) {
    this.scene = null;
    if (!this.screen.fit()) return;
    const { width, height, context } = this.screen;
    this.mirrored.set(before.key, width, height, (tile) => {
      tile.drawImage(this.layer.render("concepts", before, width, height), 0, 0, width, height);
    });
    const matrix = motionMatrix(motion.change, motion.amount, { width, height, imageWidth: motion.imageWidth });
    this.mirrored.draw(context, matrix);
    veilUnseen(context, matrix);
  }
}
