/** Where tokens lie, as the Edit tab understands it: pure, over a grid of patches. */

import { tokenCodes } from "../../drawing/factorization.js";

/** A token holds a place together with another when its share there is this many times what it is elsewhere... */
const TOGETHER = 2;
/** ...and this much of the largest share; no thing has more than so many. */
const LEAST_OF_LARGEST = 0.3;
const MOST_TOGETHER = 4;
/** What is cut out is what is erased: model/operations/inpainting.py has the same. */
const LEAST_OF_PEAK = 0.35;

/**
 * What this needs of a grid: localization as codes (K, N) of 0..255, each token's scaled by its peak.
 * @typedef {import("../../drawing/factorization.js").MaskGrid & {strongest: Uint8Array}} Grid
 * (N,) in 0..255, and the value above which a patch is of what it is the field of.
 * @typedef {{field: Float32Array, limit: number}} Field
 */

/**
 * The tokens that lie where this one does, the strongest first: mostly a thing is shared by two or three of them.
 * @param {Grid} grid
 * @param {number} token
 * @returns {number[]}
 */
export function tokensTogether(grid, token) {
  const { numPatches, numTokens, codes, peak } = grid;
  const own = tokenCodes(grid, token);
  let inside = 0;
  const sums = new Float64Array(numTokens);
  const all = new Float64Array(numTokens);
  for (let patch = 0; patch < numPatches; patch++) {
    const isCore = own[patch] > 127;
    inside += Number(isCore);
    for (let other = 0; other < numTokens; other++) {
      const share = (codes[other * numPatches + patch] * peak[other]) / 255;
      all[other] += share;
      if (isCore) sums[other] += share;
    }
  }
  const outside = Math.max(1, numPatches - inside);
  /** @type {[number, number][]} */
  const found = [];
  for (let other = 0; other < numTokens; other++) {
    const here = sums[other] / Math.max(1, inside);
    const elsewhere = (all[other] - sums[other]) / outside;
    if (other === token || here > TOGETHER * elsewhere) found.push([other, here]);
  }
  found.sort((a, b) => b[1] - a[1]);
  const rest = found.filter(([other, here]) => other !== token && here > LEAST_OF_LARGEST * found[0][1]);
  const kept = new Set([token, ...rest.slice(0, MOST_TOGETHER - 1).map(([other]) => other)]);
  return found.map(([other]) => other).filter((other) => kept.has(other));
}

/**
 * What the tokens hold together.
 * @param {{numPatches: number, numTokens: number, codes: Uint8Array, peak: ArrayLike<number>}} grid
 * @param {number[]} tokens
 * @returns {Field}
 */
export function fieldOf(grid, tokens) {
  const { numPatches, codes, peak, numTokens } = grid;
  const field = new Float32Array(numPatches);
  let most = 1e-9;
  for (let patch = 0; patch < numPatches; patch++) {
    let sum = 0;
    for (const token of tokens) sum += codes[token * numPatches + patch] * peak[token];
    field[patch] = sum;
    most = Math.max(most, sum);
  }
  for (let patch = 0; patch < numPatches; patch++) field[patch] *= 255 / most;
  const due = ((tokens.length / numTokens) * 255 * 255) / most;
  return { field, limit: Math.min(200, Math.max(due, 255 * LEAST_OF_PEAK)) };
}
