/**
 * The Retrieve tab: a photo and its concepts at the side, and the photos of a collection that hold what is asked for.
 * This file arranges; the parts are in retrieve_*.js. The server is asked for a photo's concepts and for each search;
 * masks, the least score and the way back are the browser's own.
 */

import { choice, slider } from "../shared/controls.js";
import { icon, make, uniqueId, write } from "../shared/elements.js";
import { gather } from "../shared/gather.js";
import { openInEdit, takeFound } from "../shared/handover.js";
import { introduction } from "../shared/introduction.js";
import { listenToKeys } from "../shared/keyboard.js";
import { nameOf } from "../shared/names.js";
import { Gone, fetchSettings } from "../shared/package.js";
import { CopyDialog } from "../shared/recipes.js";
import { Steps, readRetrieve, writeRetrieve } from "./address.js";
import { Browse } from "./browse.js";
import { Builder, Trail, wordSearch } from "./builder.js";
import { Filters, NO_FILTERS, whereOf } from "./filters.js";
import { Hits, Instead } from "./hits.js";
import { gridOfMasks } from "./masks.js";
import { OwnPhotos, dropHalves } from "./own.js";
import { QueryPhoto, collectionAddress, fetchJson } from "./photo.js";
import { queryOf, sentenceOf, textOf } from "./query.js";
import { PhotoView } from "./view.js";
import { conceptExample, hitExample } from "../teach/examples.js";
import { nameHits, namePhoto } from "../teach/names.js";
import { TeachPanel } from "../teach/panel.js";
import { indexedExample, mark as markExample, taughtWords, withTaught } from "../teach/store.js";

const ROOT = "[data-retrieve]";
const FIRST_RESULTS = 60;
const MORE_RESULTS = 500;
const MOST_STEPS = 24;
const WAIT = 1000;
const WORD_COLOUR = "#33eff7";
const INTRODUCTION = "Click a concept of a photo to find it in other photos: each hit is lit where the concept is, and a click on a hit "
  + "searches on from there. Drop a folder of your own photos to search in those.";
const INTRODUCTION_SEEN = "stellar-retrieve-introduction-seen";
const NOTHING = Object.freeze({ subject: null, rows: [], good: [], bad: [] });
const KINDS = [
  { value: "concept", label: "A concept", hint: "Click one in the photo" },
  { value: "box", label: "A box", hint: "Draw a box: what lives there is looked for" },
  { value: "photo", label: "The whole photo", hint: "Photos with the same set of concepts" },
];

export async function mountRetrieve({ element }) {
  const root = element.matches?.(ROOT) ? element : element.querySelector(ROOT);
  if (!root || root.hasAttribute("data-mounted")) return;
  root.setAttribute("data-mounted", "");
  root.dataset.state = "loading";
  try {
    new RetrieveTab(root, await fetchSettings()).begin();
  } catch (error) {
    root.dataset.state = "error";
    root.replaceChildren(make("p", { class: "alert", role: "alert" }, error.message));
  }
}

class RetrieveTab {
  offered = [];
  collection = null; // the facts of the chosen one
  photo = null; // that the question is about
  guest = null; // another one, shown while a concept is picked for a row
  question = NOTHING;
  kind = "concept";
  picking = null; // the row that the next clicked concept goes to
  least = 0;
  filters = { ...NO_FILTERS };
  trail = [];
  results = null;
  asked = 0;
  loads = 0;
  underWay = 0; // of what was asked of the server

  constructor(root, settings) {
    this.root = root;
    this.settings = settings;
    this.build();
    this.steps = new Steps({
      address: () => this.link(), isShown: () => this.isShown(), snapshot: () => this.snapshot(),
      late: (isLate) => this.root.toggleAttribute("data-late", isLate),
      restore: (snapshot) => (snapshot ? this.restore(snapshot) : this.follow(readRetrieve(window.location.search, this.exampleIds))),
    });
    this.observe();
  }

  get exampleIds() {
    return this.settings.examples.map(({ id }) => id);
  }

  isShown() {
    return this.root.isConnected && this.root.getClientRects().length > 0;
  }

  // ---- what is on the page ----

