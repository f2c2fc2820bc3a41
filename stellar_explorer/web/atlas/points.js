/** The concepts of a map as typed arrays: their values, and which lie under a place. Pure. */

import { NONE, clusterLabels } from "./fields.js";

/** @type {Record<string, any>} */
const VIEWS = { uint8: Uint8Array, uint16: Uint16Array, float32: Float32Array, float64: Float64Array };
const CELLS = 192;
const COARSE = 6; // cells a unit of the map, for where a cluster is thickest

/**
 * @typedef {Uint8Array | Uint16Array} Codes
 * @typedef {{left: number, bottom: number, right: number, top: number}} Bounds
 */

export class Points {
  /** @param {any} manifest @param {ArrayBuffer} buffer */
  constructor(manifest, buffer) {
    const array = (/** @type {string} */ name) => {
      const { dtype, shape, offset } = manifest.arrays[name];
      return new VIEWS[dtype](
        buffer, offset, shape.reduce((/** @type {number} */ product, /** @type {number} */ side) => product * side, 1),
      );
    };
    this.manifest = manifest;
    /** @type {number} */
    this.length = manifest.num_points;
    /** @type {Float64Array} */
    this.id = array("id");
    /** x, y in turn. @type {Float32Array} */
    this.position = array("position");
    /** @type {Float64Array} */
    this.photo = array("photo");
    /** @type {Float32Array} */
    this.mass = array("mass");
    /** @type {Uint16Array} */
    this.token = array("token");
    const massClass = Uint16Array.from(
      this.mass, (mass) => manifest.masses.filter((/** @type {number} */ bound) => mass >= bound).length,
    );
    /** @type {Record<string, Uint16Array>} */
    this.values = {
      cluster: array("cluster"), label: array("label"), source: array("source"), name: array("name"), mass: massClass,
    };
    this.labels = clusterLabels(manifest.clusters);
    /** @type {Map<number, number>} */
    this.rowOf = new Map();
    this.id.forEach((id, row) => this.rowOf.set(id, row));
    /** @type {Map<string, Uint32Array>} */
    this.rowsOf = new Map();
    this.bounds = boundsOf(this.position);
    this.anchors = manifest.clusters.map((/** @type {any} */ _, /** @type {number} */ code) =>
      thickestOf(this.position, this.rowsWith("cluster", code)),
    );
    this.cellStart = new Uint32Array(CELLS * CELLS + 1);
    this.cellRows = new Uint32Array(this.length);
    this.buildGrid();
  }

  /** @param {string} field */
  codes(field) {
    return this.values[field];
  }

  /** @param {number} row */
  clusterOf(row) {
    return this.values.cluster[row];
  }

  /** The likeliest name, or null. @param {number} row @returns {string | null} */
  nameOf(row) {
    const code = this.values.name[row];
    return code === NONE ? null : this.manifest.names[code];
  }

  /** Those fields that tell anything here. @param {string[]} all */
  telling(all) {
    const { labels, names, sources } = this.manifest;
    /** @type {Record<string, boolean>} */
    const isThere = { label: labels.length > 0, name: names.length > 0, source: sources.length > 1 };
    return all.filter((field) => isThere[field] ?? true);
  }

  /** How many of these rows (null: all) have each code. @param {string} field @param {Uint32Array | null} rows */
  counts(field, rows) {
    const codes = this.codes(field);
    const counts = new Uint32Array(NONE + 1);
    if (rows) for (const row of rows) counts[codes[row]] += 1;
    else for (const code of codes) counts[code] += 1;
    return counts;
  }

  /** @param {Uint32Array} rows */
  numPhotos(rows) {
    const photos = new Set();
    for (const row of rows) photos.add(this.photo[row]);
    return photos.size;
  }

  /** @param {string} field @param {number} code @returns {Uint32Array} */
  rowsWith(field, code) {
    const key = `${field}/${code}`;
    const known = this.rowsOf.get(key);
    if (known) return known;
    const rows = Uint32Array.from(this.codes(field).keys()).filter((row) => this.codes(field)[row] === code);
    this.rowsOf.set(key, rows);
    return rows;
  }

  // --- under a place: rows sorted by the cells of a grid over the map ---

  buildGrid() {
    const counts = new Uint32Array(CELLS * CELLS + 1);
    const cellOf = new Uint16Array(this.length);
    for (let row = 0; row < this.length; row += 1) {
      const cell = cellAt(this.position[2 * row + 1]) * CELLS + cellAt(this.position[2 * row]);
      cellOf[row] = cell;
      counts[cell + 1] += 1;
    }
    for (let cell = 0; cell < CELLS * CELLS; cell += 1) counts[cell + 1] += counts[cell];
    this.cellStart.set(counts);
    for (let row = 0; row < this.length; row += 1) this.cellRows[counts[cellOf[row]]++] = row;
  }

