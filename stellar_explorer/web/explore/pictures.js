/** The four linked pictures, or one of them large; on a narrow screen one, with a switch and a swipe to the others. */

import { LAYERS } from "../drawing/layers.js";
import { Panel } from "../drawing/panels.js";
import { choice } from "../shared/controls.js";
import { make, uniqueId } from "../shared/elements.js";
import { Compare } from "./compare.js";
import { stepped } from "./pointing.js";
import { isNarrow } from "./room.js";

/**
 * @typedef {import("../drawing/layers.js").Layer} Layer @typedef {import("./scene.js").Scene} Scene
 * @typedef {import("./address.js").View} View
 */

/** @type {Layer[]} */
export const SIDE_BY_SIDE = ["photo", "features", "low_rank", "concepts"];
const KEYBOARD_HELP = "Arrow keys move from patch to patch, Enter pins the concept, square brackets step through the "
  + "concepts, holding S shows similar patches, Escape unpins.";
const SWIPE = 48; // pixels across before it is one

export class Pictures {
  /**
   * @param {Omit<import("../drawing/panels.js").PanelEvents, "resize">} events
   * @param {{redraw: () => void, sharpen: () => void, front: (layer: Layer) => void}} on
   */
  constructor(events, on) {
    const help = uniqueId("keys");
    const layers = /** @type {Layer[]} */ (Object.keys(LAYERS));
    this.panels = layers.map((layer) => new Panel(layer, help, { ...events, resize: on.redraw }));
    /** @type {Layer} */
    this.at = "photo";
    this.compare = new Compare({ resize: on.redraw, move: on.redraw, sharpen: on.sharpen });
    this.front = choice({
      name: "front", label: "Picture", title: false,
      options: SIDE_BY_SIDE.map((value) => ({ value, label: LAYERS[value].title })), onchange: on.front,
    });
    this.front.element.classList.add("front");
    this.row = make("div", { class: "panels", "data-panels": "" },
      ...this.panels.map(({ element }) => element), this.compare.element);
    this.element = make("div", { class: "pictures" }, this.front.element, this.row,
      make("p", { class: "unseen", id: help }, KEYBOARD_HELP));
    this.listenToSwipes(on.front);
  }

  /** @param {(layer: Layer) => void} change */
  listenToSwipes(change) {
    /** @type {{x: number, y: number} | null} */
    let from = null;
    this.row.addEventListener("touchstart", (/** @type {TouchEvent} */ event) => {
      from = event.touches.length === 1 ? { x: event.touches[0].clientX, y: event.touches[0].clientY } : null;
    }, { passive: true });
    this.row.addEventListener("touchend", (/** @type {TouchEvent} */ event) => {
      const [touch] = event.changedTouches;
      const across = from ? touch.clientX - from.x : 0;
      if (!from || this.front.element.hidden) return;
      if (Math.abs(across) < SWIPE || Math.abs(across) < 2 * Math.abs(touch.clientY - from.y)) return;
      event.preventDefault(); // no tap
      change(SIDE_BY_SIDE[stepped([0, 1, 2, 3], SIDE_BY_SIDE.indexOf(this.at), across < 0 ? 1 : -1)]);
    });
  }

  /** Which are shown. @param {View} view */
  update({ view, front }) {
    const isOne = view === "side" && isNarrow();
    this.at = /** @type {Layer} */ (front);
    this.front.element.hidden = !isOne;
    this.front.set(front);
    for (const panel of this.panels) {
      const { layer } = panel;
      panel.hidden = view !== "side" ? layer !== view : isOne ? layer !== front : !SIDE_BY_SIDE.includes(layer);
    }
    this.compare.hidden = view !== "compare";
  }

  /** @param {Scene} scene */
  show(scene) {
    const { analysis } = scene;
    for (const panel of this.panels) {
      panel.legendEnd = panel.layer === "residual"
        ? analysis.residual_scale?.toFixed(2) ?? "" : `${analysis.entropy_max.toFixed(2)} nats`;
    }
    this.compare.update(scene);
  }

  /** @param {import("./room.js").Arrangement} arrangement */
  arrange({ columns, width, height }) {
    this.row.style.setProperty("--columns", String(columns));
    this.row.style.setProperty("--picture-width", `${width}px`);
    this.row.style.setProperty("--picture-height", `${height}px`);
  }

  /**
   * What each shows and how it is made.
   * @param {Scene} scene @param {string} lit @param {(layer: Layer) => string} recipe
   */
  describe(scene, lit, recipe) {
    const { analysis, photo } = scene;
    for (const panel of this.panels) {
      panel.recipeText = recipe(panel.layer);
      panel.describe(`${LAYERS[panel.layer].title} of ${photo.alt || photo.name}, ${analysis.resolution} pixels${lit}`);
    }
  }

  /** @param {Scene} scene @param {View} view @param {import("../drawing/panels.js").Lit} lit */
  draw(scene, view, lit) {
    const drawn = scene.drawn(view);
    for (const panel of this.panels) panel.draw(drawn, lit);
    this.compare.draw(drawn, lit);
  }
}
