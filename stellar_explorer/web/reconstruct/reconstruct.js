/**
 * The Reconstruct tab: a photo, what STELLAR draws of its concepts alone, and what other ways of rebuilding make of it.
 * This file arranges; the parts are in reconstruct_*.js. The server encodes the photo once; concepts taken off or put
 * back are decoded from what it kept, and each picture is asked for again only when something that it depends on changed.
 */

import { Chips, percentOf } from "../drawing/chips.js";
import { choice, menu, slider } from "../shared/controls.js";
import { icon, make, write } from "../shared/elements.js";
import { openGrid, tokensByMass } from "../drawing/factorization.js";
import { gather } from "../shared/gather.js";
import { takeForReconstruct } from "../shared/handover.js";
import { introduction } from "../shared/introduction.js";
import { Gone, fetchSettings, resolveAddress } from "../shared/package.js";
import { CopyDialog } from "../shared/recipes.js";
import { COMPARED, readReconstruct, writeReconstruct } from "./address.js";
import { BudgetCurve } from "./budget.js";
import { NumbersTable } from "./numbers.js";
import { PhotoPicture, RebuiltPicture } from "./pictures.js";
import { DEFAULTS, addressOf, askBudgets, askNumbers, askStudy, photoAddress, savedAddress } from "./server.js";

const ROOT = "[data-reconstruct]";
const MAIN = ["stellar", "titok", "mae"];
const MOST_VISIBLE = 196;
/** What stands for scale waits until nobody is clicking. */
const CALM = 350;
const ADDRESS_DELAY = 250;
const INTRODUCTION = "How much of a photo is in 16 concepts? STELLAR draws it again from them alone: what each says, and where it is. "
  + "Take concepts off, and see what they held.";
const INTRODUCTION_SEEN = "stellar-reconstruct-introduction-seen";
const HINTS = {
  rebuilt: "Press and hold a picture to see the photo in its place.",
  slider: "The photo is left of the line; drag across any picture.",
  difference: "Dark is the same, pale is 0.4 of black to white or more.",
};
const MEANT = [
  ["Tokens are not bytes", "A concept of STELLAR is hundreds of numbers and a map of where it is: thousands of bytes for all, as serialised here "
    + "in float16. A code of TiTok is a few bits, so its whole picture is a few dozen bytes. A token of MAE is a patch of the photo's own "
    + "pixels. The slides set them side by side by count; the second axis of the curve sets them side by side by size."],
  ["Not made for the same", "STELLAR's tokens learn to say what is where, and the picture is one aim of several. TiTok learns to rebuild and "
    + "nothing else, MAE to guess what is hidden. In thousands of bytes an ordinary JPEG is far ahead of all of them, as it should be."],
  ["Small and homemade", "The small TiTok and MAE were trained for this page; their cards, under Models, say on what and for how long. They say "
    + "little about the published ones; choose those under the pictures where their weights can be had."],
  ["Ceiling and floors", "VQ-GAN is the tokenizer whose codes STELLAR's decoder predicts, given every true code: about the best that STELLAR "
    + "could draw with it. SVD is the same decoder on the best features of the same rank. PCA and mean colours draw without a network; what does not "
    + "beat them has not earned its weights."],
  ["How it is measured", "At the size of STELLAR's picture, against the photo at that size. Stem: 1 − cosine in the frozen features of "
    + "EfficientNet-Lite0, mean of strides 8, 16 and 32; it minds what is there more than where its edges run. One photo says little: "
    + "python -m train.evaluate --protocol reconstruction measures many."],
];

export async function mountReconstruct({ element }) {
  const root = element.matches?.(ROOT) ? element : element.querySelector(ROOT);
  if (!root || root.hasAttribute("data-mounted")) return;
  root.setAttribute("data-mounted", "");
  root.dataset.state = "loading";
  try {
    new ReconstructTab(root, await fetchSettings()).begin();
  } catch (error) {
    root.dataset.state = "error";
    root.replaceChildren(make("p", { class: "alert", role: "alert" }, error.message));
  }
}

/** A chip is pressed while its concept is kept. */
class KeptChips extends Chips {
  mark({ lit, tokens }) {
    super.mark({ lit, pinned: null, tokens });
    const kept = new Set(tokens);
    for (const [token, { element }] of this.chips) element.setAttribute("aria-pressed", String(kept.has(token)));
  }
}

class ReconstructTab {
  study = null;
  asked = null; // of the server, for the photo
  loads = 0;
  pictures = [];
  wants = { ...DEFAULTS };
  compare = COMPARED[0];
  order = "best";
  budgets = new Map(); // by order, of this study
  changed = 0; // when somebody last clicked
  isWorking = false;
  isLost = false; // nothing can be asked until the photo is back, or somebody tries again
  opening = 0;