  build() {
    this.gather = gather(this.settings, {
      file: (file) => this.askFile(file), example: (id) => this.askExample(id), refuse: (sentence) => this.alert(sentence),
      isShown: () => this.isShown(),
    }, { takesDrops: false });
    const keep = (files) => this.during(this.own.add(files));
    this.own = new OwnPhotos(this.settings, {
      chosen: keep, start: (name) => this.look(name), added: (facts) => this.ownAdded(facts), end: () => this.ownEnded(),
      refuse: (sentence) => this.alert(sentence),
    });
    const veil = dropHalves({
      isShown: () => this.isShown(), ask: (file) => this.gather.take(file), keep, gather: (files) => this.during(files),
    });
    this.alertWords = make("span");
    this.alertBar = make("div", { class: "alert", role: "alert", hidden: true, "data-alert": "" }, this.alertWords,
      make("button", { type: "button", class: "quiet-button", "aria-label": "Dismiss", onclick: () => this.alert(null) }, icon("close")));
    this.view = new PhotoView({ choose: (token) => this.chooseConcept(token), box: (box) => this.chooseBox(box) });
    this.builder = new Builder({ rows: (rows) => this.changeRows(rows), pick: (row) => this.pick(row) });
    this.pathway = new Trail((place) => this.goBack(place));
    this.hits = new Hits({ open: (...found) => this.open(...found), mark: (...marked) => this.mark(...marked) });
    this.teach = new TeachPanel({
      chosen: () => conceptExample(this.question.subject), search: (word) => this.askWord(word), during: (work) => this.during(work),
      taught: (word) => {
        this.wordsChanged();
        this.askWord(word);
      },
      forgotten: () => this.wordsChanged(),
    });
    this.browse = new Browse({
      open: (photo) => this.openIndexed(photo), fail: (error) => this.fail(error), during: (photos) => this.during(photos),
    });
    this.instead = new Instead();
    this.copyDialog = new CopyDialog();
    this.root.setAttribute("role", "region");
    this.root.setAttribute("aria-label", "Find a concept in other photos");
    this.root.replaceChildren(
      introduction(INTRODUCTION, INTRODUCTION_SEEN), this.gather.element, this.alertBar, this.toolbar(), this.own.element, this.own.chooser,
      make("div", { class: "retrieve-body" }, this.asking(), this.found()), this.copyDialog.element, veil);
    listenToKeys({
      isShown: () => this.isShown() && this.photo !== null, step: (by) => this.step(by), unpin: () => this.letGo(), hold: () => {},
    });
  }

  toolbar() {
    const id = uniqueId("collection");
    const hint = uniqueId("hint");
    this.chooser = make("select", {
      id, "data-control": "collection", "aria-describedby": hint, onchange: () => this.chooseCollection(this.chooser.value),
    });
    this.collectionFacts = make("p", { class: "hint", id: hint });
    this.removeOwn = make("button", {
      type: "button", class: "quiet-button", hidden: true, "data-action": "remove-own", title: "Take your photos off the server",
      onclick: () => this.forgetOwn(),
    }, "Remove them");
    this.browseButton = make("button", {
      type: "button", class: "quiet-button", "data-action": "browse", title: "See the photos of this collection, and ask with one of them",
      onclick: () => {
        this.remember();
        this.ask(NOTHING);
      },
    }, "Browse");
    this.kinds = choice({
      name: "kind", label: "Ask with", hint: KINDS[0].hint, options: KINDS, onchange: (kind) => this.chooseKind(kind),
    });
    this.words = wordSearch((word) => this.askWord(word));
    return make("div", { class: "toolbar retrieve-toolbar" },
      make("div", { class: "control" }, make("label", { for: id }, "Look in"),
        make("div", { class: "retrieve-collection" }, this.chooser,
          make("button", {
            type: "button", class: "button", "data-action": "add-own", title: "Choose photos of your own to search in; or drop a folder",
            onclick: () => this.own.choose(),
          }, icon("plus"), "Add photos")),
        make("div", { class: "retrieve-facts" }, this.collectionFacts, this.browseButton, this.removeOwn)),
      this.kinds.element, this.words.element);
  }

  asking() {
    return make("aside", { class: "retrieve-ask", "aria-label": "What is asked" }, this.view.element, this.builder.element, this.teach.element);
  }

