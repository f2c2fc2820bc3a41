/** A before/after slider: the same layer at 224 and at the sharp resolution, split where the handle stands. */

import { make, icon, write } from "../shared/elements.js";
import { choice } from "../shared/controls.js";
import { LAYERS, LayerCanvas, Overlay, drawPanel } from "../drawing/layers.js";
import { ScreenCanvas } from "../drawing/panels.js";

/** @typedef {import("../drawing/layers.js").Layer} Layer @typedef {import("../drawing/factorization.js").Grid} Grid */
/** @typedef {import("../drawing/layers.js").Scene & {coarse: Grid | null}} Compared */

/** @type {Layer[]} */
const COMPARED = ["features", "low_rank", "concepts"];

export class Compare {
  /** @param {{resize: () => void, move: () => void, sharpen: () => void}} on */
  constructor(on) {
    this.on = on;
    /** @type {Layer} */
    this.layer = "features";
    this.position = 0.5;
    this.sides = [new LayerCanvas(), new LayerCanvas()];
    this.overlays = [new Overlay(), new Overlay()];
    this.canvas = make("canvas", { class: "panel-canvas", role: "img", "aria-label": "Comparison" });
    this.handle = make("div", {
      class: "compare-handle", role: "slider", tabindex: "0",
      "aria-label": "Where the 224 px picture ends and the sharp one begins",
      "aria-valuemin": "0", "aria-valuemax": "100", "data-control": "compare",
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.key(event),
    }, make("span", { class: "compare-grip" }, icon("handle")));
    this.before = make("span", { class: "compare-tag compare-before" }, "224 px");
    this.after = make("span", { class: "compare-tag compare-after" });
    this.frame = make("div", {
      class: "panel-frame compare-frame", onpointerdown: (/** @type {PointerEvent} */ event) => this.drag(event),
    },
      this.canvas, this.before, this.after, this.handle);
    this.layers = choice({
      name: "compare-layer", label: "Layer", title: false,
      options: COMPARED.map((value) => ({ value, label: LAYERS[value].title })),
      onchange: (layer) => {
        this.layer = layer;
        on.move();
      },
    });
    this.layers.set(this.layer);
    this.needed = make("p", { class: "compare-needed", "data-compare-needed": "" },
      make("span", {}, "This is the 224 px analysis: a comparison needs a larger resolution."),
      make("button", { type: "button", class: "button", onclick: on.sharpen }, "Analyse at 1024 px"));
    this.element = make("figure", { class: "panel compare", "data-panel": "compare" },
      make("figcaption", { class: "panel-title" }, make("strong", {}, "224 against sharp"),
        make("span", { class: "hint" }, "drag the handle, or focus it and use the arrow keys"), this.layers.element),
      this.frame, this.needed);
    this.screen = new ScreenCanvas(this.canvas, on.resize);
    this.place(this.position);
  }

  /** @param {boolean} hidden */
  set hidden(hidden) {
    this.element.hidden = hidden;
  }

  /** @param {number} position in 0..1 */
  place(position) {
    this.position = Math.min(1, Math.max(0, position));
    const percent = Math.round(this.position * 100);
    this.frame.style.setProperty("--split", `${this.position * 100}%`);
    this.handle.setAttribute("aria-valuenow", String(percent));
    this.handle.setAttribute("aria-valuetext", `${percent} % at 224 px`);
  }

  /** @param {PointerEvent} event */
  drag(event) {
    if (event.button !== 0) return;
    const { left, width } = this.frame.getBoundingClientRect();
    const follow = (/** @type {PointerEvent} */ { clientX }) => {
      this.place((clientX - left) / width);
      this.on.move();
    };
    follow(event);
    this.frame.setPointerCapture(event.pointerId);
    const end = () => this.frame.removeEventListener("pointermove", follow);
    this.frame.addEventListener("pointermove", follow);
    this.frame.addEventListener("pointerup", end, { once: true });
    this.frame.addEventListener("pointercancel", end, { once: true });
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const step = event.shiftKey ? 0.1 : 0.02;
    /** @type {Record<string, number>} */
    const moves = {
      ArrowLeft: this.position - step, ArrowDown: this.position - step, ArrowRight: this.position + step,
      ArrowUp: this.position + step, PageDown: this.position - 0.1, PageUp: this.position + 0.1, Home: 0, End: 1,
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    this.place(moves[event.key]);
    this.on.move();
  }

  /** @param {{coarse: Grid | null, analysis: any}} scene */
  update(scene) {
    const possible = scene.coarse !== null;
    this.frame.hidden = !possible;
    this.layers.element.hidden = !possible;
    this.needed.hidden = possible;
    write(this.after, `${scene.analysis.resolution} px`);
    this.canvas.setAttribute("aria-label", `${LAYERS[this.layer].title}: 224 px on the left of the handle, `
      + `${scene.analysis.resolution} px on the right`);
  }

  /** @param {Compared} scene @param {import("../drawing/panels.js").Lit} lit */
  draw(scene, lit) {
    if (this.element.hidden || !scene.coarse || !this.screen.fit()) return;
    const { width, height, pixelRatio, context } = this.screen;
    const split = Math.round(this.position * width);
    const coarse = { ...scene, grid: scene.coarse, key: `${scene.key}/coarse` };
    [coarse, scene].forEach((half, side) => {
      const base = this.sides[side].render(this.layer, half, width, height);
      const overlay = lit.renderOn?.(this.overlays[side], half, width, height) ?? null;
      context.save();
      context.beginPath();
      if (side === 0) context.rect(0, 0, split, height);
      else context.rect(split, 0, width - split, height);
      context.clip();
      drawPanel(context, base, overlay, lit.colour, null, pixelRatio);
      context.restore();
    });
  }
}
