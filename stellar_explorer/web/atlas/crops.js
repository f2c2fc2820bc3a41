/** Crops of concepts: the part of a photo's thumbnail where a concept is, with the rest dimmed. */

import { resolveAddress } from "../shared/requests.js";
import { fetchConcepts, thumbnailAddress } from "./server.js";

const MOST_ASKED = 200;
const MOST_PHOTOS = 400;
const MOST_CROPS = 800;
const WAIT = 25;
const VEILS = {
  light: { filter: "grayscale(1) contrast(0.55) brightness(1.1)", cover: "rgb(246 244 240 / 0.6)" },
  dark: { filter: "grayscale(1) contrast(0.7) brightness(0.75)", cover: "rgb(28 25 22 / 0.5)" },
};

/**
 * Where a concept is: in which photo, and where on it.
 * @typedef {{photo: number, thumbnail: string, box: number[], mask: number[], grid: [number, number]}} Shape
 *
 * What is told of a concept.
 * @typedef {{id: number, photo: number, hash: string, box: number[], mask: number[], patch_grid: [number, number],
 *   name: string,
 *   names: [string, number, boolean][], taught: [string, number][], label: string | null}} ConceptFacts
 */

export class Crops {
  /** onarrive: called when something that was asked for is there to be drawn. @param {() => void} onarrive */
  constructor(onarrive) {
    this.onarrive = onarrive;
    this.timer = 0;
    this.open("");
  }

  /** @param {string} collection */
  open(collection) {
    /** @type {string} */
    this.collection = collection;
    /** @type {Map<number, ConceptFacts>} */
    this.facts = new Map();
    /** @type {Map<number, Shape>} */
    this.shapes = new Map();
    /** @type {Map<number, HTMLImageElement>} */
    this.photos = new Map();
    /** @type {Map<string, HTMLCanvasElement>} */
    this.pictures = new Map();
    /** @type {Set<number>} */
    this.wanted = new Set();
    /** @type {Set<number>} */
    this.asked = new Set();
    clearTimeout(this.timer);
    this.timer = 0;
  }

  /** The page has turned dark or light: crops are drawn again. */
  forget() {
    this.pictures.clear();
  }

  /** What came with the map already. @param {number} id @param {Shape} shape */
  give(id, shape) {
    this.shapes.set(id, shape);
  }

  /** Null until it has arrived. @param {number} id @returns {Shape | null} */
  shapeOf(id) {
    const known = this.shapes.get(id);
    if (known) return known;
    const facts = this.factsOf(id);
    if (!facts) return null;
    const { photo, hash, box, mask, patch_grid: grid } = facts;
    const shape = { photo, thumbnail: thumbnailAddress(this.collection, photo, hash), box, mask, grid };
    this.shapes.set(id, shape);
    return shape;
  }

  /** Its thumbnail is asked for, to be there when it is wanted; nothing else is. @param {number} id */
  prepare(id) {
    const shape = this.shapes.get(id);
    if (shape) this.photoOf(shape);
  }

  /** What is told of a concept, or null until it has arrived. @param {number} id */
  factsOf(id) {
    const facts = this.facts.get(id);
    if (!facts && !this.asked.has(id)) {
      this.wanted.add(id);
      this.timer ||= window.setTimeout(() => this.ask(), WAIT);
    }
    return facts ?? null;
  }

  async ask() {
    this.timer = 0;
    const { collection } = this;
    // The latest first: what was asked for before may have left the view.
    const ids = [...this.wanted].slice(-MOST_ASKED);
    this.wanted.clear();
    for (const id of ids) this.asked.add(id);
    try {
      const found = await fetchConcepts(collection, ids);
      if (collection !== this.collection) return;
      for (const facts of found) this.facts.set(facts.id, facts);
      this.onarrive();
    } catch {
      for (const id of ids) this.asked.delete(id); // asked for again when next drawn
    }
  }

  /** A photo's thumbnail, or null until it has arrived. @param {Shape} shape */
  photoOf({ photo, thumbnail }) {
    let image = this.photos.get(photo);
    if (image) {
      this.photos.delete(photo); // to the end: the oldest goes first
    } else {
      image = new Image();
      image.onload = () => this.onarrive();
      image.src = resolveAddress(thumbnail);
    }
    this.photos.set(photo, image);
    dropOldest(this.photos, MOST_PHOTOS);
    return isThere(image) ? image : null;
  }

