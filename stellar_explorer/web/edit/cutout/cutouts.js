/** One photo's things cut out, at its own size, and the photo put together again with them elsewhere. */

import { fittedAlpha, maskOf } from "./alpha.js";
import { outline } from "../../drawing/enlarge.js";
import { fieldOf } from "./field.js";
import { Fills } from "./fills.js";

/**
 * @typedef {import("./alpha.js").Mask} Mask
 * @typedef {import("./alpha.js").Pixels} Pixels
 * @typedef {import("./field.js").Grid} Grid
 * @typedef {import("./layout.js").Layout} Layout
 * @typedef {import("./layout.js").Piece} Piece
 * canvas: its pixels, transparent around; outline: its edge, in the photo's pixels; alpha: in 0..1, of the small copy;
 * middle, area: of the mask, in the photo's pixels.
 * @typedef {{mask: Mask, canvas: HTMLCanvasElement, outline: Path2D, alpha: Float32Array, middle: [number, number],
 *   area: number}} Cutout
 * How a piece's pixels come to their place: x' = scale x + right.
 * @typedef {{cutout: Cutout, scale: number, right: number, down: number}} Placed
 */

/** Long side of the small copy on which edges and fills are looked for. */
const SMALL = 224;
const MOST_KEPT = 32;

export class Cutouts {
  /**
   * @param {HTMLImageElement} image
   * @param {Grid} grid
   * @param {{onbetter?: () => void, other?: (photo: string) => Cutouts | null}} [options] other: the photo of that
   * name in edits
   */
  constructor(image, grid, { onbetter = () => {}, other = () => null } = {}) {
    this.image = image;
    this.grid = grid;
    this.other = other;
    this.width = image.naturalWidth;
    this.height = image.naturalHeight;
    /** @type {Pixels | null} */
    this.pixels = null;
    /** @type {Pixels | null} */
    this.smallPixels = null;
    this.fills = new Fills(onbetter);
    /** @type {Map<string, Cutout | null>} */
    this.kept = new Map();
  }

  /** @returns {Pixels} */
  get photo() {
    this.pixels ??= pixelsOf(this.image, this.width, this.height);
    return this.pixels;
  }

  /** @returns {Pixels} */
  get small() {
    const scale = Math.min(1, SMALL / Math.max(this.width, this.height));
    this.smallPixels ??= pixelsOf(this.image, Math.max(1, Math.round(this.width * scale)),
      Math.max(1, Math.round(this.height * scale)));
    return this.smallPixels;
  }

  /** While another photo is edited: what can be made again is let go. */
  forget() {
    this.kept.clear();
    this.fills.patches.clear();
    this.pixels = this.smallPixels = null;
  }

  /** The tokens' piece of the photo; null where they hold nothing. @param {number[]} tokens @returns {Cutout | null} */
  cut(tokens) {
    const key = [...tokens].sort((a, b) => a - b).join();
    const kept = this.kept.get(key);
    if (kept !== undefined) return kept;
    const cutout = this.made(tokens);
    this.kept.set(key, cutout);
    if (this.kept.size > MOST_KEPT) this.kept.delete([...this.kept.keys()][0]);
    return cutout;
  }

