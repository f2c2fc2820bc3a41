/** The question as rows that a person can read aloud: photos with this, also with that, but not the other. */

import { icon, make, uniqueId, write } from "../shared/elements.js";
import { RELATIONS, SHARES, relationsFor } from "./query.js";
import { drawCrop } from "./masks.js";

const CROP = [56, 42];
const MOST_ROWS = 8;

/** A concept's small picture, or a letter sign for a word. */
export function cropOf(concept, [width, height] = CROP) {
  if (concept.kind === "word" || !concept.picture) return make("span", { class: "crop crop-word", "aria-hidden": "true" }, "Aa");
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  const canvas = make("canvas", { class: "crop", "aria-hidden": "true", style: `width: ${width}px; height: ${height}px` });
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  drawCrop(canvas, concept.picture);
  return canvas;
}

const fullLabel = ({ label, of }) => (of ? `${label} of ${of}` : label);

export class Builder {
  /** on: {rows(rows), pick(row number or null), subject()} */
  constructor(on) {
    this.on = on;
    this.rows = [];
    this.list = make("ol", { class: "builder-rows" });
    this.add = make("button", {
      type: "button", class: "button", "data-action": "add-row", title: "Ask for something more", onclick: () => this.addRow(),
    }, icon("plus"), "Add a condition");
    this.clear = make("button", { type: "button", class: "quiet-button", onclick: () => this.change([]) }, "Remove all");
    this.element = make("section", { class: "builder", "aria-label": "The question" }, this.list,
      make("div", { class: "builder-end" }, this.add, this.clear));
  }

  change(rows, pick = null) {
    this.on.pick(pick);
    this.on.rows(rows);
  }

  addRow() {
    this.change([...this.rows, { relation: relationsFor(this.subject)[0], concept: null }], this.rows.length);
    this.list.lastElementChild?.querySelector(".builder-slot")?.focus();
  }

  set(place, values) {
    const rows = this.rows.map((row, other) => (other === place ? { ...row, ...values } : row));
    const { relation, concept, share } = rows[place];
    if (RELATIONS[relation].share) rows[place] = { relation, share: share ?? 0.2, concept };
    this.change(rows, !RELATIONS[relation].share && !concept ? place : null);
  }

  /** Built anew: there are few rows, and a canvas in each. */
  show({ subject, rows }, picking) {
    this.subject = subject;
    this.rows = rows;
    const focused = this.list.contains(document.activeElement) ? document.activeElement.dataset.keep : null;
    const typed = this.list.querySelector(".builder-word input")?.value ?? "";
    this.list.replaceChildren(
      subject ? make("li", { class: "builder-row builder-first" }, make("span", { class: "builder-say" }, "Photos with"), cropOf(subject),
        make("span", { class: "builder-label", title: fullLabel(subject) }, subject.label)) : "",
      ...rows.map((row, place) => this.row(row, place, picking === place, typed)));
    if (focused) this.list.querySelector(`[data-keep="${focused}"]`)?.focus();
    this.add.hidden = !subject || rows.length >= MOST_ROWS;
    this.clear.hidden = rows.length < 2;
  }

  row(row, place, isPicking, typed) {
    const offered = relationsFor(this.subject);
    const { relation, concept, share } = row;
    const isUsed = offered.includes(relation);
    const relations = make("select", {
      "aria-label": "How it belongs", title: RELATIONS[relation].hint, "data-keep": `relation-${place}`, "data-relation": "",
      onchange: () => this.set(place, { relation: relations.value }),
    }, ...(isUsed ? offered : [relation, ...offered]).map((name) =>
      make("option", { value: name, selected: name === relation, title: RELATIONS[name].hint }, RELATIONS[name].words)));
    const slot = RELATIONS[relation].share ? this.shares(share, place) : make("button", {
      type: "button", class: "builder-slot", "data-empty": !concept, "aria-pressed": String(isPicking), "data-keep": `slot-${place}`,
      title: isPicking ? "Click a concept in the photo or in a hit" : "Choose another concept",
      onclick: () => this.change(this.rows, isPicking ? null : place),
    }, ...(concept ? [cropOf(concept), make("span", { class: "builder-label", title: fullLabel(concept) }, concept.label)]
      : [make("span", { class: "builder-label" }, isPicking ? "Click a concept…" : "Choose…")]));
    return make("li", { class: "builder-row", "data-unused": !isUsed }, relations, slot,
      make("button", {
        type: "button", class: "quiet-button builder-remove", "aria-label": `Remove "${RELATIONS[relation].words}"`, title: "Remove",
        onclick: () => this.change(this.rows.filter((_, other) => other !== place)),
      }, icon("close")),
      isPicking ? this.wordFor(place, typed) : null,
      make("p", { class: "hint builder-hint" }, isUsed ? isPicking ? "Click one in the photo above, in any example, or in a hit; or type a word." : RELATIONS[relation].hint
        : "Goes with one concept only, so it waits."));
  }

