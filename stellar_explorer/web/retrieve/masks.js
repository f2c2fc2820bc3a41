/** Masks that an index keeps, as grids that the stage's layers can draw, and pictures with one concept lit. */

import { tokenMask } from "../drawing/factorization.js";
import { Overlay, drawPanel } from "../drawing/layers.js";

/**
 * A concept's mask: run lengths of outside and inside in turn, over (rows, cols) of patches.
 * @typedef {{token: number, mask: number[], grid: [number, number]}} Masked
 *
 * What of a factorization's grid drawing needs.
 * @typedef {import("../drawing/factorization.js").MaskGrid} Grid
 */

const DIMMED = 0.72;

/**
 * Run lengths of outside and inside in turn -> Uint8Array of 0 and 255, row by row.
 * @param {number[]} runs @param {number} numPatches
 */
export function decodeMask(runs, numPatches) {
  const codes = new Uint8Array(numPatches);
  let at = 0;
  runs.forEach((length, turn) => {
    if (turn % 2) codes.fill(255, at, at + length);
    at += length;
  });
  return codes;
}

/**
 * Concepts with {token, mask, grid: [rows, cols]} -> a grid as factorization.js has it. An index keeps masks and no
 * shares: inside one a patch counts twice 1/K and outside nothing, so the outline at 1/K runs half-way between.
 * @param {Masked[]} concepts @param {number} numTokens @returns {Grid & {strongest: Uint8Array}}
 */
export function gridOfMasks(concepts, numTokens) {
  const [rows, cols] = concepts[0]?.grid ?? [1, 1];
  const numPatches = rows * cols;
  const codes = new Uint8Array(numTokens * numPatches);
  for (const { token, mask } of concepts) codes.set(decodeMask(mask, numPatches), token * numPatches);
  const peak = new Float32Array(numTokens).fill(2 / numTokens);
  const strongest = smallest(concepts, codes, numPatches, numTokens);
  return { rows, cols, numPatches, numTokens, codes, peak, strongest };
}

/**
 * Of the masks over each patch the smallest: the one that a pointer means. 255 where there is none.
 * @param {Masked[]} concepts @param {Uint8Array} codes @param {number} numPatches @param {number} numTokens
 */
function smallest(concepts, codes, numPatches, numTokens) {
  const areas = new Float64Array(numTokens).fill(Infinity);
  for (const { token, mask } of concepts) {
    areas[token] = mask.reduce((sum, length, turn) => sum + (turn % 2) * length, 0);
  }
  const strongest = new Uint8Array(numPatches).fill(255);
  for (const { token } of concepts) {
    for (let patch = 0; patch < numPatches; patch++) {
      const now = strongest[patch];
      if (codes[token * numPatches + patch] && (now === 255 || areas[token] < areas[now])) strongest[patch] = token;
    }
  }
  return strongest;
}

/**
 * Concepts of one photo that are lit together: -> a grid whose token 0 is all of them, and 1, 2... each one.
 * @param {Masked[]} hits
 */
export function gridOfHits(hits) {
  const together = hits.map((hit, place) => ({ ...hit, token: place + 1 }));
  const grid = gridOfMasks(together, hits.length + 1);
  for (let token = 1; token <= hits.length; token++) {
    for (let patch = 0; patch < grid.numPatches; patch++) {
      if (grid.codes[token * grid.numPatches + patch]) grid.codes[patch] = 255;
    }
  }
  return grid;
}

const overlay = new Overlay();
let drawn = 0;

/**
 * A mask's dimming and outline in a size; `Overlay` keeps its work canvas, so use it before the next call.
 * @param {Grid} grid @param {number} token @param {number} width @param {number} height
 */
export function lit(grid, token, width, height, opacity = DIMMED) {
  drawn += 1;
  const spec = { kind: /** @type {const} */ ("mask"), token, threshold: 1 };
  return overlay.render(spec, { grid, smooth: true }, opacity, width, height, `masks/${drawn}`);
}

/**
 * Several concepts of an analysed photo's grid, to be lit together as `gridOfHits` has them.
 * @param {Grid} grid @param {number[]} tokens
 */
export function gridOfTokens(grid, tokens) {
  const { rows, cols, numPatches } = grid;
  const numTokens = tokens.length + 1;
  const codes = new Uint8Array(numTokens * numPatches);
  tokens.forEach((token, place) => {
    tokenMask(grid, token).forEach((/** @type {number} */ isHeld, /** @type {number} */ patch) => {
      if (isHeld) codes[patch] = codes[(place + 1) * numPatches + patch] = 255;
    });
  });
  return { rows, cols, numPatches, numTokens, codes, peak: new Float32Array(numTokens).fill(2 / numTokens) };
}

/**
 * Dimming and outlines of hits on a transparent canvas over their photo. colours: one a hit.
 * @param {HTMLCanvasElement} canvas @param {Masked[]} hits @param {string[]} colours @param {number} width
 * @param {number} height
 */
export function drawHits(canvas, hits, colours, width, height) {
  canvas.width = width;
  canvas.height = height;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  drawTogether(context, gridOfHits(hits), colours, width, height, Math.min(2, window.devicePixelRatio || 1));
}

/**
 * grid: as `gridOfHits` has it; colours: of its tokens from 1.
 * @param {CanvasRenderingContext2D} context @param {Grid} grid @param {string[]} colours @param {number} width
 * @param {number} height
 * @param {number} ratio  of the screen's pixels to CSS's
 */
export function drawTogether(context, grid, colours, width, height, ratio) {
  context.drawImage(lit(grid, 0, width, height).canvas, 0, 0, width, height);
  colours.forEach((colour, place) => {
    const { path } = lit(grid, place + 1, width, height);
    if (!path) return;
    context.lineCap = "round";
    for (const { thick, stroke } of [{ thick: 3.2, stroke: "rgb(10 9 8 / 0.55)" }, { thick: 1.6, stroke: colour }]) {
      context.lineWidth = thick * ratio;
      context.strokeStyle = stroke;
      context.stroke(path);
    }
  });
}

/**
 * A small picture of one concept: its photo, cut round the middle of the concept to the canvas' shape, the rest dimmed.
 * The canvas keeps its size.
 * @param {HTMLCanvasElement} canvas
 * @param {{image: HTMLImageElement, grid: Grid, token: number | null, centroid: number[] | null,
 *   colour: string}} picture
 */
export function drawCrop(canvas, { image, grid, token, centroid, colour }) {
  const { width, height } = canvas;
  const scale = Math.max(width / image.naturalWidth, height / image.naturalHeight);
  const [w, h] = [Math.round(image.naturalWidth * scale), Math.round(image.naturalHeight * scale)];
  const work = document.createElement("canvas");
  [work.width, work.height] = [w, h];
  const context = /** @type {CanvasRenderingContext2D} */ (work.getContext("2d"));
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, w, h);
  if (token !== null) drawPanel(context, work, { ...lit(grid, token, w, h), path: null }, colour, null, 1);
  const [x, y] = centroid ?? [0.5, 0.5];
  const left = Math.min(w - width, Math.max(0, x * w - width / 2));
  const top = Math.min(h - height, Math.max(0, y * h - height / 2));
  canvas.getContext("2d")?.drawImage(work, left, top, width, height, 0, 0, width, height);
}
