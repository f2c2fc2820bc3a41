/**
 * From patches to a cut-out with soft edges: the field of a thing, coarse as patches are, is fitted to the photo's own
 * edges by a guided filter (He, Sun and Tang, 2010), in pure functions over typed arrays.
 *
 * The filter says that near each pixel the mask is a linear function of the photo's colours. It is solved on a small
 * copy of the photo, and its coefficients, which are smooth, are enlarged: the edges come from the photo itself.
 */

import { boxOf } from "./box.js";
import { boxMean } from "./box_mean.js";

/** @typedef {import("./field.js").Grid} Grid @typedef {import("./field.js").Field} Field */
/** RGBA as ImageData has it. @typedef {{data: Uint8ClampedArray, width: number, height: number}} Pixels */
/**
 * alpha: (height * width) in 0..255; left, top: where its corner is in the photo.
 * @typedef {{alpha: Uint8ClampedArray, left: number, top: number, width: number, height: number}} Mask
 */

/** Of the photo's colours in 0..1, squared: how much a mask may follow faint edges. */
const EPSILON = [2e-3, 4e-4];
/** Radii of the two passes, in patches: the first finds the edges, the second sharpens them. */
const RADII = [0.75, 0.3];
/** Of the limit: below the first the mask is empty whatever the colours say, above the second it begins to be free. */
const EMPTY = [0.3, 0.6];
/** ...and from here on it is full. */
const FULL = [1.9, 2.5];
/** What a guided filter gives is blurred where it is in doubt. */
const SHARPEN = [0.22, 0.78];

/** @param {number} value @param {number[]} range */
const ramp = (value, [from, to]) => Math.min(1, Math.max(0, (value - from) / (to - from)));
/** @param {number} value @param {number[]} range */
function smooth(value, range) {
  const t = ramp(value, range);
  return t * t * (3 - 2 * t);
}

/**
 * A field between patches, as shares of its limit.
 * @param {Field} of
 * @param {{rows: number, cols: number}} grid
 * @param {number} width
 * @param {number} height
 * @param {{left: number, top: number, right: number, bottom: number}} [box] of the pixels that are wanted
 */
export function enlarged({ field, limit }, { rows, cols }, width, height,
  { left, top, right, bottom } = { left: 0, top: 0, right: width, bottom: height }) {
  const values = new Float32Array((right - left) * (bottom - top));
  const place = (/** @type {number} */ pixel, /** @type {number} */ length, /** @type {number} */ cells) =>
    Math.min(cells - 1, Math.max(0, ((pixel + 0.5) * cells) / length - 0.5));
  for (let y = top, at = 0; y < bottom; y++) {
    const v = place(y, height, rows);
    const row = Math.floor(v);
    const upper = row * cols;
    const lower = Math.min(row + 1, rows - 1) * cols;
    for (let x = left; x < right; x++, at++) {
      const u = place(x, width, cols);
      const col = Math.floor(u);
      const next = Math.min(col + 1, cols - 1);
      const above = field[upper + col] + (field[upper + next] - field[upper + col]) * (u - col);
      const below = field[lower + col] + (field[lower + next] - field[lower + col]) * (u - col);
      values[at] = (above + (below - above) * (v - row)) / limit;
    }
  }
  return values;
}

/** @param {Pixels} small @returns {Float32Array[]} red, green, blue in 0..1 */
function planesOf({ data, width, height }) {
  const planes = [0, 1, 2].map(() => new Float32Array(width * height));
  for (let at = 0; at < width * height; at++) for (let c = 0; c < 3; c++) planes[c][at] = data[at * 4 + c] / 255;
  return planes;
}

/**
 * The linear function of the colours that is nearest to the mask, near each pixel: a of red, green, blue, and b.
 * @param {Float32Array[]} guide
 * @param {Float32Array} mask
 * @param {number} width
 * @param {number} height
 * @param {number} radius
 * @param {number} epsilon
 * @returns {Float32Array[]}
 */
