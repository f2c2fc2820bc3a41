/** Teach a word: the examples that were marked, a name for them, and the words that this visitor has taught. */

import { icon, make, uniqueId, write } from "../shared/elements.js";
import { collectionAddress } from "../retrieve/photo.js";
import { fetchJson, posting } from "../shared/server.js";
import { teachMarks } from "./marks.js";
import {
  LEAST_NO, LEAST_YES, clearExamples, examples, forgetWord, keepWord, listenToTeaching, mark, taughtWords,
} from "./store.js";

const MOST_LETTERS = 60;
const SHOWN = 24; // pictures of a side
const OPENS = "Mark concepts with thumbs: up for what the word means, down for what it does not.";

/**
 * @typedef {import("./store.js").Example} Example
 *
 * @typedef {Object} Events
 * @property {() => Example | null} chosen  the chosen concept
 * @property {(word: string) => void} search
 * @property {(word: string) => void} taught
 * @property {(word: string) => void} forgotten
 * @property {(work: Promise<any>) => Promise<any>} during
 */

export class TeachPanel {
  /** @param {Events} on */
  constructor(on) {
    this.on = on;
    /** @type {any} */
    this.collection = null;
    this.isBusy = this.isTold = false;
    this.marks = teachMarks(() => on.chosen());
    this.chosenWords = make("span", {}, "The chosen concept");
    this.chosen = make("div", { class: "teach-chosen", hidden: true }, this.chosenWords, this.marks.element);
    this.sides = { yes: sideFor("yes", "It is"), no: sideFor("no", "It is not") };
    const id = uniqueId("teach");
    const hint = uniqueId("hint");
    this.input = make("input", {
      type: "text", id, class: "text-input", maxlength: `${MOST_LETTERS}`, placeholder: "for example: person",
      autocomplete: "off",
      "data-control": "teach-word", "aria-describedby": hint, oninput: () => this.update(),
    });
    this.button = make("button", { type: "submit", class: "button button-first", "data-action": "teach" }, "Teach");
    this.clear = make("button", {
      type: "button", class: "quiet-button", "data-action": "clear-examples", title: "Remove all these marks",
      onclick: () => clearExamples(),
    }, "Clear marks");
    this.hint = make("p", { class: "hint", id: hint, role: "status", "data-teach-hint": "" });
    this.form = make("form", {
      class: "teach-form", onsubmit: (/** @type {SubmitEvent} */ event) => this.submit(event),
    },
      make("label", { for: id }, "Call them"), make("div", { class: "teach-row" }, this.input, this.button), this.hint);
    this.words = make("ul", { class: "teach-words", "data-taught": "", "aria-label": "Words you taught" });
    const note = make("span", { class: "hint" }, "kept in this browser; only you see them");
    this.kept = make("div", { class: "teach-kept", hidden: true },
      make("p", { class: "teach-side-words" }, make("strong", {}, "Your words"), " ", note), this.words);
    this.count = make("span", { class: "teach-count", hidden: true });
    this.element = make("details", { class: "teach", "data-teach-panel": "" },
      make("summary", { title: "A name of your own for concepts, found by examples" }, "Teach a word", this.count),
      make("div", { class: "teach-body" }, make("p", { class: "hint" }, OPENS), this.chosen, this.sides.yes.element,
        this.sides.no.element, this.clear, this.form, this.kept));
    listenToTeaching(() => this.update());
    this.update();
  }

  /**
   * collection: its facts; example: the concept that is chosen, or null.
   * @param {any} collection @param {Example | null} example
   */
  show(collection, example) {
    this.collection = collection;
    this.chosen.hidden = !example;
    write(this.chosenWords, example ? `Chosen: ${example.label}` : "");
    this.marks.show(example?.key ?? null);
    this.update();
  }

  update() {
    const { yes, no } = examples();
    this.list("yes", yes);
    this.list("no", no);
    const number = yes.length + no.length;
    this.count.hidden = !number;
    write(this.count, `${number}`);
    this.count.title = `${number} marked`;
    this.clear.hidden = !number;
    const missing = wanting(yes.length, no.length);
    const isReady = !missing && this.input.value.trim() && this.collection?.state === "ready" && !this.isBusy;
    this.button.disabled = !isReady;
    if (!this.isTold) write(this.hint, missing || (this.input.value.trim() ? "" : "Give them a name."));
    this.listWords();
  }

