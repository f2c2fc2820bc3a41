/**
 * How the map's view stands in an address: what it is coloured by, the cluster that is chosen, and the text that is
 * searched for. Pure.
 */

import { FIELDS } from "./fields.js";

/**
 * cluster: its place in the map's list. The default colour is left out.
 * @typedef {{colour?: string, cluster?: number, search?: string}} AtlasView
 * @typedef {import("../shared/session.js").SessionState} SessionState
 */

const MOST_TEXT = 100;

export const names = ["colour", "cluster", "search"];

/** @param {URLSearchParams} query @returns {AtlasView} */
export function read(query) {
  /** @type {AtlasView} */
  const view = {};
  const [colour, cluster, search] = names.map((name) => query.get(name) ?? "");
  if (Object.hasOwn(FIELDS, colour) && colour !== "cluster") view.colour = colour;
  if (/^[1-9]\d{0,4}$/.test(cluster)) view.cluster = Number(cluster) - 1;
  if (search.trim()) view.search = search.slice(0, MOST_TEXT);
  return view;
}

/**
 * Of a visitor's own photos, which no link has, neither cluster nor text would say anything.
 * @param {SessionState} state
 */
export function write({ collection, views }) {
  const { colour, cluster, search } = /** @type {AtlasView} */ (views.atlas ?? {});
  const isOwn = collection?.startsWith("own-");
  return { colour, cluster: isOwn || cluster === undefined ? null : cluster + 1, search: isOwn ? null : search };
}
