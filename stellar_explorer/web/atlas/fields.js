/** What the map can be coloured by: its values, each with a label and a colour that has a name. Pure. */

export const NONE = 65535;
const OTHER = { colour: "#8f887e", colourName: "grey" };
/** The colour of what is not lit, on the map's paper. */
export const DIMMED = { light: "#d9d5ce", dark: "#3d3934" };
const RAMP = ["#b9c6ea", "#93a7e0", "#6d87d3", "#4a67bd", "#35509e", "#22377a"];
const RAMP_DARK = ["#3b466f", "#52639c", "#6d82c6", "#8ba0e4", "#adbef5", "#dbe3ff"];
const RAMP_NAMES = ["palest blue", "pale blue", "light blue", "blue", "strong blue", "strongest blue"];
/** What the first colours of the palette are called. More than these no eye tells apart, so the map uses no others. */
export const COLOUR_NAMES = [
  "rust", "yellow", "blue", "cyan", "navy", "salmon", "crimson", "lavender", "light green", "plum", "violet", "mustard",
  "turquoise", "teal", "orchid", "olive",
];
const LEAST_SHARE = 0.08; // of a cluster's concepts, for a word to stand in its label
const MOST_WORDS = 2;

/**
 * @typedef {{code: number, label: string, colour: string, colourName: string}} Category
 * @typedef {import("./points.js").Points} Points
 */

/**
 * Values past the palette, and concepts without a value, are grey.
 * @type {Record<string, {label: string, hint: string}>}
 */
export const FIELDS = {
  cluster: { label: "Cluster", hint: "Groups of concepts that look alike to the model." },
  source: { label: "Source", hint: "Where the photo comes from: its folder or data set." },
  label: { label: "Label", hint: "The photo's own label." },
  mass: { label: "Share", hint: "How much of its photo a concept covers." },
  name: { label: "Name", hint: "The likeliest of 1,000 ImageNet classes." },
};

/** @param {number} share */
export function percentOf(share) {
  const percent = share * 100;
  return `${percent < 9.95 ? percent.toFixed(1) : percent.toFixed(0)} %`;
}

/**
 * A label each, no two the same: the words that a cluster's concepts are most often called by, or the server's own
 * label.
 * @param {any[]} clusters @returns {string[]}
 */
export function clusterLabels(clusters) {
  /** @type {Map<string, number>} */
  const used = new Map();
  return clusters.map(({ label, names }) => {
    const words = (names ?? [])
      .filter((/** @type {[string, number]} */ [, share]) => share >= LEAST_SHARE)
      .slice(0, MOST_WORDS);
    const said = label || words.map((/** @type {[string, number]} */ [word]) => word).join(", ") || "unnamed";
    const times = (used.get(said) ?? 0) + 1;
    used.set(said, times);
    return times === 1 ? said : `${said} (${times})`;
  });
}

/**
 * In the legend's order.
 * @param {Points} points @param {string} field @param {boolean} isDark @returns {Category[]}
 */
export function categories(points, field, isDark) {
  const { manifest, labels } = points;
  const palette = manifest.palette.slice(0, COLOUR_NAMES.length);
  const at = (/** @type {number} */ place) =>
    place < palette.length ? { colour: palette[place], colourName: COLOUR_NAMES[place] } : OTHER;
  if (field === "cluster") {
    return manifest.clusters.map((/** @type {any} */ cluster, /** @type {number} */ code) => ({
      code, label: labels[code], ...at(cluster.colour % palette.length),
    }));
  }
  if (field === "mass") {
    const bounds = manifest.masses.map((/** @type {number} */ bound) => Math.round(bound * 100));
    const words = bounds.map((/** @type {number} */ bound, /** @type {number} */ place) =>
      place ? `${bounds[place - 1]} to ${bound} %` : `under ${bound} %`,
    );
    const ramp = isDark ? RAMP_DARK : RAMP;
    return [...words, `${bounds.at(-1)} % and more`].map((label, code) => ({
      code, label, colour: ramp[code], colourName: RAMP_NAMES[code],
    }));
  }
  /** @type {Category[]} */
  const values = manifest[`${field}s`].map((/** @type {string} */ label, /** @type {number} */ code) => ({
    code, label, ...at(code),
  }));
  if (points.codes(field).includes(NONE))
    values.push({ code: NONE, label: field === "name" ? "unnamed" : "none", ...OTHER });
  return values;
}
