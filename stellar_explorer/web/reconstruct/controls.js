/** What can be chosen in Reconstruct: how pictures are compared, and what each is made from. */

import { choice, menu, slider } from "../shared/controls.js";
import { icon, make, write } from "../shared/elements.js";
import { resolveAddress } from "../shared/requests.js";
import { MOST_VISIBLE } from "./address.js";
import { savedAddress } from "./server.js";
import { HINTS } from "./words.js";

/** @typedef {import("./address.js").View} View @typedef {import("./server.js").Settings} Settings */

/** How all pictures are compared with the photo. */
export class Comparing {
  /** @param {{compare: (compare: string) => void, divide: (share: number) => void}} on */
  constructor(on) {
    this.choice = choice({
      name: "compare", label: "Show", hint: HINTS.rebuilt, onchange: on.compare,
      options: [{ value: "rebuilt", label: "Reconstruction" }, { value: "slider", label: "Slider" },
        { value: "difference", label: "Difference" }],
    });
    this.split = slider({
      name: "split", label: "Line", hint: "How far the photo reaches into every picture.", min: 0, max: 1, step: 0.01,
      words: (/** @type {number} */ share) => `${Math.round(share * 100)} %`, onchange: on.divide,
    });
    this.split.element.classList.add("rebuilt-split");
    this.element = make("div", { class: "toolbar" }, this.choice.element, this.split.element);
  }

  /** @param {string} compare */
  update(compare) {
    this.choice.set(compare);
    const hint = this.choice.element.querySelector(".hint");
    if (hint) write(/** @type {HTMLElement} */ (hint), HINTS[compare]);
    this.split.element.hidden = compare !== "slider";
  }
}

/** What lies under the pictures of STELLAR, TiTok and MAE. */
export class Sources {
  /**
   * @param {import("./server.js").Facts} facts
   * @param {{count: (count: number) => void, want: (values: Partial<View>) => void}} on
   */
  constructor({ baselines }, on) {
    this.numTokens = 16;
    this.count = slider({
      name: "count", label: "Concepts", hint: "The best of them, or those that you choose below.", min: 1, max: 16,
        step: 1,
      words: (/** @type {number} */ count) => `${count} of ${this.numTokens}`, onchange: on.count,
    });
    const which = (/** @type {"titok" | "mae"} */ kind, /** @type {string} */ label) => menu({
      name: kind, label, options: baselines[kind], onchange: (/** @type {string} */ name) => on.want({ [kind]: name }),
    });
    this.which = { titok: which("titok", "Which TiTok"), mae: which("mae", "Which MAE") };
    this.visible = slider({
      name: "visible", label: "Patches seen", hint: "Of the photo's own; the rest is guessed.", min: 1,
        max: MOST_VISIBLE,
      step: 1, words: (/** @type {number} */ count) => `${count} of ${MOST_VISIBLE}`,
      onchange: (/** @type {number} */ visible) => on.want({ visible }),
    });
    this.pattern = choice({
      name: "pattern", label: "Which patches", options: [{ value: "random", label: "Random" },
        { value: "grid", label: "Even" }],
      onchange: (/** @type {string} */ pattern) => on.want({ pattern }),
    });
    /** By the name of the picture that they are of. @type {Record<string, HTMLElement[]>} */
    this.elements = {
      stellar: [this.count.element], titok: [this.which.titok.element],
      mae: [this.visible.element, make("div", { class: "rebuilt-pair" }, this.which.mae.element, this.pattern.element)],
    };
  }

  /** @param {View} view @param {number} kept @param {number} numTokens */
  update(view, kept, numTokens) {
    this.numTokens = numTokens;
    this.count.set(kept, numTokens);
    this.visible.set(view.visible);
    this.pattern.set(view.pattern);
    this.which.titok.set(view.titok);
    this.which.mae.set(view.mae);
  }
}

/** Copy link, and what can be saved. */
export class Saving {
  /** @param {() => void} copyLink */
  constructor(copyLink) {
    this.link = make("button", { type: "button", class: "button", "data-action": "link", onclick: copyLink },
      icon("link"), make("span", {}, "Copy link"));
    const save = (/** @type {string} */ file, /** @type {string} */ label, /** @type {string} */ title) =>
      make("a", { class: "button", download: "", "data-download": file, title, hidden: true },
        icon("download"), make("span", {}, label));
    this.saves = [save("figure.png", "Figure", "All pictures with their numbers, as PNG"),
      save("numbers.csv", "Numbers", "The table below, as CSV")];
    this.element = make("div", { class: "actions" }, this.link, ...this.saves);
  }

  /** @param {{analysis: any, photo: any}} study @param {Settings} settings @param {string} name */
  update({ analysis, photo }, settings, name) {
    for (const link of this.saves) {
      link.href = resolveAddress(savedAddress(analysis.token, String(link.dataset.download), settings, name));
      link.hidden = false;
    }
    this.link.title = photo.example ? "A link to this example as it is compared now"
      : "Uploads are never in a link: the link has the settings, without the photo";
  }
}
