/** Which concepts a text is about: by the label of their cluster, their name, or their photo's title. */

import { icon, make, uniqueId, write } from "../shared/elements.js";

/** Letters alone: "Café" is found by "cafe". @param {string} text */
const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

/**
 * -> whether a text has every word of what is searched for; null where nothing is.
 * @param {string} wanted @returns {((text: string) => boolean) | null}
 */
export function matcher(wanted) {
  const words = plain(wanted).split(/\s+/).filter(Boolean);
  return words.length ? (text) => words.every((word) => plain(text).includes(word)) : null;
}

/**
 * Rows in their order, or null where nothing is searched for.
 * @param {import("./points.js").Points} points @param {Map<number, string>} titles  of photos, as far as they are known
 * @param {string} wanted
 */
export function matchingRows(points, titles, wanted) {
  const matches = matcher(wanted);
  if (!matches) return null;
  const clusters = points.labels.map(matches);
  /** @type {boolean[]} */
  const names = points.manifest.names.map(matches);
  const photos = new Set([...titles].filter(([, title]) => matches(title)).map(([photo]) => photo));
  const { cluster, name } = points.values;
  return Uint32Array.from(cluster.keys()).filter(
    (row) => clusters[cluster[row]] || names[name[row]] || photos.has(points.photo[row]),
  );
}

/** @param {number} number @param {string} word */
export function count(number, word) {
  return `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;
}

/** The box, and what it found. */
export class SearchBox {
  /** @param {(text: string) => void} onchange */
  constructor(onchange) {
    const id = uniqueId("search");
    this.input = make("input", {
      id, type: "search", class: "atlas-search", placeholder: "Name, cluster, photo", autocomplete: "off",
      spellcheck: "false", maxlength: "100", "data-search": "", oninput: () => onchange(this.input.value),
    });
    this.words = make("p", { class: "hint", role: "status", "data-found": "" }, HINT);
    this.element = make("div", { class: "control" }, make("label", { for: id }, "Search"),
      make("div", { class: "atlas-search-box" }, icon("search"), this.input), this.words);
  }

  /**
   * found: the rows that match, null where nothing is searched for.
   * @param {string} text @param {Uint32Array | null} found @param {import("./points.js").Points} points
   */
  show(text, found, points) {
    if (this.input.value !== text && document.activeElement !== this.input) this.input.value = text;
    const words = found?.length
      ? `${count(found.length, "concept")} from ${count(points.numPhotos(found), "photo")}`
      : "Nothing matches; all is dimmed.";
    write(this.words, found ? words : HINT);
  }
}

const HINT = "Dims everything else.";
