/**
 * What is asked, as plain values: to the JSON that index/query/query_language.py reads, to a sentence, and to an address.
 *
 * A concept is {kind: "study", study, token, example} or {kind: "indexed", collection, photo, concept, token} or
 * {kind: "word", word}; each has a label, and one without a name of its own says of which photo. A subject is one of those, or a photo or box of the same two sources ({..., what, box}).
 * A question is {subject, rows: [{relation, concept, share}], good: [id], bad: [id]}.
 */

/** In words that need no explanation. about: what a row says; needs: which subjects it can go with. */
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

/** Arithmetic wants one direction; a layout wants one concept, which a word may name. */
export function relationsFor(subject) {
  const isConcept = isDirection(subject);
  const isWord = subject?.kind === "word";
  return Object.keys(RELATIONS).filter((name) =>
    (!RELATIONS[name].sum || isConcept) && (!RELATIONS[name].layout || isConcept || isWord));
}

function isDirection(subject) {
  return subject !== null && subject?.kind !== "word" && (subject?.what ?? "concept") === "concept";
}

/** A subject or concept -> JSON. collection: where it is looked for. */
function leaf(one) {
  if (one.kind === "word") return { kind: "name", word: one.word };
  const what = one.what ?? "concept";
  const source = one.kind === "study" ? { study: one.study } : { in: one.collection };
  if (what === "concept") {
    return { kind: "concept", ...source, ...(one.kind === "study" ? { token: one.token } : { concept: one.concept }) };
  }
  return { kind: what, ...source, ...(one.kind === "study" ? {} : { photo: one.photo }), ...(what === "box" ? { box: one.box } : {}) };
}

/** A question -> the index's JSON, or null where nothing is asked yet. */
export function queryOf({ subject, rows, good = [], bad = [] }) {
  if (!subject && !good.length) return null;
  const filled = rows.filter(({ relation, concept }) => concept || RELATIONS[relation].share);
  const of = (relation) => filled.filter((row) => row.relation === relation).map((row) => leaf(row.concept));
  let main = subject ? leaf(subject) : null;
  const isOne = isDirection(subject);
  const terms = isOne ? [...of("plus").map((query) => [1, query]), ...of("minus").map((query) => [-1, query])] : [];
  if (terms.length) main = { kind: "sum", terms: [[1, main], ...terms] };
  if (isOne && (good.length || bad.length)) main = { kind: "refined", query: main, good, bad };
  else if (good.length) main = { kind: "refined", good, bad };
  const places = filled.filter(({ relation }) => RELATIONS[relation].layout && relationsFor(subject).includes(relation))
    .map(({ relation, concept, share }) =>
      (relation === "covers" ? { kind: "layout", a: main, relation, share } : { kind: "layout", a: main, relation, b: leaf(concept) }));
  const core = joined("and", places.length ? places : [main]);
  const instead = of("or");
  const not = of("not").map((query) => ({ kind: "not", of: query }));
  return joined("and", [joined("or", [core, ...instead]), ...of("also"), ...not]);
}

function joined(kind, parts) {
  return parts.length === 1 ? parts[0] : { kind, of: parts };
}

/** "Photos with zebra, also with grass, but not fence": the question in words. */
export function sentenceOf({ subject, rows, good = [], bad = [] }) {
  if (!subject) return good.length ? "Photos like those you liked." : "";
  // A photo is named once: "concept 3 of Nokota horses, also with concept 5".
  const said = (one) => (one.of && (one === subject || one.of !== subject.of) ? `${one.label} of ${one.of}` : one.label);
  const parts = rows.filter(({ concept, relation }) => concept || RELATIONS[relation].share).map(({ relation, concept, share }) =>
    `${RELATIONS[relation].layout ? "" : ","} ${RELATIONS[relation].words} ${RELATIONS[relation].share ? `${Math.round(share * 100)} % of the photo` : said(concept)}`);
  const marks = [good.length && `${good.length} liked`, bad.length && `${bad.length} disliked`].filter(Boolean);
  return `Photos with ${[said(subject), ...parts].join("")}${marks.length ? ` (refined by ${marks.join(", ")})` : ""}.`;
}

// ---- addresses: chelsea.3 is a concept of an example, 12.3 of the collection's photo 12, "word" a word ----

/** null for what must not be in a link: an upload, or a photo that is a visitor's own. */
function addressOf(one, collection) {
  if (one.kind === "word") return `"${one.word.replace(/[~"]/g, " ")}"`;
  const photo = one.kind === "study" ? one.example : one.collection === collection ? `${one.photo}` : null;
  if (!photo) return null;
  const what = one.what ?? "concept";
  if (what === "photo") return photo;
  if (what === "box") return `${photo}@${one.box.map((edge) => edge.toFixed(3)).join(",")}`;
  return `${photo}.${one.token}`;
}

/** A question -> text for an address; null where its subject cannot be in one. Rows that cannot are left out. */
export function textOf({ subject, rows }, collection) {
  const first = subject && addressOf(subject, collection);
  if (!first) return null;
  const parts = rows.map(({ relation, concept, share }) => {
    if (RELATIONS[relation].share) return `${relation}:${share}`;
    const said = concept && addressOf(concept, collection);
    return said ? `${relation}:${said}` : null;
  });
  return [first, ...parts.filter(Boolean)].join("~");
}

/** -> {subject, rows} of bare references ({example | photo, token | box} or {word}), or null for nonsense. */
export function readText(text, exampleIds) {
  const [first, ...rest] = (text ?? "").split("~");
  const subject = reference(first, exampleIds);
  if (!subject) return null;
  const rows = rest.slice(0, 12).map((part) => {
    const at = part.indexOf(":");
    const relation = part.slice(0, at);
    if (!(relation in RELATIONS)) return null;
    if (RELATIONS[relation].share) {
      const share = Number(part.slice(at + 1));
      return share > 0 && share <= 1 ? { relation, share } : null;
    }
    const found = reference(part.slice(at + 1), exampleIds);
    return found && (found.word || found.token !== undefined) ? { relation, reference: found } : null;
  });
  return { subject, rows: rows.filter(Boolean) };
}

function reference(text, exampleIds) {
  const word = /^"([^"]{1,100})"$/.exec(text);
  if (word) return { word: word[1].trim() };
  const place = /^([a-z0-9-]+)(?:\.(\d{1,3})|@([\d.,]+))?$/.exec(text);
  if (!place) return null;
  const [, name, token, edges] = place;
  const found = exampleIds.includes(name) ? { example: name } : /^\d{1,15}$/.test(name) ? { photo: Number(name) } : null;
  if (!found) return null;
  if (token !== undefined) return { ...found, token: Number(token) };
  if (edges === undefined) return found;
  const box = edges.split(",").map(Number);
  const isBox = box.length === 4 && box.every((edge) => edge >= 0 && edge <= 1) && box[0] < box[2] && box[1] < box[3];
  return isBox ? { ...found, box } : null;
}
