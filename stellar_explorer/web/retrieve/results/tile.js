/** One photo that was found: what was found in it is lit, the rest dimmed; its similarity, name and title. */

import { icon, make } from "../../shared/elements.js";
import { nameOf, namesInWords } from "../../shared/names.js";
import { resolveAddress } from "../../shared/requests.js";
import { drawHits } from "../masks.js";
import { pairsOf, similarity } from "./matches.js";

/** Outlines of the parts of a query after the first, which has the colour of its concept. */
const COLOURS = ["#33eff7", "#fcce43", "#fa918b", "#abe6a2", "#adb2fc", "#f598da", "#02c8b9"];
const MOST_OUTLINED = 8;
const NARROWEST = 0.5;
const WIDEST = 2.6;

/**
 * colour: of the first part; palette: of the query photo's concepts where the whole photo, or a box, was asked with.
 * @typedef {{colour: string, palette: string[] | null}} Look
 * @typedef {import("./matches.js").Result} Result
 *
 * @typedef {Object} Events
 * @property {(result: Result, hit: any) => void} open
 * @property {(hit: any, mark: "good" | "bad" | null, result: Result, image: HTMLImageElement) => void} mark
 * @property {(pairs: {token: number, colour: string}[] | null) => void} light  what of the query photo a hit matched
 */

/**
 * A tile's width over its height: the photo's, but for panoramas and towers, which are cut.
 * @param {{width: number, height: number}} size
 */
export function aspectOf({ width, height }) {
  return Math.min(WIDEST, Math.max(NARROWEST, width / height));
}

export class Tile {
  /** @param {Result} result @param {Look} look @param {Events} on */
  constructor(result, look, on) {
    this.result = result;
    this.on = on;
    this.hit = result.hits[0] ?? null;
    /** @type {"good" | "bad" | null} */
    this.marked = null;
    this.drawn = "";
    this.aspect = result.width / result.height;
    /** @type {import("../masks.js").Masked[]} */
    this.hits = [];
    /** @type {string[]} */
    this.colours = [];
    /** @type {{token: number, colour: string}[] | null} */
    this.pairs = null;
    this.isLoaded = false;
    this.choose(look);
    this.canvas = make("canvas", { "aria-hidden": "true" });
    this.image = make("img", {
      src: resolveAddress(result.thumbnail), alt: "", loading: "lazy", draggable: "false", onload: () => this.settle(),
      onerror: () => this.settle(),
    });
    const { element, picture, markers } = this.build();
    /** @type {HTMLElement} */
    this.picture = picture;
    /** @type {HTMLElement[]} */
    this.markers = markers;
    /** @type {HTMLElement} */
    this.element = element;
  }

  /** Which concepts are outlined, and in which colours. @param {Look} look */
  choose({ colour, palette }) {
    const { hits } = this.result;
    if (palette) {
      const pairs = pairsOf(this.result);
      const colourOf = (/** @type {number} */ token) => palette[token % palette.length];
      this.hits = pairs.map(({ token }) => hits.find((hit) => hit.token === token));
      this.colours = pairs.map(({ queryToken }) => colourOf(queryToken));
      this.pairs = pairs.map(({ queryToken }) => ({ token: queryToken, colour: colourOf(queryToken) }));
    } else {
      const seen = hits.filter(({ mask }) => mask.length).slice(0, MOST_OUTLINED);
      this.hits = seen;
      this.colours = seen.map(({ part }) => (part === 0 ? colour : COLOURS[(part - 1) % COLOURS.length]));
    }
  }

  build() {
    const { result, hit, on } = this;
    const { title, label } = result;
    const word = nameOf(hit?.names, hit?.taught);
    const isTaught = Boolean(hit?.taught?.length);
    const score = similarity(result.score);
    const told = `${title}${label ? `, ${label}` : ""}; similarity ${score}${word ? `; named ${word}` : ""}`;
    const light = (/** @type {boolean} */ isLit) => this.pairs && on.light(isLit ? this.pairs : null);
    /** @type {HTMLElement} */
    const picture = make("button", {
      type: "button", class: "hit-picture", "aria-label": `Search with this: ${told}`,
      onclick: () => on.open(result, hit),
      onpointerenter: (/** @type {PointerEvent} */ event) => event.pointerType !== "touch" && light(true),
      onpointerleave: () => light(false),
      onfocus: () => picture.matches(":focus-visible") && light(true), onblur: () => light(false),
    }, this.image, this.canvas,
    result.alike.length ? make("span", { class: "hit-alike", title: "Near-duplicates, grouped with this one" },
      `+${result.alike.length} alike`) : null);
    const markers = hit ? [this.marker("good", "like", "More like this"),
      this.marker("bad", "dislike", "Less like this")] : [];
    const guesses = namesInWords(hit?.names, hit?.taught);
    const mutual = "Mutual: seen from here, the concept asked about is the best match in its photo too";
    const element = make("li", {
      class: "hit", style: `--aspect: ${aspectOf(result)}`, "data-photo": result.photo, "data-score": result.score,
    }, picture,
    make("p", { class: "hit-title", title }, label ? `${label} · ${title}` : title),
    make("div", { class: "hit-words" },
      make("span", { class: "hit-score", title: "Similarity: 1 = identical" }, score),
      hit?.mutual ? make("span", { class: "hit-mutual", title: mutual }, icon("mutual"),
        make("span", { class: "unseen" }, "mutual")) : null,
      make("span", { class: `hit-name ${isTaught ? "taught-name" : ""}`, title: guesses }, word ?? ""),
      make("span", { class: "hit-marks" }, ...markers)));
    return { element, picture, markers };
  }

  /** @param {"good" | "bad"} mark @param {string} sign @param {string} words */
  marker(mark, sign, words) {
    const { title } = this.result;
    return make("button", {
      type: "button", class: "hit-mark", "data-mark": mark, "aria-pressed": "false", "aria-label": `${words}: ${title}`,
      title: words, onclick: () => this.on.mark(this.hit, this.marked === mark ? null : mark, this.result, this.image),
    }, icon(sign));
  }

  /** Photo and mask come into sight together: neither an unlit photo nor a mask over nothing is ever seen. */
  settle() {
    this.isLoaded = true;
    this.picture.toggleAttribute("data-drawn", Boolean(this.drawn));
  }

  draw() {
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const { clientWidth, clientHeight } = this.picture;
    // Of the photo's own proportions: a canvas is cut to the tile by the same rule as the picture under it.
    const width = Math.round(Math.max(clientWidth, clientHeight * this.aspect) * ratio);
    const height = Math.round(width / this.aspect);
    if (!clientWidth || !height || this.drawn === `${width}/${height}`) return;
    this.drawn = `${width}/${height}`;
    if (this.hits.length) drawHits(this.canvas, this.hits, this.colours, width, height);
    if (this.isLoaded) this.settle();
  }

  /** @param {"good" | "bad" | null} mark */
  mark(mark) {
    this.marked = mark;
    if (mark) this.element.dataset.mark = mark;
    else delete this.element.dataset.mark;
    for (const button of this.markers) button.setAttribute("aria-pressed", String(button.dataset.mark === mark));
  }
}