  found() {
    this.status = make("p", { class: "status", role: "status", "aria-live": "polite", "data-status": "" });
    this.count = make("p", { class: "hint", "data-count": "" });
    this.unrefine = make("button", {
      type: "button", class: "quiet-button", hidden: true, "data-action": "unrefine", title: "Search as before the thumbs",
      onclick: () => this.unmark(),
    }, "Forget the thumbs");
    this.editButton = make("button", {
      type: "button", class: "button", hidden: true, "data-action": "edit", title: "Opens Edit with this concept at hand: what it says, where you want it",
      onclick: () => this.putIntoPhoto(),
    }, icon("edit"), make("span", {}, "Put this concept into a photo"));
    this.linkButton = make("button", { type: "button", class: "button", "data-action": "link", onclick: () => this.copyLink() },
      icon("link"), make("span", {}, "Copy link"));
    this.score = slider({
      name: "least", label: "Least score", hint: "Hits below it are hidden; 1 is the same.", min: 0, max: 1, step: 0.01,
      words: (value) => (value > 0 ? value.toFixed(2) : "all"), onchange: (least) => {
        this.least = least;
        this.showHits();
        this.steps.note();
      },
    });
    this.narrow = new Filters((filters) => {
      this.filters = filters;
      this.search();
    });
    this.progress = make("div", { class: "progress", "data-progress": "", "aria-hidden": "true" }, make("span"));
    this.more = make("button", { type: "button", class: "button retrieve-more", hidden: true, "data-action": "more", onclick: () => this.search(MORE_RESULTS) },
      "Show more");
    this.refining = make("div", { class: "retrieve-refining" }, this.score.element, this.narrow.element);
    return make("section", { class: "retrieve-found", "aria-label": "What is found" }, this.pathway.element,
      make("div", { class: "retrieve-head" }, make("div", { class: "retrieve-says" }, this.status,
        make("div", { class: "retrieve-facts" }, this.count, this.unrefine)), make("div", { class: "actions" }, this.editButton, this.linkButton)),
      this.progress, this.refining, this.instead.element, this.hits.element, this.browse.element, this.more);
  }

  // ---- coming, and what can be searched ----

  observe() {
    new ResizeObserver(() => {
      const isSeen = this.isShown();
      if (isSeen === this.isSeen) return;
      this.isSeen = isSeen;
      if (isSeen && this.offered.length) {
        this.look();
        this.steps.note();
      }
    }).observe(this.root);
  }

  async begin() {
    const wish = readRetrieve(window.location.search, this.exampleIds);
    let handed = takeFound((found) => {
      if (this.start) handed = found;
      else this.receive(found);
    });
    Object.assign(this, { least: wish.least, filters: wish.filters });
    this.narrow.set(this.filters);
    this.score.set(this.least);
    // The first question waits for its collection.
    this.start = () => {
      this.start = null;
      if (handed) this.receive(handed);
      else if (wish.asked) this.follow(wish);
      else this.askExample(this.settings.default.example, { isFirst: true });
    };
    await this.look(wish.collection);
    const { collection } = this;
    if (wish.collection && collection && wish.collection !== collection.name) {
      this.alert(`There is no collection ${wish.collection.slice(0, 80)} here; this is ${collection.title}.`);
    }
  }

  /** Nothing can be asked yet: its collection is being prepared, or cannot be opened. */
  wait() {
    this.tell();
    this.describe();
    this.showHits();
  }

  /** What is offered now; wanted: the name of one to choose. */
  async look(wanted = null) {
    clearTimeout(this.looking);
    let overview;
    try {
      overview = await fetchJson(`stellar/collections.json${this.own.name ? `?own=${encodeURIComponent(this.own.name)}` : ""}`);
    } catch (error) {
      this.fail(error);
      this.isLost = true;
      this.looking = setTimeout(() => this.isShown() && this.look(wanted), 5 * WAIT);
      return undefined;
    }
    if (this.isLost) this.alert(null);
    this.isLost = false;
    this.offered = overview.collections;
    this.own.isShared = overview.shares_photos;
    if (this.own.name && !this.own.run && !this.offered.some(({ name }) => name === this.own.name)) this.own.forget();
    const before = this.collection;
    const of = (name) => this.offered.find((facts) => facts.name === name);
    const chosen = of(wanted) ?? of(before?.name) ?? this.offered[0];
    this.collection = chosen;
    this.describeCollection();
    if (this.offered.some(({ state }) => state === "building")) this.looking = setTimeout(() => this.look(), WAIT);
    const isReady = chosen.state === "ready" && (chosen.name !== before?.name || before.state !== "ready");
    if (isReady) this.offerWords();
    if (this.start) return chosen.state === "ready" ? this.start() : this.wait();
    if (chosen.name !== before?.name) this.moveTo(before);
    else if (isReady) this.search();
    else if (chosen.state !== "ready") this.showHits();
    return undefined;
  }

  chooseCollection(name) {
    this.during(this.look(name));
  }