  constructor(root, settings) {
    this.root = root;
    this.settings = settings;
    this.model = settings.default.model;
    this.build();
    this.observe();
  }

  isShown() {
    return this.root.isConnected && this.root.getClientRects().length > 0;
  }

  // ---- what is on the page ----

  build() {
    this.gather = gather(this.settings, {
      file: (file) => this.open({ file }, file.name), example: (id) => this.open({ example: id }, this.titleOf(id)),
      refuse: (sentence) => this.alert(sentence), isShown: () => this.isShown(),
    });
    this.alertWords = make("span");
    this.alertBar = make("div", { class: "alert", role: "alert", hidden: true, "data-alert": "" }, this.alertWords,
      make("button", { type: "button", class: "quiet-button", "aria-label": "Dismiss", onclick: () => this.alert(null) }, icon("close")));
    this.chips = new KeptChips({ enter: (token) => this.light(token), leave: () => this.light(null), press: (token) => this.toggle(token) });
    this.photo = new PhotoPicture();
    this.curve = new BudgetCurve({ keep: (count) => this.keepFirst(count), order: (order) => this.chooseOrder(order) });
    this.numbers = new NumbersTable();
    this.copyDialog = new CopyDialog();
    this.main = make("div", { class: "rebuilt-row rebuilt-main", "data-main": "" });
    this.others = make("div", { class: "rebuilt-row rebuilt-others", "data-others": "" });
    this.fitted = make("div", { class: "rebuilt-fitted", "data-fitted": "" });
    this.root.setAttribute("role", "region");
    this.root.setAttribute("aria-label", "A photo rebuilt from its concepts, and by others");
    this.root.replaceChildren(
      introduction(INTRODUCTION, INTRODUCTION_SEEN), this.gather.element, this.alertBar, this.toolbar(), this.says(), this.progress, this.main, this.concepts(),
      make("section", { class: "rebuilt-scale", "aria-label": "For scale" },
        make("div", { class: "section-head" }, make("h3", {}, "For scale"),
          make("span", { class: "hint" }, "a ceiling, floors, and ordinary files of as many bytes")), this.others),
      this.curve.element, this.numbers.element, this.smallPrint(), this.copyDialog.element);
  }

  toolbar() {
    this.compares = choice({
      name: "compare", label: "Show", hint: HINTS[this.compare],
      options: [{ value: "rebuilt", label: "What was rebuilt" }, { value: "slider", label: "Photo | rebuilt" },
        { value: "difference", label: "Difference" }],
      onchange: (compare) => this.chooseCompare(compare),
    });
    this.split = slider({
      name: "split", label: "Line", hint: "How far the photo reaches into every picture.", min: 0, max: 1, step: 0.01,
      words: (share) => `${Math.round(share * 100)} %`, onchange: (share) => this.divide(share),
    });
    this.models = menu({
      name: "model", label: "Model", options: this.settings.models.map(({ name, label, available, note }) =>
        ({ value: name, label, note, disabled: !available })),
      onchange: (model) => this.chooseModel(model),
    });
    this.models.set(this.model);
    this.split.element.classList.add("rebuilt-split");
    return make("div", { class: "toolbar" }, this.compares.element, this.split.element,
      make("div", { class: "toolbar-asks" }, this.models.element));
  }

  says() {
    this.status = make("p", { class: "status", role: "status", "aria-live": "polite", "data-status": "" });
    this.progress = make("div", { class: "progress", "data-progress": "", "aria-hidden": "true" }, make("span"));
    this.linkButton = make("button", { type: "button", class: "button", "data-action": "link", onclick: () => this.copyLink() },
      icon("link"), make("span", {}, "Copy link"));
    const save = (file, label, title) => make("a", { class: "button", download: "", "data-download": file, title, hidden: true },
      icon("download"), make("span", {}, label));
    this.saves = [save("figure.png", "Figure", "All pictures with their numbers, as PNG"), save("numbers.csv", "Numbers", "The table below, as CSV")];
    return make("div", { class: "status-row" }, this.status, make("div", { class: "actions" }, this.linkButton, ...this.saves));
  }

  concepts() {
    this.keepAll = make("button", {
      type: "button", class: "quiet-button", "data-action": "keep-all", hidden: true, onclick: () => this.keep(null),
    }, "Put all back");
    this.kept = make("span", { class: "readout", "data-kept": "" });
    return make("section", { class: "concepts", "aria-label": "Concepts" },
      make("div", { class: "section-head" }, make("h3", {}, "Concepts"),
        make("span", { class: "hint" }, "click one to take it off, and again to put it back"), this.kept, this.keepAll),
      this.chips.element);
  }

