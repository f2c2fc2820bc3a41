/**
 * Reconstruct: a photo, what STELLAR draws of its concepts alone, and what others make of it. This file arranges; the
 * parts are in the others. The server encodes the photo once; concepts that are removed or come back are decoded from
 * what it kept, and each picture is asked for again only when something that it depends on has changed.
 */

import { make, write } from "../shared/elements.js";
import { CopyDialog } from "../shared/recipes.js";
import { Gone, forgetStudies } from "../shared/server.js";
import { Tab } from "../shared/tab.js";
import { fetchWords } from "../shared/words.js";
import { DEFAULTS, reconstructAddress, subjectOf } from "./address.js";
import { BudgetCurve } from "./budget.js";
import { Comparing, Saving, Sources } from "./controls.js";
import { KeptConcepts } from "./kept.js";
import { NumbersTable } from "./numbers.js";
import { PhotoPicture, RebuiltPicture } from "./pictures.js";
import { Rebuilding } from "./rebuilding.js";
import { fetchScene } from "./scenes.js";
import { photoAddress } from "./server.js";
import { MEANT } from "./words.js";

/** @typedef {import("../shared/session.js").Session} Session */
/** @typedef {import("../shared/session.js").SessionState} SessionState */
/** @typedef {import("./address.js").View} View @typedef {import("./scenes.js").Scene} Scene */

const NAME = "reconstruct";
const MAIN = ["stellar", "titok", "mae"];
const WIDE = 2.2;
const CONFIRMED = 1600;
const INTRODUCTION = "How much of a photo is in 16 concepts? STELLAR draws it again from them alone. Remove concepts, "
  + "and see what they held.";

/** @param {{root: HTMLElement, session: Session}} options */
export function mount({ root, session }) {
  new Reconstruct(root, session).begin();
}

class Reconstruct extends Tab {
  /** @param {HTMLElement} root @param {Session} session */
  constructor(root, session) {
    super(root, session, { name: NAME, label: "A photo rebuilt from its concepts, and by others" });
    session.register(NAME, reconstructAddress);
    /** @type {Scene | null} */
    this.scene = null;
    this.subject = "";
    this.order = "best";
    this.hasTriedAgain = false;
    /** @type {RebuiltPicture[]} */
    this.pictures = [];
    /** @type {Sources | null} */
    this.sources = null;
    this.rebuilding = new Rebuilding({
      got: (picture) => this.got(picture), budgets: () => this.describeNumbers(), fail: (error) => this.lost(error),
      busy: (work) => this.during(work),
    });
    this.comparing = new Comparing({
      compare: (compare) => session.changeView(NAME, { compare }), divide: (share) => this.divide(share),
    });
    this.concepts = new KeptConcepts({
      remove: (without) => this.remove(without), light: (token) => this.photo.light(token),
      say: (words) => write(this.announced, words), refuse: (sentence) => this.alert(sentence),
    });
    this.photo = new PhotoPicture();
    this.curve = new BudgetCurve({ keep: (count) => this.keepFirst(count), order: (order) => this.chooseOrder(order) });
    this.numbers = new NumbersTable();
    this.saving = new Saving(() => this.copyLink());
    this.copyDialog = new CopyDialog();
    this.main = make("div", { class: "rebuilt-row rebuilt-main", "data-main": "" });
    this.others = make("div", { class: "rebuilt-row rebuilt-others", "data-others": "" });
    this.fitted = make("div", { class: "rebuilt-fitted", "data-fitted": "" });
    this.announced = make("p", { class: "unseen", role: "status", "aria-live": "polite" });
    this.build();
    this.divide(0.5);
    this.update();
  }

  build() {
    const meant = MEANT.map(([title, words]) => make("div", {}, make("dt", {}, title),
      make("dd", { class: "hint" }, words)));
    this.root.setAttribute("data-reconstruct", "");
    this.root.dataset.state = "loading";
    this.root.replaceChildren(
      this.alertBar, make("div", { class: "status-row" }, this.comparing.element, this.status, this.saving.element),
      this.progress, this.main, this.concepts.element,
      make("p", { class: "tab-introduction" }, INTRODUCTION),
      make("section", { class: "rebuilt-scale", "aria-label": "For scale" },
        make("div", { class: "section-head" }, make("h2", {}, "For scale"),
          make("span", { class: "hint" }, "a ceiling, floors, and ordinary files of as many bytes")), this.others),
      this.curve.element, this.numbers.element,
      make("details", { class: "rebuilt-meant", "data-meant": "" },
        make("summary", {}, "What this shows, and what it does not"),
        this.fitted, make("dl", {}, ...meant)),
      this.announced, this.copyDialog.element);
  }

  /** @returns {View} */
  get view() {
    return { ...DEFAULTS, ...this.session.view(NAME) };
  }

  /** The concepts that the view does without, of this photo through this model. */
  get without() {
    const { of, without } = this.view;
    const numTokens = this.scene?.analysis.num_tokens ?? 0;
    const left = without.filter((token) => token < numTokens);
    return of === this.subject && left.length < numTokens ? left : [];
  }

  // ---- the photo ----

  /** @override @param {SessionState} state @param {SessionState | null} seen */
  follow(state, seen) {
    const subject = subjectOf(state);
    // What a link does without is of the photo that the link is to.
    if (!seen && this.view.of === null) this.session.changeView(NAME, { of: subject });
    if (subject !== this.subject) this.load(subject);
    else if (this.scene) this.update();
  }

