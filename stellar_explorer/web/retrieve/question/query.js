/**
 * What is asked, as plain values: to the JSON that index/query/query_language.py reads, and to a sentence.
 *
 * A concept is {kind: "study", study, token} or {kind: "indexed", collection, photo, concept, token} or
 * {kind: "word", word}; each has a label, and one without a name of its own says of which photo. A subject is one of
 * those, or a photo or box of the same two sources ({..., what, box}).
 *
 * @typedef {{kind: string, label: string, of?: string | null, picture?: any, token?: number, word?: string,
 *   study?: string,
 *   collection?: string, photo?: number, concept?: number, what?: string, box?: number[]}} Subject
 * @typedef {{relation: string, concept?: Subject | null, share?: number}} Condition
 * @typedef {{subject: Subject | null, rows: Condition[], good?: number[], bad?: number[]}} Question
 */

/**
 * In words that need no explanation. layout and sum: which subjects a row can go with; share: it is about a share.
 * @type {Record<string, {words: string, hint: string, layout?: boolean, sum?: boolean, share?: boolean}>}
 */
export const RELATIONS = {
  also: { words: "also with", hint: "The photo must hold this too" },
  not: { words: "but not", hint: "Photos that hold this are left out" },
  or: { words: "or with", hint: "This instead of the first will do" },
  left_of: { words: "left of", hint: "The first lies to the left of this", layout: true },
  right_of: { words: "right of", hint: "The first lies to the right of this", layout: true },
  above: { words: "above", hint: "The first lies higher than this", layout: true },
  below: { words: "below", hint: "The first lies lower than this", layout: true },
  inside: { words: "inside", hint: "The first lies within this", layout: true },
  covers: { words: "covering at least", hint: "The first takes up this share of the photo", layout: true, share: true },
  plus: { words: "more like", hint: "Moves the search towards this", sum: true },
  minus: { words: "less like", hint: "Moves the search away from this", sum: true },
};
export const SHARES = [0.05, 0.1, 0.2, 0.4];

/**
 * Arithmetic wants one direction; a layout wants one concept, which a word may name.
 * @param {Subject | null} subject
 */
export function relationsFor(subject) {
  const isConcept = isDirection(subject);
  const isWord = subject?.kind === "word";
  return Object.keys(RELATIONS).filter((name) =>
    (!RELATIONS[name].sum || isConcept) && (!RELATIONS[name].layout || isConcept || isWord));
}

/** @param {Subject | null} subject */
function isDirection(subject) {
  return subject !== null && subject.kind !== "word" && (subject.what ?? "concept") === "concept";
}

/** A subject or concept -> JSON. @param {Subject} one @returns {any} */
function leaf(one) {
  if (one.kind === "word") return { kind: "name", word: one.word };
  const what = one.what ?? "concept";
  const source = one.kind === "study" ? { study: one.study } : { in: one.collection };
  if (what === "concept") {
    return { kind: "concept", ...source, ...(one.kind === "study" ? { token: one.token } : { concept: one.concept }) };
  }
  const photo = one.kind === "study" ? {} : { photo: one.photo };
  return { kind: what, ...source, ...photo, ...(what === "box" ? { box: one.box } : {}) };
}

/** A question -> the index's JSON, or null where nothing is asked yet. @param {Question} question @returns {any} */
export function queryOf({ subject, rows, good = [], bad = [] }) {
  if (!subject && !good.length) return null;
  const filled = rows.filter(({ relation, concept }) => concept || RELATIONS[relation].share);
  const of = (/** @type {string} */ relation) =>
    filled.filter((row) => row.relation === relation).map((row) => leaf(/** @type {Subject} */ (row.concept)));
  let main = subject ? leaf(subject) : null;
  const isOne = isDirection(subject);
  const terms = isOne ? [...of("plus").map((query) => [1, query]), ...of("minus").map((query) => [-1, query])] : [];
  if (terms.length) main = { kind: "sum", terms: [[1, main], ...terms] };
  if (isOne && (good.length || bad.length)) main = { kind: "refined", query: main, good, bad };
  else if (good.length) main = { kind: "refined", good, bad };
  const offered = relationsFor(subject);
  const places = filled.filter(({ relation }) => RELATIONS[relation].layout && offered.includes(relation))
    .map(({ relation, concept, share }) => ({
      kind: "layout", a: main, relation,
      ...(relation === "covers" ? { share } : { b: leaf(/** @type {Subject} */ (concept)) }),
    }));
  const core = joined("and", places.length ? places : [main]);
  const instead = of("or");
  const not = of("not").map((query) => ({ kind: "not", of: query }));
  return joined("and", [joined("or", [core, ...instead]), ...of("also"), ...not]);
}

/** @param {string} kind @param {any[]} parts */
function joined(kind, parts) {
  return parts.length === 1 ? parts[0] : { kind, of: parts };
}

/** "Photos with zebra, also with grass, but not fence": the question in words. @param {Question} question */
export function sentenceOf({ subject, rows, good = [], bad = [] }) {
  if (!subject) return good.length ? "Photos like those you liked." : "";
  // A photo is named once: "the ground of Nokota horses, also with the sky".
  const said = (/** @type {Subject} */ one) =>
    (one.of ? `the ${one.label}${one === subject || one.of !== subject.of ? ` of ${one.of}` : ""}` : one.label);
  const parts = rows.filter(({ concept, relation }) => concept || RELATIONS[relation].share).map((row) => {
    const { layout, words, share: isShare } = RELATIONS[row.relation];
    const what = isShare ? `${Math.round((row.share ?? 0) * 100)} % of the photo`
      : said(/** @type {Subject} */ (row.concept));
    return `${layout ? "" : ","} ${words} ${what}`;
  });
  const marks = [good.length && `${good.length} liked`, bad.length && `${bad.length} disliked`].filter(Boolean);
  const refined = marks.length ? ` (refined by ${marks.join(", ")})` : "";
  const words = `Photos with ${[said(subject), ...parts].join("")}${refined}`;
  return words.endsWith("?") ? words : `${words}.`; // of a name that is not certain
}

/** @param {string} word @returns {Subject} */
export const wordOf = (word) => ({ kind: "word", word, label: `“${word}”` });
