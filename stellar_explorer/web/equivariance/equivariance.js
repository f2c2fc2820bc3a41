/**
 * What moves, what stays: the session's photo is shifted, flipped, turned or cropped, and its concepts are watched. A
 * part of the Edit tab, at its end: nothing is asked of the server before a visitor has scrolled near. The photo and
 * the predicted map follow the slider in the browser. This file arranges.
 */

import { make } from "../shared/elements.js";
import { Refused, fetchJson, fetchPicture, posting, uploadPhoto } from "../shared/server.js";
import { askedOf, isSamePhoto } from "../shared/session.js";
import { Tab } from "../shared/tab.js";
import { equivarianceAddress } from "./address.js";
import { findingInWords } from "./answers.js";
import { Asking } from "./asking.js";
import { Figure } from "./figure.js";
import { Flip } from "./flip.js";
import { TITLE } from "./heading.js";
import { Lit } from "./lit.js";
import { amountInWords, stepOf, usualAmount, viewOf } from "./steps.js";
import { fetchWordsOf } from "./words.js";

/** @typedef {import("../shared/session.js").Session} Session */
/** @typedef {import("../shared/session.js").SessionState} SessionState */
/** @typedef {import("./answers.js").Answer} Answer @typedef {import("./asking.js").Wanted} Wanted */
/** @typedef {import("./steps.js").Change} Change */

const NAME = "equivariance";
const TAB = "edit";

/** @param {{root: HTMLElement, session: Session}} options  root: with its heading */
export async function mountEquivariance({ root, session }) {
  root.dataset.state = "loading";
  try {
    const { changes } = await fetchJson("stellar/equivariance/changes.json");
    new Equivariance(root, session, changes).begin();
  } catch (error) {
    root.dataset.state = "error";
    const sentence = error instanceof Error ? error.message : String(error);
    root.append(make("p", { class: "alert", role: "alert" }, sentence));
  }
}

class Equivariance extends Tab {
  /** @param {HTMLElement} root @param {Session} session @param {Change[]} changes */
  constructor(root, session, changes) {
    super(root, session, { name: NAME, label: TITLE });
    root.setAttribute("role", "region");
    session.register(NAME, equivarianceAddress, { tab: TAB });
    this.changes = changes;
    this.step = stepOf(session.view(NAME), changes);
    /** The amount at which each change was left. @type {Map<string, number>} */
    this.left = new Map();
    this.isNear = false;
    /** @type {HTMLImageElement | null} */
    this.image = null;
    this.imageToken = "";
    /** @type {Answer | null} */
    this.shown = null;
    /** The concepts as the other tabs call them, and of which photo and model. */
    this.named = { key: "", words: /** @type {string[] | null} */ (null) };
    this.lit = new Lit();
    this.flip = new Flip(() => this.redraw());
    this.asking = new Asking({
      wanted: () => (this.isShown ? this.wanted : null), request: (wanted) => this.request(wanted),
      took: () => this.redraw(), failed: (wanted, error) => this.failed(wanted, error),
    });
    this.figure = new Figure(changes, {
      change: (name) => this.chooseChange(name),
      amount: (amount) => session.changeView(NAME, viewOf({ ...this.step, amount })),
      peer: (peer) => session.changeView(NAME, { peer }, { isStep: true }),
      words: (amount) => amountInWords(this.step.change.name, amount),
      tokens: [this.tokenEvents(0), this.tokenEvents(1)], resize: () => this.redraw(),
    });
    this.build();
  }

  build() {
    const { root } = this;
    this.status.classList.add("eq-status");
    root.append(this.alertBar, this.status, ...this.figure.parts.elements);
    this.figure.offer(this.step);
    new IntersectionObserver(([entry]) => {
      this.isNear = entry.isIntersecting;
      this.catchUp();
      this.work();
    }, { rootMargin: "300px" }).observe(root);
  }

  /** @override */
  get isShown() {
    return this.session.state.tab === TAB && this.isNear;
  }

  /** @returns {Wanted} */
  get wanted() {
    const { photo, model } = this.session.state;
    return { photo, model, ...this.step, peer: this.session.view(NAME).peer ?? null };
  }

  // ---- the session ----

  /** @override @param {SessionState} state @param {SessionState | null} seen */
  follow(state, seen) {
    const isOtherModel = state.model !== seen?.model;
    if (!seen || isOtherModel || !isSamePhoto(state.photo, seen.photo)) {
      this.asking.forgive();
      this.lit.forget();
      if (seen) this.alert(null);
      this.nameConcepts();
      const { peer } = this.session.view(NAME);
      if (seen && isOtherModel && peer && peer === seen.views[NAME]?.peer) {
        this.session.changeView(NAME, { peer: undefined }); // it was chosen for the other model
        return; // followed already
      }
    }
    const { change, amount } = this.step = stepOf(this.session.view(NAME), this.changes);
    this.left.set(change.name, amount);
    this.flip.to(change.name === "flip" ? amount : null);
    this.figure.offer(this.step);
    this.light();
    this.work();
  }