  /** The same question to another collection; marks and labels are of the one before. */
  moveTo(before) {
    this.filters = { ...this.filters, label: null };
    this.narrow.set(this.filters);
    this.results = null;
    const isSame = before && before.model === this.collection.model && before.resolution === this.collection.resolution;
    const question = { ...this.question, good: [], bad: [] };
    const { photo } = this;
    if (isSame || !photo || !question.subject) this.ask(question);
    else if (photo.source.kind === "study") this.again(photo, this.question.subject);
    else this.ask(NOTHING);
  }

  /** A photo as another collection's model sees it. */
  again(photo, subject) {
    const token = subject.kind === "word" ? null : subject.token;
    const centroid = Number.isInteger(token) ? photo.concepts[token]?.centroid : null;
    this.take(() => QueryPhoto.analysed(this.collection.name, photo.asked), { sameAs: centroid && { centroid, token, model: photo.model } });
  }

  describeCollection() {
    const { collection } = this;
    this.chooser.replaceChildren(...this.offered.map(({ name, title }) => make("option", { value: name, selected: name === collection.name }, title)));
    this.chooser.value = collection.name;
    const number = (count, one) => `${count.toLocaleString("en")} ${count === 1 ? one : `${one}s`}`;
    write(this.collectionFacts, collection.state === "ready" ? `${number(collection.num_photos, "photo")}, ${number(collection.num_concepts, "concept")}`
      : collection.state === "building" ? `Being prepared: ${Math.round(collection.progress * 100)} %` : "Cannot be searched");
    this.score.explain(`Hits below it are hidden; 1 is the same.${collection.chance > 0
      ? ` Half of all photos reach ${collection.chance.toFixed(2)} to any concept.` : ""}`);
    this.removeOwn.hidden = !collection.is_own || this.own.isShared;
    this.browseButton.hidden = collection.state !== "ready";
    this.root.dataset.collection = collection.is_own ? "own" : collection.name;
    this.root.dataset.collectionState = collection.state;
  }

  offerWords() {
    if (this.collection.state === "ready") this.during(this.fetchWords());
  }

  async fetchWords() {
    const { collection } = this;
    try {
      const { words, labels, taught } = await fetchJson(collectionAddress(collection.name, "words.json"));
      if (collection.name !== this.collection.name) return;
      this.words.offer(words, [...new Set([...taughtWords(collection.identity).map(({ word }) => word), ...taught])]);
      this.narrow.offer(labels);
      if (this.narrow.values.label === this.filters.label) return;
      this.filters = { ...this.narrow.values }; // a label that this collection has not
      this.search();
    } catch {
      // Suggestions only: a search says what is wrong.
    }
  }

  ownAdded(facts) {
    const place = this.offered.findIndex(({ name }) => name === facts.name);
    if (place < 0) return;
    this.offered[place] = facts;
    if (this.collection?.name !== facts.name) return;
    this.collection = facts;
    this.describeCollection();
    this.refreshing ??= setTimeout(() => {
      this.refreshing = null;
      if (this.collection?.name === facts.name) this.search();
    }, 2 * WAIT);
  }

  /** What came last is searched too, before the adding counts as done. */
  async ownEnded() {
    clearTimeout(this.refreshing);
    this.refreshing = null;
    await this.look();
    if (!this.collection?.is_own) return;
    this.offerWords();
    await this.search();
  }

  forgetOwn() {
    this.during(this.forgettingOwn());
  }

  async forgettingOwn() {
    await this.own.remove();
    if (this.photo?.source.kind === "indexed" && this.photo.source.collection === this.collection.name) this.question = NOTHING;
    this.collection = null;
    await this.look(this.offered[0].name);
    if (!this.question.subject) this.askExample(this.settings.default.example);
    else this.search();
  }

  // ---- the photo that is asked about ----

  askFile(file) {
    this.take(() => QueryPhoto.analysed(this.collection.name, { file }), { words: `Reading ${file.name}…` });
  }

  askExample(id, more = {}) {
    const { title } = this.settings.examples.find((example) => example.id === id);
    this.take(() => QueryPhoto.analysed(this.collection.name, { example: id }), { words: `Reading ${title}…`, ...more });
  }

  openIndexed(photo, more = {}) {
    this.take(() => QueryPhoto.indexed(this.collection.name, photo), more);
  }

  /** What another tab hands over. */
  receive(found) {
    this.alert(null);
    const { study } = found;
    if (study) {
      const { analysis, photo } = study;
      const isSame = analysis.model === this.collection.model && analysis.resolution === this.collection.resolution;
      const asked = photo.example ? { example: photo.example } : { photo: photo.token };
      const { token } = found;
      if (isSame) {
        this.take(async () => Object.assign(QueryPhoto.ofStudy(study), { asked }), { token });
      } else {
        const sameAs = token === null ? null : { centroid: analysis.concepts[token].centroid, token, model: analysis.model };
        this.take(async () => {
          const scene = await QueryPhoto.analysed(this.collection.name, asked);
          return Object.assign(scene, { title: photo.name });
        }, { sameAs, words: `Reading ${photo.name}…` });
      }
    } else {
      this.receiveIndexed(found);
    }
  }

