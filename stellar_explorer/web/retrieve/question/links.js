/** Links to what is asked, and what comes of one: what is gone is said in one sentence, and the tab goes on. */

import { missingCollection } from "../../session/links.js";
import { askingAnew, subjectIn } from "./question.js";
import { readText, textOf } from "./references.js";

/** @typedef {import("./asks.js").Found} Found */

export class Links {
  /** @param {import("./asks.js").Asks} asks */
  constructor(asks) {
    this.asks = asks;
    this.tab = asks.tab;
  }

  get state() {
    return this.tab.session.state;
  }

  /**
   * What an address asks for becomes the session's; what is gone is said.
   * @param {string} find @param {() => boolean} isOld
   */
  async lookUp(find, isOld) {
    const { session, collection } = this.tab;
    const wish = readText(find, collection.name);
    try {
      if (!wish) throw new Error("This link asks for nothing that can be found here.");
      const { subject, rows } = wish;
      const found = "word" in subject ? { photo: this.state.photo } : await this.photoOf(subject.of);
      if (isOld()) return;
      const { token = null, box = undefined } = "word" in subject ? {} : subject;
      const by = "word" in subject || token !== null ? "concept" : box ? "box" : "photo";
      const asked = "word" in subject ? { word: subject.word, rows } : { box, rows };
      const views = askingAnew(this.state, asked, { photo: found.photo, view: { by } });
      this.asks.lookAt(found, { concept: "word" in subject ? this.state.concept : token, views }, { isStep: false });
    } catch (error) {
      if (isOld()) return;
      this.tab.alert(error instanceof Error ? error.message : String(error));
      session.changeView("retrieve", { find: undefined });
    }
  }

  /** @param {import("./references.js").Source} source @returns {Promise<Found>} */
  async photoOf(source) {
    if ("collection" in source) return this.asks.found(source.collection, source.id);
    const { examples } = this.tab.session.settings;
    if ("example" in source
      && examples.some((/** @type {any} */ { id }) => id === source.example)) return { photo: source };
    throw new Error("The photo of this link is not among the examples; this is another one.");
  }

  /** @param {string} wanted @param {any} collection  what is searched instead */
  missCollection(wanted, collection) {
    this.tab.session.change({ collection: null }, { isStep: false });
    this.tab.alert(missingCollection(wanted, collection.title));
  }

  /** @param {import("../photo.js").QueryPhoto} scene */
  missConcept(scene) {
    this.tab.alert(`${scene.title} has no such concept; this is another one of it.`);
  }

  /** A link to what is asked, and what is to be said of it. */
  link() {
    const { session, collection } = this.tab;
    const { state } = this;
    const isWhole = !collection.is_own && textOf(subjectIn(state), [], collection.name);
    return {
      href: session.link(),
      words: isWhole ? "Link copied."
        : "Link copied, without the photo: uploads and your own photos are never in a link.",
    };
  }
}
