/**
 * What every tab asks of the server: JSON, photos, and a photo's study. One way for all, with one sentence where it
 * fails.
 */

import { decodeArrays } from "./arrays.js";
import { ask, resolveAddress } from "./requests.js";
import { show } from "./shown.js";

const SILENT = "The server does not answer; is it still running?";
const MOST_STUDIES = 8; // kept in the page: each is half a megabyte

/** The server no longer has what was asked for: a photo, or its analysis. */
export class Gone extends Error {}

/** The server says what is wrong with what it was asked. */
export class Refused extends Error {}

/**
 * A photo as one names it: an example by its id, an upload by its token, a collection's by its number.
 * @typedef {{example: string} | {photo: string} | {collection: string, id: number}} Asked
 * @typedef {{token: string, address: string, thumbnail: string, width: number, height: number, name: string,
 *   alt: string, notes: string[], example: string | null}} PhotoFacts
 * @typedef {{photo: PhotoFacts, analysis: any, image: HTMLImageElement, arrays: Record<string, any>,
 *   received: number}} Study
 */

/**
 * A response that went well. Raises Gone (404), Refused (400, 413), Error otherwise, each with a sentence.
 * @param {string} address
 * @param {RequestInit} [options]
 */
export async function fetchOk(address, options) {
  let response;
  try {
    response = await ask(address, options);
  } catch (error) {
    if (/** @type {Error} */ (error).name === "AbortError") throw error;
    throw new Error(SILENT);
  }
  if (response.ok) return response;
  const { status } = response;
  const sentence = status < 500 || status === 503 ? await response.text() : `The server answered ${status}.`;
  if (status === 404 || status === 410) throw new Gone(sentence);
  throw status < 500 ? new Refused(sentence) : new Error(sentence);
}

/** @param {string} address @param {RequestInit} [options] @returns {Promise<any>} */
export async function fetchJson(address, options) {
  return (await fetchOk(address, options)).json();
}

/** @param {unknown} value @param {RequestInit} [options] @returns {RequestInit} a POST of JSON */
export function posting(value, options = {}) {
  return { ...options, method: "POST", body: JSON.stringify(value), headers: { "Content-Type": "application/json" } };
}

/** The page's settings: models, resolutions, examples, limits. @returns {Promise<any>} */
export function fetchSettings() {
  return fetchJson("stellar/settings.json");
}

/** An upload: its bytes as they are. @param {Blob} file @param {string} name @returns {Promise<PhotoFacts>} */
export function uploadPhoto(file, name) {
  return fetchJson(`stellar/photos?name=${encodeURIComponent(name)}`, {
    method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" },
  });
}

/** What the server knows of a photo. @param {Asked} asked @returns {Promise<PhotoFacts>} */
export function fetchPhotoFacts(asked) {
  return fetchJson("stellar/photos", posting(asked));
}

/** A picture, decoded and ready to draw. @param {{address: string, token?: string}} photo */
export async function fetchPicture(photo) {
  show(photo.token);
  const image = new Image();
  image.src = resolveAddress(photo.address);
  try {
    await image.decode();
  } catch {
    throw new Gone("This photo is no longer on the server; choose it again.");
  }
  return image;
}

/** The arrays of an analysis, and how many bytes they took. @param {any} analysis */
export async function fetchArrays(analysis) {
  show(analysis.token);
  const buffer = await (await fetchOk(analysis.address)).arrayBuffer();
  return { arrays: decodeArrays(buffer, analysis.arrays), received: analysis.bytes ?? buffer.byteLength };
}

/** @type {Map<string, Promise<Study>>} */
const studies = new Map();
/** @type {Map<string, Promise<HTMLImageElement>>} */
const pictures = new Map();

/**
 * A photo as a model sees it, and all that drawing it needs. Kept in the page, so that two tabs ask once.
 * later: the resolution that will be asked for next. name: what its visitor calls an upload.
 * @param {Asked} asked
 * @param {{model: string, resolution: number, later?: number, name?: string}} wanted
 * @returns {Promise<Study>}
 */
export function fetchStudy(asked, { model, resolution, later, name }) {
  const key = JSON.stringify([asked, model, resolution]);
  let study = studies.get(key);
  studies.delete(key);
  study ??= openStudy(fetchJson("stellar/studies", posting({ ...asked, model, resolution, later, name })));
  remember(studies, key, study);
  return study;
}

/**
 * Whether the page has it, or has asked for it. @param {Asked} asked @param {{model: string, resolution: number}}
 * wanted
 */
export function hasStudy(asked, { model, resolution }) {
  return studies.has(JSON.stringify([asked, model, resolution]));
}

const USUAL_RESOLUTION = 448;
/** At which each model draws best, as its studies have said. @type {Map<string, number>} */
const best = new Map();

/**
 * The study at the resolution at which its model draws best.
 * @param {Asked} asked
 * @param {{model: string, name?: string}} wanted
 * @returns {Promise<Study>}
 */
export async function fetchBestStudy(asked, { model, name }) {
  const named = "collection" in asked ? { photo: (await fetchPhotoFacts(asked)).token } : asked;
  const study = await fetchStudy(named, { model, resolution: best.get(model) ?? USUAL_RESOLUTION, name });
  const resolution = study.analysis.picture?.resolution ?? USUAL_RESOLUTION;
  best.set(model, resolution);
  return study.analysis.resolution === resolution ? study : fetchStudy(named, { model, resolution, name });
}

/**
 * What the concepts of a study may be called: guesses, a list for each token. @param {string} study  its token
 * @returns {Promise<import("./names.js").Name[][]>}
 */
export async function fetchNames(study) {
  return (await fetchJson(`stellar/studies/${study}/names.json`)).names;
}

/** A study that came with the page. @param {any} manifest @param {Asked} asked @returns {Promise<Study>} */
export function giveStudy(manifest, asked) {
  const { model, resolution } = manifest.analysis;
  const study = openStudy(Promise.resolve(manifest));
  remember(studies, JSON.stringify([asked, model, resolution]), study);
  return study;
}

/** @param {Promise<any>} asking @returns {Promise<Study>} */
async function openStudy(asking) {
  const manifest = await asking;
  const { photo, analysis } = manifest;
  const picture = pictures.get(photo.address) ?? fetchPicture(photo);
  remember(pictures, photo.address, picture);
  const [image, { arrays, received }] = await Promise.all([picture, fetchArrays(analysis)]);
  return { ...manifest, image, arrays, received };
}

/** What failed is not kept.
 * @template T @param {Map<string, Promise<T>>} kept @param {string} key @param {Promise<T>} promise */
function remember(kept, key, promise) {
  kept.delete(key);
  kept.set(key, promise);
  promise.catch(() => kept.get(key) === promise && kept.delete(key));
  const [oldest] = kept.keys();
  if (kept.size > MOST_STUDIES) kept.delete(oldest);
}

/** The server has lost something: what the page keeps of it is asked for again. */
export function forgetStudies() {
  studies.clear();
  pictures.clear();
}
