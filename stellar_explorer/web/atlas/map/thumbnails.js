/** Thumbnails instead of dots, where few enough concepts are in view: which have room. Pure. */

import { toScreen, viewOf } from "./camera.js";

const SIDE = { least: 46, most: 92, fill: 0.9 };
const STEP = 6; // sides are multiples of it, so that few change while the map moves
const GAP = 4;

/** @typedef {{row: number, x: number, y: number, side: number, isDrawn?: boolean}} Thumbnail */

/**
 * Concepts already shown come first, so that few change while the map moves; then the largest.
 * @param {import("../points.js").Points} points @param {Uint8Array} lit
 * @param {import("./camera.js").Camera} camera @param {import("./camera.js").Size} size @param {Set<number>} shown
 * @returns {Thumbnail[]}
 */
export function arrangeThumbnails(points, lit, camera, size, shown) {
  const area = size.width * size.height;
  const most = Math.round((area / SIDE.least ** 2) * SIDE.fill);
  const rows = points.rowsIn(viewOf(camera, size), most * 3)?.filter((row) => lit[row]);
  if (!rows?.length || rows.length > most) return [];
  const ideal = Math.sqrt(area / rows.length / 2.6);
  const side = Math.round(Math.min(SIDE.most, Math.max(SIDE.least, ideal)) / STEP) * STEP;
  const rank = (/** @type {number} */ row) => Number(shown.has(row));
  rows.sort((one, other) => rank(other) - rank(one) || points.mass[other] - points.mass[one]);
  const gap = side + GAP;
  /** @type {Map<string, Thumbnail>} */
  const taken = new Map();
  const placed = [];
  for (const row of rows) {
    const { x, y } = toScreen(camera, size, points.position[2 * row], points.position[2 * row + 1]);
    const column = Math.floor(x / gap);
    const line = Math.floor(y / gap);
    let isFree = true;
    for (let down = line - 1; isFree && down <= line + 1; down += 1) {
      for (let across = column - 1; isFree && across <= column + 1; across += 1) {
        const other = taken.get(`${across}/${down}`);
        isFree = !other || Math.abs(other.x - x) >= gap || Math.abs(other.y - y) >= gap;
      }
    }
    if (!isFree) continue;
    const thumbnail = { row, x, y, side };
    taken.set(`${column}/${line}`, thumbnail);
    placed.push(thumbnail);
  }
  return placed;
}
