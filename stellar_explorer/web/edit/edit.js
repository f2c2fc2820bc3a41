/**
 * The Edit tab: a photo's concepts to take hold of, on the photo itself, and beside it what the model makes of the same
 * edits. This file arranges; one photo's state is work.js. The server is asked for the photo, and then for redraws
 * only.
 */

import { write } from "../shared/elements.js";
import { Gone, Refused, fetchBestStudy, forgetStudies, uploadPhoto } from "../shared/server.js";
import { askedOf, isSamePhoto } from "../shared/session.js";
import { Tab } from "../shared/tab.js";
import { fetchWords } from "../shared/words.js";
import { layoutOf } from "./cutout/layout.js";
import { partsOf } from "./parts.js";
import { sentenceOf } from "./server.js";
import { takenFrom } from "./sources.js";
import { Work } from "./work.js";
import { namesOf } from "./edits/words.js";

/**
 * @typedef {import("../shared/session.js").SessionState} SessionState
 * @typedef {import("../shared/server.js").Asked} Asked
 */

/** Edits of more letters are not kept over a reload. */
const MOST_KEPT = 8000;
const PAUSE = 60;

export class EditTab extends Tab {
  /** @param {HTMLElement} root @param {import("../shared/session.js").Session} session */
  constructor(root, session) {
    super(root, session, { name: "edit", label: "Edit" });
    /** @type {Work | null} */
    this.work = null;
    /** Photos edited in this page, by photo and model. @type {Map<string, Work>} */
    this.works = new Map();
    /**
     * Edits for which what the server had lost was brought back already.
     * @type {import("./cutout/layout.js").Edit[] | null}
     */
    this.broughtBack = null;
    this.isHeld = false;
    root.classList.add("stellar-edit");
    root.dataset.edit = "";
    const { view, redrawn, choosing, chips, toolbar, tools, list, other, chosen } = partsOf(this);
    this.view = view;
    this.redrawn = redrawn;
    this.choosing = choosing;
    this.chips = chips;
    this.toolbar = toolbar;
    this.tools = tools;
    this.list = list;
    this.other = other;
    this.chosen = chosen;
    this.listen({ step: (by) => choosing.step(by), unpin: () => choosing.pick([]) });
    this.begin();
  }

  // ---- the photo ----

  /** @override @param {SessionState} state @param {SessionState | null} seen */
  follow(state, seen) {
    this.other.offer(state.photo);
    if (!seen || !isSamePhoto(state.photo, seen.photo) || state.model !== seen.model || !this.work) {
      this.open(state);
    } else if (state.concept !== seen.concept && state.concept !== this.work.lead) {
      this.choosing.pick(state.concept === null ? [] : [state.concept]);
    }
    const { other } = state.views.edit ?? {};
    if (this.work && other && JSON.stringify(other) !== JSON.stringify(seen?.views.edit?.other)) this.openOther(
      other.asked, other.name, other.tokens);
  }

  /** @param {SessionState} state */
  keyOf({ photo, model }) {
    return `${"example" in photo ? photo.example : photo.photo}/${model}`;
  }

  /** @param {SessionState} state */
  async open(state) {
    const key = this.keyOf(state);
    const { model } = state;
    const request = (/** @type {import("../shared/session.js").PhotoRef} */ photo) =>
      fetchBestStudy(askedOf(photo), { model, name: "name" in photo ? photo.name : undefined });
    const study = await this.latest(this.session.about(request, (file) => uploadPhoto(file, file.name)),
      "Reading the photo…");
    if (!study) {
      this.root.dataset.state = this.work ? "ready" : "empty";
      return;
    }
    const view = this.session.view("edit");
    const kept = this.works.get(key);
    if (kept) kept.study = study;
    /** @type {Work} */
    const work = kept ?? new Work(study, { changed: () => this.changed(work), better: () => this.view.redraw() });
    this.works.set(key, work);
    if (this.work !== work) this.work?.cutouts.forget();
    this.work = work;
    this.root.dataset.state = "ready";
    this.say("");
    this.view.describe(`${study.photo.alt || study.photo.name}: the photo and its concepts`);
    const aspect = study.photo.width / study.photo.height;
    this.root.style.setProperty("--aspect", String(aspect));
    this.root.dataset.shape = aspect < 0.9 ? "tall" : aspect > 2.2 ? "wide" : "usual";
    this.redrawn.begin(aspect, study.analysis.picture?.missing);
    this.other.show(null);
    this.nameConcepts(work);
    if (!kept && view.key === key) await this.restore(work, view);
    const { concept } = this.session.state;
    if (concept !== null && concept < work.numTokens && !work.tokens.length) work.tokens = [concept];
    if (work.edits.length) this.redrawn.ask({ ...work.wanted, edits: [], photos: {} }, work.cutouts.grid);
    if (view.other) await this.openOther(view.other.asked, view.other.name, view.other.tokens);
    this.changed(work);
  }

