/** The models and runs at hand, at the side; on a phone in a row above. */

import { make } from "../shared/elements.js";
import { TABLES } from "./address.js";

/** @type {Record<string, string>} */
const KINDS = { run: "Training runs", checkpoint: "Checkpoints", paper: "Comparison" };

/** @type {Entry} */
const PAPER = {
  key: TABLES, name: "The paper's tables", kind: "paper", state: null, words: "",
  line: "as published, and measured here", version: "",
};

/**
 * @typedef {{key: string, name: string, kind: string, state: string | null, words: string, line: string,
 *   version: string}} Entry
 * @typedef {{entries: Entry[], problems: string[], refresh: number}} Overview
 */

export class List {
  /** @param {(key: string) => void} choose */
  constructor(choose) {
    this.choose = choose;
    this.drawn = "";
    this.problems = make("div", { class: "models-problems" });
    this.nav = make("nav", { "aria-label": "Models and runs" });
    this.element = make("div", { class: "models-side", "data-models-list": "" }, this.nav, this.problems);
  }

  /** @param {Overview} overview @param {string | null} chosen */
  show(overview, chosen) {
    const drawn = JSON.stringify([overview.entries, overview.problems, chosen]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const { activeElement } = document;
    const focused = activeElement instanceof HTMLElement && this.nav.contains(activeElement)
      ? activeElement.dataset.key : undefined;
    this.nav.replaceChildren(...Object.entries(KINDS).flatMap(([kind, title]) => {
      const entries = [...overview.entries, PAPER].filter((entry) => entry.kind === kind);
      if (!entries.length) return [];
      return [make("section", { class: "models-kind" }, make("h2", {}, title),
        make("ul", {}, ...entries.map((entry) => make("li", {}, this.item(entry, entry.key === chosen)))))];
    }));
    this.problems.replaceChildren(...overview.problems.map((problem) => make("p", { class: "hint" }, problem)));
    const again = focused && this.nav.querySelector(`[data-key="${focused}"]`);
    if (again instanceof HTMLElement) again.focus();
  }

  /** @param {Entry} entry @param {boolean} isChosen */
  item({ key, name, state, line }, isChosen) {
    return make("button", {
      type: "button", class: "models-item", "data-key": key, "data-state": state ?? "",
      "aria-current": isChosen && "true", onclick: () => this.choose(key),
    }, make("span", { class: "models-item-name" },
      state && make("span", { class: "models-dot", "aria-hidden": "true" }), make("span", {}, name)),
    make("span", { class: "hint" }, line));
  }
}
