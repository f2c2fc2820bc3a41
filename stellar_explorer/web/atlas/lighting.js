/** What is lit: a chosen value, what a lasso holds and what a search finds, all of them at once. Pure. */

import { DIMMED, FIELDS, NONE, categories } from "./fields.js";
import { matchingRows } from "./search.js";

/**
 * @typedef {import("./points.js").Points} Points @typedef {import("./fields.js").Category} Category
 * @typedef {import("./address.js").AtlasView} AtlasView
 */

export class Lighting {
  field = "cluster"; // what the map is coloured by
  cluster = -1; // the one that is chosen
  /** Another value that is chosen. @type {{field: string, code: number} | null} */
  value = null;
  /** Rows inside the lasso. @type {Uint32Array | null} */
  selection = null;
  /** Rows that the search finds. @type {Uint32Array | null} */
  found = null;
  /** Photos' titles, once they are known. @type {Map<number, string>} */
  titles = new Map();
  /** @type {Points | null} */
  points = null;

  /** @param {Points} points @param {AtlasView} view */
  open(points, view) {
    this.points = points;
    this.titles = new Map();
    this.value = this.selection = null;
    this.take(view);
  }

  /** As far as it makes sense on this map. @param {AtlasView} view */
  take({ colour = "cluster", cluster = -1, search = "" }) {
    const points = /** @type {Points} */ (this.points);
    this.field = points.telling(Object.keys(FIELDS)).includes(colour) ? colour : "cluster";
    this.cluster = points.manifest.clusters[cluster] ? cluster : -1;
    if (this.value && this.value.field !== this.field) this.value = null;
    this.found = matchingRows(points, this.titles, search);
  }

  /** The code that is chosen of what the map is coloured by, or -1. */
  get chosen() {
    return this.field === "cluster" ? this.cluster : (this.value?.code ?? -1);
  }

  /** The rows that are lit, or null when all are. */
  get lit() {
    return this.rows(true);
  }

  /** The rows that the legend counts: of one of its own lines alone, it still tells of the others. */
  get counted() {
    return this.rows(false);
  }

  /** @param {boolean} withOwn  whether the legend's own line counts */
  rows(withOwn) {
    const { points, selection, found, cluster, value, field } = this;
    if (!points) return null;
    const wanted = [selection, found];
    if (cluster >= 0 && (withOwn || field !== "cluster")) wanted.push(points.rowsWith("cluster", cluster));
    if (value && withOwn) wanted.push(points.rowsWith(value.field, value.code));
    const [first, ...others] = wanted.filter((rows) => rows !== null);
    const sets = others.map((rows) => new Set(rows));
    return first ? first.filter((row) => sets.every((set) => set.has(row))) : null;
  }

  /** @param {Category[]} shown  of the field @param {boolean} isDark @returns {import("./map/map.js").Painting} */
  painting(shown, isDark) {
    const points = /** @type {Points} */ (this.points);
    const missing = shown.findIndex(({ code }) => code === NONE);
    const codes = points.codes(this.field).map((code) => (code === NONE ? missing : code));
    const rows = this.lit;
    const lit = new Uint8Array(points.length).fill(rows ? 0 : 1);
    const litClusters = rows && new Uint8Array(points.manifest.clusters.length);
    if (rows && litClusters) {
      for (const row of rows) {
        lit[row] = 1;
        litClusters[points.clusterOf(row)] = 1;
      }
    }
    const colours = shown.map(({ colour }) => colour);
    return {
      codes, lit, litClusters, colours, dim: DIMMED[isDark ? "dark" : "light"],
      clusterColours: this.field === "cluster" ? colours : null,
    };
  }

  /** @param {boolean} isDark */
  categories(isDark) {
    return categories(/** @type {Points} */ (this.points), this.field, isDark);
  }
}
