/** The numbers of a change, the model's above its peer's: what stays, where the change lies, and what moving foretells. */

import { make, write } from "../shared/elements.js";

const PARTS = [
  { name: "where", formula: "dL S", label: "where", hint: "where concepts are has changed, what they say has not" },
  { name: "what", formula: "L dS", label: "what", hint: "what concepts say has changed, where they are has not" },
  { name: "both", formula: "dL dS", label: "both", hint: "both have changed together" },
];
const FORESEEN = [
  { name: "localization", label: "L", hint: "where the concepts are" },
  { name: "low_rank", label: "L S", hint: "the features as the concepts tell them" },
  { name: "patch_features", label: "X", hint: "the patch features themselves" },
];

/** Two decimals; a third where two would round to a whole 1 that it is not. */
export const cosineInWords = (value) => (value === null ? "none"
  : value.toFixed(value >= 0.995 && value < 0.9995 ? 3 : 2).replace("-", "−"));
export const percentInWords = (value) => (value === null ? "none" : `${Math.round(value * 100).toString().replace("-", "−")} %`);
/** Below 0 moving is a worse guess than standing still; by how much says nothing. */
const shareInWords = (value) => (value === null ? "–" : value < 0 ? "none" : percentInWords(value));

/** on: {point(token or null), press(token)} */
export class Numbers {
  constructor(on) {
    this.stays = [0, 1].map((place) => new Stays(place, on));
    this.splits = [0, 1].map((place) => new Split(place));
    this.foreseen = new Foreseen();
    this.element = make("div", { class: "eq-numbers" },
      block("stays", "Does what a concept says stay?", "Cosine of S before and after; a bar a concept, the heaviest first. "
        + "The tick is the most alike other concept: a bar that falls to it is no longer told apart.",
        ...this.stays.map(({ element }) => element)),
      block("split", "Where is the change?", "The change of L S in place, split by what changed; the three add up to 100 %.",
        ...this.splits.map(({ element }) => element), key()),
      block("foreseen", "Does moving foretell it?", "The share of a change that is explained by moving what was there as the photo moved, "
        + "where the photo is still seen.", this.foreseen.element));
  }

  /** subjects: [the model's, the peer's]; names: what they are called with their concepts, and without. */
  update(subjects, names, plainNames) {
    subjects.forEach((subject, place) => {
      this.stays[place].update(subject, names[place]);
      this.splits[place].update(subject, names[place]);
    });
    this.foreseen.update(subjects, plainNames);
  }

  light(token) {
    for (const stays of this.stays) stays.light(token);
  }
}

function block(name, title, hint, ...children) {
  return make("section", { class: "eq-block", "data-block": name }, make("h3", {}, title), make("p", { class: "hint" }, hint), ...children);
}

function key() {
  return make("ul", { class: "eq-key" }, ...PARTS.map(({ name, formula, label, hint }) => make("li", { title: hint },
    make("span", { class: "eq-part", "data-part": name, "aria-hidden": "true" }), `${label} `, make("i", {}, formula))));
}

class Stays {
  constructor(place, on) {
    this.on = on;
    this.name = make("span", { class: "eq-name" });
    this.value = make("output", { class: "eq-value", "data-number": place ? "peer-cosine" : "cosine" });
    this.bars = make("div", { class: "eq-bars", role: "group" });
    this.words = make("p", { class: "hint eq-readout" });
    this.element = make("div", { class: "eq-subject", "data-subject": place ? "peer" : "model" },
      make("div", { class: "eq-head" }, this.name, make("span", {}, this.value, make("span", { class: "hint" }, " by mass"))), this.bars, this.words);
  }

  update(subject, name) {
    this.subject = subject;
    write(this.name, name);
    write(this.value, cosineInWords(subject.cosine_by_mass));
    this.bars.setAttribute("aria-label", `Cosine of each concept of ${name}`);
    const order = subject.weight.map((_, token) => token).sort((a, b) => subject.weight[b] - subject.weight[a] || a - b);
    if (order.join() !== this.order) this.build(order);
    for (const [token, { button, fill, tick }] of this.byToken) {
      fill.style.height = `${Math.max(0, subject.cosine[token]) * 100}%`;
      tick.style.bottom = `${Math.max(0, subject.nearest[token]) * 100}%`;
      button.style.setProperty("--concept", subject.palette[token]);
      button.setAttribute("aria-label", this.inWords(token));
      button.title = this.inWords(token);
    }
    this.light(this.lit ?? null);
  }

