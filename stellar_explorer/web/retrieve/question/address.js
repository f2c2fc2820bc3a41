/** How Retrieve's view stands in an address: what is asked (find), and what narrows it. Pure; never an upload. */

import { filtersInAddress, filtersIn, readFilters } from "../results/narrowing.js";
import { askedIn, collectionIn, subjectIn } from "./question.js";
import { readText, textOf } from "./references.js";

/** @typedef {import("../../shared/session.js").SessionState} SessionState */

export const names = ["find", "least", "label", "size", "place", "alike", "itself"];

/** @param {URLSearchParams} query */
export function read(query) {
  /** @type {any} */
  const view = {};
  const [find, least, filters] = [query.get("find"), Number(query.get("least")), readFilters(query)];
  if (readText(find, "")) view.find = find;
  if (least > 0 && least <= 1) view.least = least;
  if (Object.keys(filters).length) view.filters = filters;
  return view;
}

/** What is asked says of which photo and concept, so that the session need not. @param {SessionState} state */
export function write(state) {
  const asked = textOf(subjectIn(state), askedIn(state).rows, collectionIn(state));
  const { find = asked, least = 0 } = state.views.retrieve ?? {};
  return {
    find, least: least > 0 ? least.toFixed(2) : null, ...filtersInAddress(filtersIn(state)),
    ...(find && !find.startsWith('"') ? { photo: null, concept: null } : {}),
  };
}
