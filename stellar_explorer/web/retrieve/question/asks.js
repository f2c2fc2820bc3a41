/** What a visitor asks in Retrieve: each a change of the session, and a step that Back takes back. */

import { fetchPhotoFacts } from "../../shared/server.js";
import { isSamePhoto } from "../../shared/session.js";
import { hitExample } from "../../teach/examples.js";
import { indexedExample, mark as markExample } from "../../teach/store.js";
import { CONCEPT_PICKED, askedIn, asking, askingAnew, marked, subjectIn } from "./question.js";
import { sourceOf } from "./references.js";

/**
 * @typedef {import("../../shared/session.js").SessionState} SessionState @typedef {import("./references.js").Row} Row
 * @typedef {import("./references.js").Reference} Reference @typedef {import("./references.js").FoundPhoto} FoundPhoto
 *
 * facts: of one that is none of the examples.
 * @typedef {{photo: FoundPhoto, facts?: import("../../shared/server.js").PhotoFacts}} Found
 *
 * What the tab has of it.
 * @typedef {{session: import("../../shared/session.js").Session, collection: any,
 *   scene: import("../photo.js").QueryPhoto | null,
 *   alert: (sentence: string | null) => void, fail: (error: unknown) => void,
 *   during: (work: Promise<any>) => Promise<any>,
 *   refresh: () => any, root: HTMLElement, menu: any}} Place
 */

/** @param {Row[]} rows  those that ask for something */
const filled = (rows) => JSON.stringify(rows.filter(({ of, share }) => of || share));

export class Asks {
  /** @param {Place} tab */
  constructor(tab) {
    this.tab = tab;
    /** The row that the next picked concept goes to. @type {number | null} */
    this.picking = null;
    /** The state that the row is of: while it waits, other photos are guests. @type {SessionState | null} */
    this.home = null;
  }

  get state() {
    return this.tab.session.state;
  }

  /** @param {Partial<SessionState>} values @param {{isStep?: boolean}} [options] */
  change(values, { isStep = true } = {}) {
    this.tab.alert(null);
    const before = this.state;
    this.tab.session.change(values, { isStep });
    if (this.state === before) this.tab.refresh();
  }

  // ---- with what ----

  /** @param {string | null} name */
  collection(name) {
    const first = this.tab.menu.get(null)?.name;
    this.change({ collection: name === first ? null : name });
  }

  /** @param {string} by */
  kind(by) {
    this.leaveHome();
    const views = asking(this.state, { word: undefined, isBrowsing: undefined }, { view: { by } });
    // A box has to be drawn first: until then nothing else is asked.
    const isStep = JSON.stringify(subjectIn(this.state)) !== JSON.stringify(subjectIn({ ...this.state, views }));
    this.change({ views }, { isStep });
  }

  /** @param {number} token */
  concept(token) {
    const { scene, collection } = this.tab;
    if (!scene) return;
    if (this.picking !== null) {
      this.fill({ of: sourceOf(this.state.photo), token });
      return;
    }
    const views = asking(this.state, CONCEPT_PICKED, { view: { by: "concept" } });
    this.change({ concept: token, model: collection.model ?? this.state.model, views });
  }

  /** @param {number[]} box */
  box(box) {
    this.change({ views: asking(this.state, { ...CONCEPT_PICKED, box }, { view: { by: "box" } }) });
  }

  /** @param {string} word */
  word(word) {
    this.leaveHome();
    this.change({ views: askingAnew(this.state, { word }, { view: { by: "concept" } }) });
  }

  browse() {
    this.leaveHome();
    this.change({ views: askingAnew(this.state, { isBrowsing: true }, { view: { by: "concept" } }) });
  }

  /** @param {number} by */
  step(by) {
    const { scene } = this.tab;
    if (!scene) return;
    const { order } = scene;
    const at = order.indexOf(this.state.concept ?? -1);
    this.concept(order[(Math.max(at, by > 0 ? -1 : 0) + by + order.length) % order.length]);
  }