  /** @param {string} name */
  chooseChange(name) {
    const change = this.changes.find((one) => one.name === name) ?? this.step.change;
    const amount = this.left.get(name) ?? usualAmount(change);
    this.session.changeView(NAME, viewOf({ change, amount }), { isStep: true });
  }

  // ---- concepts ----

  async nameConcepts() {
    const { photo, model, resolution } = this.session.state;
    const key = JSON.stringify([askedOf(photo), model]);
    if (this.named.key === key) return;
    const named = this.named = { key, words: /** @type {string[] | null} */ (null) };
    const resolutions = [resolution, ...this.session.settings.resolutions];
    const name = "name" in photo ? photo.name : undefined;
    named.words = await fetchWordsOf(askedOf(photo), { model, resolutions, name }).catch(() => null);
    if (named !== this.named || !named.words || !this.shown) return;
    this.figure.tell(this.shown, this.wordsOf(this.shown));
    this.light();
  }

  /** Null while they are not known. @param {Answer} answer */
  wordsOf({ photo: { example, token }, model }) {
    const key = JSON.stringify([example ? { example } : { photo: token }, model]);
    return this.named.key === key ? this.named.words : null;
  }

  /** @param {0 | 1} place of the model, of its peer */
  tokenEvents(place) {
    const { lit, session } = this;
    return {
      point: (/** @type {number | null} */ token) => {
        if (lit.point(place, token)) this.light();
      },
      press: (/** @type {number} */ token) => {
        if (place && !this.shown?.subjects[1].clustered) lit.pressOther(token);
        else session.change({ concept: session.state.concept === token ? null : token });
        this.light();
      },
    };
  }

  light() {
    if (this.shown) this.figure.parts.numbers.light(this.lit.of(this.shown.subjects, this.session.state.concept));
    this.redraw();
  }

  // ---- asking ----

  work() {
    const { isShown } = this;
    this.root.toggleAttribute("data-waiting", isShown && !this.asking.answerTo(this.wanted));
    this.asking.work();
  }

  /** @param {Wanted} wanted @returns {Promise<Answer>} */
  async request({ model, change, amount, peer }) {
    const step = { model, change: change.name, amount, ...(peer && { peer }) };
    const answer = await this.session.about(
      (photo) => fetchJson("stellar/equivariance", posting({ ...askedOf(photo), ...step })),
      (file) => uploadPhoto(file, file.name));
    if (this.imageToken !== answer.photo.token) {
      this.image = await fetchPicture(answer.photo);
      this.imageToken = answer.photo.token;
    }
    return answer;
  }

  /** @param {Wanted} wanted @param {unknown} error */
  failed(wanted, error) {
    if (this.asking.askedKeyOf(wanted) !== this.asking.askedKeyOf(this.wanted)) return;
    this.fail(error);
    this.root.removeAttribute("data-waiting");
    const isUnheardOf = error instanceof Refused && wanted.peer !== null && !this.asking.firstPeers.has(wanted.model);
    if (isUnheardOf) this.session.changeView(NAME, { peer: undefined }); // a link's, and not offered here
  }

  // ---- drawing ----

  /** @override */
  frame() {
    const answer = this.asking.answerTo(this.wanted);
    if (answer) {
      this.root.removeAttribute("data-waiting");
      if (answer !== this.shown) this.show(answer);
    }
    const { shown, image, step, flip, figure } = this;
    if (!shown || !image || this.imageToken !== shown.photo.token) return;
    const at = step.change.name === "flip" ? flip.at : step.amount;
    const lit = this.lit.of(shown.subjects, this.session.state.concept);
    figure.draw({ shown, isAnswer: shown === answer, image, step, at, lit });
    figure.drawCurves(this.asking.curveOf(this.wanted), step);
  }

  /** @param {Answer} answer */
  show(answer) {
    const { root, figure } = this;
    const { change, amount, peer, subjects } = answer;
    const [rows, cols] = subjects[0].patch_grid;
    this.shown = answer;
    root.dataset.state = "ready";
    root.dataset.shown = `${change}/${amount}/${peer}`;
    root.style.setProperty("--aspect", String(cols / rows));
    this.say(findingInWords(answer));
    figure.show(answer, this.wordsOf(answer));
    figure.parts.numbers.light(this.lit.of(subjects, this.session.state.concept));
  }
}
