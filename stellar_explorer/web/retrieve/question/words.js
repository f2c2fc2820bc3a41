/** A field for a word with suggestions as one types: a combobox with a list that arrows, Enter and Escape work on. */

import { icon, make, uniqueId } from "../../shared/elements.js";
import { suggested } from "./suggestions.js";

/** @typedef {import("./suggestions.js").Suggestion} Suggestion */

export class WordBox {
  /**
   * @param {(word: string) => void} onword
   * @param {{label: string, name: string, placeholder?: string, hasButton?: boolean, keep?: string}} look
   */
  constructor(onword, { label, name, placeholder = "", hasButton = false, keep }) {
    this.onword = onword;
    /** @type {Suggestion[]} */
    this.vocabulary = [];
    /** @type {Suggestion[]} */
    this.offered = [];
    this.active = -1;
    this.list = make("ul", {
      class: "words-list", id: uniqueId("words"), role: "listbox", "aria-label": "Words of this collection",
      hidden: true,
    });
    this.input = make("input", {
      type: "text", class: "text-input", maxlength: "100", placeholder, autocomplete: "off", autocapitalize: "off",
      spellcheck: "false",
      enterkeyhint: "search", role: "combobox", "aria-label": label, "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": this.list.id, "data-control": name, "data-keep": keep,
      oninput: () => this.suggest(), onfocus: () => this.suggest(), onclick: () => this.suggest(),
      onblur: () => this.close(),
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.key(event),
    });
    const button = hasButton ? make("button", {
      type: "button", class: "button", "aria-label": "Search by this word", title: "Search",
      onclick: () => this.choose(this.input.value),
    }, icon("search")) : null;
    this.element = make("div", { class: "words" }, this.input, this.list, button);
  }

  /** Also as what the field says while it is empty. @param {Suggestion[]} vocabulary */
  offer(vocabulary) {
    this.vocabulary = vocabulary;
    const first = vocabulary.slice(0, 3).map(({ word }) => word).join(", ");
    this.input.placeholder = first ? `Try: ${first}` : "No concept here has a name";
  }

  /** @param {string} word */
  set(word) {
    if (document.activeElement !== this.input) this.input.value = word;
  }

  suggest() {
    this.offered = suggested(this.vocabulary, this.input.value);
    this.active = -1;
    this.list.replaceChildren(...this.offered.map((one, place) => make("li", {
      class: "words-option", role: "option", id: `${this.list.id}-${place}`, "aria-selected": "false",
      "data-word": one.word,
      // Before the field loses the focus, and with it the list.
      onpointerdown: (/** @type {PointerEvent} */ event) => event.preventDefault(),
      onclick: () => this.choose(one.word),
    }, make("span", {}, one.word), make("span", { class: "hint" }, one.note))));
    this.open(this.offered.length > 0);
  }

  /** @param {boolean} isOpen */
  open(isOpen) {
    this.list.hidden = !isOpen;
    this.input.setAttribute("aria-expanded", String(isOpen));
    if (!isOpen) this.input.removeAttribute("aria-activedescendant");
  }

  close() {
    this.active = -1;
    this.open(false);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const isOpen = !this.list.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!isOpen) this.suggest();
      this.move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.choose(isOpen ? this.offered[this.active]?.word ?? this.input.value : this.input.value);
    } else if (event.key === "Escape" && (isOpen || this.input.value)) {
      event.preventDefault();
      event.stopPropagation();
      if (isOpen) this.close();
      else this.input.value = "";
    }
  }

  /** @param {number} by */
  move(by) {
    const { length } = this.offered;
    if (!length) return;
    this.active = this.active < 0 ? (by > 0 ? 0 : length - 1) : (this.active + by + length) % length;
    for (const [place, option] of [...this.list.children].entries()) {
      option.setAttribute("aria-selected", String(place === this.active));
    }
    const option = this.list.children[this.active];
    option.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", option.id);
  }

  /** @param {string} text */
  choose(text) {
    const word = text.trim();
    if (!word) return;
    this.input.value = word;
    this.close();
    this.onword(word);
  }
}
