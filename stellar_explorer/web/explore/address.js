/** How Explore's view stands in an address, and what it is by default. Pure. */

export const VIEWS = ["side", "photo", "features", "low_rank", "concepts", "residual", "entropy", "compare"];
export const THRESHOLDS = { least: 0.25, most: 8 };

/**
 * How the pictures are drawn. kept: how many concepts, the heaviest first, null for all; similar: similar patches
 * are shown instead of concepts; front: the one of the four pictures that a narrow screen shows.
 * @typedef {{view: string, threshold: number, kept: number | null, basis: string, style: "smooth" | "blocky",
 *   show: "mask" | "heat", opacity: number, similar: boolean, adjust: boolean, front: string}} View
 */

/** @type {View} */
export const DEFAULTS = {
  view: "side", threshold: 1, kept: null, basis: "photo", style: "smooth", show: "mask", opacity: 0.8, similar: false,
  adjust: false, front: "photo",
};

/** What a link carries; the rest is this browser's own. */
const SAID = /** @type {const} */ (["view", "threshold", "kept", "basis", "style", "show"]);

/** @type {import("../shared/session.js").ViewAddress} */
export const exploreAddress = {
  names: [...SAID],

  write({ views }) {
    const view = { ...DEFAULTS, ...views.explore };
    return Object.fromEntries(SAID.filter((name) => view[name] !== DEFAULTS[name]).map((name) => [name, view[name]]));
  },

  /** What makes no sense here is left out. */
  read(query) {
    /** @type {Partial<View>} */
    const view = {};
    const said = (/** @type {string} */ name) => query.get(name) ?? "";
    const number = (/** @type {string} */ name) => (/^\d{1,6}(\.\d+)?$/.test(said(name)) ? Number(said(name)) : NaN);
    if (VIEWS.includes(said("view"))) view.view = said("view");
    if (said("style") === "blocky") view.style = "blocky";
    if (said("show") === "heat") view.show = "heat";
    if (/^\w{1,40}$/.test(said("basis"))) view.basis = said("basis");
    const [threshold, kept] = [number("threshold"), number("kept")];
    if (threshold >= THRESHOLDS.least && threshold <= THRESHOLDS.most) view.threshold = threshold;
    if (Number.isInteger(kept) && kept > 0) view.kept = kept;
    return view;
  },
};