  receiveIndexed(found) {
    this.during(this.receivingIndexed(found));
  }

  async receivingIndexed({ collection, photo, token, concept }) {
    try {
      await this.look(collection);
      if (this.collection.name !== collection) throw new Error("This collection is no longer here.");
      const of = concept === undefined ? { photo, token } : await fetchJson(collectionAddress(collection, `concepts/${concept}.json`));
      this.openIndexed(of.photo, { token: of.token });
    } catch (error) {
      this.fail(error);
    }
  }

  /**
   * Get a photo and ask with it. token: its concept, or box, or sameAs: the concept that was meant before another model
   * looked; else its foremost concept, or what the choice above says. While a row waits for a concept, the photo is a guest.
   */
  take(load, { words = "Reading the photo…", ...asked } = {}) {
    this.alert(null);
    write(this.status, words);
    return this.during(this.taking(load, asked));
  }

  async taking(load, { token = null, box = null, what = null, rows = null, sameAs = null, isFirst = false, push = true }) {
    const asked = (this.loads += 1);
    let photo;
    try {
      photo = await load();
    } catch (error) {
      if (asked === this.loads) this.fail(error);
      return;
    }
    if (asked !== this.loads) return;
    this.name(photo);
    if (this.picking !== null && !isFirst) {
      this.guest = photo;
      this.showPhoto();
      return;
    }
    const kind = what ?? (box ? "box" : token !== null || sameAs ? "concept" : this.kind);
    const chosen = sameAs ? (sameAs.model === photo.model ? sameAs.token : photo.conceptAt(...sameAs.centroid)) : token;
    this.kind = kind === "box" && !box ? "concept" : kind;
    const subject = this.kind === "photo" ? photo.whole() : this.kind === "box" ? photo.boxed(box)
      : photo.conceptOrForemost(chosen);
    if (push && !isFirst) this.remember();
    this.photo = photo;
    this.ask({ ...NOTHING, subject, rows: rows ?? [] });
  }

  /** Suggested words come after the pictures; chips, rows and the sentence take them up. */
  async name(photo) {
    try {
      await Promise.all([photo.fetchNames(), namePhoto(this.collection, photo)]);
    } catch {
      return; // guesses only
    }
    const named = (one) => (photo.holds(one) ? { ...one, label: photo.label(one.token), of: photo.word(one.token) ? null : photo.title } : one);
    const { subject, rows } = this.question;
    this.question = { ...this.question, subject: named(subject), rows: rows.map((row) => ({ ...row, concept: named(row.concept) })) };
    if (this.shownPhoto === photo) this.view.show(photo);
    this.describe();
  }

  get shownPhoto() {
    return this.guest ?? this.photo;
  }

  showPhoto() {
    const { shownPhoto, question: { subject }, kind } = this;
    this.view.element.hidden = !shownPhoto;
    if (!shownPhoto) return;
    if (this.view.scene !== shownPhoto) this.view.show(shownPhoto);
    const isOwn = !this.guest && subject && subject.kind !== "word";
    this.view.update({
      token: isOwn && (subject.what ?? "concept") === "concept" ? subject.token : null, box: isOwn ? subject.box ?? null : null,
      isBoxing: kind === "box" && this.picking === null, isWhole: kind === "photo" && this.picking === null,
    });
    this.gather.mark(shownPhoto.source.example ?? null);
  }

  // ---- the question ----

  chooseKind(kind) {
    this.kind = kind;
    this.picking = null;
    this.guest = null;
    if (!this.photo) return this.describe();
    const { subject } = this.question;
    if (kind === "concept") this.ask({ ...this.question, subject: this.photo.conceptOrForemost(subject?.token) });
    else if (kind === "photo") this.ask({ ...this.question, subject: this.photo.whole() });
    else this.describe(); // a box has to be drawn first
  }

  chooseConcept(token) {
    const photo = this.shownPhoto;
    if (this.picking !== null) return this.fill(photo.concept(token));
    this.kind = "concept";
    this.ask({ ...this.question, subject: photo.concept(token), good: [], bad: [] });
    this.view.chips.reveal(token);
  }

