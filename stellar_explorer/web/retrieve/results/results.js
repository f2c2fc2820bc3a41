/** What is found: the question in words, the count, filters, and the hits or what stands where they would. */

import { icon, make, write } from "../../shared/elements.js";
import { CopyDialog } from "../../shared/recipes.js";
import { Browse } from "./browse.js";
import { Filters } from "./filters.js";
import { Hits } from "./hits.js";
import { Instead } from "./instead.js";
import { countIn, similarity } from "./matches.js";
import { isNarrow } from "./narrowing.js";
import { FIRST_RESULTS } from "./search.js";

/** @typedef {import("./matches.js").Found} Found @typedef {import("../collections/collections.js").Facts} Facts */

/**
 * All that the parts below tell, and:
 * @typedef {Object} Own
 * @property {() => void} unmark
 * @property {() => void} edit
 * @property {() => void} more
 * @property {() => {href: string, words: string}} link
 * @typedef {Own & import("./tile.js").Events & ConstructorParameters<typeof Filters>[0] & {browsed: (photo: any) =>
 * void,
 *   fail: (error: unknown) => void, during: (work: Promise<any>) => Promise<any>}} Events
 *
 * What of the session matters for what is shown.
 * @typedef {{least: number, filters: import("./narrowing.js").FilterValues, marks: Map<number, "good" | "bad">,
 *   isPicking: boolean, isAdding: boolean, numRows: number, isBrowsing: boolean}} Shown
 */

export class Results {
  /** @param {HTMLElement} status  the tab's line @param {HTMLElement} progress @param {Events} on */
  constructor(status, progress, on) {
    this.on = on;
    /** @type {Found | null} */
    this.found = null;
    this.count = make("p", { class: "hint", "data-count": "" });
    this.unrefine = make("button", {
      type: "button", class: "quiet-button", hidden: true, "data-action": "unrefine",
      title: "Search as before the thumbs",
      onclick: () => on.unmark(),
    }, "Clear ratings");
    this.editButton = make("button", { // its place is kept from the first, so that nothing moves
      type: "button", class: "button", "data-action": "edit",
      title: "Move, copy or erase this concept in its photo",
      onclick: () => on.edit(),
    }, icon("edit"), make("span", {}, "Edit"));
    this.linkWords = make("span", {}, "Copy link");
    const link = make("button", {
      type: "button", class: "button", "data-action": "link", "aria-label": "Copy link", onclick: () => this.copyLink(),
    }, icon("link"), this.linkWords);
    this.filters = new Filters(on);
    this.hits = new Hits(on);
    this.browse = new Browse({ open: on.browsed, fail: on.fail, during: on.during });
    this.instead = new Instead();
    this.copyDialog = new CopyDialog();
    this.more = make("button", {
      type: "button", class: "button retrieve-more", hidden: true, "data-action": "more", onclick: () => on.more(),
    }, "Show more");
    this.element = make("section", { class: "retrieve-found", "aria-label": "What is found" },
      make("div", { class: "retrieve-head" },
        make("div", { class: "retrieve-says" }, status,
          make("div", { class: "retrieve-facts" }, this.count, this.unrefine)),
        make("div", { class: "actions" }, this.editButton, link)),
      progress, this.filters.element, this.instead.element, this.hits.element, this.browse.element, this.more,
      this.copyDialog.element);
  }

  async copyLink() {
    const { href, words } = this.on.link();
    if (!(await this.copyDialog.copy(href))) return;
    write(this.linkWords, "Copied");
    write(this.count, words);
    setTimeout(() => write(this.linkWords, "Copy link"), 1600);
  }

  /**
   * Another answer, or none.
   * @param {Found | null} found @param {import("./tile.js").Look} look @param {Facts} collection
   */
  take(found, look, collection) {
    if (found === this.found) return;
    this.found = found;
    this.hits.show(found?.results ?? [], look, collection.chance);
  }

  /** @param {Facts} collection @param {Shown} shown */
  show(collection, shown) {
    const { found } = this;
    const { least, filters, marks, isPicking } = shown;
    const isReady = collection.state === "ready";
    const seen = found && isReady ? this.hits.update({ least, marks, isPicking }) : { matches: 0, weaker: 0 };
    if (!found || !isReady) this.hits.element.hidden = true;
    if (!isReady) this.editButton.hidden = true;
    this.filters.element.hidden = !isReady || shown.isBrowsing;
    this.filters.show(filters);
    this.filters.showLeast(least, collection.chance);
    this.unrefine.hidden = !marks.size;
    this.browse.show(isReady && shown.isBrowsing ? collection : null);
    this.more.hidden = !found || !seen.matches || found.results.length < found.k || found.k > FIRST_RESULTS
      || seen.weaker > 0;
    write(this.count, found && isReady ? countIn(found, { least, chance: collection.chance }) : "");
    this.sayInstead(collection, shown, seen);
    return seen.matches;
  }

  /** @param {Facts} collection @param {Shown} shown @param {{matches: number, weaker: number}} seen */
  sayInstead(collection, { least, filters, numRows, isAdding, isBrowsing }, { matches, weaker }) {
    const { found, instead } = this;
    const { title, state } = collection;
    if (state === "building") {
      instead.say(`${title}: being prepared`, "This happens once; the search starts by itself.", collection.progress);
    } else if (state === "failed") {
      instead.say(`${title} cannot be searched`, collection.message);
    } else if (collection.is_own && isAdding && !found?.results.length) {
      instead.say("Your photos are being read", "They show up here as they come.");
    } else if (isBrowsing && !collection.num_photos) {
      instead.say("No photos here yet", "Drop some, or a whole folder, anywhere on this page.");
    } else if (!found || matches) {
      instead.say(null);
    } else {
      const [best] = found.results;
      const hint = advice(filters, numRows);
      const score = similarity(best?.score ?? 0);
      const nearest = `What follows is only the nearest that there is (at most ${score}). ${hint}`;
      const told = isNarrow(filters) ? hint : found.advice ?? hint;
      if (!best) instead.say("No match: no photo of this collection has this", told);
      else if (least <= best.score) instead.say("No match in this collection", nearest);
      else instead.say(`No photo reaches ${least.toFixed(2)}`, `The best has ${score}; lower the minimum similarity.`);
    }
    instead.element.toggleAttribute("data-small", weaker > 0);
  }
}

/** @param {import("./narrowing.js").FilterValues} filters @param {number} numRows */
function advice(filters, numRows) {
  if (isNarrow(filters)) return "Only some sizes, places or labels are searched; show everything under “Filters”.";
  if (numRows) return "All conditions must hold in one photo; take one away.";
  return "Try another concept, a word, or another collection.";
}
