/** The linked panels: one layer of the photo each, with its recipe underneath. */

import { make, icon, uniqueId, write } from "../shared/elements.js";
import { LAYERS, LayerCanvas, RAMP_CSS, drawPanel } from "./layers.js";
import { cellEdges } from "./enlarge.js";

/** A canvas that keeps as many pixels as the screen gives it; sizes come from an observer, never from a frame. */
export class ScreenCanvas {
  constructor(canvas, onresize) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.width = 0;
    this.height = 0;
    this.cssWidth = 0;
    this.cssHeight = 0;
    const observer = new ResizeObserver(([entry]) => {
      const device = entry.devicePixelContentBoxSize?.[0];
      this.cssWidth = entry.contentRect.width;
      this.cssHeight = entry.contentRect.height;
      this.width = Math.round(device ? device.inlineSize : this.cssWidth * devicePixelRatio);
      this.height = Math.round(device ? device.blockSize : this.cssHeight * devicePixelRatio);
      onresize();
    });
    try {
      observer.observe(canvas, { box: "device-pixel-content-box" });
    } catch {
      observer.observe(canvas);
    }
  }

  /** Take the observed size over; false when the canvas is not on screen. */
  fit() {
    if (!this.width || !this.height) return false;
    if (this.canvas.width !== this.width || this.canvas.height !== this.height) {
      this.canvas.width = this.width;
      this.canvas.height = this.height;
    }
    return true;
  }

  get pixelRatio() {
    return this.width / this.cssWidth;
  }
}

/** The box of a patch in a canvas's pixels, or null. */
export function patchBoxOf(pointed, { rows, cols }, width, height) {
  if (!pointed) return null;
  const xs = cellEdges(width, cols);
  const ys = cellEdges(height, rows);
  const { row, col } = pointed;
  return [xs[col], ys[row], xs[col + 1] - xs[col], ys[row + 1] - ys[row]];
}

export class Panel {
  /** on: {point(u, v), leave(), press(u, v, pointerType), key(event), copy(name, button), resize()} */
  constructor(layer, keyboardHelpId, on) {
    const { title, hint, diagnostic } = LAYERS[layer];
    this.layer = layer;
    this.base = new LayerCanvas();
    const canvas = make("canvas", {
      class: "panel-canvas", role: "img", tabindex: "0", "aria-label": title, "aria-describedby": keyboardHelpId,
    });
    this.recipe = make("code", { class: "recipe-text", id: uniqueId("recipe") });
    const copy = make("button", {
      type: "button", class: "quiet-button", "data-copy": layer, title: "Copy this picture's recipe as Python",
      "aria-label": `Copy the ${title.toLowerCase()} as code`, onclick: () => on.copy(layer, copy),
    }, icon("code"), make("span", {}, "Copy as code"));
    this.legend = diagnostic ? make("div", { class: "legend" }, make("span", {}, "0"), ramp(), make("span", {})) : null;
    this.element = make("figure", { class: "panel", "data-panel": layer },
      make("figcaption", { class: "panel-title" }, make("strong", { title: hint }, title), make("span", { class: "hint" }, hint), copy),
      make("div", { class: "panel-frame" }, canvas),
      this.legend,
      make("div", { class: "recipe" }, this.recipe));
    this.canvas = canvas;
    this.screen = new ScreenCanvas(canvas, on.resize);
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "touch") on.point(...this.place(event));
    });
    canvas.addEventListener("pointerleave", (event) => {
      if (event.pointerType !== "touch") on.leave();
    });
    canvas.addEventListener("click", (event) => on.press(...this.place(event), event.pointerType));
    canvas.addEventListener("keydown", on.key);
  }

  place(event) {
    return [event.offsetX / this.screen.cssWidth, event.offsetY / this.screen.cssHeight];
  }

  set hidden(hidden) {
    this.element.hidden = hidden;
  }

  /** What the picture shows, for those who do not see it. */
  describe(text) {
    if (this.canvas.getAttribute("aria-label") !== text) this.canvas.setAttribute("aria-label", text);
  }

  set recipeText(text) {
    write(this.recipe, text);
    this.recipe.title = text;
  }

  set legendEnd(text) {
    if (this.legend) write(this.legend.lastChild, text);
  }

  draw(scene, lit) {
    if (this.element.hidden || !this.screen.fit()) return;
    const { width, height, pixelRatio, context } = this.screen;
    const base = this.base.render(this.layer, scene, width, height);
    const overlay = lit.render ? lit.render(width, height) : null;
    drawPanel(context, base, overlay, lit.colour, patchBoxOf(lit.pointed, scene.grid, width, height), pixelRatio);
  }
}

function ramp() {
  return make("span", { class: "legend-ramp", style: `background: ${RAMP_CSS}` });
}