  chooseBox(box) {
    this.ask({ ...this.question, subject: this.photo.boxed(box), good: [], bad: [] });
  }

  askWord(word) {
    this.remember();
    this.kind = "concept";
    this.ask({ ...NOTHING, subject: wordOf(word) });
  }

  /** The concept goes to the row that waits for one. */
  fill(concept) {
    const rows = this.question.rows.map((row, place) => (place === this.picking ? { ...row, concept } : row));
    this.picking = null;
    this.guest = null;
    this.changeRows(rows);
  }

  pick(row) {
    this.picking = row;
    if (row === null) this.guest = null;
    this.describe();
  }

  changeRows(rows) {
    const before = JSON.stringify(queryOf(this.question));
    this.question = { ...this.question, rows };
    if (JSON.stringify(queryOf(this.question)) === before) this.describe();
    else this.ask(this.question);
  }

  /** A mark refines this search, and is an example of the next word that is taught. */
  mark(hit, mark, result, image) {
    markExample(hitExample(this.collection.name, hit, result, image), mark && (mark === "good" ? "yes" : "no"));
    const without = (all) => all.filter((one) => one !== hit.concept);
    const good = without(this.question.good);
    const bad = without(this.question.bad);
    if (mark === "good") good.push(hit.concept);
    if (mark === "bad") bad.push(hit.concept);
    this.ask({ ...this.question, good, bad });
  }

  unmark() {
    const { good, bad } = this.question;
    for (const concept of [...good, ...bad]) markExample(indexedExample(this.collection.name, concept), null);
    this.ask({ ...this.question, good: [], bad: [] });
  }

  /** A word was taught, or forgotten: names and hits may be others now. */
  wordsChanged() {
    this.offerWords();
    if (this.photo) this.during(this.name(this.photo));
    this.search();
  }

  step(by) {
    const photo = this.shownPhoto;
    const at = photo.order.indexOf(this.question.subject?.token);
    this.chooseConcept(photo.order[(Math.max(at, by > 0 ? -1 : 0) + by + photo.order.length) % photo.order.length]);
  }

  letGo() {
    if (this.picking !== null) this.pick(null);
  }

  /** A hit, or its concept for the row that waits. */
  open(result, hit, image) {
    if (this.picking !== null && hit) {
      const { collection } = this;
      const picture = { image, grid: gridOfMasks([hit], hit.token + 1), token: hit.token, centroid: hit.centroid, colour: "#fff" };
      this.fill({
        kind: "indexed", collection: collection.name, photo: result.photo, concept: hit.concept, token: hit.token,
        label: nameOf(hit.names, hit.taught) ?? `concept ${hit.token}`, of: nameOf(hit.names, hit.taught) ? null : result.title, picture,
      });
      return;
    }
    const isWhole = this.question.subject?.what === "photo";
    this.openIndexed(result.photo, isWhole ? { what: "photo" } : { token: hit?.token ?? null, what: "concept" });
    this.root.querySelector(".retrieve-body").scrollIntoView({ block: "nearest" });
  }

  ask(question) {
    this.question = question;
    this.describe();
    this.search();
  }

  // ---- the way back ----

  snapshot() {
    const { question, photo, kind, collection, trail, least, filters } = this;
    return { question, photo, kind, collection: collection?.name, trail, least, filters };
  }

  remember() {
    if (!this.question.subject) return;
    this.steps.push();
    this.trail = [...this.trail, this.snapshot()].slice(-MOST_STEPS);
  }

  goBack(place) {
    const step = this.trail[place];
    this.steps.push();
    this.restore(step);
  }

  async restore(step) {
    this.loads += 1;
    Object.assign(this, { question: step.question, photo: step.photo, kind: step.kind, trail: step.trail, least: step.least, filters: step.filters });
    Object.assign(this, { picking: null, guest: null });
    this.score.set(this.least);
    this.narrow.set(this.filters);
    if (step.collection === this.collection.name) {
      this.ask(this.question);
    } else {
      const facts = this.offered.find(({ name }) => name === step.collection);
      if (!facts) return this.fail(new Error("The collection of this step is no longer here."));
      this.collection = facts;
      this.describeCollection();
      this.offerWords();
      this.ask(this.question);
    }
    return undefined;
  }

  /** An address, as readRetrieve has it. */
  follow(wish) {
    return this.during(this.following(wish));
  }

