/** The linked pictures: one layer of the photo each, with what it is and how it is made in a small menu. */

import { popover } from "../shared/controls.js";
import { icon, make, uniqueId, write } from "../shared/elements.js";
import { cellEdges } from "./outline.js";
import { LAYERS, LayerCanvas, RAMP_CSS, drawPanel } from "./layers.js";

/** @typedef {import("./layers.js").Layer} Layer @typedef {import("./layers.js").Scene} Scene */
/**
 * What lies over all pictures in a frame.
 * @typedef {{pointed: {row: number, col: number} | null, colour?: string,
 *   render?: (width: number, height: number) => import("./layers.js").Over,
 *   renderOn?: (overlay: import("./layers.js").Overlay, scene: Scene, width: number, height: number) =>
 * import("./layers.js").Over}} Lit
 * @typedef {{point: (u: number, v: number) => void, leave: () => void, press: (u: number, v: number, pointerType:
 *   string) => void,
 *   key: (event: KeyboardEvent) => void, copy: (layer: Layer, button: HTMLElement) => void, resize: () => void}}
 * PanelEvents
 */

/** A canvas that keeps as many pixels as the screen gives it; sizes come from an observer, never from a frame. */
export class ScreenCanvas {
  /** @param {HTMLCanvasElement} canvas @param {() => void} onresize */
  constructor(canvas, onresize) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { alpha: false }));
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

/**
 * The box of a patch in a canvas's pixels, or null.
 * @param {{row: number, col: number} | null} pointed @param {{rows: number, cols: number}} grid
 * @param {number} width @param {number} height
 */
export function patchBoxOf(pointed, { rows, cols }, width, height) {
  if (!pointed) return null;
  const xs = cellEdges(width, cols);
  const ys = cellEdges(height, rows);
  const { row, col } = pointed;
  return [xs[col], ys[row], xs[col + 1] - xs[col], ys[row + 1] - ys[row]];
}

export class Panel {
  /** @param {Layer} layer @param {string} keyboardHelpId @param {PanelEvents} on */
  constructor(layer, keyboardHelpId, on) {
    const { title, hint, about, diagnostic } = LAYERS[layer];
    this.layer = layer;
    this.base = new LayerCanvas();
    this.canvas = make("canvas", {
      class: "panel-canvas", role: "img", tabindex: "0", "aria-label": title, "aria-describedby": keyboardHelpId,
    });
    this.recipe = make("code", { class: "recipe-text", id: uniqueId("recipe") });
    const copy = make("button", {
      type: "button", class: "button", "data-copy": layer, onclick: () => on.copy(layer, copy),
    }, icon("code"), make("span", {}, "Copy as code"));
    const menu = popover({ class: "panel-menu", "data-about": layer },
      make("summary", {
        class: "quiet-button panel-more", "aria-label": `About the ${title.toLowerCase()}`,
        title: "What this picture is",
      }, icon("more")),
      make("p", {}, about), this.recipe, copy);
    this.legend = diagnostic ? make("div", { class: "legend" }, make("span", {}, "0"), ramp(), make("span", {})) : null;
    this.element = make("figure", { class: "panel", "data-panel": layer },
      make("figcaption", { class: "panel-title" }, make("strong", { title: hint }, title),
        make("span", { class: "hint" }, hint), menu),
      make("div", { class: "panel-frame" }, this.canvas), this.legend);
    this.screen = new ScreenCanvas(this.canvas, on.resize);
    this.listen(on);
  }

  /** @param {PanelEvents} on */
  listen(on) {
    const { canvas } = this;
    canvas.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
      if (event.pointerType !== "touch") on.point(...this.place(event));
    });
    canvas.addEventListener("pointerleave", (/** @type {PointerEvent} */ event) => {
      if (event.pointerType !== "touch") on.leave();
    });
    canvas.addEventListener("click", (/** @type {PointerEvent} */ event) =>
      on.press(...this.place(event), event.pointerType));
    canvas.addEventListener("keydown", on.key);
  }

  /** @param {MouseEvent} event @returns {[number, number]} */
  place(event) {
    return [event.offsetX / this.screen.cssWidth, event.offsetY / this.screen.cssHeight];
  }

  /** @param {boolean} hidden */
  set hidden(hidden) {
    this.element.hidden = hidden;
  }

  /** What the picture shows, for those who do not see it. @param {string} text */
  describe(text) {
    if (this.canvas.getAttribute("aria-label") !== text) this.canvas.setAttribute("aria-label", text);
  }

  /** @param {string} text */
  set recipeText(text) {
    write(this.recipe, text);
  }

  /** @param {string} text */
  set legendEnd(text) {
    if (this.legend) write(/** @type {HTMLElement} */ (this.legend.lastChild), text);
  }

  /** @param {Scene} scene @param {Lit} lit */
  draw(scene, lit) {
    if (this.element.hidden || !this.screen.fit()) return;
    const { width, height, pixelRatio, context } = this.screen;
    const base = this.base.render(this.layer, scene, width, height);
    const overlay = lit.render ? lit.render(width, height) : null;
    drawPanel(context, base, overlay, lit.colour, patchBoxOf(lit.pointed, scene.grid, width, height), pixelRatio);
  }
}

/** Low to high, as a strip. */
export function ramp() {
  return make("span", { class: "legend-ramp", style: `background: ${RAMP_CSS}` });
}
