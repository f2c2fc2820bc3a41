/**
 * The map by mouse, finger and keyboard: what was pointed at, drawn round, moved. On touch one finger scrolls the page
 * until the map is active.
 */

import { toMap } from "./camera.js";

const NEAR = 9;
const NEAR_TOUCH = 20;
const STILL = 5; // pixels: a pointer that moved less has not moved
const STEP = 48;
const NEARER = 1.35;
const NOTHING = { row: -1, code: -1 };
const ARROWS = /** @type {Record<string, number[]>} */ ({
  ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1],
});

/** @typedef {import("./map.js").AtlasMap} AtlasMap @typedef {import("./map.js").Place} Place */

export class Gestures {
  /** @param {AtlasMap} map */
  constructor(map) {
    this.map = map;
    /** @type {Map<number, Place>} */
    this.pointers = new Map();
    /** @type {Place[]} */
    this.line = [];
    this.hovered = NOTHING;
    this.isLasso = false;
    this.isActive = false;
    this.travel = 0;
    this.listen();
  }

  forget() {
    this.hovered = NOTHING;
    this.line = [];
  }

  /** @param {boolean} isActive */
  activate(isActive) {
    if (isActive === this.isActive) return;
    this.isActive = isActive;
    this.map.element.toggleAttribute("data-active", isActive);
    this.map.on.active(isActive);
  }

  /** @param {Place | null} place */
  hoverAt(place, radius = NEAR) {
    const { map, hovered } = this;
    const under = place ? map.under(place.x, place.y, radius) : NOTHING;
    if (under.row === hovered.row && under.code === hovered.code) return;
    this.hovered = under;
    if (under.row < 0 && under.code < 0) map.element.removeAttribute("data-over");
    else map.element.dataset.over = under.row >= 0 ? "concept" : "label";
    map.on.hover(under, under.row >= 0 ? map.view.onScreen(under.row) : place);
    map.touch();
  }

  /** @param {Place} place @param {number} radius */
  pickAt(place, radius) {
    const under = this.map.under(place.x, place.y, radius);
    this.map.on.pick(under, under.row >= 0 ? this.map.view.onScreen(under.row) : place);
  }

  /** @param {MouseEvent} event @returns {Place} */
  placeOf(event) {
    const { element } = this.map;
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left - element.clientLeft, y: event.clientY - box.top - element.clientTop };
  }

  listen() {
    const { map } = this;
    const { element } = map;
    const on = (/** @type {string} */ type, /** @type {(event: any) => void} */ listener, options = {}) =>
      element.addEventListener(type, (/** @type {Event} */ event) => map.points && listener(event), options);
    on("pointerdown", (event) => this.down(event));
    on("pointermove", (event) => this.moved(event));
    on("pointerup", (event) => this.up(event));
    on("pointercancel", (event) => this.up(event));
    on("pointerleave", () => this.hoverAt(null));
    // Two fingers are the map's at any time: the page must not begin to scroll with them.
    on("touchmove",
      (event) => {
        if (event.cancelable && (event.touches.length > 1 || this.isActive || this.isLasso)) event.preventDefault();
      },
      { passive: false });
    on("dblclick", (event) => {
      const { x, y } = this.placeOf(event);
      const { row } = map.under(x, y, NEAR);
      if (row >= 0) map.on.open(row);
    });
    on("wheel",
      (event) => {
        const pixels = event.deltaY * (event.deltaMode === 1 ? 16 : 1);
        const { x, y } = this.placeOf(event);
        // Where the map gets no smaller, the page scrolls on.
        if (!map.view.zoom(Math.exp(-Math.min(200, Math.max(-200, pixels)) * 0.002), x, y)) return;
        this.hoverAt(null); // until the pointer moves: what it was over has moved away
        event.preventDefault();
      },
      { passive: false });
    on("keydown", (event) => this.key(event));
    document.addEventListener("pointerdown", (event) => {
      if (!map.frame.contains(/** @type {Node} */ (event.target))) this.activate(false);
    });
  }

  /** @param {PointerEvent} event */
  down(event) {
    if (event.button > 0) return;
    const { element } = this.map;
    const isTouch = event.pointerType === "touch";
    this.pointers.set(event.pointerId, this.placeOf(event));
    this.isLasso = this.pointers.size === 1 && (element.dataset.tool === "lasso" || event.shiftKey);
    if (!isTouch || this.isActive || this.isLasso) element.setPointerCapture(event.pointerId);
    this.map.view.flight = null;
    this.travel = 0;
    this.line = this.isLasso ? [this.placeOf(event)] : [];
  }

  /** @param {PointerEvent} event */
  moved(event) {
    const { map } = this;
    const place = this.placeOf(event);
    const before = this.pointers.get(event.pointerId);
    const isTouch = event.pointerType === "touch";
    if (!before) {
      if (!isTouch) this.hoverAt(place);
      return;
    }
    this.travel += Math.hypot(place.x - before.x, place.y - before.y);
    const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, one]) => one);
    this.pointers.set(event.pointerId, place);
    if (this.isLasso) {
      this.line.push(place);
      map.touch();
    } else if (other) {
      const apart = Math.hypot(before.x - other.x, before.y - other.y) || 1;
      map.view.zoom(
        Math.hypot(place.x - other.x, place.y - other.y) / apart, (place.x + other.x) / 2, (place.y + other.y) / 2,
      );
      map.view.pan((place.x - before.x) / 2, (place.y - before.y) / 2);
    } else if (this.travel > STILL && (!isTouch || this.isActive)) {
      this.hoverAt(null);
      map.element.setAttribute("data-moving", "");
      map.view.pan(place.x - before.x, place.y - before.y);
    }
  }

  /** @param {PointerEvent} event */
  up(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    const { map } = this;
    const isTouch = event.pointerType === "touch";
    map.element.removeAttribute("data-moving");
    if (event.type === "pointerup" && this.isLasso && this.travel > 3 * STILL && map.points) {
      map.on.lasso(map.points.rowsInside(this.line.map(({ x, y }) => toMap(map.view.camera, map.size, x, y))));
    } else if (event.type === "pointerup" && this.travel <= STILL) {
      if (isTouch) this.activate(true);
      this.pickAt(this.placeOf(event), isTouch ? NEAR_TOUCH : NEAR);
    }
    this.isLasso = false;
    this.line = [];
    map.touch();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.metaKey || event.ctrlKey || event.altKey) return;
    const { map } = this;
    const arrow = ARROWS[event.key];
    const step = event.shiftKey ? 3 * STEP : STEP;
    const middle = { x: map.size.width / 2, y: map.size.height / 2 };
    if (arrow) map.view.pan(arrow[0] * step, arrow[1] * step);
    else if (event.key === "+" || event.key === "=") map.view.zoom(NEARER);
    else if (event.key === "-") map.view.zoom(1 / NEARER);
    else if (event.key === "0") map.view.fit();
    else if (event.key === "Escape") map.on.cancel();
    else if (event.key === "Enter") this.pickNear(middle);
    else return;
    event.preventDefault();
    if (arrow) this.hoverAt(middle, 60);
  }

  /** The concept nearest to a place, past any label there. @param {Place} middle */
  pickNear(middle) {
    const { map } = this;
    const [across, up] = toMap(map.view.camera, map.size, middle.x, middle.y);
    const lit = map.painting?.lit;
    const radius = Math.max(map.size.width, map.size.height) / map.view.camera.scale;
    const row = map.points?.nearest(across, up, radius, (one) => !lit || lit[one] === 1) ?? -1;
    map.on.pick({ row, code: -1 }, row < 0 ? null : map.view.onScreen(row));
  }
}
