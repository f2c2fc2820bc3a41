/** The dots of a map by Canvas 2D, also for a picture of it. */

/**
 * What both kinds are given: x, y in turn; of each row a place in colours, and 0 or 1; the colour of what is not lit.
 * @typedef {{position: Float32Array, codes: ArrayLike<number>, lit: Uint8Array, colours: string[], dim: string}} Shown
 * @typedef {import("./camera.js").Camera} Camera
 */

export const LIT = 0.86;
// Of what is not lit, in grey: pale colours on top of each other would look lit.
export const DIM = 0.5;
// A circle takes ten times as long as a square.
const MOST_ROUND = 6000;

export class CanvasDots {
  kind = "canvas";

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    /** @type {(() => void) | undefined} */
    this.onlost = undefined;
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    /** @type {Camera | null} */
    this.camera = null;
    /** @type {Shown | null} */
    this.points = null;
    this.order = new Uint32Array();
    this.ratio = 1;
    this.width = 0;
    this.height = 0;
    this.size = 4;
  }

  /** @param {number} width @param {number} height */
  resize(width, height) {
    this.ratio = Math.min(2, window.devicePixelRatio || 1);
    this.width = width;
    this.height = height;
    this.canvas.width = Math.round(width * this.ratio);
    this.canvas.height = Math.round(height * this.ratio);
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.draw();
  }

  /** @param {Shown} points */
  async show(points) {
    this.points = points;
    this.order = byColour(points);
    this.draw();
  }

  /** @param {Camera} camera @param {number} size */
  move(camera, size) {
    this.camera = camera;
    this.size = size;
    this.draw();
  }

  draw() {
    if (!this.camera || !this.points || !this.width) return;
    const { context, camera } = this;
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    drawDots(context, this.points, this.order, camera, this.size, this.width, this.height);
  }

  destroy() {}
}

const LAYERS = 16;

/**
 * Rows, those that are not lit first, then in layers those of one colour behind each other: a frame sets few colours,
 * and where dots lie on top of each other, the last colour does not hide the others.
 * @param {Pick<Shown, "codes" | "lit" | "colours">} shown
 */
export function byColour({ codes, lit, colours }) {
  const starts = new Uint32Array(LAYERS * colours.length + 2);
  const layerOf = (/** @type {number} */ row) => Math.imul(row, 0x9e3779b1) >>> 28;
  const keyOf = (/** @type {number} */ row) => (lit[row] ? layerOf(row) * colours.length + codes[row] + 1 : 0);
  for (let row = 0; row < codes.length; row += 1) starts[keyOf(row) + 1] += 1;
  for (let key = 1; key < starts.length; key += 1) starts[key] += starts[key - 1];
  const order = new Uint32Array(codes.length);
  for (let row = 0; row < codes.length; row += 1) order[starts[keyOf(row)]++] = row;
  return order;
}

/**
 * Also what a picture of the map is drawn by. order: rows as `byColour` gives them.
 * @param {CanvasRenderingContext2D} context @param {Shown} shown @param {ArrayLike<number> & Iterable<number>} order
 * @param {Camera} camera @param {number} size @param {number} width @param {number} height
 */
export function drawDots(context, { position, codes, lit, colours, dim }, order, camera, size, width, height) {
  const { x: centreX, y: centreY, scale } = camera;
  const left = centreX - (width / 2 + size) / scale;
  const right = centreX + (width / 2 + size) / scale;
  const bottom = centreY - (height / 2 + size) / scale;
  const top = centreY + (height / 2 + size) / scale;
  const isSeen = (/** @type {number} */ row) => {
    const x = position[2 * row];
    const y = position[2 * row + 1];
    return x >= left && x <= right && y >= bottom && y <= top;
  };
  let seen = 0;
  for (const row of order) seen += Number(isSeen(row));
  const isRound = size >= 3.5 && seen <= MOST_ROUND;
  let drawn = NaN;
  for (const row of order) {
    if (!isSeen(row)) continue;
    const x = width / 2 + (position[2 * row] - centreX) * scale;
    const y = height / 2 - (position[2 * row + 1] - centreY) * scale;
    const colour = lit[row] ? codes[row] : -1;
    if (colour !== drawn) {
      drawn = colour;
      context.fillStyle = colours[colour] ?? dim;
      context.globalAlpha = colour < 0 ? DIM : LIT;
    }
    if (isRound) {
      context.beginPath();
      context.arc(x, y, size / 2, 0, 7);
      context.fill();
    } else {
      context.fillRect(x - size / 2, y - size / 2, size, size);
    }
  }
  context.globalAlpha = 1;
}