  async following({ asked, collection, least, filters }) {
    Object.assign(this, { least, filters });
    this.score.set(least);
    this.narrow.set(filters);
    if (collection && collection !== this.collection.name) await this.look(collection);
    if (!asked) return;
    try {
      const rows = await Promise.all(asked.rows.map((row) => this.rowOf(row)));
      const { subject } = asked;
      const kept = rows.filter(Boolean);
      if (subject.word) {
        this.ask({ ...NOTHING, subject: wordOf(subject.word), rows: kept });
        return;
      }
      const what = subject.box ? "box" : subject.token === undefined ? "photo" : "concept";
      this.take(() => this.photoOf(subject), { ...subject, token: subject.token ?? null, what, rows: kept, isFirst: true });
    } catch (error) {
      this.fail(error);
    }
  }

  photoOf({ example, photo }) {
    const { name } = this.collection;
    return example ? QueryPhoto.analysed(name, { example }) : QueryPhoto.indexed(name, photo);
  }

  async rowOf({ relation, share, reference }) {
    if (!reference) return { relation, share, concept: null };
    if (reference.word) return { relation, concept: wordOf(reference.word) };
    const photo = await this.photoOf(reference);
    await photo.fetchNames().catch(() => {});
    return photo.has(reference.token) ? { relation, concept: photo.concept(reference.token) } : null;
  }

  link() {
    return writeRetrieve(window.location.href, this);
  }

  /** Edit takes the concept that is asked with. */
  putIntoPhoto() {
    const { photo, question: { subject }, collection } = this;
    const asked = subject.kind === "indexed" ? { collection: subject.collection, id: subject.photo }
      : subject.example ? { example: subject.example } : { photo: photo.photoToken };
    openInEdit({ asked, name: photo.title, token: subject.token, model: photo.model ?? collection.model });
  }

  async copyLink() {
    const href = writeRetrieve(window.location.href, this, { others: false });
    if (!(await this.copyDialog.copy(href))) return;
    const isWhole = !this.collection.is_own && textOf(this.question, this.collection.name);
    const label = this.linkButton.lastChild;
    write(label, "Copied");
    setTimeout(() => write(label, "Copy link"), 1600);
    write(this.count, isWhole ? "Link copied." : "Link copied, without the photo: uploads and your own photos are never in a link.");
  }

  // ---- searching ----

  search(k = FIRST_RESULTS) {
    return this.during(this.searching(k));
  }