  /** @param {number[]} tokens @returns {Cutout | null} */
  made(tokens) {
    const field = fieldOf(this.grid, tokens);
    const fitted = fittedAlpha(field, this.grid, this.small);
    const mask = maskOf(field, this.grid, fitted, this.photo);
    if (!mask) return null;
    const { left, top, width, height, alpha } = mask;
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width, height });
    const piece = new ImageData(width, height);
    let [area, x, y] = [1e-9, 0, 0];
    for (let row = 0, at = 0; row < height; row++) {
      let from = ((row + top) * this.width + left) * 4;
      for (let col = 0; col < width; col++, at++, from += 4) {
        if (!alpha[at]) continue;
        for (let c = 0; c < 3; c++) piece.data[at * 4 + c] = this.photo.data[from + c];
        piece.data[at * 4 + 3] = alpha[at];
        area += alpha[at];
        x += alpha[at] * col;
        y += alpha[at] * row;
      }
    }
    canvas.getContext("2d")?.putImageData(piece, 0, 0);
    const levels = fitted.alpha.map((share) => 255 * share);
    return {
      mask, canvas, alpha: fitted.alpha, area: area / 255, middle: [left + x / area, top + y / area],
      outline: pathOf(levels, { rows: fitted.height, cols: fitted.width }, 127, this.width, this.height),
    };
  }

  /** Where a piece lies now; null where there is nothing of it. @param {Piece} piece @returns {Placed | null} */
  placed({ origins, place, look }) {
    const own = this.cut(origins);
    if (!own) return null;
    const moved = { scale: place.scale, right: place.right * this.width, down: place.down * this.height };
    if (!look) return { cutout: own, ...moved };
    // Another's appearance: as large as what it stands for, and about its middle.
    const cutout = (look.photo === null ? this : this.other(look.photo))?.cut(look.tokens);
    if (!cutout) return null;
    const scale = moved.scale * Math.sqrt(own.area / cutout.area);
    return {
      cutout, scale, right: moved.scale * own.middle[0] + moved.right - scale * cutout.middle[0],
      down: moved.scale * own.middle[1] + moved.down - scale * cutout.middle[1],
    };
  }

  /**
   * The photo with what was edited, at any size.
   * @param {CanvasRenderingContext2D} context
   * @param {number} width
   * @param {number} height
   * @param {Layout} layout
   */
  draw(context, width, height, { lifted, pieces }) {
    context.imageSmoothingQuality = "high";
    context.setTransform(width / this.width, 0, 0, height / this.height, 0, 0);
    context.drawImage(this.image, 0, 0, this.width, this.height);
    const hole = this.hole(lifted);
    if (hole) context.drawImage(hole.canvas, hole.left, hole.top);
    for (const piece of pieces) {
      const placed = this.placed(piece);
      if (!placed) continue;
      this.into(context, width, height, placed);
      context.drawImage(placed.cutout.canvas, placed.cutout.mask.left, placed.cutout.mask.top);
    }
    context.setTransform(1, 0, 0, 1, 0, 0);
  }

  /** What covers the places that were left. @param {number[][]} lifted */
  hole(lifted) {
    if (!lifted.length) return null;
    const alphas = () => lifted.flatMap((tokens) => this.cut(tokens)?.alpha ?? []);
    return this.fills.patch(lifted.map((set) => [...set].sort().join()).sort().join("/"), alphas, this.photo,
      this.small);
  }

  /**
   * Coordinates of a context as those of a piece before it was moved.
   * @param {CanvasRenderingContext2D} context
   * @param {number} width
   * @param {number} height
   * @param {Placed} placed
   */
  into(context, width, height, { scale, right, down }) {
    const [across, along] = [width / this.width, height / this.height];
    context.setTransform(across * scale, 0, 0, along * scale, across * right, along * down);
  }
}

/**
 * How opaque a cut-out is at a pixel of its photo, 0..255.
 * @param {Cutout} cutout
 * @param {number} x
 * @param {number} y
 */
export function opacityAt({ mask: { alpha, left, top, width, height } }, x, y) {
  const [col, row] = [Math.floor(x) - left, Math.floor(y) - top];
  return col >= 0 && row >= 0 && col < width && row < height ? alpha[row * width + col] : 0;
}

/**
 * The level line of a field, as a path.
 * @param {ArrayLike<number>} field
 * @param {{rows: number, cols: number}} grid
 * @param {number} limit
 * @param {number} width
 * @param {number} height
 */
export function pathOf(field, grid, limit, width, height) {
  const pieces = outline(field, grid, limit, width, height, true);
  const path = new Path2D();
  for (let i = 0; i < pieces.length; i += 4) {
    path.moveTo(pieces[i], pieces[i + 1]);
    path.lineTo(pieces[i + 2], pieces[i + 3]);
  }
  return path;
}

/** @param {HTMLImageElement} image @param {number} width @param {number} height @returns {Pixels} */
function pixelsOf(image, width, height) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("This browser gives the page no canvas to draw on.");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}
