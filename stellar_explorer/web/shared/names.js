/**
 * What concepts are called on the page: a name where there is one, else a role; never a bare number.
 *
 * A name is [word, score, is it certain], the best first; a taught one, [word, score], comes before and is as
 * certain as who taught it.
 * @typedef {[string, number, boolean?]} Name
 * @typedef {{role?: string, place?: string, salience?: number, mass?: number, share?: number,
 *   centroid?: [number, number]}} Measured  what an analysis says of a concept
 */

const THIRDS = { across: ["left", "", "right"], down: ["top", "", "bottom"] };

/**
 * "dog", or "dog?" where it is not certain; null where there is none.
 * @param {Name[]} [names] @param {Name[]} [taught]
 */
export function nameOf(names, taught) {
  if (taught?.length) return taught[0][0];
  const [word, , isCertain] = names?.[0] ?? [];
  return word === undefined ? null : isCertain ? word : `${word}?`;
}

/**
 * "By a taught word: mug 80 %. Named by a classifier: dog 93 %, golden retriever? 41 %"; "" where there is none.
 * @param {Name[]} [names] @param {Name[]} [taught]
 */
export function namesInWords(names = [], taught = []) {
  const said = (/** @type {Name[]} */ all, /** @type {(one: Name) => string | null} */ name) =>
    all.map((one) => `${name(one)} ${Math.round(one[1] * 100)} %`).join(", ");
  return [taught.length && `By a taught word: ${said(taught, ([word]) => word)}`,
    names.length && `Named by a classifier: ${said(names, (one) => nameOf([one]))}`].filter(Boolean).join(". ");
}

/** Where a point of the photo lies, in words: "top left" to "bottom right". @param {[number, number]} point in 0..1 */
export function placeInWords([x, y]) {
  const third = (/** @type {number} */ at, /** @type {string[]} */ words) => words[Math.min(2, Math.floor(at * 3))];
  return [third(y, THIRDS.down), third(x, THIRDS.across)].filter(Boolean).join(" ") || "centre";
}

/**
 * A word for each concept of a photo, all different: its name, or else its role; where two would be called alike each
 * has its place, and where that is alike too all but the first have a number: the most object-like, or else the
 * heaviest, is first.
 * @param {Measured[]} concepts
 * @param {Name[][]} [names] @param {Name[][]} [taught]
 * @returns {string[]}
 */
export function conceptWords(concepts, names = [], taught = []) {
  const bare = concepts.map((concept, token) => nameOf(names[token], taught[token]) ?? concept.role ?? roleOf(concept));
  const words = bare.map((word, token) => (isAlone(word, bare) ? word : withPlace(word, concepts[token])));
  const order = concepts.map((_, token) => token).sort((a, b) =>
    (concepts[a].salience ?? 0) - (concepts[b].salience ?? 0) || (concepts[b].mass ?? 0) - (concepts[a].mass ?? 0));
  /** @type {Map<string, number>} */
  const seen = new Map();
  for (const token of order) {
    const word = words[token];
    const count = (seen.get(word) ?? 0) + 1;
    seen.set(word, count);
    if (count > 1) words[token] = `${word} ${count}`;
  }
  return words;
}

/** @param {string} word @param {string[]} words */
const isAlone = (word, words) => words.indexOf(word) === words.lastIndexOf(word);

/** @param {string} word @param {{place?: string, centroid?: [number, number]}} concept */
function withPlace(word, { place, centroid }) {
  const where = place ?? (centroid && placeInWords(centroid));
  return where ? `${word}, ${where}` : word;
}

/** Where nothing has measured a role. @param {{share?: number}} concept */
function roleOf({ share }) {
  return share !== undefined && share > 0.4 ? "background" : "region";
}
