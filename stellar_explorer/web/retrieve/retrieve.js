/**
 * The Retrieve tab: the session's photo and its concepts at the side, and the photos of a collection that hold what is
 * asked for. This file follows the session: from its state to a photo, a question, an answer. What a visitor does
 * changes the session (question/asks.js).
 */

import { Gone } from "../shared/server.js";
import { Tab } from "../shared/tab.js";
import { conceptExample } from "../teach/examples.js";
import { names, read, write } from "./question/address.js";
import { Asks } from "./question/asks.js";
import { Links } from "./question/links.js";
import { filtersIn } from "./results/narrowing.js";
import { offerWords, partsOf } from "./parts.js";
import { sentenceOf, wordOf } from "./question/query.js";
import { askedIn } from "./question/question.js";
import { Scenes, nameScene, pinnedIn } from "./scenes.js";
import { Search } from "./results/search.js";

/**
 * @typedef {import("../shared/session.js").SessionState} SessionState
 * @typedef {import("./photo.js").QueryPhoto} QueryPhoto
 * @typedef {import("./collections/collections.js").Facts} Facts
 */

const WORD_COLOUR = "#33eff7";
const ROW_GONE = "The photo of one condition is no longer there, so that condition is left out; choose another concept "
  + "for it.";

/** @param {{root: HTMLElement, session: import("../shared/session.js").Session}} place */
export function mount({ root, session }) {
  new RetrieveTab(root, session).begin();
}

export class RetrieveTab extends Tab {
  /** @param {HTMLElement} root @param {import("../shared/session.js").Session} session */
  constructor(root, session) {
    super(root, session, { name: "retrieve", label: "Find a concept in other photos" });
    session.register("retrieve", { names, read, write });
    this.turn = 0;
    /** What is on show: words that were offered, the scene with its names, the question. */
    this.offeredOf = this.shownScene = this.described = "";
    this.search = new Search();
    /** @type {import("./collections/collections.js").Facts | null} */
    this.collection = null;
    /** @type {QueryPhoto | null} */
    this.scene = null;
    /** @type {import("./question/query.js").Question} */
    this.question = { subject: null, rows: [] };
    this.asks = new Asks(this);
    this.links = new Links(this.asks);
    const parts = partsOf(this);
    this.own = parts.own;
    this.menu = parts.menu;
    this.kinds = parts.kinds;
    this.words = parts.words;
    this.view = parts.view;
    this.builder = parts.builder;
    this.teach = parts.teach;
    this.results = parts.results;
    this.scenes = new Scenes(session, this.menu);
    this.listen({ step: (by) => this.asks.step(by), unpin: () => this.asks.pick(null) });
  }

  // ---- following the session ----

  /** @override */
  follow() {
    this.refresh();
  }

  refresh() {
    this.turn += 1;
    return this.during(this.refreshing(this.turn));
  }

  /** @param {number} turn */
  async refreshing(turn) {
    const { state } = this.session;
    const isOld = () => turn !== this.turn || !this.isShown;
    try {
      const collection = await this.menu.open(state.collection);
      if (isOld()) return;
      if (state.collection !== null && collection.name !== state.collection) {
        this.links.missCollection(state.collection, collection);
        return;
      }
      this.openCollection(collection);
      if (collection.state !== "ready") this.display(state, collection);
      else if (state.views.retrieve?.find) await this.links.lookUp(state.views.retrieve.find, isOld);
      else await this.answer(state, collection, isOld);
    } catch (error) {
      if (!isOld()) this.lose(error);
    }
  }

  /** @param {SessionState} state @param {Facts} collection @param {() => boolean} isOld */
  async answer(state, collection, isOld) {
    const scene = await this.scenes.ofSession(collection);
    if (isOld() || !scene) return;
    this.openScene(scene, collection);
    if (this.asks.isGuest(state)) {
      this.showPhoto(null);
      return;
    }
    const asked = askedIn(state);
    const pinned = await pinnedIn(state, scene, collection);
    if (isOld()) return;
    const isThere = scene.has(pinned);
    if (pinned !== null && !isThere) this.links.missConcept(scene);
    if (asked.kind === "concept" && !isThere && state.model === collection.model) {
      this.session.change({ concept: scene.foremost }, { isStep: false }); // and so it comes here again
      return;
    }
    const token = isThere ? /** @type {number} */ (pinned) : scene.foremost;
    const rows = await this.scenes.filled(asked.rows, collection);
    if (isOld()) return;
    if (rows.some(({ isGone }) => isGone)) this.alert(ROW_GONE);
    const { kind, word, box, good, bad } = asked;
    const subject = kind === "nothing" ? null : word !== null ? wordOf(word) : kind === "photo" ? scene.whole()
      : kind === "box" && box ? scene.boxed(box) : scene.concept(token);
    this.question = { subject, rows, good, bad };
    this.describe(asked);
    const found = await this.search.of(this.question, collection, filtersIn(state));
    if (isOld()) return;
    this.isAgain = false;
    if (this.isFailed) this.alert(null);
    const isSet = kind === "photo" || kind === "box";
    const colour = kind === "word" ? WORD_COLOUR : scene.palette[isSet ? 0 : token];
    this.results.take(found, { colour, palette: isSet ? scene.palette : null }, collection);
    this.display(this.session.state, collection);
  }

