/**
 * A hole filled by pieces of what lies around it: for each place in the hole the place outside that it continues, found
 * by PatchMatch (Barnes and others, 2009) from coarse to fine, as Wexler, Shechtman and Irani (2007) complete pictures.
 * Pure: colours in, places out; the same each time.
 */

import { diffused } from "./hole.js";

/** A piece is a square of 2 REACH + 1. */
const REACH = 3;
const ROUNDS = [6, 4, 3];
const SWEEPS = 2;
/**
 * What a long side away costs, in squared difference of a piece's colours: what is near is likelier to go on, and what
 * is at the same height likelier than what is above or below, for most photos lie in layers.
 */
const [ASIDE, ABOVE] = [8_000, 160_000];
const LEAST_SIDE = 20;

/**
 * @param {Float32Array} colours (height * width * 3) in 0..255
 * @param {Uint8Array} unknown (height * width)
 * @param {number} width
 * @param {number} height
 * @returns {Int32Array} (height * width): for the unknown a known place, -1 for the known; all -1 where too little is
 * known
 */
export function sourcesOf(colours, unknown, width, height) {
  const levels = [{ colours, unknown, width, height }];
  while (Math.min(levels[0].width, levels[0].height) >= 2 * LEAST_SIDE
    && levels.length < 5) levels.unshift(halved(levels[0]));
  const random = generator();
  /** @type {Search | null} */
  let before = null;
  for (const [place, level] of levels.entries()) {
    const search = new Search(level, random, before);
    if (!search.places.length) {
      before = null;
      continue;
    }
    const rounds = ROUNDS[Math.min(place, ROUNDS.length - 1)];
    for (let round = 0; round < rounds; round++) {
      for (let sweep = 0; sweep < SWEEPS; sweep++) search.sweep((round + sweep) % 2 === 1);
      search.vote();
    }
    before = search;
  }
  return before ? before.found() : new Int32Array(width * height).fill(-1);
}

/** @typedef {{colours: Float32Array, unknown: Uint8Array, width: number, height: number}} Level */

/** Half as large; a place is unknown where any of its four is. @param {Level} level @returns {Level} */
function halved({ colours, unknown, width, height }) {
  const [w, h] = [width >> 1, height >> 1];
  const half = { colours: new Float32Array(w * h * 3), unknown: new Uint8Array(w * h), width: w, height: h };
  for (let y = 0, to = 0; y < h; y++) {
    for (let x = 0; x < w; x++, to++) {
      for (let i = 0; i < 4; i++) {
        const from = (2 * y + (i >> 1)) * width + 2 * x + (i & 1);
        if (unknown[from]) half.unknown[to] = 1;
        for (let c = 0; c < 3; c++) half.colours[to * 3 + c] += colours[from * 3 + c] / 4;
      }
    }
  }
  return half;
}

/**
 * In each row, from what is known at the one side of a hole to what is at the other: a horizon goes on.
 * @param {Float32Array} colours (height * width * 3), filled in place
 * @param {Uint8Array} unknown
 * @param {number} width
 * @param {number} height
 */
function acrossHoles(colours, unknown, width, height) {
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!unknown[y * width + x]) continue;
      const left = x - 1;
      while (x < width && unknown[y * width + x]) x++;
      const [from, to] = [left >= 0 ? left : x, x < width ? x : left];
      if (from < 0 || to < 0 || from >= width) continue;
      for (let i = left + 1; i < x; i++) {
        const share = to === from ? 0 : (i - from) / (to - from);
        for (let c = 0; c < 3; c++) {
          const [one, other] = [colours[(y * width + from) * 3 + c], colours[(y * width + to) * 3 + c]];
          colours[(y * width + i) * 3 + c] = one + (other - one) * share;
        }
      }
    }
  }
}

