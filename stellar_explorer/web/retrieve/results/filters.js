/** The controls that narrow hits down, in one row that folds. What they mean is in narrowing.js. */

import { choice, menu, slider } from "../../shared/controls.js";
import { make, write } from "../../shared/elements.js";
import { NO_FILTERS, PLACES, SIZES, filtersInAddress } from "./narrowing.js";

/** @typedef {import("./narrowing.js").FilterValues} FilterValues */

const LEAST = "Hits below it are hidden.";

export class Filters {
  /**
   * @param {{filter: (values: FilterValues) => void, least: (least: number) => void,
   *   fold: (isOpen: boolean) => void}} on
   */
  constructor(on) {
    this.on = on;
    /** @type {FilterValues} */
    this.values = { ...NO_FILTERS };
    /** @type {string[] | null} */
    this.known = null;
    const options = (/** @type {typeof SIZES | typeof PLACES} */ all) =>
      Object.entries(all).map(([value, { label, hint }]) => ({ value, label, hint }));
    this.least = slider({
      name: "least", label: "Minimum similarity (1 = identical)", hint: LEAST, min: 0, max: 1, step: 0.01,
      words: (/** @type {number} */ value) => (value > 0 ? value.toFixed(2) : "all"), onchange: on.least,
    });
    this.sizes = choice({
      name: "size", label: "Size", hint: "How much of its photo the concept covers.", options: options(SIZES),
      onchange: (/** @type {string} */ size) => this.change({ size }),
    });
    this.places = choice({
      name: "place", label: "Place", hint: "Where in its photo the concept lies.", options: options(PLACES),
      onchange: (/** @type {string} */ place) => this.change({ place }),
    });
    this.labels = make("div", { class: "retrieve-labels" });
    this.foldBox = this.check("fold", "Group near-duplicates",
      "Photos of the same scene count as one, the best of them");
    this.selfBox = this.check("self", "Include the photo itself", "The photo that is asked about is found too");
    this.count = make("span", { class: "retrieve-count", hidden: true });
    this.reset = make("button", {
      type: "button", class: "quiet-button", onclick: () => this.change({ ...NO_FILTERS }),
    }, "Show everything");
    this.element = make("details", {
      class: "retrieve-filters", "data-filters": "", ontoggle: () => on.fold(this.element.open),
    }, make("summary", { title: "Minimum similarity, sizes, places, labels" }, "Filters", this.count),
    make("div", { class: "retrieve-filters-body" }, this.least.element, this.sizes.element, this.places.element,
      this.labels,
      make("div", { class: "retrieve-checks" }, this.foldBox.label, this.selfBox.label, this.reset)));
    this.offer([]);
    this.known = null;
  }

  /** @param {"fold" | "self"} name @param {string} words @param {string} hint */
  check(name, words, hint) {
    const input = make("input", {
      type: "checkbox", "data-control": name, onchange: () => this.change({ [name]: input.checked }),
    });
    return { input, label: make("label", { class: "retrieve-check", title: hint }, input, make("span", {}, words)) };
  }

  /** @param {Partial<FilterValues>} values */
  change(values) {
    this.on.filter({ ...this.values, ...values });
  }

  /** Labels of the collection's photos. @param {[string, number][]} labels  each with how many photos have it */
  offer(labels) {
    this.known = labels.map(([label]) => label);
    this.labels.hidden = !labels.length;
    this.labelMenu = menu({
      name: "label", label: "Label", options: [{ value: "", label: "Any label" },
        ...labels.map(([label, count]) => ({ value: `=${label}`, label: `${label} (${count})` }))],
      onchange: (/** @type {string} */ value) => this.change({ label: value ? value.slice(1) : null }),
    });
    this.labels.replaceChildren(this.labelMenu.element);
    this.show(this.values);
  }

  /** @param {FilterValues} values */
  show(values) {
    this.values = { ...values };
    this.sizes.set(values.size);
    this.places.set(values.place);
    this.labelMenu?.set(values.label === null ? "" : `=${values.label}`);
    this.foldBox.input.checked = values.fold;
    this.selfBox.input.checked = values.self;
    this.tell();
  }

  /** @param {number} least @param {number} chance */
  showLeast(least, chance) {
    this.least.set(least);
    this.leastNow = least;
    this.least.explain(chance > 0 ? `${LEAST} Half of all photos reach ${chance.toFixed(2)} to any concept.` : LEAST);
    this.tell();
  }

  /** How many are in force, to be seen when the row is folded. */
  tell() {
    const active = Object.values(filtersInAddress(this.values)).filter((value) => value !== null).length;
    const all = active + (this.leastNow ? 1 : 0);
    this.reset.hidden = !active;
    this.count.hidden = !all;
    write(this.count, `${all}`);
    this.count.title = `${all} in force`;
  }
}
