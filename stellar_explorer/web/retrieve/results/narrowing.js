/**
 * Narrowing down: only some labels, sizes and places; photos that are nearly alike as one; the photo itself too. Pure.
 */

/**
 * @typedef {{label: string | null, size: string, place: string, fold: boolean, self: boolean}} FilterValues
 * @typedef {import("../../shared/session.js").SessionState} SessionState
 */

/**
 * Shares of the photo that a concept holds, as people speak of sizes.
 * @type {Record<string, {label: string, mass: number[] | null, hint?: string}>}
 */
export const SIZES = {
  any: { label: "Any", mass: null },
  small: { label: "Small", mass: [0, 0.05], hint: "Less than 5 % of the photo" },
  medium: { label: "Medium", mass: [0.05, 0.2], hint: "5 to 20 % of the photo" },
  large: { label: "Large", mass: [0.2, 1], hint: "More than 20 % of the photo" },
};
/**
 * Where the middle of a concept lies: left, top, right, bottom in 0..1.
 * @type {Record<string, {label: string, region: number[] | null, hint?: string}>}
 */
export const PLACES = {
  any: { label: "Anywhere", region: null },
  left: { label: "Left", region: [0, 0, 0.4, 1] },
  right: { label: "Right", region: [0.6, 0, 1, 1] },
  top: { label: "Top", region: [0, 0, 1, 0.4] },
  bottom: { label: "Bottom", region: [0, 0.6, 1, 1] },
  middle: { label: "Middle", region: [0.25, 0.25, 0.75, 0.75] },
};
/** @type {Readonly<FilterValues>} */
export const NO_FILTERS = Object.freeze({ label: null, size: "any", place: "any", fold: false, self: false });

/** @param {SessionState} state @returns {FilterValues} */
export const filtersIn = (state) => ({ ...NO_FILTERS, ...state.views.retrieve?.filters });

/** What differs from no filter: what a view keeps. @param {FilterValues} values @returns {Partial<FilterValues>} */
export function keptOf(values) {
  return Object.fromEntries(Object.entries(values).filter(([name, value]) =>
    value !== /** @type {any} */ (NO_FILTERS)[name]));
}

/** Whether hits are left out, rather than grouped or added. @param {FilterValues} values */
export const isNarrow = ({ label, size, place }) => label !== null || size !== "any" || place !== "any";

/** Filters -> what the server calls `where`. @param {FilterValues} values */
export function whereOf({ label, size, place, self }) {
  return {
    ...(label === null ? {} : { labels: [label] }), ...(SIZES[size].mass ? { mass: SIZES[size].mass } : {}),
    ...(PLACES[place].region ? { region: PLACES[place].region } : {}), not_this: !self,
  };
}

/** Of an address; what makes no sense is left out. @param {URLSearchParams} query @returns {Partial<FilterValues>} */
export function readFilters(query) {
  const among = (/** @type {string} */ name, /** @type {object} */ values) => {
    const said = query.get(name);
    return said !== null && Object.hasOwn(values, said) ? said : "any";
  };
  return keptOf({
    label: query.get("label")?.slice(0, 200) ?? null, size: among("size", SIZES), place: among("place", PLACES),
    fold: query.get("alike") === "folded", self: query.get("itself") === "shown",
  });
}

/**
 * Parameters of an address, null where there is nothing to say.
 * @param {FilterValues} values @returns {Record<string, string | null>}
 */
export function filtersInAddress({ label, size, place, fold, self }) {
  return {
    label, size: size === "any" ? null : size, place: place === "any" ? null : place,
    alike: fold ? "folded" : null, itself: self ? "shown" : null,
  };
}
