/**
 * One photo that is being edited: its study, what is chosen, the edits with their past, and the photos they take
 * from.
 */

import { openGrid, tokensByMass } from "../drawing/factorization.js";
import { conceptWords } from "../shared/names.js";
import { Cutouts } from "./cutout/cutouts.js";
import { History, totalOf, withMorph, withMove, withTotal, without } from "./edits/history.js";
import { layoutOf } from "./cutout/layout.js";

/**
 * @typedef {import("./cutout/layout.js").Edit} Edit
 * @typedef {import("../shared/server.js").Study} Study
 * @typedef {import("./other.js").Source} Source
 */

const COPY_STEP = 0.15;
const [LEAST_SIZE, MOST_SIZE] = [0.25, 4];
const SLIDING = 900;

export class Work {
  /** @param {Study} study @param {{changed: () => void, better: () => void}} on @param {Edit[]} [edits] */
  constructor(study, on, edits = []) {
    this.on = on;
    this.history = new History(edits);
    /** Photos that edits take from, by their names in a recipe. @type {Map<string, Source>} */
    this.sources = new Map();
    /** @type {{edits: Edit[] | null, layout: import("./cutout/layout.js").Layout}} */
    this.laid = { edits: null, layout: { pieces: [], lifted: [], origins: [], gone: new Set() } };
    /** The chosen. @type {number[]} */
    this.tokens = [];
    this.gestures = 0;
    /** @type {{gesture: string, from: Edit[]} | null} */
    this.dragged = null;
    /** Again where the server had lost it. @type {Study} */
    this.study = study;
    const { analysis, arrays, image } = study;
    this.order = tokensByMass(analysis.concepts);
    /** @type {string[]} */
    this.words = conceptWords(analysis.concepts);
    this.cutouts = new Cutouts(image, openGrid(analysis, arrays), {
      onbetter: on.better, other: (name) => this.sources.get(name)?.cutouts ?? null,
    });
  }

  /** @returns {Edit[]} */
  get edits() {
    return this.history.edits;
  }

  get numTokens() {
    return this.study.analysis.num_tokens;
  }

  get layout() {
    if (this.laid.edits !== this.edits) this.laid = { edits: this.edits,
      layout: layoutOf(this.edits, this.study.analysis.concepts) };
    return this.laid.layout;
  }

  /** What the model is asked to draw. @returns {import("./server.js").Wanted} */
  get wanted() {
    const { edits, sources, study } = this;
    const used = edits.flatMap(({ photo }) => (photo ? [photo] : []));
    return { study: study.analysis.token, edits, photos: Object.fromEntries(
      used.map((name) => [name, sources.get(name)?.study.analysis.token ?? ""])) };
  }

  /** The first of the chosen, as a concept of the photo. @returns {number | null} */
  get lead() {
    return this.layout.origins[this.tokens[0]] ?? null;
  }

  /** Those of the chosen that are where the photo has them. */
  get still() {
    const away = new Set(this.layout.lifted.flat());
    return this.tokens.filter((token) => token < this.numTokens && !away.has(token));
  }

  /** The chosen cut-outs as they lie now. */
  get placed() {
    const { tokens, still, cutouts, layout: { pieces } } = this;
    const own = still.length ? cutouts.cut(still) : null;
    const moved = pieces.filter((piece) => piece.tokens.some((token) => tokens.includes(token)))
      .flatMap((piece) => cutouts.placed(piece) ?? []);
    return own ? [{ cutout: own, scale: 1, right: 0, down: 0 }, ...moved] : moved;
  }

  /** What a drag of the chosen will need, so that it begins at once. */
  prepare() {
    if (this.still.length) this.cutouts.hole([...this.layout.lifted, this.still]);
  }

  /** In the row: by mass, and copies at the end. */
  get row() {
    return [...this.order, ...this.layout.origins.map((_, token) => token).slice(this.numTokens)];
  }

  // ---- edits ----

  /** @param {Edit[]} edits @param {string | null} [gesture] */
  commit(edits, gesture = null) {
    this.history.commit(edits, gesture);
    this.settle();
  }

  /** @param {"undo" | "redo" | "reject"} how */
  go(how) {
    this.history[how]();
    this.settle();
  }

