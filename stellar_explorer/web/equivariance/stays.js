/** Whether appearance stays: one similarity for all, and a bar a concept. */

import { make, write } from "../shared/elements.js";
import { similarityInWords } from "./answers.js";
import { tokenInWords } from "./words.js";

/** @typedef {import("./answers.js").Subject} Subject @typedef {import("./maps.js").TokenEvents} TokenEvents */
/** @typedef {import("./words.js").Told} Told */

/** Bars stand in rows of no more, so that each is wide enough to be pressed. */
const MOST_COLUMNS = { wide: 16, narrow: 8 };
const LEAST_SHARE = 0.01;

/** The tokens with the largest share first. @param {number[]} weight */
export function heaviestFirst(weight) {
  return weight.map((_, token) => token).sort((a, b) => weight[b] - weight[a] || a - b);
}

/** The smallest similarity of the tokens that are more than a speck. @param {Subject} subject @param {Told} told */
export function leastOf({ cosine }, { shares }) {
  return Math.min(1, ...cosine.filter((_, token) => shares[token] > LEAST_SHARE));
}

export class Stays {
  /** @param {"model" | "peer"} which @param {TokenEvents} on */
  constructor(which, on) {
    this.on = on;
    /** @type {Subject | null} */
    this.subject = null;
    /** @type {Told} */
    this.told = { words: [], shares: [] };
    /** @type {number | null} */
    this.lit = null;
    this.order = "";
    /** @type {Map<number, {button: HTMLElement, fill: HTMLElement, tick: HTMLElement}>} */
    this.byToken = new Map();
    this.name = make("span", { class: "eq-name" });
    this.value = make("output", { class: "eq-value", "data-number": which === "model" ? "cosine" : "peer-cosine" });
    this.bars = make("div", { class: "eq-bars", role: "group" });
    this.words = make("p", { class: "hint eq-readout" });
    this.element = make("div", { class: "eq-subject", "data-subject": which },
      make("div", { class: "eq-head" }, this.name,
        make("span", {}, this.value, make("span", { class: "hint" }, " weighted by share"))), this.bars, this.words);
  }

  /** @param {Subject} subject @param {string} name @param {Told} told */
  update(subject, name, told) {
    this.subject = subject;
    this.told = told;
    write(this.name, name);
    write(this.value, similarityInWords(subject.cosine_by_mass));
    this.bars.setAttribute("aria-label", `Similarity of each concept of ${name} before and after`);
    const order = heaviestFirst(subject.weight);
    if (order.join() !== this.order) this.build(order);
    for (const [token, { button, fill, tick }] of this.byToken) {
      const words = tokenInWords(subject, token, told);
      fill.style.height = `${Math.max(0, subject.cosine[token]) * 100}%`;
      tick.style.bottom = `${Math.max(0, subject.nearest[token]) * 100}%`;
      button.style.setProperty("--concept", subject.palette[token]);
      button.setAttribute("aria-label", words);
      button.title = `${words} (number ${token})`;
    }
    this.light(this.lit);
  }

  /** @param {number[]} order */
  build(order) {
    this.order = order.join();
    this.byToken = new Map(order.map((token) => [token, this.bar(token)]));
    this.bars.style.setProperty("--wide", String(Math.min(order.length, MOST_COLUMNS.wide)));
    this.bars.style.setProperty("--narrow", String(Math.min(order.length, MOST_COLUMNS.narrow)));
    this.bars.replaceChildren(...[...this.byToken.values()].map(({ button }) => button));
  }

  /** @param {number} token */
  bar(token) {
    const { on } = this;
    const fill = make("span", { class: "eq-fill" });
    const tick = make("span", { class: "eq-tick" });
    const button = make("button", {
      type: "button", class: "eq-bar", "data-token": token, "aria-pressed": "false", onclick: () => on.press(token),
      onpointerenter: (/** @type {PointerEvent} */ event) => event.pointerType !== "touch" && on.point(token),
      onpointerleave: () => on.point(null), onblur: () => on.point(null),
      onfocus: () => button.matches(":focus-visible") && on.point(token),
    }, fill, tick);
    return { button, fill, tick };
  }

  /** @param {number | null} token */
  light(token) {
    this.lit = token;
    const { subject } = this;
    if (!subject) return;
    for (const [own, { button }] of this.byToken) {
      button.toggleAttribute("data-dim", token !== null && own !== token);
      button.setAttribute("aria-pressed", String(own === token));
    }
    write(this.words, token !== null ? tokenInWords(subject, token, this.told)
      : `Lowest among those of more than 1 % of the photo: ${similarityInWords(leastOf(subject, this.told))}`);
  }
}
