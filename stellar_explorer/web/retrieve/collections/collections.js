/** What can be searched: the collections that are offered, which is chosen, and what is told of it. */

import { icon, make, uniqueId, write } from "../../shared/elements.js";
import { fetchJson } from "../../shared/server.js";
import { counted } from "../results/matches.js";

const WAIT = 1000;

/**
 * What the server says of one; see CollectionFacts.
 * @typedef {{name: string, title: string, num_photos: number, num_concepts: number, state: string,
 *   model: string | null,
 *   progress: number, message: string, resolution: number, chance: number, is_own: boolean, identity: string}} Facts
 *
 * @typedef {Object} Events
 * @property {(name: string) => void} choose
 * @property {() => void} changed  what is offered, or the state of one
 * @property {() => void} browse
 * @property {() => void} add  photos of one's own
 * @property {() => void} removeOwn
 */

export class CollectionMenu {
  /** @param {import("./own.js").OwnPhotos} own @param {Events} on */
  constructor(own, on) {
    this.own = own;
    this.on = on;
    /** @type {Facts[]} */
    this.offered = [];
    /** What the select was filled for. */
    this.shown = "";
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    const [id, hint] = [uniqueId("collection"), uniqueId("hint")];
    this.select = make("select", {
      id, "data-control": "collection", "aria-describedby": hint, onchange: () => on.choose(this.select.value),
    });
    this.words = make("p", { class: "unseen", id: hint });
    this.browseButton = make("button", {
      type: "button", class: "quiet-button", "data-action": "browse",
      title: "See the photos of this collection, and search with one of them",
      onclick: () => on.browse(),
    }, "Browse");
    this.removeOwn = make("button", {
      type: "button", class: "quiet-button", hidden: true, "data-action": "remove-own",
      title: "Take your photos off the server",
      onclick: () => on.removeOwn(),
    }, "Remove");
    this.element = make("div", { class: "retrieve-collection" }, make("label", { for: id }, "Look in"), this.select,
      this.words,
      make("button", {
        type: "button", class: "button", "data-action": "add-own",
        "aria-label": "Add photos", title: "Choose photos of your own to search in; or drop a folder",
        onclick: () => on.add(),
      }, icon("plus"), make("span", {}, "Add photos")), this.browseButton, this.removeOwn);
  }

  /** @param {string | null} name @returns {Facts | undefined} */
  get(name) {
    return name === null ? this.offered[0] : this.offered.find((facts) => facts.name === name);
  }

  /** What is offered now; asked again by itself while one is being prepared. */
  async look() {
    clearTimeout(this.timer);
    const own = this.own.name ? `?own=${encodeURIComponent(this.own.name)}` : "";
    const overview = await fetchJson(`stellar/collections.json${own}`);
    this.offered = overview.collections;
    this.own.isShared = overview.shares_photos;
    if (this.own.name && !this.own.run && !this.get(this.own.name)) this.own.forget();
    if (this.offered.some(({ state }) => state === "building")) this.again();
  }

  again(milliseconds = WAIT) {
    clearTimeout(this.timer);
    this.timer = setTimeout(async () => {
      try {
        await this.look();
        this.on.changed();
      } catch {
        this.again(5 * WAIT); // the server is away; what is on show stays
      }
    }, milliseconds);
  }

  /** The one of this name, or the first that is offered. @param {string | null} name @returns {Promise<Facts>} */
  async open(name) {
    if (!this.get(name)) await this.look();
    return this.get(name) ?? this.offered[0];
  }

  /** A collection's facts after something was added to it. @param {Facts} facts */
  update(facts) {
    const place = this.offered.findIndex(({ name }) => name === facts.name);
    if (place < 0) this.offered.push(facts);
    else this.offered[place] = facts;
  }

  /** @param {Facts} collection  the one that is chosen */
  show(collection) {
    const key = JSON.stringify([this.offered.map(({ name, title }) => [name, title]), collection.name]);
    if (key !== this.shown) {
      this.shown = key;
      this.select.replaceChildren(...this.offered.map(({ name, title }) => make("option", { value: name }, title)));
    }
    this.select.value = collection.name;
    const { state, num_photos: photos, num_concepts: concepts, progress } = collection;
    write(this.words, state === "ready" ? `${counted(photos, "photo")}, ${counted(concepts, "concept")}`
      : state === "building" ? `Being prepared: ${Math.round(progress * 100)} %` : "Cannot be searched");
    this.select.title = this.words.textContent ?? "";
    this.removeOwn.hidden = !collection.is_own || this.own.isShared;
    this.browseButton.hidden = state !== "ready";
  }
}
