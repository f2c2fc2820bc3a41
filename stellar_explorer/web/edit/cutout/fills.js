/** Fills holes of one photo: smoothly at once, and then by pieces of the photo as soon as they are found. */

import { boxOfHole, coloursOf, diffused, holeOf, isFilled, smoothlyFilled, textured } from "./hole.js";

/** @typedef {import("./alpha.js").Pixels} Pixels */
/**
 * canvas: what lies over the photo at left, top.
 * @typedef {{canvas: HTMLCanvasElement, left: number, top: number}} Patch
 */

const MOST_KEPT = 12;
const MOST_WAITS = 100;

/** One for all photos of the page; null where there can be none. @type {Worker | null | undefined} */
let worker;
/** @type {Map<number, (sources: Int32Array) => void>} */
const waiting = new Map();
let asked = 0;

/**
 * Told when the pieces that fill a hole are found; see texture.js. Without a worker never: the smooth fills stay.
 * @param {{colours: Float32Array, unknown: Uint8Array, width: number, height: number}} hole
 * @param {(sources: Int32Array) => void} tell
 */
function search(hole, tell) {
  if (worker === undefined) {
    try {
      worker = new Worker(new URL("./texture_worker.js", import.meta.url), { type: "module" });
      worker.onmessage = ({ data: { id, sources } }) => {
        waiting.get(id)?.(sources);
        waiting.delete(id);
      };
    } catch {
      worker = null;
    }
  }
  asked += 1;
  if (worker) waiting.set(asked, tell);
  worker?.postMessage({ id: asked, ...hole });
}

/** When all that is being looked for is found, or so late that nobody waits longer. */
export async function settled() {
  for (let tries = 0; waiting.size && tries < MOST_WAITS; tries++) await new Promise((done) => setTimeout(done, 50));
}

export class Fills {
  /** @param {() => void} onbetter a fill has become better */
  constructor(onbetter) {
    this.onbetter = onbetter;
    /** @type {Map<string, Patch | null>} */
    this.patches = new Map();
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
    search({ colours, unknown, width: small.width, height: small.height }, (sources) => {
      if (sources.every((source) => source < 0)) return;
      paint(patch.canvas, textured(photo, hole, sources, box));
      this.onbetter();
    });
    return patch;
  }
}

/** @param {HTMLCanvasElement} canvas @param {Pixels} pixels */
function paint(canvas, { data, width, height }) {
  Object.assign(canvas, { width, height });
  const image = new ImageData(width, height);
  image.data.set(data);
  canvas.getContext("2d")?.putImageData(image, 0, 0);
}
