/** Narrowing down: only some labels, sizes and places, photos that are nearly alike as one, the photo itself too. */

import { choice, menu } from "../shared/controls.js";
import { make, write } from "../shared/elements.js";

/** Shares of the photo that a concept holds, as people speak of sizes. */
const SIZES = {
  any: { label: "Any", mass: null },
  small: { label: "Small", mass: [0, 0.05], hint: "Less than 5 % of the photo" },
  medium: { label: "Medium", mass: [0.05, 0.2], hint: "5 to 20 % of the photo" },
  large: { label: "Large", mass: [0.2, 1], hint: "More than 20 % of the photo" },
};
/** Where the middle of a concept lies: left, top, right, bottom in 0..1. */
const PLACES = {
  any: { label: "Anywhere", region: null },
  left: { label: "Left", region: [0, 0, 0.4, 1] },
  right: { label: "Right", region: [0.6, 0, 1, 1] },
  top: { label: "Top", region: [0, 0, 1, 0.4] },
  bottom: { label: "Bottom", region: [0, 0.6, 1, 1] },
  middle: { label: "Middle", region: [0.25, 0.25, 0.75, 0.75] },
};
export const NO_FILTERS = Object.freeze({ label: null, size: "any", place: "any", fold: false, self: false });

/** Filters -> what the server calls `where`. */
export function whereOf({ label, size, place, self }) {
  return {
    ...(label === null ? {} : { labels: [label] }), ...(SIZES[size].mass ? { mass: SIZES[size].mass } : {}),
    ...(PLACES[place].region ? { region: PLACES[place].region } : {}), not_this: !self,
  };
}

/** Of an address; what makes no sense is left out. */
export function readFilters(query) {
  const among = (name, values) => (query.get(name) in values ? query.get(name) : "any");
  return {
    label: query.has("label") ? query.get("label").slice(0, 200) : null, size: among("size", SIZES),
    place: among("place", PLACES), fold: query.get("alike") === "folded", self: query.get("itself") === "shown",
  };
}

/** -> [name, value or null] for each part of an address. */
export function filtersInAddress({ label, size, place, fold, self }) {
  return [["label", label], ["size", size === "any" ? null : size], ["place", place === "any" ? null : place],
    ["alike", fold ? "folded" : null], ["itself", self ? "shown" : null]];
}

export class Filters {
  /** onchange(filters) */
  constructor(onchange) {
    this.values = { ...NO_FILTERS };
    this.onchange = onchange;
    const options = (all) => Object.entries(all).map(([value, { label, hint }]) => ({ value, label, hint }));
    this.sizes = choice({
      name: "size", label: "Size", hint: "How much of its photo the concept holds.", options: options(SIZES),
      onchange: (size) => this.change({ size }),
    });
    this.places = choice({
      name: "place", label: "Place", hint: "Where in its photo the concept lies.", options: options(PLACES),
      onchange: (place) => this.change({ place }),
    });
    this.labels = make("div", { class: "retrieve-labels" });
    const check = (name, words, hint) => {
      const input = make("input", {
        type: "checkbox", "data-control": name, onchange: () => this.change({ [name]: input.checked }),
      });
      this[`${name}Box`] = input;
      return make("label", { class: "retrieve-check", title: hint }, input, make("span", {}, words));
    };
    this.count = make("span", { class: "retrieve-count", hidden: true });
    this.reset = make("button", { type: "button", class: "quiet-button", onclick: () => this.change({ ...NO_FILTERS }) }, "Show everything");
    this.element = make("details", { class: "retrieve-filters", "data-filters": "" },
      make("summary", { title: "Only some sizes, places or labels" }, "Narrow down", this.count),
      make("div", { class: "retrieve-filters-body" }, this.sizes.element, this.places.element, this.labels,
        make("div", { class: "retrieve-checks" },
          check("fold", "Nearly the same photos as one", "Photos that are nearly alike are folded into the best of them"),
          check("self", "Show the photo itself too", "Otherwise the photo that is asked about is not among its own hits"), this.reset)));
    this.labelMenu = { set() {} }; // until a collection's labels are known
    this.labels.hidden = true;
    this.set(this.values);
  }

  change(values) {
    this.set({ ...this.values, ...values });
    this.onchange(this.values);
  }

  /** labels: [[label, how many photos], ...] of the collection. */
  offer(labels) {
    this.labels.hidden = !labels.length;
    const known = labels.map(([label]) => label);
    this.labelMenu = menu({
      name: "label", label: "Label", options: [{ value: "", label: "Any label" },
        ...labels.map(([label, count]) => ({ value: `=${label}`, label: `${label} (${count})` }))],
      onchange: (value) => this.change({ label: value ? value.slice(1) : null }),
    });
    this.labels.replaceChildren(this.labelMenu.element);
    const { label } = this.values;
    this.set({ ...this.values, label: label === null || known.includes(label) ? label : null });
  }

  set(values) {
    this.values = { ...values };
    this.sizes.set(values.size);
    this.places.set(values.place);
    this.labelMenu.set(values.label === null ? "" : `=${values.label}`);
    this.foldBox.checked = values.fold;
    this.selfBox.checked = values.self;
    const active = filtersInAddress(values).filter(([, value]) => value !== null).length;
    this.count.hidden = this.reset.hidden = !active;
    write(this.count, `${active}`);
    this.count.title = `${active} in force`;
  }
}
