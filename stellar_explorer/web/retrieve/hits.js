/** The photos that were found: a grid of their own proportions, each with what was found lit and the rest dimmed. */

import { icon, make, write } from "../shared/elements.js";
import { nameOf, namesInWords } from "../shared/names.js";
import { resolveAddress } from "../shared/package.js";
import { drawHits } from "./masks.js";

/** Outlines of the parts of a query after the first, which has the colour of its concept. */
const COLOURS = ["#33eff7", "#fcce43", "#fa918b", "#abe6a2", "#adb2fc", "#f598da", "#02c8b9"];
const MOST_OUTLINED = 8;
/** Of a whole photo all is lit and nothing is seen: what the match owes most to is enough. */
const MOST_OF_A_SET = 3;
const NARROWEST = 0.5;
const WIDEST = 2.6;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** A tile's width over its height: the photo's, but for panoramas and towers, which are cut. */
export function aspectOf({ width, height }) {
  return Math.min(WIDEST, Math.max(NARROWEST, width / height));
}

export class Hits {
  /** on: {open(result, hit, image), mark(hit, "good" | "bad" | null, result, image)} */
  constructor(on) {
    this.on = on;
    this.tiles = [];
    this.list = make("ul", { class: "hits", "aria-label": "Photos found", "data-hits": "", onkeydown: (event) => this.move(event) });
    this.element = this.list;
    this.seen = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) if (isIntersecting) this.tileOf(target)?.draw();
    }, { rootMargin: "300px" });
    this.sized = new ResizeObserver((entries) => {
      for (const { target } of entries) this.tileOf(target)?.draw();
    });
  }

  tileOf(element) {
    return this.tiles.find((tile) => tile.picture === element);
  }

  /** Arrows go from photo to photo: along the row, or to the nearest in the row above or below. */
  move(event) {
    const step = ARROWS[event.key];
    const from = this.tileOf(event.target);
    if (!step || !from || event.ctrlKey || event.metaKey || event.altKey) return;
    const shown = this.tiles.filter(({ element }) => !element.hidden);
    const at = shown.indexOf(from);
    let to = shown[at + step[0]];
    if (step[1]) {
      const middle = ({ picture }) => picture.offsetLeft + picture.offsetWidth / 2;
      const beyond = shown.filter(({ element }) => (element.offsetTop - from.element.offsetTop) * step[1] > 0);
      const row = beyond.at(step[1] > 0 ? 0 : -1)?.element.offsetTop;
      [to] = beyond.filter(({ element }) => element.offsetTop === row).sort((a, b) => Math.abs(middle(a) - middle(from)) - Math.abs(middle(b) - middle(from)));
    }
    if (!to) return;
    event.preventDefault();
    to.picture.focus();
  }

  /** results: as the server sends them. look: {colour of the first part, palette for whole photos or null} */
  show(results, look) {
    this.seen.disconnect();
    this.sized.disconnect();
    this.tiles = results.map((result) => new Tile(result, look, this.on));
    this.list.replaceChildren(...this.tiles.map(({ element }) => element));
    for (const { picture } of this.tiles) {
      this.seen.observe(picture);
      this.sized.observe(picture);
    }
  }

  /** -> how many are left. marks: Map of concept numbers to "good" or "bad". */
  update({ least, marks, isPicking }) {
    let shown = 0;
    for (const tile of this.tiles) {
      const mark = marks.get(tile.hit?.concept) ?? null;
      const isShown = least === 0 || tile.result.score >= least; // a cosine may be negative
      tile.element.hidden = !isShown;
      tile.mark(mark);
      shown += isShown;
    }
    this.list.toggleAttribute("data-picking", isPicking);
    return shown;
  }
}

class Tile {
  constructor(result, look, on) {
    this.result = result;
    this.hits = result.hits.filter(({ mask }) => mask.length).slice(0, look.palette ? MOST_OF_A_SET : MOST_OUTLINED);
    this.hit = result.hits[0] ?? null;
    this.colours = this.hits.map(({ token, part }) =>
      (look.palette ? look.palette[token % look.palette.length] : part === 0 ? look.colour : COLOURS[(part - 1) % COLOURS.length]));
    const [learnt] = this.hit?.taught ?? [];
    const word = nameOf(this.hit?.names, this.hit?.taught);
    const share = word && (learnt ?? this.hit.names[0])[1];
    const isMutual = Boolean(this.hit?.mutual);
    const score = result.score.toFixed(2);
    this.aspect = result.width / result.height;
    this.canvas = make("canvas", { "aria-hidden": "true" });
    this.image = make("img", { src: resolveAddress(result.thumbnail), alt: "", loading: "lazy", draggable: "false" });
    const told = `${result.title}${result.label ? `, ${result.label}` : ""}; score ${score}${word ? `; named ${word}` : ""}`;
    this.picture = make("button", {
      type: "button", class: "hit-picture", "aria-label": `Search with this: ${told}`, onclick: () => on.open(result, this.hit, this.image),
    }, this.image, this.canvas,
    result.alike.length ? make("span", { class: "hit-alike", title: "Nearly the same photos, folded into this one" }, `+${result.alike.length} alike`) : null);
    const marker = (mark, name, words) => make("button", {
      type: "button", class: "hit-mark", "data-mark": mark, "aria-pressed": "false", "aria-label": `${words}: ${result.title}`, title: words,
      onclick: () => on.mark(this.hit, this.marked === mark ? null : mark, result, this.image),
    }, icon(name));
    this.markers = this.hit ? [marker("good", "like", "More like this"), marker("bad", "dislike", "Less like this")] : [];
    this.element = make("li", { class: "hit", style: `--aspect: ${aspectOf(result)}`, "data-photo": result.photo, "data-score": result.score },
      this.picture,
      make("div", { class: "hit-words" },
        make("span", { class: "hit-score", title: "How alike, by the cosine: 1 is the same" }, score),
        isMutual ? make("span", { class: "hit-mutual", title: "Mutual: seen from here, the concept asked about is the best match in its photo too" }, icon("mutual"), make("span", { class: "unseen" }, "mutual")) : null,
        make("span", { class: learnt ? "hit-name taught-name" : "hit-name", title: namesInWords(this.hit?.names, this.hit?.taught) }, word ?? ""),
        make("span", { class: "hit-marks" }, ...this.markers)),
      make("p", { class: "hint hit-title", title: result.title }, result.label ? `${result.label} · ${result.title}` : result.title));
    this.share = share;
    this.drawn = "";
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
  }

  mark(mark) {
    this.marked = mark;
    if (mark) this.element.dataset.mark = mark;
    else delete this.element.dataset.mark;
    for (const button of this.markers) button.setAttribute("aria-pressed", String(button.dataset.mark === mark));
  }
}

/** What stands where hits would: a sentence, and perhaps a bar. */
export class Instead {
  constructor() {
    this.words = make("p", {});
    this.hint = make("p", { class: "hint" });
    this.fill = make("span", {});
    this.bar = make("div", { class: "retrieve-bar", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100", "aria-label": "Progress" }, this.fill);
    this.element = make("div", { class: "retrieve-instead", hidden: true, "data-instead": "" }, this.words, this.hint, this.bar);
  }

  say(words, hint = "", progress = null) {
    this.element.hidden = !words;
    write(this.words, words ?? "");
    write(this.hint, hint);
    this.bar.hidden = progress === null;
    if (progress === null) return;
    this.fill.style.width = `${progress * 100}%`;
    this.bar.setAttribute("aria-valuenow", String(Math.round(progress * 100)));
  }
}
