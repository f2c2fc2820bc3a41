/** Where the map is looked at from, as it moves: by steps and in flight, never past the data. */

import { between, clamped, fitted, held, toScreen, zoomed } from "./camera.js";
import { boundsOf } from "../points.js";

const FLIGHT = 320; // milliseconds
const GOAL_MARGIN = 70; // pixels round what is flown to

export class Viewpoint {
  /** @param {() => void} onmove */
  constructor(onmove) {
    this.onmove = onmove;
    this.camera = { x: 0, y: 0, scale: 1 };
    this.size = { width: 0, height: 0 };
    /** @type {import("../points.js").Points | null} */
    this.points = null;
    this.isFitted = false;
    /** @type {object | null} */
    this.flight = null;
  }

  /** @param {import("../points.js").Points} points @param {import("./camera.js").Size} size */
  resize(points, size) {
    Object.assign(this, { points, size });
    this.camera = this.isFitted ? clamped(this.camera, points.bounds, size) : fitted(points.bounds, size);
    this.isFitted = true;
  }

  /** How many times as near as where all is seen. */
  get nearness() {
    return this.points ? this.camera.scale / fitted(this.points.bounds, this.size).scale : 1;
  }

  /** The nearest that may be looked from. @param {import("./camera.js").Camera} wish */
  allowed(wish) {
    const { points, size } = this;
    if (!points) return wish;
    return held(clamped(wish, points.bounds, size), size, points.position,
      (bounds) => (points.rowsIn(bounds, 4000) ?? [0]).length > 0);
  }

  /** -> whether anything changed. @param {import("./camera.js").Camera} wish */
  move(wish) {
    this.flight = null;
    const { x, y, scale } = this.allowed(wish);
    const isSame = x === this.camera.x && y === this.camera.y && scale === this.camera.scale;
    this.camera = { x, y, scale };
    if (!isSame) this.onmove();
    return !isSame;
  }

  /** @param {number} factor */
  zoom(factor, x = this.size.width / 2, y = this.size.height / 2) {
    const before = this.camera.scale;
    return this.move(zoomed(this.camera, this.size, factor, x, y)) && this.camera.scale !== before;
  }

  /** @param {number} dx @param {number} dy */
  pan(dx, dy) {
    return this.move({
      ...this.camera, x: this.camera.x - dx / this.camera.scale, y: this.camera.y + dy / this.camera.scale,
    });
  }

  fit() {
    if (this.points) this.fly(fitted(this.points.bounds, this.size));
  }

  /** To where these rows are, as near as shows them all. @param {Iterable<number>} rows */
  goTo(rows) {
    if (this.points) this.fly(fitted(boundsOf(this.points.position, rows), this.size, GOAL_MARGIN));
  }

  /** near: at least this many times the scale that shows all. @param {number} row @param {number} near */
  flyTo(row, near) {
    if (!this.points) return;
    const { position, bounds } = this.points;
    this.fly({
      x: position[2 * row], y: position[2 * row + 1],
      scale: Math.max(this.camera.scale, fitted(bounds, this.size).scale * near),
    });
  }

  /** @param {import("./camera.js").Camera} wish */
  fly(wish) {
    const [start, goal, begun] = [this.camera, this.allowed(wish), performance.now()];
    const duration = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1 : FLIGHT;
    const flight = (this.flight = {});
    const step = (/** @type {number} */ now) => {
      if (this.flight !== flight) return;
      const share = Math.min(1, Math.max(0, (now - begun) / duration));
      this.camera = share < 1 ? between(start, goal, 1 - (1 - share) ** 3) : goal;
      this.onmove();
      if (share < 1) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  /** @param {number} row */
  onScreen(row) {
    const { position } = /** @type {import("../points.js").Points} */ (this.points);
    return toScreen(this.camera, this.size, position[2 * row], position[2 * row + 1]);
  }
}
