/**
 * What a visitor marks and teaches: examples until they are taught, words for as long as this browser keeps them.
 *
 * An example is {key, in, concept} of a collection or {key, study, token} of a photo, with a label and a small picture
 * (a data address or null). A word is {word, weights, bias, model} as the server learnt it, and the examples it came
 * from without their pictures. All tabs share them; nobody else sees them.
 */

/**
 * @typedef {{key: string, in?: string, concept?: number, study?: string, token?: number, label?: string,
 *   picture?: string | null}} Example
 * @typedef {{word: string, weights: string, bias: number, model: string, yes: Example[], no: Example[]}} Word
 */

const WORDS = "stellar-taught-words";
const EXAMPLES = "stellar-teach-examples";
export const LEAST_YES = 3;
export const LEAST_NO = 1;
/** What the server takes of one visitor. */
const MOST_WORDS = 32;
const MOST_EXAMPLES = 256;

/** @type {Set<() => void>} */
const listeners = new Set();
/** Storage may be refused in a frame of another site; then all lasts as long as the page. */
const memory = new Map();

/** @param {"localStorage" | "sessionStorage"} store @param {string} key @param {any} fallback */
function read(store, key, fallback) {
  try {
    return JSON.parse(window[store].getItem(key) ?? "null") ?? memory.get(key) ?? fallback;
  } catch {
    return memory.get(key) ?? fallback;
  }
}

/** @param {"localStorage" | "sessionStorage"} store @param {string} key @param {any} value */
function write(store, key, value) {
  memory.set(key, value);
  try {
    window[store].setItem(key, JSON.stringify(value));
  } catch {
    // Full or refused: the page still has it.
  }
  for (const listener of listeners) listener();
}

window.addEventListener("storage", ({ key }) => {
  if (key !== WORDS) return;
  memory.delete(key);
  for (const listener of listeners) listener();
});

/** listener() is called after every change. @param {() => void} listener */
export const listenToTeaching = (listener) => listeners.add(listener);

/** @param {string} collection @param {number} concept @param {object} [more] @returns {Example} */
export const indexedExample = (collection, concept, more = {}) =>
  ({ key: `${collection}/${concept}`, in: collection, concept, ...more });
/** @param {string} study @param {number} token @param {object} [more] @returns {Example} */
export const studyExample = (study, token, more = {}) => ({ key: `study/${study}/${token}`, study, token, ...more });

// ---- examples ----

/** @returns {{yes: Example[], no: Example[]}} */
export const examples = () => read("sessionStorage", EXAMPLES, { yes: [], no: [] });

/** "yes", "no" or null: how an example is marked. @param {{key: string | null}} example */
export function sideOf({ key }) {
  const { yes, no } = examples();
  return yes.some((one) => one.key === key) ? "yes" : no.some((one) => one.key === key) ? "no" : null;
}

/** side: "yes", "no", or null to take the mark back. @param {Example} example @param {"yes" | "no" | null} side */
export function mark(example, side) {
  const without = (/** @type {Example[]} */ all) => all.filter(({ key }) => key !== example.key);
  const { yes, no } = examples();
  const now = { yes: without(yes), no: without(no) };
  if (side) now[side] = [...now[side], example].slice(-MOST_EXAMPLES);
  write("sessionStorage", EXAMPLES, now);
}

export const clearExamples = () => write("sessionStorage", EXAMPLES, { yes: [], no: [] });

// ---- words ----

/**
 * Those of one model, whose concepts they know; all of them without one.
 * @param {string | null} [model] @returns {Word[]}
 */
export function taughtWords(model = null) {
  return read("localStorage", WORDS, []).filter((/** @type {Word} */ one) => model === null || one.model === model);
}

const same = (/** @type {string} */ one, /** @type {string} */ other) => one.toLowerCase() === other.toLowerCase();

/** In the place of one of the same name and model. @param {Word} word */
export function keepWord(word) {
  const others = taughtWords().filter((one) => one.model !== word.model || !same(one.word, word.word));
  write("localStorage", WORDS, [...others, word].slice(-MOST_WORDS));
}

/** @param {Word} word */
export function forgetWord(word) {
  write("localStorage", WORDS, taughtWords().filter((one) => one.model !== word.model || one.word !== word.word));
}

/**
 * A word as the server's queries have it, with the concepts of this collection that are known to be it, or not to be.
 * @param {Word} word @param {string} collection
 */
export function classifierOf({ word, weights, bias, yes, no }, collection) {
  const ids = (/** @type {Example[]} */ all) =>
    all.filter((one) => one.in === collection).map(({ concept }) => concept);
  return { kind: "taught", word, weights, bias, yes: ids(yes), no: ids(no) };
}

/**
 * A query in which the words that this visitor taught bring what they were taught. collection: its facts.
 * @param {any} query @param {{name: string, identity: string}} collection @returns {any}
 */
export function withTaught(query, { name, identity }) {
  if (Array.isArray(query)) return query.map((part) => withTaught(part, { name, identity }));
  if (query === null || typeof query !== "object") return query;
  if (query.kind === "name") {
    const known = taughtWords(identity).find(({ word }) => same(word, query.word.trim()));
    return known ? classifierOf(known, name) : query;
  }
  return Object.fromEntries(Object.entries(query).map(([part, value]) =>
    [part, withTaught(value, { name, identity })]));
}
