/** What concepts are called by the words that were taught: this visitor's own, and the collection's. */

import { collectionAddress } from "../retrieve/photo.js";
import { fetchJson, posting } from "../shared/server.js";
import { classifierOf, taughtWords } from "./store.js";

const MOST_NAMED = 512; // concepts that the server names at once

/** @typedef {{name: string, identity: string}} Facts  of a collection */

/**
 * asked: {concepts: ids of the collection} or {study} -> {concepts: {id: [[word, score], ...]}, study: a list a token}.
 * null where there is nothing to be had: names are guesses, and one that cannot be fetched is only missing.
 * @param {Facts} collection @param {{concepts?: number[], study?: string | null}} asked @returns {Promise<any>}
 */
export async function namesOf(collection, { concepts = [], study = null }) {
  const words = taughtWords(collection.identity).map((word) => classifierOf(word, collection.name));
  if (!words.length && !study) return null;
  const ids = [...new Set(concepts)].slice(0, MOST_NAMED);
  try {
    const asked = { words, concepts: ids, ...(study ? { study } : {}) };
    return await fetchJson(collectionAddress(collection.name, "taught"), posting(asked));
  } catch {
    return null;
  }
}

/**
 * Hits of a search come with the collection's words; a visitor's own are added.
 * @param {Facts} collection @param {any[]} results
 */
export async function nameHits(collection, results) {
  const hits = results.flatMap((result) => result.hits);
  const named = hits.length ? await namesOf(collection, { concepts: hits.map(({ concept }) => concept) }) : null;
  if (named) for (const hit of hits) hit.taught = named.concepts[hit.concept] ?? hit.taught;
}

/**
 * Analysed, or of the collection.
 * @param {Facts} collection @param {import("../retrieve/photo.js").QueryPhoto} photo
 */
export async function namePhoto(collection, photo) {
  const { kind, study, collection: own } = photo.source;
  if (kind === "study") {
    const named = await namesOf(collection, { study });
    if (named) photo.taught = named.study;
  } else if (own === collection.name) {
    const named = await namesOf(collection, { concepts: photo.order.map((token) => photo.concepts[token].concept) });
    photo.taught = photo.concepts.map(({ concept, taught }) => named?.concepts[concept] ?? taught);
  }
}
