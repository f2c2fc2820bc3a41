/**
 * Holes: where a thing was cut out the photo goes on as it does around. Pure functions over typed arrays. Every colour
 * that comes into a hole is one from outside of it, or a mean of such: nothing is made up.
 */

import { boxOf } from "./box.js";
import { boxMean } from "./box_mean.js";

/** @typedef {import("./alpha.js").Pixels} Pixels */
/**
 * weight: (height * width) in 0..1, how much of a pixel is filled.
 * @typedef {{weight: Float32Array, width: number, height: number}} Hole
 */

/** Of the long side: by how much a hole is larger than what was cut out, and how wide its soft border is. */
const GROWN = 0.016;
const SOFT = 0.008;
const LEAST_ALPHA = 0.06;

/**
 * Where the masks are and a little around them.
 * @param {Float32Array[]} alphas of one size, in 0..1
 * @param {number} width
 * @param {number} height
 * @returns {Hole}
 */
export function holeOf(alphas, width, height) {
  const inside = new Float32Array(width * height);
  for (const alpha of alphas) for (let at = 0; at < inside.length; at++) if (alpha[at] > LEAST_ALPHA) inside[at] = 1;
  const side = Math.max(width, height);
  const near = boxMean(inside, width, height, Math.max(1, Math.round(GROWN * side)));
  const grown = near.map((share) => Number(share > 0.02));
  const soft = boxMean(grown, width, height, Math.max(1, Math.round(SOFT * side)));
  return { weight: soft.map((share, at) => Math.max(share, inside[at])), width, height };
}

/** @param {Hole} hole @returns {Uint8Array} 1 where colours come from elsewhere */
export function isFilled({ weight }) {
  return Uint8Array.from(weight, (share) => Number(share > 0));
}

/**
 * Push and pull: means of what is known at ever coarser sizes, down where there is none. Smooth, and quick.
 * @param {Float32Array} colours (height * width * 3); what is known stays
 * @param {Uint8Array} unknown (height * width)
 * @param {number} width
 * @param {number} height
 * @returns {Float32Array}
 */
export function diffused(colours, unknown, width, height) {
  let holds = false;
  for (const one of unknown) if (one) holds = true;
  if (!holds) return colours;
  const filled = colours.slice();
  if (width <= 1 && height <= 1) return filled;
  const [w, h] = [Math.ceil(width / 2), Math.ceil(height / 2)];
  const coarse = new Float32Array(w * h * 3);
  const counts = new Float32Array(w * h);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      if (unknown[at]) continue;
      const to = (y >> 1) * w + (x >> 1);
      counts[to] += 1;
      for (let c = 0; c < 3; c++) coarse[to * 3 + c] += colours[at * 3 + c];
    }
  }
  const lacks = new Uint8Array(w * h);
  for (let at = 0; at < w * h; at++) {
    if (!counts[at]) lacks[at] = 1;
    else for (let c = 0; c < 3; c++) coarse[at * 3 + c] /= counts[at];
  }
  const below = diffused(coarse, lacks, w, h);
  for (let y = 0, at = 0; y < height; y++) {
    const v = Math.min(h - 1, Math.max(0, (y + 0.5) / 2 - 0.5));
    const row = Math.floor(v), next = Math.min(h - 1, row + 1), dv = v - row;
    for (let x = 0; x < width; x++, at++) {
      if (!unknown[at]) continue;
      const u = Math.min(w - 1, Math.max(0, (x + 0.5) / 2 - 0.5));
      const col = Math.floor(u), right = Math.min(w - 1, col + 1), du = u - col;
      for (let c = 0; c < 3; c++) {
        const above = below[(row * w + col) * 3 + c] * (1 - du) + below[(row * w + right) * 3 + c] * du;
        const under = below[(next * w + col) * 3 + c] * (1 - du) + below[(next * w + right) * 3 + c] * du;
        filled[at * 3 + c] = above * (1 - dv) + under * dv;
      }
    }
  }
  return filled;
}

/** @param {Pixels} pixels @returns {Float32Array} (height * width * 3) */
export function coloursOf({ data, width, height }) {
  const colours = new Float32Array(width * height * 3);
  for (let at = 0; at < width * height; at++) for (let c = 0; c < 3; c++) colours[at * 3 + c] = data[at * 4 + c];
  return colours;
}

/**
 * The photo with its hole filled smoothly, from colours at the hole's own size.
 * @param {Pixels} photo
 * @param {Hole} hole
 * @param {Float32Array} colours as `diffused` gives them
 * @param {{left: number, top: number, right: number, bottom: number}} box of the photo, that holds the hole
 * @returns {Pixels} of the box
 */
