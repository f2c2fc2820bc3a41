/** The photos that were found: matches first, and behind a button what is weaker. */

import { make, write } from "../../shared/elements.js";
import { counted, grouped } from "./matches.js";
import { Tile } from "./tile.js";

/** @typedef {import("./matches.js").Result} Result @typedef {import("./tile.js").Look} Look */

const ARROWS = /** @type {Record<string, number[]>} */ ({
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
});

export class Hits {
  /** @param {import("./tile.js").Events} on */
  constructor(on) {
    this.on = on;
    /** @type {Tile[]} */
    this.tiles = [];
    this.isOpen = false;
    this.chance = 0;
    /** @type {{least: number, marks: Map<number, "good" | "bad">, isPicking: boolean}} */
    this.state = { least: 0, marks: new Map(), isPicking: false };
    this.button = make("button", {
      type: "button", class: "button", "aria-expanded": "false", "data-action": "weaker", onclick: () => {
        this.isOpen = !this.isOpen;
        this.update(this.state);
      },
    });
    this.fold = make("li", { class: "hits-fold", hidden: true }, this.button,
      make("span", { class: "hint" }, "Below the similarity that photos of other things reach"));
    this.element = make("ul", {
      class: "hits", "aria-label": "Photos found", "data-hits": "",
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.move(event),
    });
    this.sight = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) if (isIntersecting) this.tileOf(target)?.draw();
    }, { rootMargin: "300px" });
    this.sizes = new ResizeObserver((entries) => {
      for (const { target } of entries) this.tileOf(target)?.draw();
    });
  }

  /** @param {EventTarget | null} element */
  tileOf(element) {
    return this.tiles.find((tile) => tile.picture === element);
  }

  /**
   * Arrows go from photo to photo: along the row, or to the nearest in the row above or below.
   * @param {KeyboardEvent} event
   */
  move(event) {
    const step = ARROWS[event.key];
    const from = this.tileOf(event.target);
    if (!step || !from || event.ctrlKey || event.metaKey || event.altKey) return;
    const shown = this.tiles.filter(({ element }) => !element.hidden);
    const at = shown.indexOf(from);
    let to = shown[at + step[0]];
    if (step[1]) {
      const middle = (/** @type {Tile} */ { picture }) => picture.offsetLeft + picture.offsetWidth / 2;
      const far = (/** @type {Tile} */ tile) => Math.abs(middle(tile) - middle(from));
      const beyond = shown.filter(({ element }) => (element.offsetTop - from.element.offsetTop) * step[1] > 0);
      const row = beyond.at(step[1] > 0 ? 0 : -1)?.element.offsetTop;
      [to] = beyond.filter(({ element }) => element.offsetTop === row).sort((a, b) => far(a) - far(b));
    }
    if (!to) return;
    event.preventDefault();
    to.picture.focus();
  }

  /** Another answer. @param {Result[]} results @param {Look} look @param {number} chance */
  show(results, look, chance) {
    this.sight.disconnect();
    this.sizes.disconnect();
    this.chance = chance;
    const { matches, weaker } = grouped(results, { chance });
    this.isOpen = !matches.length; // then they are all that there is to see, under what says so
    this.numMatches = matches.length;
    this.tiles = [...matches, ...weaker].map((result) => new Tile(result, look, this.on));
    const elements = this.tiles.map(({ element }) => element);
    this.element.replaceChildren(...elements.slice(0, this.numMatches), this.fold, ...elements.slice(this.numMatches));
    for (const { picture } of this.tiles) {
      this.sight.observe(picture);
      this.sizes.observe(picture);
    }
  }

  /**
   * Which of them are in sight. -> how many matches are, and how many weaker ones there are, folded or not.
   * @param {{least: number, marks: Map<number, "good" | "bad">, isPicking: boolean}} state
   */
  update(state) {
    this.state = state;
    const { least, marks, isPicking } = state;
    const { matches, weaker } = grouped(this.tiles.map(({ result }) => result), { least, chance: this.chance });
    const shown = new Set(this.isOpen ? [...matches, ...weaker] : matches);
    for (const tile of this.tiles) {
      tile.element.hidden = !shown.has(tile.result);
      tile.mark(marks.get(tile.hit?.concept) ?? null);
    }
    this.fold.hidden = !weaker.length;
    write(this.button, counted(weaker.length, "weaker match", "weaker matches"));
    this.button.setAttribute("aria-expanded", String(this.isOpen));
    this.element.toggleAttribute("data-picking", isPicking);
    this.element.hidden = !matches.length && !weaker.length;
    return { matches: matches.length, weaker: weaker.length };
  }
}