  /** What is gone is not chosen any more. */
  settle() {
    const { origins, gone } = this.layout;
    this.tokens = this.tokens.filter((token) => token < origins.length && !gone.has(token));
    this.on.changed();
  }

  /** A slider's way, or keys pressed in a row, are one gesture. @param {string} name */
  sliding(name) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => (this.gestures += 1), SLIDING);
    return `${name}/${this.tokens}/${this.gestures}`;
  }

  /** All of a drag counts from where it began. @param {number} right @param {number} down @param {string} gesture */
  drag(right, down, gesture) {
    if (!this.tokens.length) return;
    if (this.dragged?.gesture !== gesture) this.dragged = { gesture, from: this.edits };
    this.commit(withMove(this.dragged.from, this.tokens, right, down), gesture);
  }

  /** By patches. @param {number} right @param {number} down */
  nudge(right, down) {
    const { rows, cols } = this.cutouts.grid;
    if (this.tokens.length) this.commit(withMove(this.edits, this.tokens, right / cols, down / rows),
      this.sliding("keys"));
  }

  erase() {
    if (this.tokens.length) this.commit([...this.edits, { edit: "erase", tokens: this.tokens }]);
  }

  /** The copies are what is chosen then. */
  clone() {
    const { tokens, layout: { origins } } = this;
    if (!tokens.length) return;
    const isLeft = this.study.analysis.concepts[origins[tokens[0]]].centroid[0] < 0.6;
    const edits = [...this.edits, { edit: "clone", tokens, dx: isLeft ? COPY_STEP : -COPY_STEP, dy: 0 }];
    this.tokens = tokens.map((_, place) => origins.length + place);
    this.commit(edits);
  }

  get size() {
    return this.tokens.length ? totalOf(this.edits, "scale", this.tokens) : 1;
  }

  get strength() {
    return this.tokens.length ? totalOf(this.edits, "strengthen", this.tokens) : 0;
  }

  /** @param {number} total @param {string | null} [gesture] */
  scale(total, gesture = null) {
    if (!this.tokens.length) return;
    const bounded = Math.min(MOST_SIZE, Math.max(LEAST_SIZE, total));
    this.commit(withTotal(this.edits, "scale", this.tokens, bounded), gesture ?? this.sliding("scale"));
  }

  /** @param {number} total */
  strengthen(total) {
    if (this.tokens.length) this.commit(withTotal(this.edits, "strengthen", this.tokens, total),
      this.sliding("strengthen"));
  }

  /** @param {string} photo @param {number[]} others */
  swapWhat(photo, others) {
    if (this.tokens.length && others.length) this.commit(
      [...this.edits, { edit: "swap_what", tokens: this.tokens, others, photo }]);
  }

  /** @param {string} photo */
  swapWhere(photo) {
    this.commit([...this.edits, { edit: "swap_where", photo }]);
  }

  /** @param {string} photo @param {number} what @param {number} where */
  morph(photo, what, where) {
    this.commit(withMorph(this.edits, photo, what, where), this.sliding(`morph/${photo}`));
  }

  /** @param {number} place */
  remove(place) {
    this.commit(without(this.edits, place, this.numTokens));
  }

  // ---- photos to take from ----

  /** A name that no other photo has in a recipe. @param {Source["study"]} study */
  nameFor(study) {
    const same = [...this.sources].find(([, source]) => source.study.photo.token === study.photo.token)?.[0];
    if (same) return same;
    const stem = study.photo.example ?? "photo";
    let name = stem;
    for (let number = 2; this.sources.has(name); number++) name = `${stem}-${number}`;
    return name;
  }

  /** What a reload is to keep: the edits, and how the photos they take from are asked for. */
  get kept() {
    const sources = [...this.sources].filter(([name]) => this.edits.some(({ photo }) => photo === name));
    return { edits: this.edits, sources: Object.fromEntries(
      sources.map(([name, { asked, title }]) => [name, { asked, title }])) };
  }

  /** What the list of edits and the row of chips call things. */
  get known() {
    return {
      origins: this.layout.origins, words: this.words, palette: this.study.analysis.palette,
      concepts: this.study.analysis.concepts,
      titleOf: (/** @type {string} */ name) => this.sources.get(name)?.title ?? name,
      otherWords: (/** @type {string} */ name) => this.sources.get(name)?.words ?? [],
    };
  }
}