  /** @param {"yes" | "no"} side @param {Example[]} all */
  list(side, all) {
    const { list, count } = this.sides[side];
    write(count, all.length > SHOWN ? `${all.length}, the last ${SHOWN} shown` : `${all.length || "none yet"}`);
    list.replaceChildren(...all.slice(-SHOWN).map((example) => make("li", {}, make("button", {
      type: "button", class: "teach-example", "aria-label": `Remove the mark of ${example.label}`,
      title: `${example.label}: remove its mark`,
      onclick: () => mark(example, null),
    }, example.picture ? make("img", { src: example.picture, alt: "" })
      : make("span", { class: "crop crop-word" }, "?")))));
  }

  listWords() {
    const all = taughtWords();
    this.kept.hidden = !all.length;
    this.words.replaceChildren(...all.map((one) => {
      const isOurs = one.model === this.collection?.identity;
      return make("li", { class: "teach-word" },
        make("button", {
          type: "button", class: "teach-find", disabled: !isOurs, onclick: () => this.on.search(one.word),
          title: isOurs
            ? `Find “${one.word}”, taught from ${one.yes.length} that are it and ${one.no.length} that are not`
            : "Taught with another model; choose a collection of that one, or teach it again",
        }, one.word),
        make("button", { type: "button", class: "quiet-button", "aria-label": `Forget “${one.word}”`,
          title: "Forget this word", onclick: () => {
          forgetWord(one);
          this.on.forgotten(one.word);
        } }, icon("close")));
    }));
  }

  /** @param {SubmitEvent} event */
  submit(event) {
    event.preventDefault();
    if (!this.button.disabled) this.on.during(this.teach(this.input.value.trim()));
  }

  /** @param {string} name */
  async teach(name) {
    const { yes, no } = examples();
    const sent = (/** @type {Example[]} */ all) =>
      all.map(({ in: of, concept, study, token }) =>
        /** @type {any} */ (study ? { study, token } : { in: of, concept }));
    this.tell("Learning…");
    this.isBusy = true;
    this.update();
    try {
      const address = collectionAddress(this.collection.name, "teach");
      const { word, weights, bias, model } = await fetchJson(address,
        posting({ word: name, yes: sent(yes), no: sent(no) }));
      this.isBusy = false;
      keepWord({ word, weights, bias, model, yes: sent(yes), no: sent(no) });
      this.input.value = "";
      this.tell(null);
      clearExamples();
      this.on.taught(word);
    } catch (error) {
      this.isBusy = false;
      this.tell(/** @type {Error} */ (error).message);
      this.update();
    }
  }

  /** A sentence that stays until something is marked or typed. @param {string | null} sentence */
  tell(sentence) {
    this.isTold = Boolean(sentence);
    write(this.hint, sentence ?? "");
    if (!sentence) return;
    const release = () => {
      this.isTold = false;
    };
    this.input.addEventListener("input", release, { once: true, capture: true });
  }
}

/** @param {"yes" | "no"} side @param {string} words */
function sideFor(side, words) {
  const list = make("ul", { class: "teach-examples", "data-examples": side, "aria-label": words });
  const count = make("span", { class: "hint" });
  const head = make("p", { class: "teach-side-words" }, make("strong", {}, words), " ", count);
  return { list, count, element: make("div", { class: "teach-side" }, head, list) };
}

/**
 * What is missing before a word can be taught, in a sentence; "" where nothing is.
 * @param {number} numYes @param {number} numNo
 */
export function wanting(numYes, numNo) {
  const parts = [];
  if (numYes < LEAST_YES) parts.push(`${LEAST_YES - numYes} more that ${LEAST_YES - numYes === 1 ? "is" : "are"} it`);
  if (numNo < LEAST_NO) parts.push("one that is not");
  return parts.length ? `Mark ${parts.join(" and ")}.` : "";
}