  /** @param {Facts} collection */
  openCollection(collection) {
    this.collection = collection;
    this.menu.show(collection);
    this.root.dataset.collection = collection.is_own ? "own" : collection.name;
    this.root.dataset.collectionState = collection.state;
    const key = `${collection.name}/${collection.state}/${collection.num_concepts}`;
    if (collection.state !== "ready" || key === this.offeredOf) return;
    this.offeredOf = key;
    this.during(offerWords(this, collection));
  }

  /** @param {QueryPhoto} scene @param {any} collection */
  openScene(scene, collection) {
    if (scene === this.scene) return;
    this.scene = scene;
    if (scene.version) return;
    this.during(nameScene(collection, scene).then(() => (this.scene === scene ? this.refresh() : undefined)));
  }

  // ---- showing ----

  /** @param {number | null} token  that is asked with */
  showPhoto(token, { by = "concept", box = null, isWhole = false } = /** @type {any} */ ({})) {
    const { scene, view } = this;
    if (!scene) return;
    const key = `${scene.key}/${scene.version}`;
    if (key !== this.shownScene) view.show(scene);
    this.shownScene = key;
    const isPicking = this.asks.picking !== null;
    view.update({ token, box, isBoxing: by === "box" && !isPicking, isWhole: isWhole && !isPicking });
  }

  /** @param {ReturnType<typeof askedIn>} asked */
  describe({ kind, by, word, box }) {
    const { question, collection } = this;
    const { picking } = this.asks;
    const { subject } = question;
    this.kinds.set(kind === "word" || kind === "nothing" ? null : by);
    this.showPhoto(kind === "concept" ? subject?.token ?? null : null,
      { by: kind === "word" ? "concept" : by, box, isWhole: kind === "photo" });
    const key = JSON.stringify([picking, subject?.label, collection?.name, question],
      (name, value) => (name === "picture" ? undefined : value));
    if (key !== this.described) this.builder.show(subject, question.rows, picking);
    this.described = key;
    this.words.set(word ?? "");
    this.teach.show(collection, conceptExample(subject, { isDrawn: false }));
    this.results.editButton.hidden = kind !== "concept";
    this.say(sentenceOf(question) || "All photos: pick one to search with it.");
    this.root.toggleAttribute("data-picking", picking !== null);
  }

  /** @param {SessionState} state @param {Facts} collection */
  display(state, collection) {
    const { kind, good, bad } = askedIn(state);
    /** @type {Map<number, "good" | "bad">} */
    const marks = new Map();
    for (const one of good) marks.set(one, "good");
    for (const one of bad) marks.set(one, "bad");
    const view = state.views.retrieve ?? {};
    this.results.filters.element.open = Boolean(view.isAdjusting);
    const shown = this.results.show(collection, {
      least: view.least ?? 0, filters: filtersIn(state), marks, isPicking: this.asks.picking !== null,
      isAdding: Boolean(this.own.photos.run),
      numRows: this.question.rows.filter(({ concept, share }) => concept || share).length,
      isBrowsing: kind === "nothing" && !good.length,
    });
    Object.assign(this.root.dataset, { hits: shown, searched: this.search.key ? "yes" : "", state: "ready" });
  }

  searchMore() {
    this.search.more();
    this.refresh();
  }

  /** What is searched has changed. */
  searchAgain() {
    this.search.forget();
    return this.refresh();
  }

  /** A word was taught, or forgotten: names and hits may be others now. */
  wordsChanged() {
    this.offeredOf = "";
    const { scene, collection } = this;
    if (scene) this.during(nameScene(collection, scene).then(() => this.refresh()));
    this.searchAgain();
  }

  /** What the server has forgotten is asked for again by itself, once. @param {unknown} error */
  lose(error) {
    if (error instanceof Gone && !this.isAgain) {
      this.isAgain = true;
      this.scenes.forget();
      this.search.forget();
      this.menu.offered = [];
      this.refresh();
    } else {
      this.fail(error);
    }
  }

  /** @param {unknown} error @override */
  fail(error) {
    super.fail(error);
    this.isFailed = true; // until a search comes through
    if (!this.question.subject) this.results.editButton.hidden = true;
    this.root.dataset.state = "ready";
  }

  /** @param {string | null} sentence @override */
  alert(sentence) {
    this.isFailed = false;
    super.alert(sentence);
  }
}
