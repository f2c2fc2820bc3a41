/**
 * The question as the session has it: its photo and pinned concept are everybody's, the rest is Retrieve's view. Pure.
 *
 * view = {by, question: {about, word, box, rows, marks, isBrowsing}, least, filters, isAdjusting, find}
 *   by         what is asked with: a concept (the default), a box, or the whole photo
 *   question   what belongs to one photo alone, `about`; of another photo it says nothing
 *   find       what an address asks for, until it has been looked up
 */

import { isSamePhoto } from "../../shared/session.js";
import { sourceOf } from "./references.js";

/**
 * @typedef {import("../../shared/session.js").SessionState} SessionState
 * @typedef {import("./references.js").Row} Row
 */

/** What the server offers first. */
export const DEFAULT_COLLECTION = "examples";
const NOTHING = Object.freeze({ word: undefined, box: undefined, rows: undefined, marks: undefined,
  isBrowsing: undefined });

/** @param {SessionState} state @returns {string} */
export const collectionIn = (state) => state.collection ?? DEFAULT_COLLECTION;

/** @param {SessionState} state @returns {any} */
const viewIn = (state) => state.views.retrieve ?? {};

/** @param {SessionState} state @returns {any} */
function ownIn(state) {
  const { question } = viewIn(state);
  return question && isSamePhoto(question.about, state.photo) ? question : {};
}

/**
 * What is asked: kind is what with. A box that is still to be drawn leaves the concept asked with.
 * @param {SessionState} state
 * @returns {{kind: "nothing" | "word" | "box" | "photo" | "concept", by: string, word: string | null,
 *   box: number[] | null,
 *   rows: Row[], good: number[], bad: number[]}}
 */
export function askedIn(state) {
  const { by = "concept" } = viewIn(state);
  const { word = null, box = null, rows = [], marks, isBrowsing } = ownIn(state);
  const { good = [], bad = [] } = marks?.in === collectionIn(state) ? marks : {};
  const kind = isBrowsing ? "nothing" : word !== null ? "word" : by === "photo" ? "photo" : by === "box" && box ? "box"
    : "concept";
  return { kind, by, word, box, rows, good, bad };
}

/** What is asked with, as an address refers to it; null for nothing. @param {SessionState} state */
export function subjectIn(state) {
  const { kind, word, box } = askedIn(state);
  if (kind === "nothing") return null;
  if (word !== null) return { word };
  const of = sourceOf(state.photo);
  if (kind === "box" && box) return { of, box };
  if (kind === "photo") return { of };
  return state.concept === null ? null : { of, token: state.concept };
}

/**
 * The views with another question about the photo that is there, or about `photo`. What `values` do not name stays.
 * @param {SessionState} state
 * @param {any} values  of the question; undefined takes one away
 * @param {{photo?: import("../../shared/session.js").PhotoRef, view?: any}} [more]  view: of the view beside it
 */
export function asking(state, values, { photo = state.photo, view = {} } = {}) {
  const before = isSamePhoto(photo, state.photo) ? ownIn(state) : {};
  return { ...state.views,
    retrieve: { ...viewIn(state), ...view, find: undefined, question: { ...before, ...values, about: photo } } };
}

/**
 * As `asking`, with nothing left of the question before.
 * @param {SessionState} state @param {any} values @param {any} [more]
 */
export function askingAnew(state, values, more) {
  return asking(state, { ...NOTHING, ...values }, more);
}

/** The concept that is picked is the question; other conditions stay, and ratings are of the question before. */
export const CONCEPT_PICKED = Object.freeze({ word: undefined, box: undefined, marks: undefined,
  isBrowsing: undefined });

/**
 * Ratings after one more: mark is "good", "bad" or null.
 * @param {SessionState} state @param {number} concept @param {"good" | "bad" | null} mark
 */
export function marked(state, concept, mark) {
  const { good, bad } = askedIn(state);
  const without = (/** @type {number[]} */ all) => all.filter((one) => one !== concept);
  const marks = { in: collectionIn(state), good: without(good), bad: without(bad) };
  if (mark) marks[mark].push(concept);
  return marks;
}