  /** The edits that a reload has kept. @param {Work} work @param {any} view */
  async restore(work, { edits = [], sources = {} }) {
    try {
      for (const [name, { asked, title }] of Object.entries(sources)) await this.takeFrom(asked, title, name);
      work.history.commit(edits);
    } catch (error) {
      this.fail(error);
    }
  }

  /**
   * What concepts are called comes later.
   * @param {{study: import("../shared/server.js").Study, words: string[]}} named
   */
  async nameConcepts(named) {
    named.words = await fetchWords(named.study.analysis);
    this.redraw();
  }

  /** The chosen are others now. @param {number | null} concept the first of them */
  chose(concept) {
    if (!this.work) return;
    const { work } = this;
    this.view.choose(work.tokens);
    clearTimeout(this.preparing);
    this.preparing = setTimeout(() => work === this.work && work.prepare(), PAUSE);
    this.session.change({ concept });
    this.redraw();
  }

  // ---- after an edit ----

  /** @param {Work} work */
  changed(work) {
    if (work !== this.work) return;
    this.alert(null);
    this.show();
    this.redrawn.ask(work.wanted, work.cutouts.grid);
    this.keep(work);
    this.redraw();
  }

  show() {
    const { work } = this;
    if (!work) return;
    const { cutouts, study: { analysis } } = work;
    this.view.show({ cutouts, layout: this.isHeld ? layoutOf([], analysis.concepts) : work.layout,
      palette: analysis.palette });
  }

  /** Over a reload, where they are small. @param {Work} work */
  keep(work) {
    const said = { key: this.keyOf(this.session.state), ...work.kept };
    const isSmall = work.edits.length > 0 && JSON.stringify(said).length < MOST_KEPT;
    this.session.changeView("edit", isSmall ? said : { key: undefined, edits: undefined, sources: undefined });
  }

  /**
   * A sentence of the server; the edit that it refuses was never made. What it has forgotten is brought back, once.
   * @param {import("./server.js").Wanted} wanted
   * @param {unknown} error
   */
  async refused(wanted, error) {
    const { work } = this;
    if (!work) return;
    if (error instanceof Gone && this.broughtBack !== wanted.edits) {
      this.broughtBack = wanted.edits;
      forgetStudies();
      for (const [name, { asked, title }] of work.sources) await this.takeFrom(asked, title, name).catch(() => {});
      await this.open(this.session.state);
      return;
    }
    if (error instanceof Refused && wanted.edits === work.edits) work.go("reject");
    this.alert(sentenceOf(error));
  }

  /** @override */
  frame() {
    const { work } = this;
    if (!work) return;
    const { tokens, edits, history, layout, known, words } = work;
    this.view.choose(tokens);
    this.show();
    this.chips.update(work.cutouts, work.row, layout, known);
    this.chips.mark(tokens);
    if (tokens[0] >= work.numTokens) this.chips.reveal(tokens[0]);
    write(this.chosen, tokens.length ? namesOf(tokens, layout.origins, words)
      : `Drag a concept; the model redraws the picture`);
    this.toolbar.update({
      tokens, size: work.size, canUndo: history.canUndo, canRedo: history.canRedo, hasEdits: edits.length > 0,
        canDraw: Boolean(this.redrawn.canDraw),
    });
    this.tools.update({ tokens, how: this.choosing.how, strength: work.strength });
    this.list.update(edits, known);
    const last = edits.at(-1);
    this.other.update({ tokens, how: this.choosing.how,
      blend: last?.edit === "morph" && last.photo === this.other.source?.name ? last : {} });
    Object.assign(this.root.dataset, { edits: edits.length, chosen: tokens.join(" "),
      answers: this.redrawn.answers || "" });
  }

  /** @param {boolean} isHeld */
  hold(isHeld) {
    if (isHeld === this.isHeld) return;
    this.isHeld = isHeld;
    this.root.toggleAttribute("data-before", isHeld);
    this.redrawn.hold(isHeld);
    this.show();
  }

  // ---- another photo ----

  /** @param {Asked} asked @param {string} title @param {string} [name] */
  async takeFrom(asked, title, name) {
    const { work } = this;
    if (!work) throw new Error("There is no photo to edit yet.");
    return this.during(takenFrom(work, asked, title, name));
  }

  /** @param {Asked} asked @param {string} title @param {number[]} [taken] */
  async openOther(asked, title, taken = []) {
    try {
      const source = await this.takeFrom(asked, title);
      this.nameConcepts(source);
      this.other.show(source, taken.filter((token) => token < source.words.length));
      this.redraw();
    } catch (error) {
      this.fail(error);
    }
  }
}

/** @param {{root: HTMLElement, session: import("../shared/session.js").Session}} page */
export function mount({ root, session }) {
  new EditTab(root, session);
}
