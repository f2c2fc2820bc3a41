/** Edits in words. Pure. */

/** @typedef {import("../cutout/layout.js").Edit} Edit */

/** @param {number} [share] */
const percent = (share = 0) => `${Math.round(Math.abs(share) * 100)} %`;
/** @param {string} words */
const capital = (words) => words.charAt(0).toUpperCase() + words.slice(1);

/** The first, and how many more: names have commas of their own. @param {string[]} names */
const listed = ([first = "", ...more]) => (more.length > 1 ? `${first} and ${more.length} more`
  : [first, ...more].join(" and "));

/** @param {number} dx @param {number} dy */
function directions(dx, dy) {
  const parts = [];
  if (percent(dx) !== percent(0)) parts.push(`${percent(dx)} ${dx > 0 ? "right" : "left"}`);
  if (percent(dy) !== percent(0)) parts.push(`${percent(dy)} ${dy > 0 ? "down" : "up"}`);
  return parts.join(", ") || "a little";
}

/**
 * "main thing", "copy of main thing", "copies of dog and cat", "dog and 2 more".
 * @param {number[]} tokens
 * @param {number[]} origins of all tokens
 * @param {string[]} words of the photo's own tokens
 */
export function namesOf(tokens, origins, words) {
  const name = (/** @type {number} */ token) => words[origins[token] ?? token] ?? "a concept";
  const isCopy = (/** @type {number} */ token) => token >= words.length;
  if (tokens.every(isCopy)) return `${tokens.length > 1 ? "copies" : "copy"} of ${listed(tokens.map(name))}`;
  return listed(tokens.map((token) => (isCopy(token) ? `a copy of ${name(token)}` : name(token))));
}

/**
 * One edit. titleOf: what a person calls a photo. otherWords: of that photo's concepts.
 * @param {Edit} edit
 * @param {{origins: number[], words: string[], titleOf: (photo: string) => string, otherWords: (photo: string) =>
 * string[]}} known
 */
export function wordsOf(edit, { origins, words, titleOf, otherWords }) {
  const who = capital(namesOf(edit.tokens ?? [], origins, words));
  const { dx = 0, dy = 0, by = 0, photo } = edit;
  const other = photo ? titleOf(photo) : "this photo";
  switch (edit.edit) {
    case "move": return `${who}: moved ${directions(dx, dy)}`;
    case "erase": return `${who}: removed`;
    case "withdraw": return `${who}: removed everywhere`;
    case "clone": return `${who}: copied, ${directions(dx, dy)}`;
    case "scale": return `${who}: made ${by > 1 ? "larger" : "smaller"}, ${by.toFixed(2)} times`;
    case "strengthen": return `${who}: ${by > 0 ? "strengthened" : "weakened"} by ${Math.abs(by).toFixed(1)}`;
    case "swap_what": {
      const from = namesOf(edit.others ?? [], photo ? [] : origins, photo ? otherWords(photo) : words);
      return `${who}: appearance of ${from} in ${other}`;
    }
    case "swap_where": return `All concepts at the positions of ${other}`;
    default: return `Blended with ${other}: ${percent(edit.what)} of appearance, ${percent(edit.where)} of position`;
  }
}

/** A photo's name as a part of a file's: letters and digits with dashes between. @param {string} name */
export function slugOf(name) {
  const stem = (name.split(/[\\/]/).pop() ?? "").replace(/(?<=[^.])\.[A-Za-z0-9]{1,5}$/, "");
  return stem.normalize("NFC").replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "").slice(0, 60) || "photo";
}
