/** What is drawn over the dots: thumbnails, what stands out, rings and the lasso. */

import { toScreen } from "./camera.js";

const MOST_GLOWING = 6000; // of more rows, every so manieth: a frame has 16 ms
const MOST_ROUND = 2000; // a circle takes ten times as long as a square
const VEIL = 0.66;

/** @typedef {{x: number, y: number}} Place */

/**
 * @param {CanvasRenderingContext2D} context @param {import("./thumbnails.js").Thumbnail} thumbnail
 * @param {HTMLCanvasElement | null} picture @param {string} colour
 */
export function drawThumbnail(context, thumbnail, picture, colour) {
  thumbnail.isDrawn = Boolean(picture);
  if (!picture) return;
  const { x, y, side } = thumbnail;
  context.save();
  context.beginPath();
  context.roundRect(x - side / 2, y - side / 2, side, side, 6);
  context.save();
  context.clip();
  context.drawImage(picture, x - side / 2, y - side / 2, side, side);
  context.restore();
  context.lineWidth = 2;
  context.strokeStyle = colour;
  context.stroke();
  context.restore();
}

/**
 * A veil over everything, and these rows on top of it: no dot below is drawn anew.
 * @param {CanvasRenderingContext2D} context @param {Uint32Array} rows
 * @param {{painting: any, camera: import("./camera.js").Camera, size: import("./camera.js").Size, dotSize: number,
 *   paper: string}} view
 */
export function drawGlow(context, rows, { painting, camera, size, dotSize, paper }) {
  context.globalAlpha = VEIL;
  context.fillStyle = paper;
  context.fillRect(0, 0, size.width, size.height);
  context.globalAlpha = 1;
  const { position, codes, colours, lit, dim } = painting;
  const stride = Math.ceil(rows.length / MOST_GLOWING);
  const side = dotSize + 1;
  const isRound = rows.length <= MOST_ROUND;
  for (let place = 0; place < rows.length; place += stride) {
    const row = rows[place];
    const { x, y } = toScreen(camera, size, position[2 * row], position[2 * row + 1]);
    if (x < 0 || y < 0 || x > size.width || y > size.height) continue;
    context.fillStyle = lit[row] ? colours[codes[row]] : dim;
    if (isRound) {
      context.beginPath();
      context.arc(x, y, side / 2, 0, 7);
      context.fill();
    } else context.fillRect(x - side / 2, y - side / 2, side, side);
  }
}

/**
 * @param {CanvasRenderingContext2D} context @param {Place & {side?: number}} place @param {number} width
 * @param {number} dotSize @param {{paper: string, ink: string}} look
 */
export function drawRing(context, { x, y, side }, width, dotSize, { paper, ink }) {
  context.beginPath();
  if (side) context.roundRect(x - side / 2 - 2, y - side / 2 - 2, side + 4, side + 4, 8);
  else context.arc(x, y, dotSize / 2 + 4, 0, 7);
  context.lineWidth = width + 3;
  context.strokeStyle = paper;
  context.stroke();
  context.lineWidth = width;
  context.strokeStyle = ink;
  context.stroke();
}

/** @param {CanvasRenderingContext2D} context @param {Place[]} line @param {string} accent */
export function drawLasso(context, line, accent) {
  if (line.length < 2) return;
  context.beginPath();
  for (const { x, y } of line) context.lineTo(x, y);
  context.closePath();
  context.globalAlpha = 0.1;
  context.fillStyle = context.strokeStyle = accent;
  context.fill();
  context.globalAlpha = 1;
  context.lineWidth = 1.5;
  context.setLineDash([5, 4]);
  context.stroke();
  context.setLineDash([]);
}