  smallPrint() {
    return make("section", { class: "rebuilt-meant", "aria-label": "What this shows, and what it does not" },
      make("div", { class: "section-head" }, make("h3", {}, "What this shows, and what it does not")), this.fitted,
      make("dl", {}, ...MEANT.map(([title, words]) => make("div", {}, make("dt", {}, title), make("dd", { class: "hint" }, words)))));
  }

  /** Once the server has said which pictures there are, and what can be chosen. */
  buildPictures({ ways, baselines }) {
    if (this.pictures.length) return;
    const on = { drag: (share) => this.divide(share) };
    this.pictures = ways.map((way) => new RebuiltPicture(way, on));
    const of = (name) => this.pictures.find(({ way }) => way.name === name);
    this.count = slider({
      name: "count", label: "Concepts", hint: "The best of them, or those that you choose below.", min: 1, max: 16, step: 1,
      words: (count) => `${count} of ${this.numTokens}`, onchange: (count) => this.keepFirst(count),
    });
    const which = (kind, label) => menu({
      name: kind, label, options: baselines[kind], onchange: (name) => this.want({ [kind]: name }),
    });
    this.which = { titok: which("titok", "Which TiTok"), mae: which("mae", "Which MAE") };
    this.visible = slider({
      name: "visible", label: "Patches seen", hint: "Of the photo's own; the rest is guessed.", min: 1, max: MOST_VISIBLE, step: 1,
      words: (count) => `${count} of ${MOST_VISIBLE}`, onchange: (visible) => this.want({ visible }),
    });
    this.pattern = choice({
      name: "pattern", label: "Which patches", options: [{ value: "random", label: "Random" }, { value: "grid", label: "Even" }],
      onchange: (pattern) => this.want({ pattern }),
    });
    of("stellar").give(this.count.element);
    of("titok").give(this.which.titok.element);
    of("mae").give(this.visible.element, make("div", { class: "rebuilt-pair" }, this.which.mae.element, this.pattern.element));
    const isMain = ({ way }) => MAIN.includes(way.name);
    this.main.replaceChildren(this.photo.element, ...this.pictures.filter(isMain).map(({ element }) => element));
    this.others.replaceChildren(...this.pictures.filter((picture) => !isMain(picture)).map(({ element }) => element));
  }

  titleOf(id) {
    return this.settings.examples.find((example) => example.id === id)?.title ?? "the photo";
  }

  get numTokens() {
    return this.study?.analysis.num_tokens ?? 16;
  }

  // ---- coming ----

  /** Nothing is asked of the server before the tab is seen. */
  observe() {
    new ResizeObserver(() => {
      const isSeen = this.isShown();
      if (isSeen === this.isSeen) return;
      this.isSeen = isSeen;
      if (!isSeen) return;
      if (this.start) this.start();
      else this.noteAddress();
    }).observe(this.root);
  }

  begin() {
    const wish = readReconstruct(window.location.search, this.settings);
    const { photo, model, compare, without, ...wants } = wish;
    Object.assign(this.wants, wants);
    this.model = model ?? this.model;
    this.models.set(this.model);
    this.chooseCompare(compare ?? this.compare);
    this.divide(0.5);
    let handed = takeForReconstruct((found) => {
      if (this.start) handed = found;
      else this.receive(found);
    });
    this.start = () => {
      this.start = null;
      if (handed) this.receive(handed);
      else this.open({ example: photo ?? this.settings.default.example }, this.titleOf(photo ?? this.settings.default.example), { without });
    };
    if (this.isShown()) this.start();
    else this.root.dataset.state = "empty";
  }

  receive({ asked, name, model }) {
    if (this.settings.models.some((one) => one.name === model)) this.model = model;
    this.models.set(this.model);
    this.open(asked, name);
  }

  /** A photo. without: the concepts that are taken off at once. */
  async open(asked, name, { without = [] } = {}) {
    const load = (this.loads += 1);
    this.alert(null);
    this.say(`Reading ${name}…`);
    this.root.dataset.state = this.study ? "ready" : "waiting";
    this.opening += 1;
    this.tell();
    try {
      const study = await askStudy(asked, this.model);
      if (load !== this.loads) return;
      // A name that a visitor gave: the server forgets those of uploads.
      this.show({ ...study, photo: { ...study.photo, name: study.photo.example ? study.photo.name : name } }, asked, without);
    } catch (error) {
      if (load !== this.loads) return;
      this.fail(error);
    } finally {
      this.opening -= 1;
      this.tell();
    }
  }