  // ---- going on from a hit ----

  /**
   * Its photo becomes the photo of all tabs, or its concept goes to the row that waits.
   * @param {number} id @param {any} hit
   */
  open(id, hit) {
    const { collection } = this.tab;
    if (this.picking !== null && hit) {
      this.fill({ of: { collection: collection.name, id }, token: hit.token });
      return;
    }
    this.leaveHome();
    this.tab.during(this.opening(id, hit?.token ?? null)).catch((error) => this.tab.fail(error));
  }

  /** @param {number} id @param {number | null} token */
  async opening(id, token) {
    const { collection } = this.tab;
    const found = await this.found(collection.name, id);
    const { state } = this;
    const by = askedIn(state).kind === "photo" ? "photo" : "concept";
    const views = askingAnew(state, {}, { photo: found.photo, view: { by } });
    this.tab.alert(null);
    this.lookAt(found, { concept: token, model: collection.model ?? state.model, views });
    this.tab.root.querySelector(".retrieve-body")?.scrollIntoView({ block: "nearest" });
  }

  /**
   * A collection's photo as one of the session's.
   * @param {string} collection @param {number} id @returns {Promise<Found>}
   */
  async found(collection, id) {
    const facts = await fetchPhotoFacts({ collection, id });
    if (facts.example) return { photo: { example: facts.example } };
    return { photo: { photo: facts.token, name: facts.name, from: { collection, id } }, facts };
  }

  /** It is looked at, and listed among one's own. @param {Found} found @param {Partial<SessionState>} values */
  lookAt({ photo, facts }, values, { isStep = true } = {}) {
    if (facts) this.tab.session.list(facts);
    this.tab.session.change({ photo, ...values }, { isStep });
  }

  // ---- conditions ----

  /** While a row waits for a concept, another photo only lends one. @param {SessionState} state */
  isGuest(state) {
    return this.picking !== null && this.home !== null && !isSamePhoto(this.home.photo, state.photo);
  }

  leaveHome() {
    this.picking = this.home = null;
  }

  /** @param {number | null} row */
  pick(row) {
    if (row === null && this.picking === null) return;
    if (!this.isGuest(this.state)) this.home = row === null ? null : this.state;
    this.picking = row;
    this.tab.refresh();
  }

  /** @param {Reference} of */
  fill(of) {
    const rows = askedIn(this.home ?? this.state).rows.map((row, place) =>
      (place === this.picking ? { ...row, of } : row));
    this.rows(rows, null);
  }

  /** From a guest it goes back to the photo that is asked about. @param {Row[]} rows @param {number | null} pick */
  rows(rows, pick) {
    const isGuest = this.isGuest(this.state);
    const state = isGuest && this.home ? this.home : this.state;
    const isStep = !isGuest && filled(askedIn(state).rows) !== filled(rows);
    this.picking = pick;
    const { photo, concept } = state;
    this.change({ photo, concept, views: asking(state, { rows }) }, { isStep });
    this.home = pick === null ? null : this.state;
  }

  // ---- ratings ----

  /**
   * A rating refines this search, and is an example of the next word that is taught.
   * @param {any} hit @param {"good" | "bad" | null} mark @param {import("../results/matches.js").Result} result
   * @param {HTMLImageElement} image
   */
  mark(hit, mark, result, image) {
    markExample(hitExample(this.tab.collection.name, hit, result, image), mark && (mark === "good" ? "yes" : "no"));
    this.change({ views: asking(this.state, { marks: marked(this.state, hit.concept, mark) }) });
  }

  unmark() {
    const { good, bad } = askedIn(this.state);
    for (const concept of [...good, ...bad]) markExample(indexedExample(this.tab.collection.name, concept), null);
    this.change({ views: asking(this.state, { marks: undefined }) });
  }
}
