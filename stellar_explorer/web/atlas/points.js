/** The concepts of a map as typed arrays: what they are coloured by, which are lit, and which lie under a place. */

import { resolveAddress } from "../shared/package.js";

export const NONE = 65535;
const VIEWS = { uint8: Uint8Array, uint16: Uint16Array, float32: Float32Array, float64: Float64Array };
const CELLS = 192;
const MOST_COLOURS = 24;
const OTHER = "#a39b90";
/** The colour of what is not lit, on the map's paper. */
export const DIMMED = { light: "#d9d5ce", dark: "#3d3934" };
const RAMP = ["#b9c6ea", "#93a7e0", "#6d87d3", "#4a67bd", "#35509e", "#22377a"];
const RAMP_DARK = ["#3b466f", "#52639c", "#6d82c6", "#8ba0e4", "#adbef5", "#dbe3ff"];

/** What the map can be coloured by. Codes past the palette, and concepts without a value, are grey. */
export const FIELDS = {
  cluster: { label: "Cluster", hint: "Groups of concepts that the model sees as alike." },
  source: { label: "Source", hint: "Where the photo comes from: its folder or data set." },
  label: { label: "Label", hint: "The photo's own label." },
  mass: { label: "Mass", hint: "How much of its photo a concept takes up." },
  name: { label: "Name", hint: "The word suggested first, by a classifier of 1,000 ImageNet classes." },
};

export async function fetchPoints(manifest) {
  const response = await fetch(resolveAddress(manifest.address));
  if (!response.ok) throw new Error(await response.text());
  return new Points(manifest, await response.arrayBuffer());
}

export class Points {
  constructor(manifest, buffer) {
    this.manifest = manifest;
    this.length = manifest.num_points;
    for (const [name, { dtype, shape, offset }] of Object.entries(manifest.arrays)) {
      this[name] = new VIEWS[dtype](buffer, offset, shape.reduce((product, side) => product * side, 1));
    }
    this.massClass = Uint16Array.from(this.mass, (mass) => manifest.masses.filter((bound) => mass >= bound).length);
    this.rowOf = new Map();
    this.id.forEach((id, row) => this.rowOf.set(id, row));
    this.buildGrid();
  }

  /** Those fields that tell anything here. */
  get fields() {
    const { labels, names, sources } = this.manifest;
    const isThere = { label: labels.length > 0, name: names.length > 0, source: sources.length > 1 };
    return Object.keys(FIELDS).filter((field) => isThere[field] ?? true);
  }

  codes(field) {
    return field === "mass" ? this.massClass : this[field];
  }

  /** -> [{code, label, colour}], in the legend's order. */
  categories(field, isDark) {
    const { manifest } = this;
    if (field === "cluster") {
      return manifest.clusters.map((cluster, code) => ({
        code, label: clusterName(cluster, code), colour: manifest.palette[cluster.colour],
      }));
    }
    if (field === "mass") {
      const bounds = manifest.masses.map((bound) => `${Math.round(bound * 100)}`);
      const labels = bounds.map((bound, place) => (place ? `${bounds[place - 1]} to ${bound} %` : `under ${bound} %`));
      const ramp = isDark ? RAMP_DARK : RAMP;
      return [...labels, `${bounds.at(-1)} % and more`].map((label, code) => ({ code, label, colour: ramp[code] }));
    }
    const words = manifest[`${field}s`];
    const colour = (code) => (code < Math.min(MOST_COLOURS, manifest.palette.length) ? manifest.palette[code] : OTHER);
    const categories = words.map((label, code) => ({ code, label, colour: colour(code) }));
    const isMissing = this.codes(field).includes(NONE);
    return isMissing ? [...categories, { code: NONE, label: field === "name" ? "no name suggested" : "none", colour: OTHER }] : categories;
  }

  /** How many of these rows (null: all) have each code -> Map. */
  counts(field, rows) {
    const codes = this.codes(field);
    const counts = new Uint32Array(NONE + 1);
    if (rows) for (const row of rows) counts[codes[row]] += 1;
    else for (let row = 0; row < this.length; row += 1) counts[codes[row]] += 1;
    return counts;
  }

  photosOf(rows) {
    const photos = new Set();
    for (const row of rows) photos.add(this.photo[row]);
    return photos.size;
  }

  rowsWith(field, code) {
    const codes = this.codes(field);
    const rows = [];
    for (let row = 0; row < this.length; row += 1) if (codes[row] === code) rows.push(row);
    return Uint32Array.from(rows);
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
    this.cellStart = counts.slice();
    this.cellRows = new Uint32Array(this.length);
    for (let row = 0; row < this.length; row += 1) this.cellRows[counts[cellOf[row]]++] = row;
  }

  /** Rows within a rectangle of the map, as far as its cells tell; at most `most`, or null if there are more. */
  rowsIn(left, bottom, right, top, most = Infinity) {
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

  /** The row nearest to a place within a radius, of those that `passes(row)`; -1 if there is none. */
  nearest(x, y, radius, passes) {
    let best = -1;
    let least = radius * radius;
    for (const row of this.rowsIn(x - radius, y - radius, x + radius, y + radius)) {
      const squared = (this.position[2 * row] - x) ** 2 + (this.position[2 * row + 1] - y) ** 2;
      if (squared <= least && passes(row)) {
        best = row;
        least = squared;
      }
    }
    return best;
  }

  /** Rows inside a closed line of [x, y], in their order. */
  rowsInside(line) {
    const xs = line.map(([x]) => x);
    const ys = line.map(([, y]) => y);
    const found = this.rowsIn(Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys));
    const inside = found.filter((row) => isInside(this.position[2 * row], this.position[2 * row + 1], xs, ys));
    return Uint32Array.from(inside).sort();
  }
}

function cellAt(coordinate) {
  return Math.min(CELLS - 1, Math.max(0, Math.floor(((coordinate + 1) / 2) * CELLS)));
}

function isInside(x, y, xs, ys) {
  let inside = false;
  for (let here = 0, before = xs.length - 1; here < xs.length; before = here, here += 1) {
    if (ys[here] > y !== ys[before] > y && x < ((xs[before] - xs[here]) * (y - ys[here])) / (ys[before] - ys[here]) + xs[here]) inside = !inside;
  }
  return inside;
}

/** "3 · tabby, tiger cat": a number to speak of, and the words that its concepts are most often given. */
export function clusterName(cluster, code) {
  const words = cluster.names.filter(([, share]) => share >= 0.08).slice(0, 2).map(([word]) => word);
  return words.length ? `${code + 1} · ${words.join(", ")}` : `${code + 1} · no name suggested`;
}
