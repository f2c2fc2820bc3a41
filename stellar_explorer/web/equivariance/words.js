/** What the concepts of a change are called: as in the other tabs, and until that is known by what their map covers. */

import { maskShare, tokenCodes } from "../drawing/factorization.js";
import { conceptWords } from "../shared/names.js";
import { fetchStudy, hasStudy } from "../shared/server.js";
import { fetchWords } from "../shared/words.js";
import { percentInWords, similarityInWords } from "./answers.js";

/** @typedef {import("../drawing/factorization.js").Grid} Grid @typedef {import("./answers.js").Subject} Subject */

const COARSE = 224;

/** @param {Grid} grid @param {number} token @returns {[number, number]} in 0..1 */
export function centroidOf(grid, token) {
  let [all, x, y] = [0, 0, 0];
  tokenCodes(grid, token).forEach((code, patch) => {
    all += code;
    x += code * ((patch % grid.cols) + 0.5);
    y += code * (Math.floor(patch / grid.cols) + 0.5);
  });
  return all ? [x / all / grid.cols, y / all / grid.rows] : [0.5, 0.5];
}

/** Words of a map alone. @param {Grid} grid */
export function wordsOfMap(grid) {
  return conceptWords(sharesOf(grid).map((share, token) =>
    ({ mass: share, share, centroid: centroidOf(grid, token) })));
}

/**
 * The words that the other tabs use, of a study that the page has, or else of a small one.
 * @param {import("../shared/server.js").Asked} asked
 * @param {{model: string, resolutions: number[], name?: string}} wanted  resolutions: the one of the other tabs first
 */
export async function fetchWordsOf(asked, { model, resolutions, name }) {
  const resolution = resolutions.find((one) => hasStudy(asked, { model, resolution: one })) ?? COARSE;
  const { analysis } = await fetchStudy(asked, { model, resolution, name });
  return fetchWords(analysis);
}

/**
 * What is told of a map's tokens: words, and shares of the photo, which are of the patches that light up.
 * @typedef {{words: string[], shares: number[]}} Told
 */

/** @param {Grid} grid @returns {number[]} */
export function sharesOf(grid) {
  return Array.from({ length: grid.numTokens }, (_, token) => maskShare(grid, token));
}

/** @param {string} words */
const capital = (words) => words.charAt(0).toUpperCase() + words.slice(1);

/** One concept, or cluster, of a subject. @param {Subject} subject @param {number} token @param {Told} told */
export function tokenInWords(subject, token, { words, shares }) {
  const word = words[token] ?? "a concept";
  const who = subject.clustered ? `Cluster matched to ${word}` : capital(word);
  return `${who}: similarity ${similarityInWords(subject.cosine[token])}, to its most similar other `
    + `${similarityInWords(subject.nearest[token])}, ${percentInWords(shares[token])} of the photo`;
}
