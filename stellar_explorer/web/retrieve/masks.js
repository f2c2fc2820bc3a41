/** Masks that an index keeps, as grids that the stage's layers can draw, and pictures with one concept lit. */

import { Overlay, drawPanel } from "../drawing/layers.js";

const DIMMED = 0.72;

/** Run lengths of outside and inside in turn -> Uint8Array of 0 and 255, row by row. */
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
 */
export function gridOfMasks(concepts, numTokens) {
  const [rows, cols] = concepts[0]?.grid ?? [1, 1];
  const numPatches = rows * cols;
  const codes = new Uint8Array(numTokens * numPatches);
  for (const { token, mask } of concepts) codes.set(decodeMask(mask, numPatches), token * numPatches);
  const peak = new Float32Array(numTokens).fill(2 / numTokens);
  return { rows, cols, numPatches, numTokens, codes, peak, strongest: smallest(concepts, codes, numPatches, numTokens) };
}

/** Of the masks over each patch the smallest: the one that a pointer means. 255 where there is none. */
function smallest(concepts, codes, numPatches, numTokens) {
  const areas = new Float64Array(numTokens).fill(Infinity);
  for (const { token, mask } of concepts) areas[token] = mask.reduce((sum, length, turn) => sum + (turn % 2 ? length : 0), 0);
  const strongest = new Uint8Array(numPatches).fill(255);
  for (const { token } of concepts) {
    for (let patch = 0; patch < numPatches; patch++) {
      const now = strongest[patch];
      if (codes[token * numPatches + patch] && (now === 255 || areas[token] < areas[now])) strongest[patch] = token;
    }
  }
  return strongest;
}

/** Concepts of one photo that are lit together: -> a grid whose token 0 is all of them, and 1, 2... each one. */
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

/** A mask's dimming and outline in a size; `Overlay` keeps its work canvas, so use it before the next call. */
export function lit(grid, token, width, height, opacity = DIMMED) {
  drawn += 1;
  return overlay.render({ kind: "mask", token, threshold: 1 }, { grid, smooth: true }, opacity, width, height, `masks/${drawn}`);
}

/** Dimming and outlines of hits on a transparent canvas over their photo. colours: one a hit. */
export function drawHits(canvas, hits, colours, width, height) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  const grid = gridOfHits(hits);
  context.drawImage(lit(grid, 0, width, height).canvas, 0, 0, width, height);
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  hits.forEach((_, place) => {
    const { path } = lit(grid, place + 1, width, height);
    if (!path) return;
    context.lineCap = "round";
    for (const [thick, colour] of [[3.2, "rgb(10 9 8 / 0.55)"], [1.6, colours[place]]]) {
      context.lineWidth = thick * ratio;
      context.strokeStyle = colour;
      context.stroke(path);
    }
  });
}

/**
 * A small picture of one concept: its photo, cut round the middle of the concept to the canvas' shape, the rest dimmed.
 * picture: {image, grid, token, centroid}; the canvas keeps its size.
 */
export function drawCrop(canvas, { image, grid, token, centroid, colour }) {
  const { width, height } = canvas;
  const scale = Math.max(width / image.naturalWidth, height / image.naturalHeight);
  const whole = [Math.round(image.naturalWidth * scale), Math.round(image.naturalHeight * scale)];
  const work = document.createElement("canvas");
  [work.width, work.height] = whole;
  const context = work.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, ...whole);
  if (token !== null) drawPanel(context, work, { ...lit(grid, token, ...whole), path: null }, colour, null, 1);
  const [x, y] = centroid ?? [0.5, 0.5];
  const left = Math.min(whole[0] - width, Math.max(0, x * whole[0] - width / 2));
  const top = Math.min(whole[1] - height, Math.max(0, y * whole[1] - height / 2));
  canvas.getContext("2d").drawImage(work, left, top, width, height, 0, 0, width, height);
}
