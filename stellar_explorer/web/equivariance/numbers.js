/** The numbers of a change, the model's above its peer's: what stays, what has changed, and what moving predicts. */

import { make, write } from "../shared/elements.js";
import { percentInWords, shareInWords } from "./answers.js";
import { Stays } from "./stays.js";

/** @typedef {import("./answers.js").Subject} Subject */

const PARTS = [
  { name: "position", formula: "dL S", hint: "concepts are in other places and look the same" },
  { name: "appearance", formula: "L dS", hint: "concepts look different in the same places" },
  { name: "both", formula: "dL dS", hint: "both have changed together" },
];
const PREDICTED = [
  { name: "localization", label: "L", hint: "positions: each patch's shares of the concepts" },
  { name: "low_rank", label: "L S", hint: "the features, made from the concepts alone" },
  { name: "patch_features", label: "X", hint: "the patch features themselves" },
];
const WORDS = {
  stays: ["Does appearance stay?",
    "Similarity of each concept before and after (1 = identical); a bar a concept, the largest first. The tick is "
    + "the most similar other concept: a bar that falls to it is no longer told apart."],
  split: ["What has changed?",
    "The change of the features L S in place, split by what changed; the three add up to 100 %."],
  predicted: ["Does moving predict it?",
    "The share of the change that is explained by moving what was there as the photo moved, where the photo is "
    + "still seen."],
};

export class Numbers {
  /** @param {[import("./maps.js").TokenEvents, import("./maps.js").TokenEvents]} on of the model's and the peer's */
  constructor([own, peer]) {
    this.stays = [new Stays("model", own), new Stays("peer", peer)];
    this.splits = [new Split("model"), new Split("peer")];
    this.predicted = new Predicted();
    this.element = make("div", { class: "eq-numbers" },
      block("stays", ...this.stays.map(({ element }) => element)),
      block("split", ...this.splits.map(({ element }) => element), key()),
      block("predicted", this.predicted.element));
  }

  /**
   * All of the model first, then of its peer. names: with what stands for concepts; plainNames: without.
   * @param {{subjects: Subject[], names: string[], plainNames: string[], told: import("./words.js").Told[]}}
   *   numbers
   */
  update({ subjects, names, plainNames, told }) {
    subjects.forEach((subject, place) => {
      this.stays[place].update(subject, names[place], told[place]);
      this.splits[place].update(subject, names[place]);
    });
    this.predicted.update(subjects, plainNames);
  }

  /** @param {(number | null)[]} lit of the model's and the peer's */
  light(lit) {
    this.stays.forEach((stays, place) => stays.light(lit[place]));
  }
}

/** @param {keyof typeof WORDS} name @param {...HTMLElement} children */
function block(name, ...children) {
  const [title, hint] = WORDS[name];
  return make("section", { class: "eq-block", "data-block": name },
    make("h3", {}, title), make("p", { class: "hint" }, hint), ...children);
}

function key() {
  return make("ul", { class: "eq-key" }, ...PARTS.map(({ name, formula, hint }) => make("li", { title: hint },
    make("span", { class: "eq-part", "data-part": name, "aria-hidden": "true" }), `${name} `, make("i", {}, formula))));
}

class Split {
  /** @param {"model" | "peer"} which */
  constructor(which) {
    this.name = make("span", { class: "eq-name" });
    this.parts = PARTS.map(({ name }) => make("span", { class: "eq-part", "data-part": name }));
    this.bar = make("div", { class: "eq-split", role: "img" }, ...this.parts);
    this.words = make("p", { class: "eq-shares" });
    this.norms = make("p", { class: "hint" });
    this.element = make("div", { class: "eq-subject", "data-subject": which },
      make("div", { class: "eq-head" }, this.name), this.bar, this.words, this.norms);
  }

  /** @param {Subject} subject @param {string} name */
  update({ shares, norms }, name) {
    write(this.name, name);
    const isStill = shares[0] === null;
    // A part may point against the change and count below nothing: the bar has room for what is above.
    const drawn = shares.map((share) => Math.max(0, share ?? 0));
    const whole = drawn.reduce((sum, share) => sum + share, 0) || 1;
    this.parts.forEach((part, place) => {
      part.style.flexGrow = String(drawn[place] / whole);
      part.hidden = drawn[place] === 0;
    });
    const said = PARTS.map(({ name: part }, place) => `${part} ${percentInWords(shares[place])}`).join(" · ");
    const lengths = PARTS.map(({ formula }, place) => `|${formula}| ${norms[place].toFixed(2)}`).join(", ");
    write(this.words, isStill ? "Nothing moved, nothing changed." : said);
    write(this.norms, isStill ? "" : `Lengths relative to the whole change: ${lengths}`);
    this.bar.setAttribute("aria-label", `${name}: ${this.words.textContent}`);
  }
}

class Predicted {
  constructor() {
    this.heads = [0, 1].map(() => make("th", { scope: "col" }));
    this.cells = PREDICTED.map(() => [0, 1].map(() => {
      const fill = make("span", { class: "eq-fill" });
      const value = make("span", {});
      const track = make("span", { class: "eq-track", "aria-hidden": "true" }, fill);
      return { fill, value, cell: make("td", {}, value, track) };
    }));
    this.element = make("table", { class: "eq-table" },
      make("thead", {}, make("tr", {},
        make("th", { scope: "col" }, make("span", { class: "unseen" }, "What moves")), ...this.heads)),
      make("tbody", {}, ...PREDICTED.map(({ name, label, hint }, row) => make("tr", { "data-predicted": name },
        make("th", { scope: "row" }, make("i", {}, label), make("span", { class: "hint" }, hint)),
        ...this.cells[row].map(({ cell }) => cell)))));
  }

  /** @param {Subject[]} subjects @param {string[]} names */
  update(subjects, names) {
    subjects.forEach((subject, place) => {
      write(this.heads[place], names[place]);
      PREDICTED.forEach(({ name }, row) => {
        const { fill, value } = this.cells[row][place];
        const share = subject.predicted[name];
        write(value, shareInWords(share));
        fill.style.width = `${Math.min(1, Math.max(0, share ?? 0)) * 100}%`;
      });
    });
  }
}
