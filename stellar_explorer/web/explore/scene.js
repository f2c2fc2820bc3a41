/** A study as Explore draws it: grids, the order and words of its concepts, and what lies over the pictures. */

import {
  isInside, maskShare, openGrid, similarityTo, strongestTokens, tokensByMass,
} from "../drawing/factorization.js";
import { Overlay } from "../drawing/layers.js";
import { conceptWords, namesInWords } from "../shared/names.js";

/** @typedef {import("./address.js").View} View @typedef {import("../shared/server.js").Study} Study */
/** @typedef {import("../drawing/factorization.js").Grid} Grid @typedef {import("../shared/names.js").Name} Name */

const MOST_OF_A_THING = 0.5; // of the photo: what covers more is not lit first

let opened = 0;

/**
 * The concept that is lit before anybody points: the most object-like; where nothing has ranked them, the heaviest that
 * covers less than half of the photo and lies inside of it.
 * @param {{salience?: number, mass: number}[]} concepts @param {Grid} grid
 */
export function firstLit(concepts, grid) {
  const ranked = concepts.findIndex(({ salience }) => salience === 0);
  if (ranked >= 0) return ranked;
  const order = tokensByMass(concepts);
  return order.find((token) => maskShare(grid, token) < MOST_OF_A_THING && isInside(grid, token)) ?? order[0];
}

/**
 * The most object-like first; by mass where nothing has ranked them.
 * @param {{salience?: number, mass: number}[]} concepts
 */
export function orderOf(concepts) {
  const order = tokensByMass(concepts);
  const rank = (/** @type {number} */ token) => concepts[token].salience ?? Infinity;
  return concepts.some(({ salience }) => salience !== undefined) ? order.sort((a, b) => rank(a) - rank(b)) : order;
}

export class Scene {
  /** @param {Study} study @param {boolean} isFinal  whether no sharper one is on its way */
  constructor({ photo, analysis, image, arrays, received }, isFinal) {
    this.photo = photo;
    this.analysis = analysis;
    this.image = image;
    this.arrays = arrays;
    this.received = received;
    this.isFinal = isFinal;
    this.key = `${analysis.token}/${opened += 1}`;
    this.grid = openGrid(analysis, arrays);
    this.coarse = analysis.coarse ? openGrid(analysis, arrays, ".coarse") : null;
    this.byMass = tokensByMass(analysis.concepts);
    this.order = orderOf(analysis.concepts);
    this.words = conceptWords(analysis.concepts);
    /** @type {string[]} */
    this.names = [];
    this.overlay = new Overlay();
    this.kept = { count: 0, strongest: this.grid.strongest };
    this.similar = { patch: -1, field: new Float32Array(0) };
  }

  get numTokens() {
    return this.analysis.num_tokens;
  }

  /** What the concepts are called has come. @param {Name[][]} names */
  name(names) {
    this.words = conceptWords(this.analysis.concepts, names);
    this.names = names.map((one) => namesInWords(one));
  }

  /** As layers draw it. @param {View} view */
  drawn(view) {
    const { analysis, image, arrays, key, grid, coarse, words, names } = this;
    const known = analysis.bases.map((/** @type {any} */ { name }) => name);
    return {
      analysis, image, arrays, key, grid, coarse, words, names, tokens: this.tokens(view),
      basis: known.includes(view.basis) ? view.basis : known[0], smooth: view.style === "smooth",
    };
  }

  /** Those kept, by falling mass. @param {View} view */
  tokens({ kept }) {
    return kept === null ? this.byMass : this.byMass.slice(0, kept);
  }

  /** Those kept, in the order of the chips. @param {View} view */
  steps(view) {
    const kept = new Set(this.tokens(view));
    return this.order.filter((token) => kept.has(token));
  }

  /** @param {number} patch @param {View} view */
  strongestAt(patch, view) {
    const tokens = this.tokens(view);
    if (tokens.length === this.numTokens) return this.grid.strongest[patch];
    if (this.kept.count !== tokens.length) {
      const { codes, peak, numPatches } = this.grid;
      this.kept = { count: tokens.length, strongest: strongestTokens(codes, peak, tokens, numPatches) };
    }
    return this.kept.strongest[patch];
  }

  /** A concept's share of one patch. @param {number} token @param {number} patch */
  shareAt(token, patch) {
    return (this.grid.codes[token * this.grid.numPatches + patch] * this.grid.peak[token]) / 255;
  }

  /**
   * What lies over the pictures in a frame: the concept, or what is similar to the patch pointed at.
   * @param {View} view @param {{token: number | null, pointed: import("./pointing.js").Pointed | null, isSimilar:
   *   boolean}} what
   * @returns {import("../drawing/panels.js").Lit}
   */
  lit({ opacity, threshold, show, style }, { token, pointed, isSimilar }) {
    if (isSimilar && pointed) {
      const { similarity, similarity_scale: scale } = this.arrays;
      if (this.similar.patch !== pointed.patch) {
        this.similar = { patch: pointed.patch, field: similarityTo(similarity, scale, pointed.patch) };
      }
      const { field } = this.similar;
      const key = `${this.key}/similarity/${pointed.patch}/${opacity}/${style}`;
      const scene = { grid: this.grid, analysis: this.analysis, smooth: style === "smooth" };
      return {
        pointed,
        render: (width, height) =>
          this.overlay.render({ kind: "similarity", field }, scene, opacity, width, height, key),
      };
    }
    if (token === null) return { pointed };
    /** @type {import("../drawing/layers.js").Spec} */
    const spec = { kind: show, token, threshold };
    const key = `${this.key}/${show}/${token}/${threshold}/${opacity}/${style}`;
    const scene = { grid: this.grid, analysis: this.analysis, smooth: style === "smooth" };
    return {
      pointed, colour: this.analysis.palette[token],
      render: (width, height) => this.overlay.render(spec, scene, opacity, width, height, key),
      renderOn: (overlay, half, width, height) =>
        overlay.render(spec, half, opacity, width, height, `${half.key}/${key}`),
    };
  }
}
