/**
 * Explore: one photo, its layers and its concepts. This file arranges; what things are made of is in the others.
 *
 * Hover, threshold, opacity, kept concepts, basis and view never leave the browser. The server is asked for a photo's
 * study: once for 224 px, once more for the resolution that is wanted; and for what the concepts may be called.
 */

import { make, write } from "../shared/elements.js";
import { giveStudy } from "../shared/server.js";
import { isSamePhoto } from "../shared/session.js";
import { Tab } from "../shared/tab.js";
import { DEFAULTS, exploreAddress } from "./address.js";
import { Adjust } from "./adjust.js";
import { Asking } from "./asking.js";
import { Concepts, inWords, modeChoice, readout } from "./concepts.js";
import { Exports } from "./exports.js";
import { Pictures } from "./pictures.js";
import { Pointing } from "./pointing.js";
import { arrange, roomFor, watchRoom } from "./room.js";
import { Scene, firstLit } from "./scene.js";
import { Tour, isTourSeen } from "./tour.js";

/** @typedef {import("../shared/session.js").Session} Session @typedef {import("./address.js").View} View */
/** @typedef {import("../shared/session.js").SessionState} SessionState */

const NAME = "explore";

/** @type {Explore | null} */
let mounted = null;

/** @param {{root: HTMLElement, session: Session, first: any}} options  first: the manifest that came with the page */
export function mount({ root, session, first }) {
  const example = first?.photo.example;
  const { photo, model, resolution } = session.state;
  const isAsked = example && isSamePhoto(photo, { example })
    && first.analysis.model === model && first.analysis.resolution === resolution;
  if (isAsked) giveStudy(first, { example }).catch(() => {}); // said when it is asked for
  mounted = new Explore(root, session);
  mounted.begin();
}

/** The tour, from its first step; also by a "stellar-tour" event of the document. */
export function startTour() {
  mounted?.tour.start();
}

document.addEventListener("stellar-tour", startTour);

class Explore extends Tab {
  /** @param {HTMLElement} root @param {Session} session */
  constructor(root, session) {
    super(root, session, { name: NAME, label: "A photo and its concepts" });
    session.register(NAME, exploreAddress);
    /** @type {Scene | null} */
    this.scene = null;
    this.isFirst = true;
    this.described = "";
    this.arrangedView = "";
    this.frames = 0;
    this.asking = new Asking(this);
    this.pointing = new Pointing(this);
    this.exports = new Exports(session, (words) => this.announce(words));
    this.pictures = new Pictures({
      ...this.pointing.panelEvents,
      copy: (layer, button) => this.scene && this.exports.copyCode(this.scene, this.view, layer, this.what, button),
    }, {
      redraw: () => this.redraw(), front: (front) => session.changeView(NAME, { front }),
      sharpen: () => session.change({ resolution: Math.max(...session.settings.resolutions) }),
    });
    this.concepts = new Concepts(this.pointing.chipEvents, {
      unpin: () => this.pin(null), find: () => this.exports.find(),
    });
    this.adjust = new Adjust(session.settings, {
      view: (values) => session.changeView(NAME, values),
      step: (values) => session.changeView(NAME, values, { isStep: true }),
      session: (values) => session.change(values),
    });
    this.tour = new Tour(root);
    this.mode = modeChoice((similar) => session.changeView(NAME, { similar }));
    this.announced = make("p", { class: "unseen", role: "status", "aria-live": "polite", "data-announced": "" });
    this.build();
    this.listen({
      step: (by) => this.pointing.step(by), unpin: () => (this.tour.isOn ? this.tour.end() : this.pointing.letGo()),
      hold: (held) => this.pointing.hold(held),
    });
    watchRoom(root, () => {
      this.arrange();
      this.describe();
    });
  }

  build() {
    const failed = make("div", { class: "explore-failed" }, make("p", {}, "This photo could not be looked at."),
      make("button", { type: "button", class: "button", onclick: () => this.asking.load() }, "Try again"));
    this.root.setAttribute("data-stage", "");
    this.root.replaceChildren(
      this.alertBar, make("div", { class: "status-row" }, this.status, this.exports.element), this.progress,
      make("div", { class: "mode-row" }, this.mode.element, this.concepts.readout, this.adjust.button),
      this.adjust.element,
      this.pictures.element, this.concepts.element, failed, this.concepts.bar,
      this.exports.dialog.element, this.announced, this.tour.element);
  }

  /** @override */
  get isShown() {
    return super.isShown && this.root.isConnected;
  }

  /** @returns {View} */
  get view() {
    return { ...DEFAULTS, ...this.session.view(NAME) };
  }

  get pinned() {
    const { concept } = this.session.state;
    return concept !== null && this.scene && concept < this.scene.numTokens ? concept : null;
  }

  get what() {
    const { token, pointed, isSimilar } = this.pointing;
    return { token, pointed, isSimilar, pinned: this.pinned };
  }

  // ---- asking and receiving ----

