/** The concepts under the pictures, what is lit in words, and on narrow screens the bar with the pinned one. */

import { Chips, percentOf } from "../drawing/chips.js";
import { maskShare } from "../drawing/factorization.js";
import { ramp } from "../drawing/panels.js";
import { choice } from "../shared/controls.js";
import { icon, make, write } from "../shared/elements.js";

/** @typedef {import("./scene.js").Scene} Scene @typedef {import("./address.js").View} View */
/**
 * @typedef {{token: number | null, pointed: import("./pointing.js").Pointed | null, isSimilar: boolean, pinned: number
 *   | null}} What
 */

const isTouch = () => matchMedia("(hover: none)").matches;

/** "43 %" of a patch; of the photo two digits are enough. @param {number} share */
const wholePercent = (share) => `${Math.round(share * 100)} %`;

/** "dog, 12 % of the photo". @param {Scene} scene @param {number} token @param {View} view */
export function inWords(scene, token, { threshold }) {
  return `${scene.words[token]}, ${percentOf(maskShare(scene.grid, token, threshold))} of the photo`;
}

/**
 * What is said of what is pointed at.
 * @param {Scene} scene @param {View} view @param {What} what @returns {[string, string]} in a word, and more
 */
export function readout(scene, view, { token, pointed, isSimilar }) {
  const place = pointed ? `row ${pointed.row + 1}, column ${pointed.col + 1}` : "";
  if (isSimilar) return ["Similarity", `to the patch in ${place}`];
  if (view.similar) return ["Similar patches", isTouch() ? "tap a patch" : "point at a patch"];
  if (token === null) return ["", isTouch() ? "Tap a picture, or a concept." : "Point at a picture, or at a concept."];
  const share = `${percentOf(maskShare(scene.grid, token, view.threshold))} of the photo`;
  const here = pointed ? `${wholePercent(scene.shareAt(token, pointed.patch))} of the patch in ${place}` : "";
  return [scene.words[token], [share, here].filter(Boolean).join(" · ")];
}

/** The two things that pointing can show. @param {(similar: boolean) => void} onchange */
export function modeChoice(onchange) {
  return choice({
    name: "mode", label: "What is shown", title: false, onchange: (mode) => onchange(mode === "similar"), options: [
      { value: "concept", label: "Concept", hint: "The concept under the pointer, in all pictures" },
      { value: "similar", label: "Similar patches",
        hint: "How similar every patch is to the one under the pointer; or hold S" }],
  });
}

export class Concepts {
  /** @param {import("../drawing/chips.js").ChipEvents} events @param {{unpin: () => void, find: () => void}} on */
  constructor(events, on) {
    this.chips = new Chips(events);
    this.word = make("strong", { class: "readout-word" });
    this.more = make("span", { class: "readout-more" });
    this.swatch = make("i", { class: "swatch", "aria-hidden": "true" });
    this.scale = make("span", { class: "legend", hidden: true },
      make("span", {}, "unlike"), ramp(), make("span", {}, "alike"));
    this.unpin = make("button", {
      type: "button", class: "quiet-button", "data-action": "unpin", hidden: true, title: "Unpin the concept (Esc)",
      onclick: on.unpin,
    }, icon("close"), make("span", {}, "Unpin"));
    this.readout = make("p", { class: "readout", "data-readout": "" },
      this.swatch, this.word, this.more, this.scale, this.unpin);
    this.element = make("section", { class: "concepts", "aria-label": "Concepts" },
      make("div", { class: "section-head" }, make("h2", {}, "Concepts"),
        make("span", { class: "hint" }, "with the share of the photo that each covers"),
        make("span", { class: "hint keys-hint" }, make("kbd", {}, "["), " ", make("kbd", {}, "]"), " step")),
      this.chips.element);
    this.barWord = make("strong");
    this.barShare = make("span", { class: "hint" });
    this.bar = make("div", {
      class: "pinned-bar", role: "group", "aria-label": "The pinned concept", hidden: true, "data-pinned-bar": "",
    }, make("i", { class: "swatch", "aria-hidden": "true" }),
      make("span", { class: "pinned-words" }, this.barWord, this.barShare),
      make("button", { type: "button", class: "button button-first", onclick: on.find },
        icon("search"), make("span", {}, "Find")),
      make("button", { type: "button", class: "button", onclick: on.unpin }, make("span", {}, "Unpin")));
  }

  /** @param {Scene} scene @param {View} view @param {import("./room.js").Arrangement} arrangement */
  rebuild(scene, view, arrangement) {
    const { element } = this.chips;
    this.chips.size = arrangement.chip;
    element.dataset.size = arrangement.chips;
    element.style.setProperty("--chip-columns", String(arrangement.chipColumns));
    element.style.setProperty("--chip-width", `${arrangement.chip.width}px`);
    element.style.setProperty("--chip-height", `${arrangement.chip.height}px`);
    this.chips.rebuild(scene.drawn(view), scene.order);
  }

  /** Once a frame; only what has changed is written. @param {Scene} scene @param {View} view @param {What} what */
  draw(scene, view, what) {
    const drawn = scene.drawn(view);
    this.chips.drawMasks(drawn, view.threshold);
    this.chips.mark({ lit: what.isSimilar ? null : what.token, pinned: what.pinned, tokens: drawn.tokens });
    const [word, more] = readout(scene, view, what);
    write(this.word, word);
    write(this.more, more);
    const { token, pinned } = what;
    this.readout.style.setProperty("--concept", token === null ? "transparent" : scene.analysis.palette[token]);
    this.swatch.hidden = token === null || view.similar || what.isSimilar;
    this.scale.hidden = !what.isSimilar;
    this.unpin.hidden = this.bar.hidden = pinned === null;
    if (pinned === null) return;
    this.bar.style.setProperty("--concept", scene.analysis.palette[pinned]);
    write(this.barWord, scene.words[pinned]);
    write(this.barShare, `${percentOf(maskShare(scene.grid, pinned, view.threshold))} of the photo`);
  }

  /** @param {number} token */
  reveal(token) {
    this.chips.reveal(token);
  }
}