  tell() {
    if (this.opening || this.isWorking) this.root.setAttribute("aria-busy", "true");
    else this.root.removeAttribute("aria-busy");
  }

  show(study, asked, without) {
    const { analysis, photo, reconstruct } = study;
    this.asked = asked.file ? { ...asked } : asked;
    this.study = { ...study, token: analysis.token, grid: openGrid(analysis, study.arrays), key: `reconstruct/${this.loads}`, smooth: true };
    const left = tokensByMass(analysis.concepts).filter((token) => !without.includes(token));
    this.wants.kept = left.length && left.length < analysis.num_tokens ? left.sort((a, b) => a - b) : null;
    this.budgets.clear();
    this.buildPictures(reconstruct);
    this.root.style.setProperty("--aspect", reconstruct.size[1] / reconstruct.size[0]);
    this.root.dataset.shape = reconstruct.size[1] > 2.2 * reconstruct.size[0] ? "wide" : "usual";
    this.photo.show(this.study, photoAddress(analysis.token));
    for (const picture of this.pictures) picture.clear(photoAddress(analysis.token));
    this.chips.rebuild(this.study, tokensByMass(analysis.concepts));
    this.chips.drawMasks(this.study, 1);
    this.gather.mark(photo.example);
    this.fitted.replaceChildren(...reconstruct.fitted.map((sentence) => make("p", {}, sentence)));
    this.isLost = false;
    this.describe();
    this.work();
  }

  // ---- changing ----

  want(values) {
    Object.assign(this.wants, values);
    this.changed = performance.now();
    if (!this.study) return;
    this.isLost = false;
    this.alert(null);
    this.describe();
    this.work();
  }

  keptTokens() {
    return this.wants.kept ?? Array.from({ length: this.numTokens }, (_, token) => token);
  }

  withoutTokens() {
    const kept = new Set(this.keptTokens());
    return Array.from({ length: this.numTokens }, (_, token) => token).filter((token) => !kept.has(token));
  }

  keep(tokens) {
    const isAll = tokens === null || tokens.length === this.numTokens;
    this.want({ kept: isAll ? null : [...tokens].sort((a, b) => a - b) });
  }

  toggle(token) {
    const kept = this.keptTokens();
    const rest = kept.includes(token) ? kept.filter((one) => one !== token) : [...kept, token];
    if (!rest.length) {
      this.alert("One concept has to stay: of none there is nothing to draw.");
      return;
    }
    this.keep(rest);
    const mass = percentOf(this.study.analysis.concepts[token].mass);
    this.say(kept.includes(token) ? `Concept ${token} taken off, ${mass} of the photo` : `Concept ${token} put back`);
  }

  keepFirst(count) {
    if (this.study) this.keep(this.study.reconstruct.orders[this.order].slice(0, count));
  }

  chooseOrder(order) {
    this.order = order;
    const { length } = this.keptTokens();
    if (length < this.numTokens) this.keepFirst(length);
    this.describe();
    this.work();
  }

  chooseModel(model) {
    this.model = model;
    this.reopen();
  }

  /** The same photo once more: another model's, or since the server has lost it. */
  reopen(options = {}) {
    if (!this.study) return;
    const { photo } = this.study;
    const asked = this.asked.file ? this.asked : photo.example ? { example: photo.example } : { photo: photo.token };
    this.open(asked, photo.name, options);
  }

  chooseCompare(compare) {
    this.compare = compare;
    this.root.dataset.compare = compare;
    this.compares.set(compare);
    write(this.compares.element.querySelector(".hint"), HINTS[compare]);
    this.split.element.hidden = compare !== "slider";
    this.showPictures();
    this.noteAddress();
  }

  divide(share) {
    const within = Math.min(1, Math.max(0, share));
    this.split.set(within);
    this.root.style.setProperty("--split", `${(within * 100).toFixed(2)}%`);
  }

  light(token) {
    this.photo.light(token);
    this.chips.mark({ lit: token, tokens: this.keptTokens() });
  }

  // ---- asking ----

  addressNow(picture) {
    return addressOf(this.study.token, picture.way.name, this.wants);
  }

  /** The picture that is to be asked for next, or null. STELLAR's own come first. */
  next() {
    return this.pictures.find((picture) => picture.address !== this.addressNow(picture)) ?? null;
  }

  /** One request at a time, always the one that is wanted now; what was clicked meanwhile and clicked away is never asked. */
  async work() {
    if (this.isWorking) return;
    this.isWorking = true;
    this.tell();
    while (!this.isLost && (this.next() || !this.budgets.has(this.order))) {
      try {
        await this.working();
        this.isAgain = false;
      } catch (error) {
        this.failWorking(error);
      }
    }
    this.isWorking = false;
    this.tell();
  }

