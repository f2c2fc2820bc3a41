/** Studies as the Edit tab wants them: at the resolution at which the model draws best. */

import { conceptWords } from "../shared/names.js";
import { fetchJson, fetchPhotoFacts, fetchStudy } from "../shared/server.js";

/** @typedef {import("../shared/server.js").Asked} Asked */

const USUAL = 448;
/** As models have said. @type {Map<string, number>} */
const best = new Map();

/**
 * @param {Asked} asked
 * @param {{model: string, name?: string}} wanted
 * @returns {Promise<import("../shared/server.js").Study>}
 */
export async function fetchBestStudy(asked, { model, name }) {
  const named = "collection" in asked ? { photo: (await fetchPhotoFacts(asked)).token } : asked;
  const study = await fetchStudy(named, { model, resolution: best.get(model) ?? USUAL, name });
  const resolution = study.analysis.picture?.resolution ?? USUAL;
  best.set(model, resolution);
  return study.analysis.resolution === resolution ? study : fetchStudy(named, { model, resolution, name });
}

/**
 * What its concepts are called, once they are named; names are guesses, and may be missing.
 * @param {import("../shared/server.js").Study} study
 * @returns {Promise<string[]>}
 */
export async function fetchWords({ analysis: { token, concepts } }) {
  const named = await fetchJson(`stellar/studies/${token}/names.json`).catch(() => null);
  return conceptWords(concepts, named?.names);
}
