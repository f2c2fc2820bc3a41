/**
 * What a question refers to, as JSON that a session can keep, and as text for an address:
 * chelsea.3 is a concept of an example, 12.3 of the collection's photo 12, chelsea@0.1,0.2,0.5,0.6 a box, "dog" a word.
 */

import { RELATIONS } from "./query.js";

/**
 * Where a photo is: an example, an upload, or a photo of a collection.
 * @typedef {{example: string} | {photo: string, name: string} | {collection: string, id: number}} Source
 *
 * A concept of a photo (token), a box in it, the photo itself, or a word.
 * @typedef {{of: Source, token?: number, box?: number[]} | {word: string}} Reference
 *
 * One more condition; `of` is null while it is still to be chosen.
 * @typedef {{relation: string, share?: number, of?: Reference | null}} Row
 *
 * @typedef {import("../../shared/session.js").PhotoRef & {from?: {collection: string, id: number}}} FoundPhoto
 */

const MOST_ROWS = 12;
/** A visitor's own collections have names that nobody can guess; they are in no link. */
const OWN = "own-";

/**
 * As the server keeps it, wherever it was found.
 * @param {import("../../shared/session.js").PhotoRef} photo @returns {Source}
 */
export function plainSource(photo) {
  return "example" in photo ? { example: photo.example } : { photo: photo.photo, name: photo.name };
}

/** A photo of the session's that was found in a collection is that collection's. @param {FoundPhoto} photo */
export function sourceOf(photo) {
  return "from" in photo && photo.from ? { ...photo.from } : plainSource(photo);
}

/**
 * null for what must not be in a link: an upload, or a photo that is a visitor's own.
 * @param {Reference} reference @param {string} collection
 */
function textOfOne(reference, collection) {
  if ("word" in reference) return `"${reference.word.replace(/[~"]/g, " ")}"`;
  const { of, token, box } = reference;
  let photo = null;
  if ("example" in of) photo = of.example;
  else if ("collection" in of && of.collection === collection && !collection.startsWith(OWN)) photo = `${of.id}`;
  if (photo === null) return null;
  if (box) return `${photo}@${box.map((edge) => edge.toFixed(3)).join(",")}`;
  return token === undefined ? photo : `${photo}.${token}`;
}

/**
 * null where the subject cannot be in an address; rows that cannot are left out.
 * @param {Reference | null} subject @param {Row[]} rows @param {string} collection
 */
export function textOf(subject, rows, collection) {
  const first = subject && textOfOne(subject, collection);
  if (!first) return null;
  const parts = rows.map(({ relation, share, of }) => {
    if (RELATIONS[relation].share) return `${relation}:${share}`;
    const said = of && textOfOne(of, collection);
    return said ? `${relation}:${said}` : null;
  });
  return [first, ...parts.filter(Boolean)].join("~");
}

/**
 * null for nonsense. Whether there are such photos and concepts is for others to find out.
 * @param {string | null} text @param {string} collection
 * @returns {{subject: Reference, rows: Row[]} | null}
 */
export function readText(text, collection) {
  const [first, ...rest] = (text ?? "").split("~");
  const subject = readOne(first, collection);
  if (!subject) return null;
  /** @type {Row[]} */
  const rows = [];
  for (const part of rest.slice(0, MOST_ROWS)) {
    const at = part.indexOf(":");
    const relation = part.slice(0, at);
    if (!Object.hasOwn(RELATIONS, relation)) continue;
    if (RELATIONS[relation].share) {
      const share = Number(part.slice(at + 1));
      if (share > 0 && share <= 1) rows.push({ relation, share });
      continue;
    }
    const of = readOne(part.slice(at + 1), collection);
    if (of && ("word" in of || of.token !== undefined)) rows.push({ relation, of });
  }
  return { subject, rows };
}

/** @param {string} text @param {string} collection @returns {Reference | null} */
function readOne(text, collection) {
  const word = /^"([^"]{1,100})"$/.exec(text)?.[1].trim();
  if (word) return { word };
  const place = /^([a-z0-9-]+)(?:\.(\d{1,3})|@([\d.,]+))?$/.exec(text);
  if (!place) return null;
  const [, name, token, edges] = place;
  const of = /^\d{1,15}$/.test(name) ? { collection, id: Number(name) } : { example: name };
  if (token !== undefined) return { of, token: Number(token) };
  if (edges === undefined) return { of };
  const box = edges.split(",").map(Number);
  const isBox = box.length === 4 && box.every((edge) => edge >= 0 && edge <= 1) && box[0] < box[2] && box[1] < box[3];
  return isBox ? { of, box } : null;
}
