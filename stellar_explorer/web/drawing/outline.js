/** The outline of a mask: line pieces in pixels, in pure functions over typed arrays. */

/** @typedef {{rows: number, cols: number}} Shape */

/**
 * (cells + 1,): the pixels at which the cells of one side begin; the last is the length.
 * @param {number} length @param {number} cells
 */
export function cellEdges(length, cells) {
  return Int32Array.from({ length: cells + 1 }, (_, cell) => Math.round((cell * length) / cells));
}

/**
 * The outline of a mask as line pieces [x0, y0, x1, y1, ...] in pixels: along cell edges (blocky), or the level line
 * of the bilinear field (smooth), found by marching squares in cells cut finer where they are large on screen.
 * @param {ArrayLike<number>} field @param {Shape} grid @param {number} limit @param {number} width
 * @param {number} height @param {boolean} smooth
 */
export function outline(field, grid, limit, width, height, smooth) {
  return smooth ? levelLine(field, grid, limit, width, height) : cellOutline(field, grid, limit, width, height);
}

/**
 * @param {ArrayLike<number>} field @param {Shape} grid @param {number} limit @param {number} width
 * @param {number} height
 */
function cellOutline(field, { rows, cols }, limit, width, height) {
  const xs = cellEdges(width, cols);
  const ys = cellEdges(height, rows);
  /** @type {number[]} */
  const pieces = [];
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      const at = row * cols + col;
      const inside = field[at] > limit;
      if (col + 1 < cols && inside !== field[at + 1] > limit) {
        pieces.push(xs[col + 1], ys[row], xs[col + 1], ys[row + 1]);
      }
      if (row + 1 < rows && inside !== field[at + cols] > limit) {
        pieces.push(xs[col], ys[row + 1], xs[col + 1], ys[row + 1]);
      }
    }
  }
  return pieces;
}

/**
 * @param {ArrayLike<number>} field @param {Shape} grid @param {number} limit @param {number} width
 * @param {number} height
 */
function levelLine(field, { rows, cols }, limit, width, height) {
  /** @type {number[]} */
  const pieces = [];
  const cellWidth = width / cols;
  const cellHeight = height / rows;
  const cuts = Math.min(6, Math.ceil(Math.max(cellWidth, cellHeight) / 3));
  const across = cuts + 1;
  const nodes = new Float32Array(across * across);
  const clampRow = (/** @type {number} */ row) => Math.min(rows - 1, Math.max(0, row));
  const clampCol = (/** @type {number} */ col) => Math.min(cols - 1, Math.max(0, col));
  for (let row = -1; row < rows; row++) {
    const upper = clampRow(row) * cols;
    const lower = clampRow(row + 1) * cols;
    for (let col = -1; col < cols; col++) {
      const a = field[upper + clampCol(col)] - limit;
      const b = field[upper + clampCol(col + 1)] - limit;
      const c = field[lower + clampCol(col)] - limit;
      const d = field[lower + clampCol(col + 1)] - limit;
      const inside = Number(a > 0) + Number(b > 0) + Number(c > 0) + Number(d > 0);
      if (inside === 0 || inside === 4) continue;
      for (let j = 0, at = 0; j <= cuts; j++) {
        const left = a + ((c - a) * j) / cuts;
        const right = b + ((d - b) * j) / cuts;
        for (let i = 0; i <= cuts; i++) nodes[at++] = left + ((right - left) * i) / cuts;
      }
      const x = (col + 0.5) * cellWidth;
      const y = (row + 0.5) * cellHeight;
      for (let j = 0; j < cuts; j++) {
        for (let i = 0; i < cuts; i++) {
          const at = j * across + i;
          marchSquare(nodes[at], nodes[at + 1], nodes[at + across], nodes[at + across + 1],
            x + (i * cellWidth) / cuts, y + (j * cellHeight) / cuts, cellWidth / cuts, cellHeight / cuts, pieces);
        }
      }
    }
  }
  return pieces;
}

/**
 * The zero line in one square with these corner values: where it crosses the four sides, clockwise from the top.
 * @param {number} nw @param {number} ne @param {number} sw @param {number} se @param {number} x @param {number} y
 * @param {number} width @param {number} height @param {number[]} pieces
 */
function marchSquare(nw, ne, sw, se, x, y, width, height, pieces) {
  const west = nw > 0 !== sw > 0;
  const east = ne > 0 !== se > 0;
  const north = nw > 0 !== ne > 0;
  const south = sw > 0 !== se > 0;
  if (!west && !east && !north && !south) return;
  const start = pieces.length;
  if (north) pieces.push(x + (nw / (nw - ne)) * width, y);
  if (east) pieces.push(x + width, y + (ne / (ne - se)) * height);
  if (south) pieces.push(x + (sw / (sw - se)) * width, y + height);
  if (west) pieces.push(x, y + (nw / (nw - sw)) * height);
  // A saddle crosses all four sides: pair the sides so that the centre stays with its own corners.
  if (pieces.length - start === 8 && nw > 0 === nw + ne + sw + se > 0) return;
  if (pieces.length - start === 8) {
    const [northX, northY, eastX, eastY, southX, southY, westX, westY] = pieces.splice(start);
    pieces.push(northX, northY, westX, westY, eastX, eastY, southX, southY);
  }
}