  /**
   * Rows within a rectangle of the map; null if there are more than `most`.
   * @param {Bounds} bounds @param {number} [most]
   */
  rowsIn({ left, bottom, right, top }, most = Infinity) {
    const rows = [];
    for (let y = cellAt(bottom); y <= cellAt(top); y += 1) {
      const start = this.cellStart[y * CELLS + cellAt(left)];
      const end = this.cellStart[y * CELLS + cellAt(right) + 1];
      if (rows.length + end - start > most * 4) return null;
      for (let place = start; place < end; place += 1) {
        const row = this.cellRows[place];
        const x = this.position[2 * row];
        const at = this.position[2 * row + 1];
        if (x >= left && x <= right && at >= bottom && at <= top) rows.push(row);
      }
    }
    return rows.length > most ? null : rows;
  }

  /**
   * The row nearest to a place, of those that pass; -1 if there is none within the radius.
   * @param {number} x @param {number} y @param {number} radius @param {(row: number) => boolean} [passes]
   */
  nearest(x, y, radius, passes = () => true) {
    let best = -1;
    let least = radius * radius;
    for (const row of this.rowsIn({ left: x - radius, bottom: y - radius, right: x + radius, top: y + radius }) ?? []) {
      const squared = (this.position[2 * row] - x) ** 2 + (this.position[2 * row + 1] - y) ** 2;
      if (squared <= least && passes(row)) {
        best = row;
        least = squared;
      }
    }
    return best;
  }

  /** Rows inside a closed line, in their order. @param {number[][]} line */
  rowsInside(line) {
    const xs = line.map(([x]) => x);
    const ys = line.map(([, y]) => y);
    const found =
      this.rowsIn({ left: Math.min(...xs), bottom: Math.min(...ys), right: Math.max(...xs), top: Math.max(...ys) }) ??
      [];
    return Uint32Array.from(
      found.filter((row) => isInside(this.position[2 * row], this.position[2 * row + 1], xs, ys)),
    ).sort();
  }
}

/** @param {Float32Array} position @param {Iterable<number>} [rows] @returns {Bounds} */
export function boundsOf(position, rows = new Uint32Array(position.length / 2).keys()) {
  let [left, bottom, right, top] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const row of rows) {
    left = Math.min(left, position[2 * row]);
    right = Math.max(right, position[2 * row]);
    bottom = Math.min(bottom, position[2 * row + 1]);
    top = Math.max(top, position[2 * row + 1]);
  }
  return left <= right ? { left, bottom, right, top } : { left: -1, bottom: -1, right: 1, top: 1 };
}

/**
 * Where most of these lie, for a cluster may have several parts and nothing in the middle of them.
 * @param {Float32Array} position @param {Uint32Array} rows @returns {[number, number]}
 */
export function thickestOf(position, rows) {
  /** @type {Map<number, {count: number, x: number, y: number}>} */
  const cells = new Map();
  let best = { count: 0, x: 0, y: 0 };
  for (const row of rows) {
    const [x, y] = [position[2 * row], position[2 * row + 1]];
    const key = Math.floor(x * COARSE) * 4 * COARSE + Math.floor(y * COARSE);
    const cell = cells.get(key) ?? { count: 0, x: 0, y: 0 };
    cells.set(key, { count: cell.count + 1, x: cell.x + x, y: cell.y + y });
  }
  for (const cell of cells.values()) if (cell.count > best.count) best = cell;
  return [best.x / Math.max(1, best.count), best.y / Math.max(1, best.count)];
}

/** @param {number} coordinate */
function cellAt(coordinate) {
  return Math.min(CELLS - 1, Math.max(0, Math.floor(((coordinate + 1) / 2) * CELLS)));
}

/** @param {number} x @param {number} y @param {number[]} xs @param {number[]} ys */
function isInside(x, y, xs, ys) {
  let inside = false;
  for (let here = 0, before = xs.length - 1; here < xs.length; before = here, here += 1) {
    const isCrossed = ys[here] > y !== ys[before] > y;
    if (isCrossed && x < ((xs[before] - xs[here]) * (y - ys[here])) / (ys[before] - ys[here]) + xs[here])
      inside = !inside;
  }
  return inside;
}
