/** Fills holes of one photo: smoothly at once, and then by pieces of the photo as soon as they are found. */

import { boxOfHole, coloursOf, diffused, holeOf, isFilled, smoothlyFilled, textured } from "./hole.js";

/** @typedef {import("./alpha.js").Pixels} Pixels */
/**
 * canvas: what lies over the photo at left, top.
 * @typedef {{canvas: HTMLCanvasElement, left: number, top: number}} Patch
 */

const MOST_KEPT = 12;

export class Fills {
  /** @param {() => void} onbetter a fill has become better */
  constructor(onbetter) {
    this.onbetter = onbetter;
    /** @type {Map<string, Patch | null>} */
    this.patches = new Map();
    /** @type {Map<number, (sources: Int32Array) => void>} */
    this.waiting = new Map();
    this.asked = 0;
    try {
      this.worker = new Worker(new URL("./texture_worker.js", import.meta.url), { type: "module" });
      this.worker.onmessage = ({ data }) => {
        this.waiting.get(data.id)?.(data.sources);
        this.waiting.delete(data.id);
      };
      this.worker.onerror = () => this.waiting.clear(); // the smooth fills stay
    } catch {
      this.worker = null;
    }
  }

  clear() {
    this.patches.clear();
    this.waiting.clear();
  }

  /**
   * What covers the places where the masks are; null where there is nothing to cover.
   * @param {string} key of the masks
   * @param {() => Float32Array[]} alphas of the small copy's size, in 0..1
   * @param {Pixels} photo
   * @param {Pixels} small
   * @returns {Patch | null}
   */
  patch(key, alphas, photo, small) {
    const kept = this.patches.get(key);
    if (kept !== undefined) return kept;
    const hole = holeOf(alphas(), small.width, small.height);
    const box = boxOfHole(hole, photo);
    const patch = box && { canvas: document.createElement("canvas"), left: box.left, top: box.top };
    this.patches.set(key, patch);
    if (this.patches.size > MOST_KEPT) this.patches.delete([...this.patches.keys()][0]);
    if (!patch || !box) return null;
    const colours = coloursOf(small);
    const unknown = isFilled(hole);
    paint(patch.canvas, smoothlyFilled(photo, hole, diffused(colours, unknown, small.width, small.height), box));
    this.asked += 1;
    this.waiting.set(this.asked, (sources) => {
      if (sources.every((source) => source < 0)) return;
      paint(patch.canvas, textured(photo, hole, sources, box));
      this.onbetter();
    });
    this.worker?.postMessage({ id: this.asked, colours, unknown, width: small.width, height: small.height });
    return patch;
  }

  /** Whether a better fill is still being looked for. */
  get isWaiting() {
    return this.waiting.size > 0;
  }
}

/** @param {HTMLCanvasElement} canvas @param {Pixels} pixels */
function paint(canvas, { data, width, height }) {
  Object.assign(canvas, { width, height });
  const image = new ImageData(width, height);
  image.data.set(data);
  canvas.getContext("2d")?.putImageData(image, 0, 0);
}
