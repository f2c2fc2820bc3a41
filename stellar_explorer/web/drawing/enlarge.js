/**
 * From patches to pixels: a grid enlarged to a picture's size, in pure functions over typed arrays.
 *
 * Blocky: cell c covers pixels round(c * W / cols) to round((c + 1) * W / cols).
 * Smooth: bilinear with half-pixel centres (align_corners False), the border cells held to the edge.
 * Colours are packed little endian, 0xAABBGGRR, as ImageData lies in memory.
 */

import { cellEdges } from "./outline.js";

export { outline } from "./outline.js";

/** @typedef {import("./factorization.js").Grid} Grid @typedef {{rows: number, cols: number}} Shape */

/** @param {number} red @param {number} green @param {number} blue */
export function pack(red, green, blue, alpha = 255) {
  return ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/** "#rrggbb" -> [red, green, blue] @param {string} hex @returns {[number, number, number]} */
export function channels(hex) {
  const number = parseInt(hex.slice(1), 16);
  return [number >> 16, (number >> 8) & 255, number & 255];
}

/** @type {Map<string, {cell: Int32Array, weight: Float32Array}>} */
const axes = new Map();

/**
 * For every pixel of one side: the cell (blocky), or the lower cell and the weight of the next (smooth).
 * @param {number} length @param {number} cells @param {boolean} smooth
 */
function axisOf(length, cells, smooth) {
  const key = `${length}/${cells}/${smooth}`;
  const known = axes.get(key);
  if (known) return known;
  if (axes.size > 64) axes.clear();
  const cell = new Int32Array(length);
  const weight = new Float32Array(length);
  if (smooth) {
    for (let pixel = 0; pixel < length; pixel++) {
      const position = Math.min(cells - 1, Math.max(0, ((pixel + 0.5) * cells) / length - 0.5));
      cell[pixel] = Math.min(Math.floor(position), Math.max(0, cells - 2));
      weight[pixel] = position - cell[pixel];
    }
  } else {
    const edges = cellEdges(length, cells);
    for (let index = 0; index < cells; index++) cell.fill(index, edges[index], edges[index + 1]);
  }
  const axis = { cell, weight };
  axes.set(key, axis);
  return axis;
}

/**
 * One row of the grid between two, in `line`; one cell more than the grid so that the last has a neighbour.
 * @param {ArrayLike<number>} field @param {Float32Array} line @param {number} cols @param {number} upper
 * @param {number} lower @param {number} weight
 */
function mixRows(field, line, cols, upper, lower, weight) {
  for (let col = 0; col < cols; col++) {
    const above = field[upper + col];
    line[col] = above + (field[lower + col] - above) * weight;
  }
  line[cols] = line[cols - 1];
}

/**
 * Paint a field (rows, cols) into `pixels` (height * width, packed): the colour of value v is
 * table[v * scale], clipped to the table. With a `limit`, table is [outside, inside] instead.
 * @param {ArrayLike<number>} field @param {Shape} grid @param {Uint32Array} pixels @param {number} width
 * @param {number} height
 * @param {{smooth: boolean, table: Uint32Array | number[], scale?: number, limit?: number | null}} how
 */
export function paintField(field, grid, pixels, width, height, { smooth, table, scale = 1, limit = null }) {
  const { rows, cols } = grid;
  const across = axisOf(width, cols, smooth);
  const down = axisOf(height, rows, smooth);
  const line = new Float32Array(cols + 1);
  const last = table.length - 1;
  const [outside, inside] = table;
  const { cell, weight } = across;
  for (let y = 0, at = 0; y < height; y++) {
    const row = down.cell[y];
    const repeats = !smooth && y > 0 && row === down.cell[y - 1];
    if (repeats) {
      pixels.copyWithin(at, at - width, at);
      at += width;
      continue;
    }
    mixRows(field, line, cols, row * cols, Math.min(row + 1, rows - 1) * cols, down.weight[y]);
    if (limit === null) {
      for (let x = 0; x < width; x++) {
        const left = line[cell[x]];
        const value = (left + (line[cell[x] + 1] - left) * weight[x]) * scale + 0.5;
        pixels[at++] = table[value < 0 ? 0 : value > last ? last : value | 0];
      }
    } else {
      for (let x = 0; x < width; x++) {
        const left = line[cell[x]];
        pixels[at++] = left + (line[cell[x] + 1] - left) * weight[x] > limit ? inside : outside;
      }
    }
  }
}

/**
 * Paint colours (rows * cols, 3) in 0..255 into `pixels`.
 * @param {ArrayLike<number>} colours @param {Shape} grid @param {Uint32Array} pixels @param {number} width
 * @param {number} height @param {boolean} smooth
 */
export function paintColours(colours, grid, pixels, width, height, smooth) {
  const { rows, cols } = grid;
  const across = axisOf(width, cols, smooth);
  const down = axisOf(height, rows, smooth);
  const line = new Float32Array((cols + 1) * 3);
  const { cell, weight } = across;
  for (let y = 0, at = 0; y < height; y++) {
    const upper = down.cell[y] * cols * 3;
    const lower = Math.min(down.cell[y] + 1, rows - 1) * cols * 3;
    for (let i = 0; i < cols * 3; i++) {
      line[i] = colours[upper + i] + (colours[lower + i] - colours[upper + i]) * down.weight[y];
    }
    line.copyWithin(cols * 3, (cols - 1) * 3, cols * 3);
    for (let x = 0; x < width; x++) {
      const i = cell[x] * 3;
      const mix = weight[x];
      const red = line[i] + (line[i + 3] - line[i]) * mix;
      const green = line[i + 1] + (line[i + 4] - line[i + 1]) * mix;
      const blue = line[i + 2] + (line[i + 5] - line[i + 2]) * mix;
      pixels[at++] = pack((red + 0.5) | 0, (green + 0.5) | 0, (blue + 0.5) | 0);
    }
  }
}

/**
 * Paint each patch in the colour of its strongest token: `strongest` (N,), `colours` packed (K,).
 * @param {Uint8Array} strongest @param {Shape} grid @param {Uint32Array} pixels @param {number} width
 * @param {number} height @param {Uint32Array} colours
 */
export function paintBlockyTokens(strongest, grid, pixels, width, height, colours) {
  const across = axisOf(width, grid.cols, false);
  const down = axisOf(height, grid.rows, false);
  for (let y = 0, at = 0; y < height; y++) {
    const start = down.cell[y] * grid.cols;
    for (let x = 0; x < width; x++) pixels[at++] = colours[strongest[start + across.cell[x]]];
  }
}

/**
 * The same at pixel level: the arg-max of the enlarged token maps. Between four patch centres only a few tokens
 * can win: those whose largest corner reaches the best of the smallest corners. Mostly that is one.
 * @param {Grid} grid @param {number[]} tokens @param {Uint32Array} pixels @param {number} width
 * @param {number} height @param {Uint32Array} colours
 */
export function paintSmoothTokens(grid, tokens, pixels, width, height, colours) {
  const { rows, cols, numPatches, codes, peak } = grid;
  const ascending = [...tokens].sort((a, b) => a - b);
  const across = axisOf(width, cols, true);
  const down = axisOf(height, rows, true);
  const xRuns = runs(across.cell);
  const yRuns = runs(down.cell);
  const corners = new Float32Array(ascending.length * 4);
  for (const [top, bottom] of yRuns) {
    const upper = down.cell[top] * cols;
    const lower = Math.min(down.cell[top] + 1, rows - 1) * cols;
    for (const [left, right] of xRuns) {
      const west = across.cell[left];
      const east = Math.min(west + 1, cols - 1);
      let floor = -1;
      for (let i = 0; i < ascending.length; i++) {
        const start = ascending[i] * numPatches;
        const scale = peak[ascending[i]];
        const a = (corners[i * 4] = codes[start + upper + west] * scale);
        const b = (corners[i * 4 + 1] = codes[start + upper + east] * scale);
        const c = (corners[i * 4 + 2] = codes[start + lower + west] * scale);
        const d = (corners[i * 4 + 3] = codes[start + lower + east] * scale);
        floor = Math.max(floor, Math.min(a, b, c, d));
      }
      const contenders = [];
      for (let i = 0; i < ascending.length; i++) {
        const at = i * 4;
        if (Math.max(corners[at], corners[at + 1], corners[at + 2], corners[at + 3]) >= floor) contenders.push(i);
      }
      for (let y = top; y < bottom; y++) {
        const v = down.weight[y];
        for (let x = left; x < right; x++) {
          const u = across.weight[x];
          let best = -1;
          let winner = contenders[0];
          for (const i of contenders) {
            const above = corners[i * 4] + (corners[i * 4 + 1] - corners[i * 4]) * u;
            const below = corners[i * 4 + 2] + (corners[i * 4 + 3] - corners[i * 4 + 2]) * u;
            const value = above + (below - above) * v;
            if (value > best) {
              best = value;
              winner = i;
            }
          }
          pixels[y * width + x] = colours[ascending[winner]];
        }
      }
    }
  }
}

/** [[start, end], ...] of equal neighbours @param {Int32Array} values */
function runs(values) {
  const found = [];
  for (let start = 0, i = 1; i <= values.length; i++) {
    if (i === values.length || values[i] !== values[start]) {
      found.push([start, i]);
      start = i;
    }
  }
  return found;
}
