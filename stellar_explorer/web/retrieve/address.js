/** What Retrieve shows, in the address beside what the other tabs keep there; never an upload, never a visitor's own photos. */

import { filtersInAddress, readFilters } from "./filters.js";
import { readText, textOf } from "./query.js";

const OURS = ["tab", "collection", "find", "least", "label", "size", "place", "alike", "itself"];
/** A search takes up to half a second, so a link is written no more often than people click. */
const DELAY = 250;
const MOST_KEPT = 48; // each holds its photo

/** -> {collection or null, asked: as readText has it or null, least, filters} */
export function readRetrieve(search, exampleIds) {
  const query = new URLSearchParams(search);
  const least = Number(query.get("least"));
  return {
    collection: query.get("collection"), asked: readText(query.get("find"), exampleIds),
    least: least > 0 && least <= 1 ? least : 0, filters: readFilters(query),
  };
}

/** looking: {collection: facts, question, least, filters}. others: whether the parameters of other tabs stay. */
export function writeRetrieve(href, { collection, question, least, filters }, { others = true } = {}) {
  const address = new URL(href);
  if (!others) address.search = "";
  for (const name of OURS) address.searchParams.delete(name);
  address.searchParams.set("tab", "retrieve");
  if (!collection || collection.is_own) return address.href;
  address.searchParams.set("collection", collection.name);
  const text = textOf(question, collection.name);
  if (text) address.searchParams.set("find", text);
  if (least > 0) address.searchParams.set("least", least.toFixed(2));
  for (const [name, value] of filtersInAddress(filters)) if (value !== null) address.searchParams.set(name, value);
  return address.href;
}

/** The tab's steps in the browser's history: Back goes to the question before, as the trail does. */
export class Steps {
  /** on: {address() -> href, isShown(), snapshot(), restore(snapshot or null), late(whether the address is behind)} */
  constructor(on) {
    this.on = on;
    this.kept = new Map();
    this.number = 0;
    window.addEventListener("popstate", (event) => {
      if (!on.isShown()) return;
      on.restore(this.kept.get(event.state?.stellarStep) ?? null);
    });
  }

  /** Soon: what is shown now. */
  note() {
    clearTimeout(this.timer);
    this.on.late(true);
    this.timer = setTimeout(() => this.write(), DELAY);
  }

  write() {
    clearTimeout(this.timer);
    this.on.late(false);
    if (!this.on.isShown()) return;
    const step = window.history.state?.stellarStep ?? (this.number += 1);
    this.kept.delete(step);
    this.kept.set(step, this.on.snapshot());
    if (this.kept.size > MOST_KEPT) this.kept.delete(this.kept.keys().next().value);
    window.history.replaceState({ ...window.history.state, stellarStep: step }, "", this.on.address());
  }

  /** Before another question comes: what is shown now stays behind in the history. */
  push() {
    if (!this.on.isShown()) return;
    this.write();
    this.number += 1;
    window.history.pushState({ ...window.history.state, stellarStep: this.number }, "", window.location.href);
  }
}
