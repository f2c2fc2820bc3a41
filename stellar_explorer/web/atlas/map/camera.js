/** Where the map is looked at from: as near and far as there is something to see, and never past the data. Pure. */

/**
 * x, y: the place in the middle, in the map's units; scale: pixels a unit.
 * @typedef {{x: number, y: number, scale: number}} Camera
 * @typedef {{width: number, height: number}} Size  of the frame, in pixels
 * @typedef {import("../points.js").Bounds} Bounds
 */

/** Room round the data, in pixels. */
export const MARGIN = 40;
const MOST_ZOOM = 600; // times the scale that shows all
const LEAST_SPAN = 0.05; // of what is fitted, in the map's units: one dot alone is not made larger than this
const KEPT = 12; // pixels from the frame's edge, of the last dot to be seen

/**
 * All of these bounds, as near as shows them.
 * @param {Bounds} bounds @param {Size} size @param {number} [margin] @returns {Camera}
 */
export function fitted({ left, bottom, right, top }, { width, height }, margin = MARGIN) {
  const room = (/** @type {number} */ side) => Math.max(10, side - 2 * margin);
  const scale = Math.min(
    room(width) / Math.max(right - left, LEAST_SPAN), room(height) / Math.max(top - bottom, LEAST_SPAN),
  );
  return { x: (left + right) / 2, y: (bottom + top) / 2, scale };
}

/**
 * Not farther than all of the data, and not past its ends.
 * @param {Camera} camera @param {Bounds} bounds @param {Size} size @returns {Camera}
 */
export function clamped({ x, y, scale }, bounds, size) {
  const least = fitted(bounds, size).scale;
  const near = Math.min(least * MOST_ZOOM, Math.max(least, scale));
  return {
    x: within(x, bounds.left, bounds.right, size.width / near, MARGIN / near),
    y: within(y, bounds.bottom, bounds.top, size.height / near, MARGIN / near), scale: near,
  };
}

/**
 * The middle of a window of this length: all of the data in it where it is the longer one, else it in the data.
 * @param {number} middle @param {number} start @param {number} end @param {number} length @param {number} margin
 */
function within(middle, start, end, length, margin) {
  const [one, other] = [start - margin + length / 2, end + margin - length / 2];
  return Math.min(Math.max(middle, Math.min(one, other)), Math.max(one, other));
}

/**
 * Between the data's ends there are gaps: where no dot would be in view, the nearest one is brought into it.
 * @param {Camera} camera @param {Size} size @param {Float32Array} position  x, y in turn
 * @param {(bounds: Bounds) => boolean} hasAny @returns {Camera}
 */
export function held(camera, size, position, hasAny) {
  const { x, y, scale } = camera;
  const [across, up] = [Math.max(0, size.width / 2 - KEPT) / scale, Math.max(0, size.height / 2 - KEPT) / scale];
  if (!position.length || hasAny({ left: x - across, bottom: y - up, right: x + across, top: y + up })) return camera;
  let [nearest, least] = [0, Infinity];
  for (let row = 0; row < position.length / 2; row += 1) {
    const squared = (position[2 * row] - x) ** 2 + (position[2 * row + 1] - y) ** 2;
    if (squared < least) [nearest, least] = [row, squared];
  }
  const pulled = (/** @type {number} */ middle, /** @type {number} */ dot, /** @type {number} */ half) =>
    Math.min(Math.max(middle, dot - half), dot + half);
  return { x: pulled(x, position[2 * nearest], across), y: pulled(y, position[2 * nearest + 1], up), scale };
}

/**
 * @param {Camera} camera @param {Size} size @param {number} x @param {number} y
 * @returns {[number, number]} from pixels of the frame
 */
export function toMap(camera, { width, height }, x, y) {
  return [camera.x + (x - width / 2) / camera.scale, camera.y - (y - height / 2) / camera.scale];
}

/**
 * @param {Camera} camera @param {Size} size @param {number} x @param {number} y
 * @returns {{x: number, y: number}} in pixels of the frame
 */
export function toScreen(camera, { width, height }, x, y) {
  return { x: width / 2 + (x - camera.x) * camera.scale, y: height / 2 - (y - camera.y) * camera.scale };
}

/** What is in view. @param {Camera} camera @param {Size} size @returns {Bounds} */
export function viewOf(camera, size) {
  const [left, top] = toMap(camera, size, 0, 0);
  const [right, bottom] = toMap(camera, size, size.width, size.height);
  return { left, bottom, right, top };
}

/**
 * By a factor, with the place under (x, y) held; not yet clamped.
 * @param {Camera} camera @param {Size} size @param {number} factor @param {number} x @param {number} y
 * @returns {Camera}
 */
export function zoomed(camera, size, factor, x, y) {
  const [before, nearer] = [toMap(camera, size, x, y), { ...camera, scale: camera.scale * factor }];
  const after = toMap(nearer, size, x, y);
  return { x: camera.x + before[0] - after[0], y: camera.y + before[1] - after[1], scale: nearer.scale };
}

/**
 * On the way from one to another: share 0..1.
 * @param {Camera} start @param {Camera} goal @param {number} share @returns {Camera}
 */
export function between(start, goal, share) {
  const mix = (/** @type {number} */ one, /** @type {number} */ other) => one + (other - one) * share;
  return { x: mix(start.x, goal.x), y: mix(start.y, goal.y), scale: start.scale * (goal.scale / start.scale) ** share };
}
