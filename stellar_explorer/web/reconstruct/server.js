/** What Reconstruct asks of the server beyond the photo's study: facts once, then pictures and numbers by address. */

import { fetchJson } from "../shared/server.js";
import { DEFAULTS } from "./address.js";

/**
 * What a picture depends on. kept: the tokens that are kept, null for all.
 * @typedef {{kept: number[] | null, titok: string, mae: string, visible: number, pattern: string}} Settings
 * @typedef {{name: string, label: string, hint: string}} Way
 * @typedef {{size: [number, number], ways: Way[], baselines: Record<string, {value: string, label: string, note:
 * string}[]>,
 *   orders: Record<string, number[]>, fitted: string[], measures_missing: Record<string, string>}} Facts
 * @typedef {{token: number, tokens: number, bytes: number, psnr: number, ssim: number, stem_distance: number | null}}
 * Budget
 */

const ALL = /** @type {const} */ (["kept", "titok", "mae", "visible", "pattern"]);
/** What of the settings a picture depends on; the rest, on which concepts are kept. */
const MATTERS = /** @type {Record<string, readonly (keyof Settings)[]>} */ ({
  titok: ["titok"], mae: ["mae", "visible", "pattern"], vqgan: [],
});

/**
 * "?kept=0.3&visible=64": what differs from the server's own.
 * @param {Settings} settings @param {readonly (keyof Settings)[]} names  of the settings to say
 */
export function queryOf(settings, names = ALL) {
  const query = new URLSearchParams();
  const usual = /** @type {Settings} */ ({ ...DEFAULTS, kept: null });
  for (const name of names) {
    const value = settings[name];
    if (value === usual[name] || value === null) continue;
    query.set(name, Array.isArray(value) ? value.join(".") : String(value));
  }
  return query.size ? `?${query}` : "";
}

/**
 * Where a picture is (kind "pictures" or "differences", "png") and what is told of it ("pictures", "json").
 * @param {string} study  its token @param {string} name @param {Settings} settings
 */
export function addressOf(study, name, settings, kind = "pictures", suffix = "png") {
  return `stellar/reconstruct/${study}/${kind}/${name}.${suffix}${queryOf(settings, MATTERS[name] ?? ["kept"])}`;
}

/** @param {string} study */
export const photoAddress = (study) => `stellar/reconstruct/${study}/photo.png`;

/**
 * @param {string} study @param {string} file @param {Settings} settings
 * @param {string} name  what the visitor calls the photo: the file is named by it
 */
export function savedAddress(study, file, settings, name) {
  const query = queryOf(settings);
  return `stellar/reconstruct/${study}/${file}${query}${query ? "&" : "?"}name=${encodeURIComponent(name)}`;
}

/** @param {string} study @returns {Promise<Facts>} */
export const fetchFacts = (study) => fetchJson(`stellar/reconstruct/${study}/facts.json`);

/** @param {string} study @param {string} name @param {Settings} settings */
export const fetchNumbers = (study, name, settings) => fetchJson(addressOf(study, name, settings, "pictures", "json"));

/** @param {string} study @param {string} order @returns {Promise<Budget[]>} */
export async function fetchBudgets(study, order) {
  return (await fetchJson(`stellar/reconstruct/${study}/budgets.json?order=${order}`)).budgets;
}
