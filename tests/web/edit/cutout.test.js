/** The cut-out on the photo: what is in it, what fills its place, and what edits make of it. */

import assert from "node:assert/strict";
import test from "node:test";

import { fittedAlpha, maskOf } from "../../../stellar_explorer/web/edit/cutout/alpha.js";
import { boxMean } from "../../../stellar_explorer/web/edit/cutout/box_mean.js";
import { fieldOf, tokensTogether } from "../../../stellar_explorer/web/edit/cutout/field.js";
import {
  boxOfHole, coloursOf, diffused, holeOf, isFilled, smoothlyFilled, textured,
} from "../../../stellar_explorer/web/edit/cutout/hole.js";
import { sourcesOf } from "../../../stellar_explorer/web/edit/cutout/texture.js";

const [ROWS, COLS, CELL] = [8, 10, 8];
const [WIDTH, HEIGHT] = [COLS * CELL, ROWS * CELL];

/** A grey, uneven ground with a red square on it that patches cover only roughly; token 1 is the square. */
function scene() {
  const [left, top, right, bottom] = [29, 18, 54, 43];
  const data = new Uint8ClampedArray(WIDTH * HEIGHT * 4);
  for (let y = 0, at = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++, at += 4) {
      const isThing = x >= left && x < right && y >= top && y < bottom;
      const grey = 90 + ((x * 7 + y * 13) % 31);
      data.set(isThing ? [220, 30, 40, 255] : [grey, grey, grey + 5, 255], at);
    }
  }
  const codes = new Uint8Array(2 * ROWS * COLS);
  for (let patch = 0; patch < ROWS * COLS; patch++) {
    const [x, y] = [(patch % COLS) * CELL, Math.floor(patch / COLS) * CELL];
    const across = Math.max(0, Math.min(right, x + CELL) - Math.max(left, x));
    const down = Math.max(0, Math.min(bottom, y + CELL) - Math.max(top, y));
    codes[ROWS * COLS + patch] = (255 * across * down) / CELL ** 2;
    codes[patch] = 255 - codes[ROWS * COLS + patch];
  }
  const grid = { rows: ROWS, cols: COLS, numPatches: ROWS * COLS, numTokens: 2, codes, peak: Float32Array.of(1, 1),
    strongest: new Uint8Array(ROWS * COLS) };
  return { photo: { data, width: WIDTH, height: HEIGHT }, grid, box: { left, top, right, bottom } };
}

function cut() {
  const { photo, grid, box } = scene();
  const field = fieldOf(grid, [1]);
  const fitted = fittedAlpha(field, grid, photo);
  return { photo, grid, box, field, fitted, mask: maskOf(field, grid, fitted, photo) };
}

/** Where the cut-out is empty and where full, against the square, by how far a pixel is from its edge. */
function opacity({ mask }, x, y) {
  const [col, row] = [x - mask.left, y - mask.top];
  return col < 0 || row < 0 || col >= mask.width || row >= mask.height ? 0 : mask.alpha[row * mask.width + col];
}

test("a cut-out is empty outside a margin, full inside, and its edge is the photo's", () => {
  const found = cut();
  const { left, top, right, bottom } = found.box;
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) {
      const outside = Math.max(left - x, x - right + 1, top - y, y - bottom + 1);
      if (outside > CELL) assert.equal(opacity(found, x, y), 0);
      if (outside > 2) assert.ok(opacity(found, x, y) < 64, `${x}, ${y}: ${opacity(found, x, y)}`);
      if (outside < -2) assert.ok(opacity(found, x, y) > 192, `${x}, ${y}: ${opacity(found, x, y)}`);
    }
  }
});

test("of a token that is nowhere there is no cut-out", () => {
  const { photo, grid } = scene();
  const nowhere = { ...grid, codes: grid.codes.map((_, at) => (at < ROWS * COLS ? 255 : 0)),
    peak: Float32Array.of(1, 0) };
  const field = fieldOf(nowhere, [1]);
  assert.equal(maskOf(field, nowhere, fittedAlpha(field, nowhere, photo), photo), null);
});