  build(order) {
    this.order = order.join();
    this.byToken = new Map(order.map((token) => {
      const fill = make("span", { class: "eq-fill" });
      const tick = make("span", { class: "eq-tick" });
      const button = make("button", {
        type: "button", class: "eq-bar", "data-token": token, "aria-pressed": "false", onclick: () => this.on.press(token),
        onpointerenter: () => this.on.point(token), onpointerleave: () => this.on.point(null),
        onfocus: (event) => event.target.matches(":focus-visible") && this.on.point(token), onblur: () => this.on.point(null),
      }, fill, tick);
      return [token, { button, fill, tick }];
    }));
    this.bars.replaceChildren(...[...this.byToken.values()].map(({ button }) => button));
  }

  inWords(token) {
    const { subject } = this;
    const what = subject.name === "stellar" ? "Concept" : "Cluster";
    return `${what} ${token}: ${cosineInWords(subject.cosine[token])}, its nearest other ${cosineInWords(subject.nearest[token])}, `
      + `${percentInWords(subject.weight[token])} of the photo`;
  }

  light(token) {
    this.lit = token;
    if (!this.subject) return;
    for (const [own, { button }] of this.byToken) {
      button.toggleAttribute("data-dim", token !== null && own !== token);
      button.setAttribute("aria-pressed", String(own === token));
    }
    const least = this.subject.cosine.reduce((low, value, own) => (this.subject.weight[own] > 0.01 && value < low ? value : low), 1);
    write(this.words, token !== null ? this.inWords(token) : `The least among those of more than 1 % of the photo: ${cosineInWords(least)}`);
  }
}

class Split {
  constructor(place) {
    this.name = make("span", { class: "eq-name" });
    this.parts = PARTS.map(({ name }) => make("span", { class: "eq-part", "data-part": name }));
    this.bar = make("div", { class: "eq-split", role: "img" }, ...this.parts);
    this.words = make("p", { class: "eq-shares" });
    this.norms = make("p", { class: "hint" });
    this.element = make("div", { class: "eq-subject", "data-subject": place ? "peer" : "model" },
      make("div", { class: "eq-head" }, this.name), this.bar, this.words, this.norms);
  }

  update({ shares, norms }, name) {
    write(this.name, name);
    const isStill = shares[0] === null;
    // A part may point against the change and count below nothing: the bar has room for what is above.
    const drawn = shares.map((share) => Math.max(0, share ?? 0));
    const whole = drawn.reduce((sum, share) => sum + share, 0) || 1;
    this.parts.forEach((part, place) => {
      part.style.flexGrow = drawn[place] / whole;
      part.hidden = drawn[place] === 0;
    });
    this.bar.toggleAttribute("data-still", isStill);
    write(this.words, isStill ? "Nothing moved, nothing changed."
      : PARTS.map(({ label }, place) => `${label} ${percentInWords(shares[place])}`).join(" · "));
    write(this.norms, isStill ? "" : `Lengths relative to |dZ|: ${PARTS.map(({ formula }, place) => `|${formula}| ${norms[place].toFixed(2)}`).join(", ")}`);
    this.bar.setAttribute("aria-label", `${name}: ${this.words.textContent}`);
  }
}

class Foreseen {
  constructor() {
    this.heads = [0, 1].map(() => make("th", { scope: "col" }));
    this.cells = FORESEEN.map(() => [0, 1].map(() => {
      const fill = make("span", { class: "eq-fill" });
      const value = make("span", {});
      return { fill, value, cell: make("td", {}, value, make("span", { class: "eq-track", "aria-hidden": "true" }, fill)) };
    }));
    this.element = make("table", { class: "eq-table" },
      make("thead", {}, make("tr", {}, make("th", { scope: "col" }, make("span", { class: "unseen" }, "What moves")), ...this.heads)),
      make("tbody", {}, ...FORESEEN.map(({ name, label, hint }, row) => make("tr", { "data-foreseen": name },
        make("th", { scope: "row" }, make("i", {}, label), make("span", { class: "hint" }, hint)), ...this.cells[row].map(({ cell }) => cell)))));
  }

  update(subjects, names) {
    subjects.forEach((subject, place) => {
      write(this.heads[place], names[place]);
      FORESEEN.forEach(({ name }, row) => {
        const { fill, value } = this.cells[row][place];
        const share = subject.foreseen[name];
        write(value, shareInWords(share));
        fill.style.width = `${Math.min(1, Math.max(0, share ?? 0)) * 100}%`;
      });
    });
  }
}
