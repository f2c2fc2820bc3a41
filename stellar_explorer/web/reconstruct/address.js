/** How Reconstruct's view stands in an address, and what it is by default. Pure. */

export const COMPARED = ["rebuilt", "slider", "difference"];
export const MOST_VISIBLE = 196; // patches of a photo at MAE's size

/**
 * How the photo is rebuilt, and how that is shown. without: the concepts that are removed, of the photo and model that
 * `of` names; compare: one of COMPARED; titok, mae: which; visible, pattern: the patches that MAE sees.
 * @typedef {{without: number[], of: string | null, compare: string, titok: string, mae: string, visible: number,
 *   pattern: string}} View
 */

/** @type {View} */
export const DEFAULTS = Object.freeze({
  without: [], of: null, compare: COMPARED[0], titok: "titok", mae: "mae", visible: 32, pattern: "random",
});

const SAID = /** @type {const} */ (["compare", "titok", "mae", "visible", "pattern"]);

/** What concepts were removed from. @param {import("../shared/session.js").SessionState} state */
export function subjectOf({ photo, model }) {
  return JSON.stringify(["example" in photo ? photo.example : { photo: photo.photo }, model]);
}

/** @type {import("../shared/session.js").ViewAddress} */
export const reconstructAddress = {
  names: ["without", ...SAID],

  write(state) {
    const view = { ...DEFAULTS, ...state.views.reconstruct };
    /** @type {Record<string, string | number>} */
    const said = {};
    for (const name of SAID) if (view[name] !== DEFAULTS[name]) said[name] = view[name];
    const isOfExample = "example" in state.photo && view.of === subjectOf(state); // of an upload, no link has it
    if (isOfExample && view.without.length) said.without = view.without.join(".");
    return said;
  },

  /** What makes no sense here is left out. */
  read(query) {
    /** @type {Partial<View>} */
    const view = {};
    const said = (/** @type {string} */ name) => query.get(name) ?? "";
    if (COMPARED.includes(said("compare"))) view.compare = said("compare");
    if (said("pattern") === "grid") view.pattern = "grid";
    for (const kind of /** @type {const} */ (["titok", "mae"])) {
      if (/^[\w.-]{1,40}$/.test(said(kind))) view[kind] = said(kind);
    }
    const visible = Number(said("visible"));
    if (Number.isInteger(visible) && visible > 0 && visible <= MOST_VISIBLE) view.visible = visible;
    if (/^\d{1,3}(\.\d{1,3})*$/.test(said("without"))) view.without = said("without").split(".").map(Number);
    return view;
  },
};