  async working() {
    for (let picture = this.next(); picture; picture = this.next()) {
      const { study, wants } = this;
      const calm = CALM - (performance.now() - this.changed);
      if (picture.way.name !== "stellar" && calm > 0) {
        await new Promise((done) => setTimeout(done, calm));
        continue;
      }
      const address = this.addressNow(picture);
      const settings = { ...wants };
      const facts = await askNumbers(study.token, picture.way.name, settings);
      if (study !== this.study) continue;
      picture.address = address;
      picture.take(facts, {
        picture: address, difference: addressOf(study.token, picture.way.name, settings, "differences"),
      });
      await picture.show(this.compare, this.about);
      this.describeNumbers();
    }
    const { study, order } = this;
    if (this.budgets.has(order)) return;
    const budgets = await askBudgets(study.token, order);
    if (study !== this.study) return;
    this.budgets.set(order, budgets);
    this.describeNumbers();
  }

  /** What the server has lost is brought again by itself, once. */
  failWorking(error) {
    this.isLost = true;
    if (error instanceof Gone && !this.isAgain) {
      this.isAgain = true;
      this.reopen({ without: this.withoutTokens() });
    } else {
      this.alert(error.message);
    }
  }

  // ---- words and states ----

  get about() {
    return this.study.photo.alt || this.study.photo.name;
  }

  showPictures() {
    if (this.study) for (const picture of this.pictures) picture.show(this.compare, this.about);
  }

  describe() {
    const { study, wants } = this;
    this.root.dataset.state = "ready";
    const kept = this.keptTokens();
    this.chips.mark({ lit: null, tokens: kept });
    this.count.set(kept.length, this.numTokens);
    this.visible.set(wants.visible);
    this.pattern.set(wants.pattern);
    for (const kind of ["titok", "mae"]) this.which[kind].set(wants[kind]);
    const mass = kept.reduce((sum, token) => sum + study.analysis.concepts[token].mass, 0);
    write(this.kept, wants.kept ? `${kept.length} of ${this.numTokens} kept, ${percentOf(mass)} of the photo` : "");
    this.keepAll.hidden = !wants.kept;
    for (const link of this.saves) {
      link.href = resolveAddress(savedAddress(study.token, link.dataset.download, wants));
      link.hidden = false;
    }
    this.linkButton.title = study.photo.example ? "A link to this example as it is compared now"
      : "Uploads are never in a link: the link has the settings, without the photo";
    const [height, width] = study.reconstruct.size;
    this.say(`${study.photo.name} · compared at ${width} × ${height}`);
    this.describeNumbers();
    this.noteAddress();
  }

  describeNumbers() {
    this.curve.update({ budgets: this.budgets.get(this.order) ?? null, pictures: this.pictures, order: this.order });
    this.numbers.update(this.pictures, this.study.reconstruct.measures_missing);
  }

  say(words) {
    write(this.status, words);
  }

  alert(sentence) {
    write(this.alertWords, sentence ?? "");
    this.alertBar.hidden = !sentence;
  }

  fail(error) {
    this.alert(error.message);
    this.root.dataset.state = this.study ? "ready" : "error";
    if (!this.study) return this.say("");
    this.model = this.study.analysis.model;
    this.models.set(this.model);
    return this.describe();
  }

  // ---- the address ----

  link(options) {
    const { study, wants, compare, model, settings } = this;
    const { example } = study.photo;
    const without = example ? this.withoutTokens() : [];
    return writeReconstruct(window.location.href, { ...wants, photo: example, without, compare, model },
      { photo: settings.default.example, model: settings.default.model }, options);
  }

  noteAddress() {
    clearTimeout(this.addressTimer);
    this.addressTimer = setTimeout(() => {
      if (this.study && this.isShown()) window.history.replaceState(window.history.state, "", this.link());
    }, ADDRESS_DELAY);
  }

  async copyLink() {
    if (!this.study || !(await this.copyDialog.copy(this.link({ others: false })))) return;
    const label = this.linkButton.lastChild;
    write(label, "Copied");
    setTimeout(() => write(label, "Copy link"), 1600);
    this.say(this.study.photo.example ? "Link copied." : "Link copied, without the photo: uploads are never in a link.");
  }
}

/** TODO: the page as it was, in the new frame. */
export function mount({ root, trigger }) {
  root.removeAttribute("data-mounted");
  root.setAttribute("data-reconstruct", "");
  mountReconstruct({ element: root });
}
