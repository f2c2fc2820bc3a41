/** The question as rows that a person can read aloud: photos with this, also with that, but not the other. */

import { icon, make } from "../../shared/elements.js";
import { drawCrop } from "../masks.js";
import { RELATIONS, SHARES, relationsFor } from "./query.js";
import { WordBox } from "./words.js";

/**
 * A row of the question: what the session keeps of it, and the concept that its reference stands for, if it has come.
 * @typedef {import("./references.js").Row & {concept?: import("./query.js").Subject | null}} Row
 * @typedef {import("./query.js").Subject} Subject
 */

const CROP = [56, 42];
const MOST_ROWS = 8;

/** A concept's small picture, or a letter sign for a word. @param {Subject} concept @returns {HTMLElement} */
export function cropOf(concept, [width, height] = CROP) {
  if (concept.kind === "word" || !concept.picture) {
    return make("span", { class: "crop crop-word", "aria-hidden": "true" }, "Aa");
  }
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  const style = `width: ${width}px; height: ${height}px`;
  const canvas = make("canvas", { class: "crop", "aria-hidden": "true", style });
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  drawCrop(canvas, concept.picture);
  return canvas;
}

/** @param {Subject} concept */
const fullLabel = ({ label, of }) => (of ? `${label} of ${of}` : label);

export class Builder {
  /**
   * @param {{rows: (rows: import("./references.js").Row[], pick: number | null) => void,
   *   pick: (row: number | null) => void}} on
   */
  constructor(on) {
    this.on = on;
    /** @type {Row[]} */
    this.rows = [];
    /** @type {Subject | null} */
    this.subject = null;
    /** @type {import("./suggestions.js").Suggestion[]} */
    this.vocabulary = [];
    this.list = make("ol", { class: "builder-rows" });
    this.add = make("button", {
      type: "button", class: "button", "data-action": "add-row", title: "Ask for something more",
      onclick: () => this.addRow(),
    }, icon("plus"), "Add a condition");
    this.clear = make("button", { type: "button", class: "quiet-button", onclick: () => this.change([]) },
      "Remove all");
    this.element = make("section", { class: "builder", "aria-label": "The question" }, this.list,
      make("div", { class: "builder-end" }, this.add, this.clear));
  }

  /** @param {Row[]} rows @param {number | null} [pick]  the row that the next picked concept goes to */
  change(rows, pick = null) {
    this.on.rows(rows.map(({ relation, share, of }) =>
      (RELATIONS[relation].share ? { relation, share } : { relation, of })), pick);
  }

  addRow() {
    this.change([...this.rows, { relation: relationsFor(this.subject)[0], of: null }], this.rows.length);
  }

  /** @param {number} place @param {Partial<Row>} values */
  set(place, values) {
    const rows = this.rows.map((row, other) => (other === place ? { ...row, ...values } : row));
    const { relation, of = null, share } = rows[place];
    const isShare = RELATIONS[relation].share;
    rows[place] = isShare ? { relation, share: share ?? SHARES[2] } : { relation, of };
    this.change(rows, !isShare && !of ? place : null);
  }

  /**
   * Built anew: there are few rows, and a canvas in each.
   * @param {Subject | null} subject @param {Row[]} rows @param {number | null} picking
   */
  show(subject, rows, picking) {
    const isAdded = picking !== null && rows.length > this.rows.length;
    this.subject = subject;
    this.rows = rows;
    const active = /** @type {HTMLElement | null} */ (document.activeElement);
    const focused = isAdded ? `slot-${picking}` : this.list.contains(active) ? active?.dataset.keep : null;
    const first = subject ? make("li", { class: "builder-row builder-first" },
      make("span", { class: "builder-say" }, "Photos with"),
      cropOf(subject), make("span", { class: "builder-label", title: fullLabel(subject) }, subject.label)) : "";
    this.list.replaceChildren(first, ...rows.map((row, place) => this.row(row, place, picking === place)));
    if (focused) /** @type {HTMLElement | null} */ (this.list.querySelector(`[data-keep="${focused}"]`))?.focus();
    this.add.hidden = !subject || rows.length >= MOST_ROWS;
    this.clear.hidden = rows.length < 2;
  }

  /** @param {Row} row @param {number} place @param {boolean} isPicking */
  row(row, place, isPicking) {
    const offered = relationsFor(this.subject);
    const { relation, concept, of } = row;
    const { words, hint, share: isShare } = RELATIONS[relation];
    const isUsed = offered.includes(relation);
    const relations = make("select", {
      "aria-label": "How it belongs", title: hint, "data-keep": `relation-${place}`, "data-relation": "",
      onchange: () => this.set(place, { relation: relations.value }),
    }, ...(isUsed ? offered : [relation, ...offered]).map((name) =>
      make("option", { value: name, selected: name === relation, title: RELATIONS[name].hint },
        RELATIONS[name].words)));
    const slot = isShare ? this.shares(row.share ?? SHARES[2], place) : make("button", {
      type: "button", class: "builder-slot", "data-empty": !of, "aria-pressed": String(isPicking),
      "data-keep": `slot-${place}`,
      title: isPicking ? "Pick a concept in the photo or in a hit" : "Choose another concept",
      onclick: () => this.on.pick(isPicking ? null : place),
    }, ...(concept
      ? [cropOf(concept), make("span", { class: "builder-label", title: fullLabel(concept) }, concept.label)]
      : [make("span", { class: "builder-label" }, isPicking ? "Pick a concept…" : of ? "…" : "Choose…")]));
    const advice = isPicking ? "Pick one in the photo above, in any other photo, or in a hit; or type a word." : hint;
    return make("li", { class: "builder-row", "data-unused": !isUsed }, relations, slot,
      make("button", {
        type: "button", class: "quiet-button builder-remove", "aria-label": `Remove "${words}"`, title: "Remove",
        onclick: () => this.change(this.rows.filter((_, other) => other !== place)),
      }, icon("close")),
      isPicking ? this.wordFor(place) : null,
      make("p", { class: "hint builder-hint" }, isUsed ? advice : "Goes with one concept only, so it waits."));
  }

  /** @param {number} share @param {number} place */
  shares(share, place) {
    const select = make("select", {
      "aria-label": "Share of the photo", "data-keep": `slot-${place}`,
      onchange: () => this.set(place, { share: Number(select.value) }),
    }, ...SHARES.map((one) => make("option", { value: one, selected: one === share },
      `${Math.round(one * 100)} % of the photo`)));
    return select;
  }

  /** @param {number} place */
  wordFor(place) {
    const box = new WordBox((word) => this.set(place, { of: { word } }), {
      label: "Or type a word", name: "row-word", placeholder: "or type a word", keep: `word-${place}`,
    });
    box.vocabulary = this.vocabulary;
    return make("div", { class: "builder-word" }, box.element);
  }
}