  /**
   * A square canvas with the concept's crop, or null until it can be drawn.
   * @param {number} id @param {number} side  in pixels
   */
  picture(id, side) {
    const key = `${id}/${side}`;
    const kept = this.pictures.get(key);
    if (kept) {
      this.pictures.delete(key);
      this.pictures.set(key, kept);
      return kept;
    }
    const shape = this.shapeOf(id);
    const image = shape && this.photoOf(shape);
    if (!image) return null;
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = side;
    drawCrop(/** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")), image, shape, side);
    this.pictures.set(key, canvas);
    dropOldest(this.pictures, MOST_CROPS);
    return canvas;
  }

  /**
   * As `picture`, but nothing is asked for: what passes under the pointer costs no request.
   * @param {number} id @param {number} side
   */
  kept(id, side) {
    const shape = this.facts.has(id) ? this.shapeOf(id) : this.shapes.get(id);
    const image = shape && this.photos.get(shape.photo);
    return image && isThere(image) ? this.picture(id, side) : null;
  }
}

/** @param {HTMLImageElement} image */
const isThere = (image) => image.complete && image.naturalWidth > 0;

/** @template K @template V @param {Map<K, V>} kept @param {number} most */
function dropOldest(kept, most) {
  const [oldest] = kept.keys();
  if (kept.size > most) kept.delete(oldest);
}

/**
 * The square round a concept's box with some air, inside the photo as far as it can be; in the image's pixels.
 * @param {number[]} box @param {number} width @param {number} height
 */
export function cropOf(box, width, height) {
  const isEmpty = box[2] <= box[0] || box[3] <= box[1];
  const [left, top, right, bottom] = isEmpty ? [0, 0, 1, 1] : box;
  const most = Math.min(width, height);
  const wanted = Math.max((right - left) * width, (bottom - top) * height) * 1.12;
  const side = Math.min(most, Math.max(wanted, most * 0.28));
  const fit = (/** @type {number} */ centre, /** @type {number} */ length) =>
    Math.min(Math.max(centre - side / 2, 0), length - side);
  return { x: fit(((left + right) / 2) * width, width), y: fit(((top + bottom) / 2) * height, height), side };
}

/**
 * @param {CanvasRenderingContext2D} context @param {HTMLImageElement} image @param {Shape} shape @param {number} side
 */
function drawCrop(context, image, { box, mask, grid }, side) {
  const { naturalWidth: width, naturalHeight: height } = image;
  const crop = cropOf(box, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(image, crop.x, crop.y, crop.side, crop.side, 0, 0, side, side);
  const outside = veil(mask, grid);
  if (!outside) return;
  // Grey outside, and nearer to the page's own ground, so that the concept keeps the only colours.
  const zoom = side / crop.side;
  const layer = document.createElement("canvas");
  layer.width = layer.height = side;
  const veiled = /** @type {CanvasRenderingContext2D} */ (layer.getContext("2d"));
  const { filter, cover } = VEILS[document.body.classList.contains("dark") ? "dark" : "light"];
  veiled.filter = filter;
  veiled.drawImage(context.canvas, 0, 0);
  veiled.filter = "none";
  veiled.fillStyle = cover;
  veiled.fillRect(0, 0, side, side);
  veiled.globalCompositeOperation = "destination-in";
  veiled.imageSmoothingQuality = "high";
  veiled.drawImage(outside, -crop.x * zoom, -crop.y * zoom, width * zoom, height * zoom);
  context.drawImage(layer, 0, 0);
}

/**
 * Run lengths to a canvas of a pixel a patch, opaque outside the mask; null where nothing is inside.
 * @param {number[]} runs @param {[number, number]} grid
 */
export function veil(runs, [rows, cols]) {
  if (runs.length < 2) return null;
  const canvas = document.createElement("canvas");
  canvas.width = cols;
  canvas.height = rows;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const pixels = context.createImageData(cols, rows);
  let place = 0;
  for (const [number, run] of runs.entries()) {
    if (number % 2 === 0) for (let patch = place; patch < place + run; patch += 1) pixels.data[4 * patch + 3] = 255;
    place += run;
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}