  /** @param {string} subject */
  async load(subject) {
    this.subject = subject;
    const { photo } = this.session.state;
    const name = "name" in photo ? photo.name
      : this.session.settings.examples.find((/** @type {any} */ one) => one.id === photo.example)?.title;
    this.root.dataset.state = this.scene ? "busy" : "loading";
    const scene = await this.latest(fetchScene(this.session), `Looking at ${name}…`);
    if (scene) this.show(scene);
    else if (this.root.dataset.state !== "ready") this.root.dataset.state = this.scene ? "ready" : "error";
  }

  /** @param {Scene} scene */
  show(scene) {
    const { analysis, reconstruct } = scene;
    this.scene = scene;
    this.buildPictures(reconstruct);
    const [height, width] = reconstruct.size;
    this.root.style.setProperty("--aspect", String(width / height));
    this.root.dataset.shape = width > WIDE * height ? "wide" : "usual";
    this.root.dataset.token = analysis.token;
    this.photo.show(scene, photoAddress(analysis.token));
    for (const picture of this.pictures) picture.clear(photoAddress(analysis.token));
    this.concepts.show(scene);
    this.fitted.replaceChildren(...reconstruct.fitted.map((sentence) => make("p", {}, sentence)));
    this.root.dataset.state = "ready";
    this.say(`${scene.photo.name} · compared at ${width} × ${height}`);
    this.update();
    fetchWords(scene.analysis).then((words) => {
      scene.words = words;
      if (scene === this.scene) this.concepts.rename(this.without);
    });
  }

  /**
   * Once the server has said which pictures there are, and what can be chosen. @param {import("./server.js").Facts}
   * facts
   */
  buildPictures(facts) {
    if (this.pictures.length) return;
    const sources = this.sources = new Sources(facts, {
      count: (count) => this.keepFirst(count), want: (values) => this.session.changeView(NAME, values),
    });
    const on = { drag: (/** @type {number} */ share) => this.divide(share) };
    this.pictures = facts.ways.map((way) => new RebuiltPicture(way, on));
    this.rebuilding.pictures = this.pictures;
    for (const picture of this.pictures) picture.give(...(sources.elements[picture.way.name] ?? []));
    const elements = (/** @type {boolean} */ isMain) => this.pictures.filter(({ way }) =>
      MAIN.includes(way.name) === isMain)
      .map(({ element }) => element);
    this.main.replaceChildren(this.photo.element, ...elements(true));
    this.others.replaceChildren(...elements(false));
  }

  // ---- changing ----

  /** @param {number[]} without */
  remove(without) {
    this.alert(null);
    this.session.changeView(NAME, { without, of: this.subject });
  }

  /** @param {number} count */
  keepFirst(count) {
    if (this.scene) this.concepts.keepFirst(this.scene.reconstruct.orders[this.order], count);
  }

  /** @param {string} order */
  chooseOrder(order) {
    this.order = order;
    if (this.without.length) this.keepFirst(this.concepts.kept.length);
    this.update();
  }

  /** @param {number} share */
  divide(share) {
    const within = Math.min(1, Math.max(0, share));
    this.comparing.split.set(within);
    this.root.style.setProperty("--split", `${(within * 100).toFixed(2)}%`);
  }

  /** After any change: what is shown, and what is asked for. */
  update() {
    const { scene, view } = this;
    this.comparing.update(view.compare);
    this.root.dataset.compare = view.compare;
    if (!scene) return;
    this.concepts.update(this.without);
    this.sources?.update(view, this.concepts.kept.length, scene.analysis.num_tokens);
    this.saving.update(scene, this.settings, scene.photo.name);
    for (const picture of this.pictures) picture.show(view.compare, this.about);
    this.rebuilding.want({ study: scene.analysis.token, settings: this.settings, order: this.order });
    this.describeNumbers();
  }

  /** @returns {import("./server.js").Settings} */
  get settings() {
    const { titok, mae, visible, pattern } = this.view;
    return { kept: this.concepts.asked, titok, mae, visible, pattern };
  }

  // ---- receiving ----

  /** @param {RebuiltPicture} picture */
  async got(picture) {
    this.hasTriedAgain = false;
    await picture.show(this.view.compare, this.about);
    this.describeNumbers();
  }

  /** What the server has lost is brought again by itself, once. @param {unknown} error */
  lost(error) {
    if (!(error instanceof Gone) || this.hasTriedAgain) {
      this.fail(error);
      return;
    }
    this.hasTriedAgain = true;
    forgetStudies();
    this.load(this.subject);
  }

  get about() {
    return this.scene?.photo.alt || this.scene?.photo.name || "the photo";
  }

  describeNumbers() {
    const { rebuilding, pictures, order, scene } = this;
    this.curve.update({ budgets: rebuilding.budgets.get(order) ?? null, pictures, order });
    if (scene) this.numbers.update(pictures, scene.reconstruct.measures_missing);
  }

  async copyLink() {
    if (!this.scene || !(await this.copyDialog.copy(this.session.link()))) return;
    const label = /** @type {HTMLElement} */ (this.saving.link.lastChild);
    write(label, "Copied");
    setTimeout(() => write(label, "Copy link"), CONFIRMED);
    this.say(this.scene.photo.example ? "Link copied."
      : "Link copied, without the photo: uploads are never in a link.");
  }
}
