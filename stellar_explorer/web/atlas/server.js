/**
 * What the map asks of the server: the collections, a map, concepts of it, photos' titles, and a selection as a file.
 */

import { fetchJson, fetchOk, posting } from "../shared/server.js";
import { Points } from "./points.js";

const OWN = "stellar-own-photos"; // where Retrieve keeps the name of a visitor's own collection

/**
 * @typedef {{name: string, title?: string, state: string, progress?: number, message?: string, is_own?: boolean,
 *   identity: string}} Collection
 */

/** @param {string} collection @param {string} what */
const addressOf = (collection, what) => `stellar/collections/${encodeURIComponent(collection)}/${what}`;

/** @returns {Promise<Collection[]>} */
export async function fetchCollections() {
  const own = ownCollection();
  return (await fetchJson(`stellar/collections.json${own ? `?own=${encodeURIComponent(own)}` : ""}`)).collections;
}

function ownCollection() {
  try {
    return sessionStorage.getItem(OWN);
  } catch {
    return null; // storage is refused in a frame of another site
  }
}

/** @param {string} collection */
export const fetchManifest = (collection) => fetchJson(addressOf(collection, "atlas.json"));

/** @param {any} manifest */
export async function fetchPoints(manifest) {
  return new Points(manifest, await (await fetchOk(manifest.address)).arrayBuffer());
}

/** @param {string} collection @param {number[]} ids */
export const fetchConcepts = (collection, ids) =>
  fetchJson(addressOf(collection, `atlas/concepts.json?ids=${ids.join(",")}`));

/** The titles of all photos by their numbers. @param {string} collection @returns {Promise<Map<number, string>>} */
export async function fetchTitles(collection) {
  const { photos, titles } = await fetchJson(addressOf(collection, "atlas/titles.json"));
  return new Map(photos.map((/** @type {number} */ photo, /** @type {number} */ place) => [photo, titles[place]]));
}

/** @param {string} collection @param {number} photo @param {string} hash */
export const thumbnailAddress = (collection, photo, hash) => addressOf(collection, `thumbnails/${photo}.jpg?v=${hash}`);

/** @param {string} collection @param {number[]} ids @param {string} kind @returns {Promise<Blob>} */
export async function fetchExport(collection, ids, kind) {
  return (await fetchOk(addressOf(collection, `atlas/export.${kind}`), posting({ ids }))).blob();
}