  shares(share, place) {
    const select = make("select", {
      "aria-label": "Share of the photo", "data-keep": `slot-${place}`, onchange: () => this.set(place, { share: Number(select.value) }),
    }, ...SHARES.map((one) => make("option", { value: one, selected: one === share }, `${Math.round(one * 100)} % of the photo`)));
    return select;
  }

  wordFor(place, typed) {
    const id = uniqueId("word");
    const input = make("input", {
      type: "text", id, class: "text-input", placeholder: "or type a word", maxlength: "100", value: typed, "aria-label": "Or type a word",
      "data-keep": `word-${place}`, autocomplete: "off", onkeydown: (event) => {
        if (event.key !== "Enter" || !input.value.trim()) return;
        event.preventDefault();
        const word = input.value.trim();
        input.value = "";
        this.set(place, { concept: { kind: "word", word, label: `“${word}”` } });
      },
    });
    return make("div", { class: "builder-word" }, input);
  }
}

/** The way here: earlier questions, to go back to. */
export class Trail {
  constructor(goBack) {
    this.goBack = goBack;
    this.list = make("ol", { class: "trail-list" });
    this.element = make("nav", { class: "trail", "aria-label": "Earlier questions", "data-trail": "" }, this.list);
  }

  /** steps: [{question, ...}], the oldest first; the question of now is not among them. */
  show(steps, now) {
    this.element.hidden = !steps.length;
    if (!steps.length) return;
    this.list.replaceChildren(...steps.map((step, place) => make("li", {}, make("button", {
      type: "button", class: "trail-step", title: `Back to: ${step.question.subject.label}`, "data-step": place,
      "aria-label": `Back to ${step.question.subject.label}`, onclick: () => this.goBack(place),
    }, cropOf(step.question.subject, [40, 30])), make("span", { class: "trail-arrow", "aria-hidden": "true" }, "›"))),
    make("li", { class: "trail-now", "aria-current": "step" }, now ? cropOf(now, [40, 30]) : make("span", { class: "hint" }, "all photos")));
    this.list.scrollLeft = this.list.scrollWidth;
  }
}

/** One line of text in its own input, sent by Enter or its button. */
export function wordSearch(onword) {
  const id = uniqueId("word");
  const hint = uniqueId("hint");
  const list = uniqueId("words");
  const options = make("datalist", { id: list });
  const input = make("input", {
    type: "search", id, class: "text-input", list, maxlength: "100", placeholder: "for example: dog", "data-control": "word",
    "aria-describedby": hint, autocomplete: "off", enterkeyhint: "search",
  });
  const words = make("p", { class: "hint", id: hint }, "Finds concepts that the model would call so.");
  const form = make("form", {
    class: "control retrieve-word", role: "search", onsubmit: (event) => {
      event.preventDefault();
      if (input.value.trim()) onword(input.value.trim());
    },
  }, make("label", { for: id }, "Or by a word"),
  make("div", { class: "retrieve-word-row" }, input, options,
    make("button", { type: "submit", class: "button", "aria-label": "Search by this word", title: "Search" }, icon("search"))), words);
  return {
    element: form,
    /** words: [[word, how often], ...]; taught: words that somebody taught. */
    offer(found, taught = []) {
      options.replaceChildren(...taught.map((word) => make("option", { value: word }, "taught")), ...found.map(([word, count]) => make("option", { value: word }, `${count} concepts`)));
      const known = found.slice(0, 3).map(([word]) => word).join(", ");
      write(words, found.length ? `As the model would call it; here: ${known}…` : "No concept of this collection has a name.");
      input.placeholder = found.length ? `for example: ${found[0][0]}` : "";
      input.disabled = !found.length && !taught.length;
    },
    set(word) {
      if (document.activeElement !== input) input.value = word ?? "";
    },
  };
}