  /** @override @param {SessionState} state @param {SessionState | null} seen */
  follow(state, seen) {
    const isNew = !seen || !isSamePhoto(state.photo, seen.photo) || state.model !== seen.model
      || state.resolution !== seen.resolution;
    if (isNew) this.asking.load();
    else if (this.pinned !== null && state.concept !== seen.concept) this.concepts.reveal(this.pinned);
    this.describe();
  }

  /** @param {import("../shared/server.js").Study} study @param {boolean} isFinal */
  show(study, isFinal) {
    const { session, pointing } = this;
    const isOther = this.scene?.photo.token !== study.photo.token
      || this.scene?.analysis.model !== study.analysis.model;
    const scene = this.scene = new Scene(study, isFinal);
    if (isOther) pointing.reset();
    pointing.again();
    const { concept } = session.state;
    if (concept !== null && concept >= scene.numTokens) {
      this.alert(`This model has ${scene.numTokens} concepts, and none with the number ${concept}; nothing is pinned.`);
      session.change({ concept: null }, { isStep: false });
    }
    if (this.isFirst) pointing.first = firstLit(scene.analysis.concepts, scene.grid);
    if (isFinal) this.isFirst = false;
    this.root.dataset.state = isFinal ? "ready" : "sharpening";
    this.say(study.photo.name);
    this.pictures.show(scene);
    this.arrange();
    this.describe();
    if (!isFinal) return;
    this.asking.name(scene);
    if (!isTourSeen() && !this.tour.isOn) this.tour.start();
  }

  /** @override @param {unknown} error */
  fail(error) {
    super.fail(error);
    const { scene, session } = this;
    if (!scene || !this.asking.isOf(session.state.photo)) {
      this.scene = null;
      this.root.dataset.state = "error";
      this.root.removeAttribute("data-frame");
      return;
    }
    this.root.dataset.state = "ready";
    this.say(scene.photo.name);
    const { model, resolution } = scene.analysis;
    this.seen = { ...session.state, model, resolution }; // what is shown, so that going back to it asks for nothing
    session.change({ model, resolution, concept: session.state.concept }, { isStep: false });
  }

  // ---- what is shown ----

  /** @param {number | null} token */
  pin(token) {
    const { scene, pinned } = this;
    if (!scene || token === pinned) return;
    this.session.change({ concept: token });
    this.announce(token === null ? `${scene.words[pinned ?? 0]} unpinned`
      : `${inWords(scene, token, this.view)}, pinned`);
  }

  /** @param {string} words */
  announce(words) {
    write(this.announced, words);
  }

  tell() {
    if (this.scene) this.announce(readout(this.scene, this.view, this.what).filter(Boolean).join(", "));
  }

  /** All that the session and the view say; then a frame. */
  describe() {
    const { scene, view, root, session } = this;
    root.dataset.view = view.view;
    this.pictures.update(view);
    this.mode.set(view.similar ? "similar" : "concept");
    this.adjust.update(session.state, view, scene);
    this.exports.update(scene, view, this.pinned);
    if (this.pinned === null) root.removeAttribute("data-pinned");
    else root.setAttribute("data-pinned", String(this.pinned));
    if (!scene) return;
    root.dataset.resolution = scene.analysis.resolution;
    root.dataset.token = scene.analysis.token;
    if (this.arrangedView !== view.view) this.arrange();
    this.described = "";
    this.redraw();
  }

  /** After the photo, the view or the window has changed. */
  arrange() {
    const { scene, view, pictures } = this;
    this.arrangedView = ""; // of a tab that is not open nothing can be measured: once more when it is
    if (!scene || !this.isShown) return;
    const arrangement = arrange({
      ...roomFor(this.root, pictures.element, this.adjust.element), aspect: scene.photo.width / scene.photo.height,
      count: scene.numTokens, isLarge: view.view !== "side",
    });
    this.arrangedView = view.view;
    pictures.arrange(arrangement);
    this.concepts.rebuild(scene, view, arrangement);
  }

  /** One frame. No layout is read here, and only what changed is painted again. @override */
  frame() {
    const { scene, view, what, root } = this;
    if (!scene) return;
    performance.mark("stellar-frame-start");
    this.pictures.draw(scene, view, scene.lit(view, what));
    this.concepts.draw(scene, view, what);
    const described = `${scene.key}/${what.token}/${what.isSimilar}`;
    if (described !== this.described) {
      this.described = described;
      const lit = what.token === null ? "" : `; ${scene.words[what.token]} is lit`;
      this.pictures.describe(scene, lit, (layer) => this.exports.recipe(scene, view, layer, what).text);
    }
    root.toggleAttribute("data-similar", what.isSimilar);
    if (what.token === null) root.removeAttribute("data-lit");
    else root.setAttribute("data-lit", String(what.token));
    root.dataset.frame = scene.key;
    performance.measure("stellar-frame", "stellar-frame-start");
    performance.clearMarks("stellar-frame-start");
    if ((this.frames += 1) % 2000 === 0) performance.clearMeasures("stellar-frame");
  }
}