/** xorshift: the same numbers each time. */
function generator() {
  let state = 0x9e3779b9;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

class Search {
  /** @param {Level} level @param {() => number} random @param {Search | null} coarser */
  constructor({ colours, unknown, width, height }, random, coarser) {
    Object.assign(this, { width, height, unknown, random });
    this.width = width;
    this.height = height;
    this.unknown = unknown;
    this.random = random;
    this.colours = diffused(colours, unknown, width, height);
    if (!coarser) acrossHoles(this.colours, unknown, width, height);
    /** Whether a whole piece about it is known. */
    this.isWhole = new Uint8Array(width * height);
    /** @type {number[]} */
    const whole = [];
    /** Places whose piece touches the hole. @type {number[]} */
    const places = [];
    for (let y = REACH; y < height - REACH; y++) {
      for (let x = REACH; x < width - REACH; x++) {
        const at = y * width + x;
        if (this.touches(x, y)) places.push(at);
        else {
          this.isWhole[at] = 1;
          whole.push(at);
        }
      }
    }
    this.places = whole.length ? places : [];
    this.source = new Int32Array(width * height).fill(-1);
    this.cost = new Float32Array(width * height).fill(Infinity);
    for (const at of this.places) {
      this.source[at] = whole[Math.floor(random() * whole.length)];
      const hint = coarser?.hint(at % width, Math.floor(at / width), this) ?? -1;
      if (hint >= 0) this.source[at] = hint;
    }
    if (coarser && this.places.length) this.vote(false);
  }

  /** @param {number} x @param {number} y */
  touches(x, y) {
    for (let j = -REACH; j <= REACH; j++) {
      const row = (y + j) * this.width + x;
      for (let i = -REACH; i <= REACH; i++) if (this.unknown[row + i]) return true;
    }
    return false;
  }

  /**
   * What this coarser search found for a place of a finer one.
   * @param {number} x
   * @param {number} y
   * @param {Search} finer
   */
  hint(x, y, finer) {
    const px = Math.min(this.width - 1, x >> 1), py = Math.min(this.height - 1, y >> 1);
    const source = this.source[py * this.width + px];
    if (source < 0) return -1;
    const fx = x + 2 * ((source % this.width) - px), fy = y + 2 * (Math.floor(source / this.width) - py);
    return fx >= 0 && fy >= 0 && fx < finer.width && fy < finer.height && finer.isWhole[fy * finer.width + fx]
      ? fy * finer.width + fx : -1;
  }

  /**
   * How unlike two pieces are; more than `most` is not counted to the end.
   * @param {number} at
   * @param {number} source
   * @param {number} most
   */
  differ(at, source, most) {
    const { colours, width } = this;
    const dx = (at % width) - (source % width), dy = Math.floor(at / width) - Math.floor(source / width);
    let sum = (ASIDE * dx * dx + ABOVE * dy * dy) / (Math.max(width, this.height) ** 2);
    for (let j = -REACH; j <= REACH && sum < most; j++) {
      let a = (at + j * width - REACH) * 3, b = (source + j * width - REACH) * 3;
      for (let i = 0; i < 3 * (2 * REACH + 1); i++, a++, b++) {
        const by = colours[a] - colours[b];
        sum += by * by;
      }
    }
    return sum;
  }

  /** @param {number} at @param {number} source */
  tryFor(at, source) {
    const cost = this.differ(at, source, this.cost[at]);
    if (cost >= this.cost[at]) return;
    this.cost[at] = cost;
    this.source[at] = source;
  }

  /** Each place tries what its neighbours found, and a few at random about its own. @param {boolean} isBack */
  sweep(isBack) {
    const { places, source, isWhole, width, height, random } = this;
    const step = isBack ? 1 : -1;
    for (let i = 0; i < places.length; i++) {
      const at = places[isBack ? places.length - 1 - i : i];
      this.cost[at] = this.differ(at, source[at], Infinity);
      for (const by of [step, step * width]) {
        const beside = source[at + by];
        if (beside >= 0 && isWhole[beside - by] && beside !== source[at] + by) this.tryFor(at, beside - by);
      }
      const x = source[at] % width, y = Math.floor(source[at] / width);
      for (let range = Math.max(width, height) / 2; range >= 1; range /= 2) {
        const tx = Math.round(x + (2 * random() - 1) * range), ty = Math.round(y + (2 * random() - 1) * range);
        if (tx >= 0 && ty >= 0 && tx < width && ty < height && isWhole[ty * width + tx]) this.tryFor(at,
          ty * width + tx);
      }
    }
  }

  /**
   * The hole's colours: means of what the pieces over each place say, the likely ones more.
   * @param {boolean} isWeighted
   */
  vote(isWeighted = true) {
    const { places, source, cost, unknown, width, colours } = this;
    const sums = new Float32Array(colours.length);
    const weights = new Float32Array(unknown.length);
    let typical = 1;
    if (isWeighted) {
      const sorted = Float32Array.from(places, (at) => cost[at]).sort();
      typical = Math.max(1, sorted[Math.floor(sorted.length / 2)]);
    }
    for (const at of places) {
      const weight = isWeighted ? Math.exp(-cost[at] / typical) : 1;
      for (let j = -REACH; j <= REACH; j++) {
        for (let i = -REACH; i <= REACH; i++) {
          const to = at + j * width + i;
          if (!unknown[to]) continue;
          const from = (source[at] + j * width + i) * 3;
          weights[to] += weight;
          for (let c = 0; c < 3; c++) sums[to * 3 + c] += weight * colours[from + c];
        }
      }
    }
    for (let at = 0; at < unknown.length; at++) {
      if (!weights[at]) continue;
      for (let c = 0; c < 3; c++) colours[at * 3 + c] = sums[at * 3 + c] / weights[at];
    }
  }

  /** (height * width): at the picture's border, where no piece fits, what the nearest place found, moved along. */
  found() {
    const { width, height, unknown, source } = this;
    const all = new Int32Array(width * height).fill(-1);
    for (let y = 0, at = 0; y < height; y++) {
      for (let x = 0; x < width; x++, at++) {
        if (!unknown[at]) continue;
        const nx = Math.min(width - 1 - REACH, Math.max(REACH, x)),
          ny = Math.min(height - 1 - REACH, Math.max(REACH, y));
        const from = source[ny * width + nx];
        if (from < 0) continue;
        const tx = (from % width) + x - nx, ty = Math.floor(from / width) + y - ny;
        const to = ty * width + tx;
        all[at] = unknown[to] ? from : to;
      }
    }
    return all;
  }
}
