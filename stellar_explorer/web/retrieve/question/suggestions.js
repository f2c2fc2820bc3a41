/** Words that a collection knows, as one types. Pure. */

import { counted } from "../results/matches.js";

/**
 * note: in how many photos there is such a thing, or that it was taught.
 * @typedef {{word: string, note: string}} Suggestion
 */

const MOST = 8;

/**
 * The server's answer, and the visitor's own words, as one list without doubles: the visitor's first, then the
 * frequent.
 * @param {{suggestions?: {word: string, photos: number, kind: string}[]}} answer
 * @param {string[]} [own]
 * @returns {Suggestion[]}
 */
export function vocabularyOf({ suggestions = [] }, own = []) {
  const seen = new Set();
  const all = [...own.map((word) => ({ word, note: "taught" })), ...suggestions.map(({ word, photos, kind }) => ({
    word, note: `${kind === "taught" ? "taught, " : ""}${counted(photos, "photo")}`,
  }))];
  return all.filter(({ word }) => !seen.has(word.toLowerCase()) && seen.add(word.toLowerCase()));
}

/**
 * 0 for a word that begins so, 1 for one with a part that does, 2 for one that has it anywhere, 3 for none.
 * @param {string} word @param {string} typed
 */
function distance(word, typed) {
  const text = word.toLowerCase();
  if (text.startsWith(typed)) return 0;
  if (text.split(/[\s-]+/).some((part) => part.startsWith(typed))) return 1;
  return text.includes(typed) ? 2 : 3;
}

/**
 * The nearest to what is typed, and of equally near ones in the vocabulary's order; nothing typed: its beginning.
 * @param {Suggestion[]} vocabulary @param {string} typed @returns {Suggestion[]}
 */
export function suggested(vocabulary, typed) {
  const text = typed.trim().toLowerCase();
  if (!text) return vocabulary.slice(0, MOST);
  return vocabulary.map((one) => ({ one, far: distance(one.word, text) })).filter(({ far }) => far < 3)
    .sort((a, b) => a.far - b.far).slice(0, MOST).map(({ one }) => one);
}
