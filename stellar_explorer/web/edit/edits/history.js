/**
 * The list of edits and its past: plain values as a recipe has them, no DOM.
 * An edit: {edit: "move", tokens, dx, dy} | {edit: "erase" or "withdraw", tokens} | {edit: "clone", tokens, dx, dy}
 * | {edit: "scale", tokens, by} | {edit: "strengthen", tokens, by} | {edit: "swap_what", tokens, others, photo}
 * | {edit: "swap_where", photo} | {edit: "morph", photo, what, where}
 */

/** @typedef {import("../cutout/layout.js").Edit} Edit */

const MOST_STATES = 300;
/** @param {number} value */
const round = (value) => Number(value.toFixed(6));
/** @param {number[]} one @param {number[]} other */
const isSame = (one, other) => one.length === other.length && one.every((token) => other.includes(token));

/** Undo and redo. What one gesture does, as a drag or a slider's way, is one step. */
export class History {
  /** @param {Edit[]} [edits] to begin with */
  constructor(edits = []) {
    /** @type {Edit[][]} */
    this.states = edits.length ? [[], edits] : [[]];
    this.at = this.states.length - 1;
    /** @type {string | null} */
    this.gesture = null;
  }

  get edits() {
    return this.states[this.at];
  }

  get canUndo() {
    return this.at > 0;
  }

  get canRedo() {
    return this.at < this.states.length - 1;
  }

  /**
   * @param {Edit[]} edits
   * @param {string | null} [gesture]  what changes of one gesture have in common; null for a change by itself
   */
  commit(edits, gesture = null) {
    const goesOn = gesture !== null && gesture === this.gesture && this.at > 0;
    this.states.splice(goesOn ? this.at : this.at + 1, Infinity, edits);
    if (this.states.length > MOST_STATES) this.states.shift();
    this.at = this.states.length - 1;
    this.gesture = gesture;
  }

  undo() {
    this.at = Math.max(0, this.at - 1);
    this.gesture = null;
  }

  redo() {
    this.at = Math.min(this.states.length - 1, this.at + 1);
    this.gesture = null;
  }

  /** The server has refused what was done last: it never was. */
  reject() {
    if (this.at === 0) return;
    this.states.splice(this.at, Infinity);
    this.at -= 1;
    this.gesture = null;
  }
}

/** @param {Edit[]} edits @param {string} kind @param {number[]} tokens */
const lastOf = (edits, kind, tokens) => {
  const last = edits.at(-1);
  return last?.edit === kind && isSame(last.tokens ?? [], tokens) ? last : null;
};

/**
 * Moves of the same concepts, one after the other, are one move.
 * @param {Edit[]} edits
 * @param {number[]} tokens
 * @param {number} dx
 * @param {number} dy
 * @returns {Edit[]}
 */
export function withMove(edits, tokens, dx, dy) {
  const last = lastOf(edits, "move", tokens);
  const before = last ? edits.slice(0, -1) : edits;
  const clip = (/** @type {number} */ value) => Math.min(1, Math.max(-1, round(value)));
  const move = { edit: "move", tokens, dx: clip((last?.dx ?? 0) + dx), dy: clip((last?.dy ?? 0) + dy) };
  return move.dx || move.dy ? [...before, move] : before;
}

/**
 * How large or strong the concepts are made by the edits of just them: what a slider shows.
 * @param {Edit[]} edits @param {"scale" | "strengthen"} kind @param {number[]} tokens
 */
export function totalOf(edits, kind, tokens) {
  const own = edits.filter((edit) => edit.edit === kind && isSame(edit.tokens ?? [], tokens));
  return kind === "scale" ? own.reduce((total, { by = 1 }) => total * by, 1)
    : own.reduce((total, { by = 0 }) => total + by, 0);
}

/**
 * The edits after which that total is `total`.
 * @param {Edit[]} edits
 * @param {"scale" | "strengthen"} kind
 * @param {number[]} tokens
 * @param {number} total
 * @returns {Edit[]}
 */
export function withTotal(edits, kind, tokens, total) {
  const last = lastOf(edits, kind, tokens);
  const before = last ? edits.slice(0, -1) : edits;
  const had = totalOf(before, kind, tokens);
  const by = round(kind === "scale" ? total / had : total - had);
  const isNothing = kind === "scale" ? by === 1 : by === 0;
  return isNothing ? before : [...before, { edit: kind, tokens, by }];
}

/**
 * The two sliders of a morph towards one photo, one after the other, are one morph.
 * @param {Edit[]} edits
 * @param {string} photo
 * @param {number} what
 * @param {number} where
 * @returns {Edit[]}
 */
export function withMorph(edits, photo, what, where) {
  const last = edits.at(-1);
  const before = last?.edit === "morph" && last.photo === photo ? edits.slice(0, -1) : edits;
  return what || where ? [...before, { edit: "morph", photo, what: round(what), where: round(where) }] : before;
}

/**
 * Without one edit. The copies that it made are gone from the later ones, copies of copies too; the others' numbers
 * move
 * up, and an edit of which nothing is left goes.
 * @param {Edit[]} edits
 * @param {number} place
 * @param {number} numTokens
 */
export function without(edits, place, numTokens) {
  /** Of each token there was: its number now, or null. @type {(number | null)[]} */
  const numbers = Array.from({ length: numTokens }, (_, token) => token);
  let next = numTokens;
  /** @type {Edit[]} */
  const kept = [];
  edits.forEach((edit, at) => {
    const renumbered = (/** @type {number[]} */ tokens) => tokens.flatMap((token) => numbers[token] ?? []);
    const left = edit.tokens && renumbered(edit.tokens);
    if (edit.edit === "clone") {
      for (const token of edit.tokens ?? []) numbers.push(at === place || numbers[token] === null ? null : next++);
    }
    if (at === place || left?.length === 0) return;
    const others = edit.others && !edit.photo ? renumbered(edit.others) : edit.others;
    if (others?.length === 0) return;
    kept.push({ ...edit, ...(left ? { tokens: left } : {}), ...(others ? { others } : {}) });
  });
  return kept;
}