function guided(guide, mask, width, height, radius, epsilon) {
  const size = width * height;
  const mean = (/** @type {Float32Array} */ plane) => boxMean(plane, width, height, radius);
  const product = (/** @type {Float32Array} */ one, /** @type {Float32Array} */ other) => {
    const both = new Float32Array(size);
    for (let at = 0; at < size; at++) both[at] = one[at] * other[at];
    return mean(both);
  };
  const [r, g, b] = guide;
  const [mr, mg, mb, mp] = [r, g, b, mask].map(mean);
  const [rr, rg, rb, gg, gb, bb] = [product(r, r), product(r, g), product(r, b), product(g, g), product(g, b),
    product(b, b)];
  const [rp, gp, bp] = guide.map((plane) => product(plane, mask));
  const found = [0, 1, 2, 3].map(() => new Float32Array(size));
  for (let at = 0; at < size; at++) {
    const [x, y, z] = [mr[at], mg[at], mb[at]];
    const a11 = rr[at] - x * x + epsilon, a12 = rg[at] - x * y, a13 = rb[at] - x * z;
    const a22 = gg[at] - y * y + epsilon, a23 = gb[at] - y * z, a33 = bb[at] - z * z + epsilon;
    const p = mp[at];
    const b1 = rp[at] - x * p, b2 = gp[at] - y * p, b3 = bp[at] - z * p;
    const c11 = a22 * a33 - a23 * a23, c12 = a13 * a23 - a12 * a33, c13 = a12 * a23 - a13 * a22;
    const det = a11 * c11 + a12 * c12 + a13 * c13;
    const one = (c11 * b1 + c12 * b2 + c13 * b3) / det;
    const two = (c12 * b1 + (a11 * a33 - a13 * a13) * b2 + (a12 * a13 - a11 * a23) * b3) / det;
    const three = (c13 * b1 + (a12 * a13 - a11 * a23) * b2 + (a11 * a22 - a12 * a12) * b3) / det;
    found[0][at] = one;
    found[1][at] = two;
    found[2][at] = three;
    found[3][at] = p - one * x - two * y - three * z;
  }
  return found.map(mean);
}

/**
 * What the coefficients and the field together say of one pixel, in 0..1.
 * @param {number} value
 * @param {number} share of the limit
 */
function settled(value, share) {
  return Math.max(Math.min(smooth(value, SHARPEN), ramp(share, EMPTY)), ramp(share, FULL));
}

/**
 * What fitting to the photo's edges found, on its small copy: {alpha: (h * w) in 0..1, coefficients, width, height}.
 * @param {Field} of
 * @param {Grid | {rows: number, cols: number}} grid
 * @param {Pixels} small
 */
export function fittedAlpha(of, grid, small) {
  const { width, height } = small;
  const guide = planesOf(small);
  const shares = enlarged(of, grid, width, height);
  const patch = Math.max(width / grid.cols, height / grid.rows);
  let alpha = shares.map((share) => smooth(share, [0.5, 1.5]));
  /** @type {Float32Array[]} */
  let coefficients = [];
  for (const [pass, radius] of RADII.entries()) {
    coefficients = guided(guide, alpha, width, height, Math.max(2, Math.round(radius * patch)), EPSILON[pass]);
    const [one, two, three, rest] = coefficients;
    alpha = shares.map((share, at) => settled(one[at] * guide[0][at] + two[at] * guide[1][at]
      + three[at] * guide[2][at] + rest[at], share));
  }
  return { alpha, coefficients, width, height };
}

/**
 * The mask at the photo's own size, within the box where it is not empty; null where it is empty everywhere.
 * @param {Field} of
 * @param {{rows: number, cols: number}} grid
 * @param {ReturnType<typeof fittedAlpha>} fitted
 * @param {Pixels} photo
 * @returns {Mask | null}
 */
export function maskOf(of, grid, fitted, photo) {
  const box = boxOf({ values: fitted.alpha, width: fitted.width, height: fitted.height }, photo, 2);
  if (!box) return null;
  const { left, top, right, bottom } = box;
  const [width, height] = [right - left, bottom - top];
  const shares = enlarged(of, grid, photo.width, photo.height, box);
  const alpha = new Uint8ClampedArray(width * height);
  const { coefficients: [one, two, three, rest], width: w, height: h } = fitted;
  for (let y = 0, at = 0; y < height; y++) {
    const v = Math.min(h - 1, Math.max(0, ((y + top + 0.5) * h) / photo.height - 0.5));
    const row = Math.min(Math.floor(v), Math.max(0, h - 2));
    const dv = v - row;
    const down = h > 1 ? w : 0;
    for (let x = 0; x < width; x++, at++) {
      const share = shares[at];
      if (share <= EMPTY[0]) continue;
      if (share >= FULL[1]) {
        alpha[at] = 255;
        continue;
      }
      const u = Math.min(w - 1, Math.max(0, ((x + left + 0.5) * w) / photo.width - 0.5));
      const col = Math.min(Math.floor(u), Math.max(0, w - 2));
      const du = u - col;
      const a = row * w + col;
      const [nw, ne, sw, se] = [(1 - du) * (1 - dv), du * (1 - dv), (1 - du) * dv, du * dv];
      const b = w > 1 ? a + 1 : a;
      const pixel = ((y + top) * photo.width + x + left) * 4;
      const mix = (/** @type {Float32Array} */ plane) =>
        plane[a] * nw + plane[b] * ne + plane[a + down] * sw + plane[b + down] * se;
      const value = (mix(one) * photo.data[pixel] + mix(two) * photo.data[pixel + 1]
        + mix(three) * photo.data[pixel + 2]) / 255 + mix(rest);
      alpha[at] = 255 * settled(value, share);
    }
  }
  return { alpha, left, top, width, height };
}