export function smoothlyFilled(photo, hole, colours, box) {
  return filled(photo, hole, box, (u, v, to, out) => {
    const { width: w, height: h } = hole;
    const col = Math.floor(u), row = Math.floor(v), du = u - col, dv = v - row;
    const right = Math.min(w - 1, col + 1), down = Math.min(h - 1, row + 1);
    for (let c = 0; c < 3; c++) {
      const above = colours[(row * w + col) * 3 + c] * (1 - du) + colours[(row * w + right) * 3 + c] * du;
      const below = colours[(down * w + col) * 3 + c] * (1 - du) + colours[(down * w + right) * 3 + c] * du;
      out[to + c] = above * (1 - dv) + below * dv;
    }
  });
}

/**
 * The photo with its hole filled by pieces of itself.
 * @param {Pixels} photo
 * @param {Hole} hole
 * @param {Int32Array} sources (h * w), the place that each of the hole continues; see `texture.js`
 * @param {{left: number, top: number, right: number, bottom: number}} box
 * @returns {Pixels} of the box
 */
export function textured(photo, hole, sources, box) {
  const { width: w, height: h } = hole;
  const [across, down] = [photo.width / w, photo.height / h];
  return filled(photo, hole, box, (u, v, to, out, x, y) => {
    const col = Math.floor(u), row = Math.floor(v), du = u - col, dv = v - row;
    let total = 0, red = 0, green = 0, blue = 0;
    for (let i = 0; i < 4; i++) {
      const px = Math.min(w - 1, col + (i & 1)), py = Math.min(h - 1, row + (i >> 1));
      const source = sources[py * w + px];
      const share = ((i & 1) ? du : 1 - du) * ((i >> 1) ? dv : 1 - dv);
      if (source < 0 || share === 0) continue;
      const fromX = Math.min(photo.width - 1, Math.max(0, x + Math.round(((source % w) - px) * across)));
      const fromY = Math.min(photo.height - 1, Math.max(0, y + Math.round((Math.floor(source / w) - py) * down)));
      const from = (fromY * photo.width + fromX) * 4;
      total += share;
      red += share * photo.data[from];
      green += share * photo.data[from + 1];
      blue += share * photo.data[from + 2];
    }
    if (!total) return;
    out[to] = red / total;
    out[to + 1] = green / total;
    out[to + 2] = blue / total;
  });
}

/**
 * @param {Pixels} photo
 * @param {Hole} hole
 * @param {{left: number, top: number, right: number, bottom: number}} box
 * @param {(u: number, v: number, to: number, out: Float32Array, x: number, y: number) => void} fill  a pixel, at (u,
 * v) of the hole's own size
 */
function filled(photo, { weight, width: w, height: h }, { left, top, right, bottom }, fill) {
  const [width, height] = [right - left, bottom - top];
  const data = new Uint8ClampedArray(width * height * 4);
  const colour = new Float32Array(3);
  for (let y = top, to = 0; y < bottom; y++) {
    const v = Math.min(h - 1, Math.max(0, ((y + 0.5) * h) / photo.height - 0.5));
    const row = Math.floor(v), next = Math.min(h - 1, row + 1), dv = v - row;
    for (let x = left; x < right; x++, to += 4) {
      const u = Math.min(w - 1, Math.max(0, ((x + 0.5) * w) / photo.width - 0.5));
      const col = Math.floor(u), beside = Math.min(w - 1, col + 1), du = u - col;
      const share = (weight[row * w + col] * (1 - du) + weight[row * w + beside] * du) * (1 - dv)
        + (weight[next * w + col] * (1 - du) + weight[next * w + beside] * du) * dv;
      const from = (y * photo.width + x) * 4;
      for (let c = 0; c < 3; c++) colour[c] = photo.data[from + c];
      if (share > 0) fill(u, v, 0, colour, x, y);
      for (let c = 0; c < 3; c++) data[to + c] = photo.data[from + c] + (colour[c] - photo.data[from + c]) * share;
      data[to + 3] = 255;
    }
  }
  return { data, width, height };
}

/**
 * Where a hole is, in the photo's pixels; null where there is none.
 * @param {Hole} hole
 * @param {{width: number, height: number}} photo
 */
export function boxOfHole({ weight, width, height }, photo) {
  return boxOf({ values: weight, width, height }, photo, 1);
}