test("tokens that share a place are found together, the others are not", () => {
  const codes = new Uint8Array(4 * 100);
  for (let patch = 0; patch < 100; patch++) {
    const isThing = patch % 10 < 3 && patch < 30;
    [0, 1].forEach((token) => (codes[token * 100 + patch] = isThing ? 255 : 0));
    [2, 3].forEach((token) => (codes[token * 100 + patch] = isThing ? 0 : 255));
  }
  const grid = { rows: 10, cols: 10, numPatches: 100, numTokens: 4, codes, peak: Float32Array.of(0.5, 0.4, 0.5, 0.5),
    strongest: new Uint8Array(100) };
  assert.deepEqual(tokensTogether(grid, 1), [0, 1]);
  assert.deepEqual(tokensTogether(grid, 2).sort(), [2, 3]);
});

test("a box mean keeps what is even, and the sum of what is within", () => {
  assert.ok(boxMean(new Float32Array(12).fill(3), 4, 3, 2).every((value) => Math.abs(value - 3) < 1e-6));
  const one = new Float32Array(25);
  one[12] = 9;
  assert.deepEqual([...boxMean(one, 5, 5, 1)].filter((value) => value > 0.5), new Array(9).fill(1));
});

for (const [kind, fill] of [
  ["smooth", ({ photo, hole, colours, unknown, box }) =>
    smoothlyFilled(photo, hole, diffused(colours, unknown, hole.width, hole.height), box)],
  ["pieces", ({ photo, hole, colours, unknown, box }) =>
    textured(photo, hole, sourcesOf(colours, unknown, hole.width, hole.height), box)],
]) {
  test(`a hole holds no colour that is not of what lies around it: ${kind}`, () => {
    const { photo, fitted } = cut();
    const hole = holeOf([fitted.alpha], WIDTH, HEIGHT);
    const [unknown, colours, box] = [isFilled(hole), coloursOf(photo), boxOfHole(hole, photo)];
    const bounds = [0, 1, 2].map((c) => {
      const known = [...unknown].flatMap((one, at) => (one ? [] : [photo.data[at * 4 + c]]));
      return [Math.min(...known), Math.max(...known)];
    });
    const made = fill({ photo, hole, colours, unknown, box });
    for (let y = box.top, at = 0; y < box.bottom; y++) {
      for (let x = box.left; x < box.right; x++, at += 4) {
        const weight = hole.weight[y * WIDTH + x];
        for (let c = 0; c < 3; c++) {
          if (weight === 0) assert.equal(made.data[at + c], photo.data[(y * WIDTH + x) * 4 + c]);
          if (weight === 1) assert.ok(made.data[at + c] >= bounds[c][0] && made.data[at + c] <= bounds[c][1],
            `${kind} at ${x}, ${y}`);
        }
      }
    }
    const [x, y] = [40, 30];
    assert.ok(made.data[((y - box.top) * (box.right - box.left) + x - box.left) * 4] < 130, "the red is gone");
  });
}

test("what fills a hole is the same each time, and comes from outside of it", () => {
  const { photo, fitted } = cut();
  const unknown = isFilled(holeOf([fitted.alpha], WIDTH, HEIGHT));
  const [one, other] = [0, 1].map(() => sourcesOf(coloursOf(photo), unknown, WIDTH, HEIGHT));
  assert.deepEqual(one, other);
  one.forEach((source, at) => assert.equal(source >= 0 && !unknown[source], Boolean(unknown[at])));
});

test("where all is unknown nothing is found, and nothing fails", () => {
  const nothing = sourcesOf(new Float32Array(40 * 30 * 3), new Uint8Array(40 * 30).fill(1), 40, 30);
  assert.ok(nothing.every((source) => source === -1));
});