  async searching(k) {
    const request = (this.asked += 1);
    const { collection, question } = this;
    this.steps.note();
    if (!collection || collection.state !== "ready") return this.showHits();
    let query;
    try {
      query = withTaught(queryOf(question), collection);
    } catch (error) {
      return this.fail(error);
    }
    if (!query) {
      this.results = null;
      return this.showHits();
    }
    try {
      const found = await fetchJson(collectionAddress(collection.name, "search"), {
        method: "POST", headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ query, k, where: whereOf(this.filters), fold: this.filters.fold }),
      });
      await nameHits(collection, found.results);
      if (request !== this.asked) return undefined;
      this.results = { ...found, k };
      if (this.isFailed) this.alert(null);
      this.showResults();
    } catch (error) {
      if (request !== this.asked) return undefined;
      if (error instanceof Gone && this.bringBack()) return undefined;
      this.results = null;
      this.fail(error);
    }
    return undefined;
  }

  /** What the server has lost is analysed again by itself, once. */
  bringBack() {
    const { photo, question: { subject, rows } } = this;
    if (this.collection.is_own && photo?.source.collection === this.collection.name) return false;
    if (subject?.kind !== "study" || !photo?.asked || photo.isAgain) return false;
    const { token = null, box = null, what = null } = subject;
    this.take(async () => Object.assign(await QueryPhoto.analysed(this.collection.name, photo.asked), { isAgain: true }),
      { token, box, what, rows: rows.filter(({ concept }) => concept?.study !== photo.source.study), push: false });
    return true;
  }

  showResults() {
    const { results, question: { subject }, photo } = this;
    const isSet = subject && ["photo", "box"].includes(subject.what);
    const colour = subject?.kind === "word" || !photo ? WORD_COLOUR : photo.palette[subject?.token ?? 0];
    this.hits.show(results.results, { colour, palette: isSet ? photo.palette : null });
    this.showHits();
  }

  /** Hits above the least score, or what stands where hits would. */
  showHits() {
    const { collection, results, question } = this;
    const marks = new Map([...question.good.map((one) => [one, "good"]), ...question.bad.map((one) => [one, "bad"])]);
    const isSearched = results !== null && collection.state === "ready";
    const isBrowsing = collection.state === "ready" && !queryOf(question);
    const shown = isSearched ? this.hits.update({ least: this.least, marks, isPicking: this.picking !== null }) : 0;
    this.hits.element.hidden = !shown;
    this.refining.hidden = !isSearched;
    this.browse.show(isBrowsing ? collection : null);
    this.more.hidden = !isSearched || results.k >= MORE_RESULTS || results.results.length < results.k || shown < results.results.length;
    write(this.count, !isSearched ? "" : countIn(shown, results, this.least));
    if (collection.state === "building") {
      this.instead.say(`${collection.title}: being prepared`, "This happens once; the search starts by itself.", collection.progress);
    } else if (collection.state === "failed") {
      this.instead.say(`${collection.title} cannot be searched`, collection.message);
    } else if (collection.is_own && this.own.run && !shown && !results?.results.length) {
      this.instead.say("Your photos are being read", "They show up here as they come.");
    } else if (isBrowsing && !collection.num_photos) {
      this.instead.say("No photos here yet", "Drop some, or a whole folder, anywhere on this page.");
    } else if (isSearched && !shown) {
      const [best] = results.results;
      this.instead.say(best ? `No hit reaches ${this.least.toFixed(2)}` : "No photo of this collection has this",
        best ? `The best has ${best.score.toFixed(2)}; lower the least score.` : this.emptyHint());
    } else {
      this.instead.say(null);
    }
    this.root.dataset.hits = shown;
    this.root.dataset.searched = isSearched ? this.asked : "";
  }

  emptyHint() {
    const isNarrow = Object.keys(NO_FILTERS).some((name) => !["fold", "self"].includes(name) && this.filters[name] !== NO_FILTERS[name]);
    if (isNarrow) return "Only some sizes, places or labels are searched; show everything under “Narrow down”.";
    if (this.results.advice) return this.results.advice;
    if (this.question.rows.length) return "All conditions must hold in one photo; take one away.";
    return "Choose another concept, or look in another collection.";
  }

  // ---- words and states ----

  describe() {
    const { question, picking, kind } = this;
    this.kinds.set(kind);
    write(this.kinds.element.querySelector(".hint"), KINDS.find(({ value }) => value === kind).hint);
    this.showPhoto();
    this.builder.show(question, picking);
    this.pathway.show(this.trail, question.subject);
    this.words.set(question.subject?.kind === "word" ? question.subject.word : "");
    this.teach.show(this.collection, conceptExample(question.subject, { isDrawn: false }));
    this.unrefine.hidden = !(question.good.length || question.bad.length);
    this.editButton.hidden = !this.photo || !Number.isInteger(question.subject?.token);
    write(this.status, sentenceOf(question) || (this.collection?.state === "ready" ? "All photos: click one to ask with it." : ""));
    this.hits.element.toggleAttribute("data-picking", picking !== null);
    this.root.toggleAttribute("data-picking", picking !== null);
  }

  /** The page is busy until this has come, and what it led to: that begins before this ends, so there is no gap. */
  async during(work) {
    this.underWay += 1;
    this.tell();
    try {
      return await work;
    } finally {
      this.underWay -= 1;
      this.tell();
    }
  }

  tell() {
    if (this.underWay) this.root.setAttribute("aria-busy", "true");
    else this.root.removeAttribute("aria-busy");
    this.root.dataset.state = this.underWay && !this.photo ? "waiting" : "ready";
  }

  alert(sentence) {
    this.isFailed = false;
    write(this.alertWords, sentence ?? "");
    this.alertBar.hidden = !sentence;
  }

  fail(error) {
    this.tell();
    this.alert(error.message);
    this.isFailed = true; // until a search comes through
    if (this.collection) {
      this.describe();
      this.showHits();
    }
  }
}

const wordOf = (word) => ({ kind: "word", word, label: `“${word}”` });

function countIn(shown, { results, num_photos: all, k }, least) {
  const [best] = results;
  if (!best) return "";
  const isAll = results.length < k;
  const number = results.length.toLocaleString("en");
  const hits = least > 0 && shown < results.length ? `${shown} of ${isAll ? number : `the best ${number}`} hits`
    : isAll ? `${number} ${results.length === 1 ? "hit" : "hits"}` : `The best ${number} hits`;
  return `${hits} in ${all.toLocaleString("en")} ${all === 1 ? "photo" : "photos"}, the best at ${best.score.toFixed(2)}`;
}

/** TODO: the page as it was, in the new frame. */
export function mount({ root, trigger }) {
  root.removeAttribute("data-mounted");
  root.setAttribute("data-retrieve", "");
  mountRetrieve({ element: root });
}
