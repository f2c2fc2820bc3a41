/**
 * The Edit tab: a photo's concepts to take hold of, and beside it the picture that the decoder makes of them.
 * This file arranges; the parts are in edit_*.js. The server is asked for the photo once, and then for each state of the edits.
 */

import { mountEquivariance } from "../equivariance/equivariance.js";
import { Chips, percentOf } from "../drawing/chips.js";
import { choice } from "../shared/controls.js";
import { EditCanvas, tokensTogether } from "./canvas.js";
import { History, originsOf, totalOf, withMorph, withMove, withTotal, without } from "./history.js";
import { OtherPhoto } from "./other.js";
import { tellPhoto } from "./photo.js";
import { Decoding, askPicture, askRecipe, askStudy } from "./server.js";
import { editList, selectionTools } from "./tools.js";
import { icon, make, uniqueId, write } from "../shared/elements.js";
import { openGrid, tokensByMass } from "../drawing/factorization.js";
import { gather } from "../shared/gather.js";
import { takeForEdit } from "../shared/handover.js";
import { listenToKeys } from "../shared/keyboard.js";
import { secondsInWords } from "../shared/numbers.js";
import { Gone, fetchSettings } from "../shared/package.js";
import { ScreenCanvas } from "../drawing/panels.js";
import { CopyDialog } from "../shared/recipes.js";

const ROOT = "[data-edit]";
const RESOLUTIONS = [224, 448];
const RECIPE_VERSION = 2;
const COPY_STEP = 0.15;
const ADDRESS_DELAY = 250;
const INTRODUCTION = "Take hold of a concept and drag it: what it says stays, where it is moves, and the picture is decoded anew.";
const EXPERIMENTAL = "Edited photos are unlike what the decoder has learnt from; expect rough results.";
const KEYS = "Arrow keys move the chosen concepts by a patch, with Shift by four; plus and minus scale them; Delete erases; square "
  + "brackets step through the concepts; Control Z takes the last edit back, Control Shift Z brings it again; Escape lets go.";

export async function mountEdit({ element }) {
  const root = element.matches?.(ROOT) ? element : element.querySelector(ROOT);
  if (!root || root.hasAttribute("data-mounted")) return;
  root.setAttribute("data-mounted", "");
  root.dataset.state = "loading";
  try {
    new EditTab(root, await fetchSettings());
  } catch (error) {
    root.dataset.state = "error";
    root.replaceChildren(make("p", { class: "alert", role: "alert" }, error.message));
  }
}

class EditTab {
  study = null; // the photo that is edited
  answer = null; // what the edits have made of it
  plain = null; // the decoded picture without edits
  tokens = []; // the chosen
  how = "together";
  history = new History();
  photos = new Map(); // name in a recipe -> {study, entry, title, asked}: what edits take from
  loads = 0;
  answers = 0;
  gestures = 0;

  constructor(root, settings) {
    this.root = root;
    this.settings = settings;
    this.model = settings.default.model;
    this.resolution = null; // until a study says at which the model draws best
    this.build();
    this.observe();
  }

  isShown() {
    return this.root.isConnected && this.root.getClientRects().length > 0;
  }

  // ---- what is on the page ----

  build() {
    const help = uniqueId("keys");
    this.gather = gather(this.settings, {
      file: (file) => this.open({ file }, file.name), example: (id) => this.open({ example: id }, this.exampleOf(id).title),
      refuse: (sentence) => this.alert(sentence), isShown: () => this.isShown(),
    });
    this.decoding = new Decoding({
      answer: (ask, answer) => this.receive(ask, answer), fail: (ask, error) => this.refused(ask, error), busy: (isBusy) => this.busyDecoding(isBusy),
    });
    this.view = new EditCanvas({
      choose: (token, isMore) => this.choose(token, isMore), drag: (down, right, gesture) => this.move(down, right, gesture), drop: () => this.drop(),
      scale: (by, gesture) => this.scale(totalOf(this.edits, "scale", this.tokens) * by, gesture), erase: () => this.erase(), step: (by) => this.step(by),
    }, { label: "The photo and its concepts", help });
    this.chips = new EditChips({
      enter: (token) => this.view.light(token), leave: () => this.view.light(null), press: (token, isMore) => this.choose(token, isMore, "one"),
    });
    this.tools = selectionTools({
      take: (how) => this.update({ how }), erase: () => this.erase(), clone: () => this.clone(),
      scale: (total) => this.scale(total, this.sliding("scale")), strengthen: (total) => this.strengthen(total, this.sliding("strengthen")),
    });
    this.list = editList({
      remove: (place) => this.commit(without(this.edits, place, this.numTokens)), undo: () => this.undo(), redo: () => this.redo(),
      clear: () => this.commit([]), save: () => this.save(), load: (file) => this.load(file),
    });
    this.other = new OtherPhoto(this.settings, {
      open: (asked, name) => this.openOther(asked, name), swapWhat: (taken) => this.swapWhat(taken), swapWhere: () => this.swapWhere(),
      morph: (what, where) => this.morph(what, where), refuse: (sentence) => this.alert(sentence),
    });
    this.copyDialog = new CopyDialog();
    this.buildWords();
    this.root.setAttribute("role", "region");
    this.root.setAttribute("aria-label", "Edit a photo's concepts");
    this.root.replaceChildren(
      make("div", { class: "introduction edit-introduction" }, make("p", {}, INTRODUCTION),
        make("p", { class: "edit-experimental" }, make("span", { class: "edit-badge" }, "Experimental"), EXPERIMENTAL)),
      this.gather.element, this.alertBar,
      make("div", { class: "edit-head" }, this.status, this.asks(), this.actions), this.progress,
      make("div", { class: "edit-pictures" },
        make("figure", { class: "panel" }, this.caption("Photo", "where its concepts are now: drag one"), this.view.frame),
        make("figure", { class: "panel" }, this.caption("Decoded", this.fitted, this.before), this.pictureFrame)),
      make("section", { class: "concepts", "aria-label": "Concepts" },
        make("div", { class: "section-head" }, make("h3", {}, "Concepts"), make("span", { class: "hint" }, "with their shares of the edited picture")), this.chips.element),
      make("div", { class: "edit-lower" }, this.tools.element, this.other.element, this.list.element),
      make("p", { class: "unseen", id: help }, KEYS), this.copyDialog.element);
    listenToKeys({ isShown: () => this.isShown() && this.study !== null, step: (by) => this.step(by), unpin: () => this.update({ tokens: [] }), hold: () => {} });
    document.addEventListener("keydown", (event) => this.key(event));
  }

  caption(title, hint, ...more) {
    return make("figcaption", { class: "panel-title" }, make("strong", {}, title), typeof hint === "string" ? make("span", { class: "hint" }, hint) : hint, ...more);
  }

  asks() {
    this.resolutions = choice({
      name: "resolution", label: "Resolution", title: false,
      options: RESOLUTIONS.map((value) => ({ value, label: `${value} px`, hint: value > 224 ? "Finer" : "Answers sooner" })),
      onchange: (resolution) => this.again({ resolution }),
    });
    this.models = make("select", { "aria-label": "Model", title: "The model that sees and draws the photo", "data-control": "model", onchange: () => this.again({ model: this.models.value, resolution: this.resolutionAnew() }) },
      ...this.settings.models.map(({ name, label, note }) => make("option", { value: name, title: note }, label)));
    return make("div", { class: "edit-asks" }, this.resolutions.element, this.models);
  }

  buildWords() {
    this.status = make("p", { class: "status", role: "status", "aria-live": "polite", "data-status": "" });
    this.fitted = make("span", { class: "hint" }, "what the edited concepts give");
    this.progress = make("div", { class: "progress", "data-progress": "", "aria-hidden": "true" }, make("span"));
    this.alertWords = make("span");
    this.alertBar = make("div", { class: "alert", role: "alert", hidden: true, "data-alert": "" }, this.alertWords,
      make("button", { type: "button", class: "quiet-button", "aria-label": "Dismiss", onclick: () => this.alert(null) }, icon("close")));
    this.linkButton = make("button", { type: "button", class: "button", "data-action": "link", onclick: () => this.copyLink() }, icon("link"), make("span", {}, "Copy link"));
    this.pictureButton = make("button", {
      type: "button", class: "button", "data-action": "picture", title: "The decoded picture as PNG", onclick: () => this.downloadPicture(),
    }, icon("download"), make("span", {}, "Picture"));
    this.actions = make("div", { class: "actions" }, this.linkButton, this.pictureButton);
    this.before = make("button", {
      type: "button", class: "quiet-button edit-before", "data-action": "before", title: "The picture without edits, as long as this is held; or hold B",
      onpointerdown: (event) => {
        this.before.setPointerCapture(event.pointerId);
        this.hold(true);
      },
      onpointerup: () => this.hold(false), onpointercancel: () => this.hold(false), onblur: () => this.hold(false),
      onkeydown: (event) => [" ", "Enter"].includes(event.key) && !event.repeat && this.hold(true), onkeyup: () => this.hold(false),
    }, "Hold for before", make("kbd", {}, "B"));
    this.picture = make("canvas", { class: "panel-canvas", role: "img", "aria-label": "The decoded picture", "data-decoded": "" });
    this.pictureFrame = make("div", { class: "panel-frame edit-decoded" }, this.picture);
    this.screen = new ScreenCanvas(this.picture, () => this.drawPicture());
  }

  exampleOf(id) {
    return this.settings.examples.find((example) => example.id === id);
  }

  get edits() {
    return this.history.edits;
  }

  /** For another model: its best, unless a visitor wanted another than the best of this one. */
  resolutionAnew() {
    return this.resolution === this.study?.edit.best ? null : this.resolution;
  }

  get numTokens() {
    return this.study.analysis.num_tokens;
  }

  /** A slider's way, or keys pressed in a row, are one gesture. */
  sliding(name) {
    clearTimeout(this.slidingTimer);
    this.slidingTimer = setTimeout(() => (this.gestures += 1), 900);
    return `${name}/${this.tokens}/${this.gestures}`;
  }

  // ---- coming, and the photo ----

  observe() {
    const handed = takeForEdit((found) => this.handOver(found));
    this.handed = handed;
    new ResizeObserver(() => {
      const isSeen = this.isShown();
      if (isSeen === this.isSeen) return;
      this.isSeen = isSeen;
      if (!isSeen) return;
      if (!this.isBegun) this.begin();
      else this.note();
    }).observe(this.root);
    this.root.dataset.state = "waiting";
  }

  begin() {
    this.isBegun = true;
    const query = new URLSearchParams(window.location.search);
    const wanted = query.get("tab") === "edit" ? query.get("photo") : null;
    if (query.get("tab") === "edit") {
      if (RESOLUTIONS.includes(Number(query.get("resolution")))) this.resolution = Number(query.get("resolution"));
      if (this.settings.models.some(({ name }) => name === query.get("model"))) this.model = query.get("model");
    }
    const { handed } = this;
    this.handed = null;
    if (handed && handed.token === undefined) return this.handOver(handed);
    const example = this.exampleOf(wanted) ?? this.exampleOf(this.settings.default.example);
    const opened = this.open({ example: example.id }, example.title);
    if (handed) opened.then(() => this.handOver(handed));
    return undefined;
  }

  /** From another tab: a photo to edit, or with a token a concept to put into this one. */
  async handOver(found) {
    if (!this.isBegun) {
      this.handed = found;
      return;
    }
    const { asked, name, token } = found;
    if (token === undefined) {
      if (found.model !== this.model && this.settings.models.some((model) => model.name === found.model)) {
        Object.assign(this, { model: found.model, resolution: this.resolutionAnew() });
      }
      this.open(asked, name);
    } else {
      await this.opening;
      if (found.model !== this.model && this.settings.models.some((model) => model.name === found.model)) {
        await this.again({ model: found.model, resolution: this.resolutionAnew() });
      }
      await this.openOther(asked, name, [token]);
      this.say(`Concept ${token} of ${name} is at hand: click in your photo what shall look like it, then Swap what.`);
      this.other.element.scrollIntoView({ block: "nearest" });
    }
  }

  open(asked, name) {
    this.opening = this.take(asked, name);
    return this.opening;
  }

  async take(asked, name) {
    const load = (this.loads += 1);
    this.alert(null);
    this.decoding.forget();
    this.root.setAttribute("aria-busy", "true");
    if (!this.study) this.root.dataset.state = "waiting";
    this.say(asked.file ? `Reading ${name}…` : `Analysing ${name}…`);
    let study;
    try {
      study = await askStudy(asked, this);
    } catch (error) {
      if (load === this.loads) this.failed(error);
      return false;
    }
    if (load !== this.loads) return false;
    study.asked = asked.file ? { file: asked.file, photo: study.photo.token } : asked;
    if (name && !study.photo.example) study.photo.name = name;
    this.begun(study);
    return true;
  }

  begun(study) {
    this.study = study;
    this.answer = null;
    this.plain = null;
    this.tokens = [];
    this.refusedBefore = null;
    this.history.clear();
    this.root.removeAttribute("aria-busy");
    this.root.dataset.state = "ready";
    const grid = openGrid(study.analysis, study.arrays);
    this.shown = { grid, concepts: study.analysis.concepts };
    this.pictureFrame.style.setProperty("--aspect", study.photo.width / study.photo.height);
    this.root.dataset.shape = study.photo.width / study.photo.height > 2.2 ? "wide" : "usual";
    this.view.describe(`${study.photo.alt || study.photo.name}: the photo and its concepts`);
    this.gather.mark(study.photo.example);
    const { patch_grid: [rows, cols], image_size: [height, width] } = study.analysis;
    this.resolution = study.analysis.resolution;
    const { best } = study.edit;
    write(this.fitted, `${this.resolution === best ? "at its best size" : `best at ${best} px`} · ${cols} × ${rows} patches`);
    this.fitted.title = `The whole photo, ${study.photo.width} × ${study.photo.height} pixels, is fitted to ${width} × ${height}: ${cols} × ${rows} patches`;
    this.draw();
    this.say(study.photo.name);
    tellPhoto({ asked: study.photo.example ? { example: study.photo.example } : { photo: study.photo.token }, model: study.analysis.model });
    this.request([]);
    this.note();
  }

  /** The same photo to another model or at another resolution; edits go along but to another model. */
  async again(wanted) {
    const before = { model: this.model, resolution: this.resolution };
    const { study, edits } = this;
    Object.assign(this, wanted);
    this.describe();
    if (!study) return;
    const isSameModel = this.model === before.model;
    const names = isSameModel ? [...new Set(edits.map(({ photo }) => photo).filter(Boolean))] : [];
    const isDone = await this.take(study.asked.file ? { photo: study.photo.token } : study.asked, study.photo.name);
    if (!isDone) {
      Object.assign(this, before);
      this.describe();
      return;
    }
    const { study: other, taken } = this.other;
    this.other.show(null);
    const kept = new Map(this.photos);
    this.photos.clear();
    try {
      for (const name of names) await this.takeFrom(kept.get(name).asked, kept.get(name).title, name);
      if (other) await this.openOther(other.asked, other.photo.name, isSameModel ? taken : []);
    } catch (error) {
      this.failed(error);
      return;
    }
    if (isSameModel && edits.length) this.commit(edits);
    else if (edits.length) this.say("A concept's number means nothing to another model: the edits were taken back.");
  }

  // ---- choosing ----

  choose(token, isMore, how = this.how) {
    const { tokens } = this;
    const toggled = tokens.includes(token) ? tokens.filter((one) => one !== token) : [...tokens, token];
    if (isMore || this.how === "more") this.update({ tokens: toggled });
    else this.update({ tokens: how === "together" ? tokensTogether(this.shown.grid, token) : [token] });
    this.chips.reveal(token);
  }

  step(by) {
    const order = this.order();
    const at = this.tokens.length ? order.indexOf(this.tokens[0]) : by > 0 ? -1 : order.length;
    this.choose(order[(at + by + order.length) % order.length], false, "one");
  }

  /** By mass in the photo, and copies at the end: chips do not change places while one edits. */
  order() {
    const { grid } = this.shown;
    return [...tokensByMass(this.study.analysis.concepts), ...Array.from({ length: grid.numTokens - this.numTokens }, (_, place) => this.numTokens + place)];
  }

  erased() {
    return new Set(this.edits.flatMap((edit) => (["erase", "withdraw"].includes(edit.edit) ? edit.tokens : [])));
  }

  // ---- edits ----

  move(down, right, gesture) {
    const { rows, cols } = this.shown.grid;
    if (gesture === null) {
      this.commit(withMove(this.edits, this.tokens, right / cols, down / rows), this.sliding("keys"));
      return;
    }
    // All of a drag counts from where it began.
    if (this.dragged?.gesture !== gesture) this.dragged = { gesture, from: this.edits };
    this.commit(withMove(this.dragged.from, this.tokens, right / cols, down / rows), gesture);
  }

  drop() {
    this.dragged = null;
    if (this.answer?.edits === this.edits) this.settle();
  }

  /** What is gone is not chosen any more. */
  erase() {
    if (!this.tokens.length) return;
    this.commit([...this.edits, { edit: "erase", tokens: this.tokens }]);
    this.update({ tokens: [] });
  }

  clone() {
    if (!this.tokens.length) return;
    const first = this.shown.grid.numTokens;
    const { concepts } = this.shown;
    const isRight = concepts[this.tokens[0]].centroid[0] < 0.6;
    const copies = this.tokens.map((_, place) => first + place);
    this.commit([...this.edits, { edit: "clone", tokens: this.tokens, dx: isRight ? COPY_STEP : -COPY_STEP, dy: 0 }]);
    this.wished = copies; // chosen once they are there
  }

  scale(total, gesture) {
    if (!this.tokens.length) return;
    const bounded = Math.min(4, Math.max(0.25, total));
    this.commit(withTotal(this.edits, "scale", this.tokens, bounded), gesture ?? this.sliding("scale"));
  }

  strengthen(total, gesture) {
    if (this.tokens.length) this.commit(withTotal(this.edits, "strengthen", this.tokens, total), gesture);
  }

  swapWhat(taken) {
    if (this.tokens.length) this.commit([...this.edits, { edit: "swap_what", tokens: this.tokens, others: taken, photo: this.other.name }]);
  }

  swapWhere() {
    this.commit([...this.edits, { edit: "swap_where", photo: this.other.name }]);
  }

  morph(what, where) {
    this.commit(withMorph(this.edits, this.other.name, what, where), this.sliding(`morph/${this.other.name}`));
  }

  commit(edits, gesture = null) {
    if (!this.study) return;
    this.wished = null;
    this.alert(null);
    this.history.commit(edits, gesture);
    this.changed();
  }

  undo() {
    this.history.undo();
    this.changed();
  }

  redo() {
    this.history.redo();
    this.changed();
  }

  changed() {
    const { length } = originsOf(this.edits, this.numTokens);
    this.tokens = this.tokens.filter((token) => token < length); // a copy may be gone
    this.request(this.edits);
    this.describe();
  }

  request(edits) {
    const photos = {};
    for (const { photo } of edits) if (photo) photos[photo] = this.photos.get(photo).study.analysis.token;
    this.decoding.ask({ study: this.study.analysis.token, edits, photos });
  }

  /** What the edits have made; on the photo the concepts go to their new places when the hand lets go. */
  receive({ edits }, answer) {
    this.answer = { ...answer, edits };
    this.answers += 1;
    if (!edits.length) this.plain = answer.bitmap;
    this.root.dataset.answers = this.answers;
    this.refusedBefore = null;
    this.drawPicture();
    this.settle();
  }

  settle() {
    if (this.dragged || !this.answer) return;
    const { answer } = this;
    this.shown = { grid: answer.grid, concepts: answer.concepts };
    if (this.wished?.every((token) => token < answer.grid.numTokens)) {
      this.tokens = this.wished;
      this.wished = null;
    }
    this.tokens = this.tokens.filter((token) => token < answer.grid.numTokens);
    this.draw();
  }

  /** A sentence of the server; the edit that it refuses was never made. What it has forgotten is brought back, once. */
  refused({ edits }, error) {
    if (error instanceof Gone && this.refusedBefore !== "gone") {
      this.refusedBefore = "gone";
      this.bringBack();
      return;
    }
    if (error.isRefused && edits === this.edits) {
      this.history.reject();
      this.describe();
      this.request(this.edits);
    }
    this.alert(error.message.replace(/^Edit \d+, [a-z_]+: (.)/, (_, letter) => letter.toUpperCase()));
  }

  async bringBack() {
    const { study, edits } = this;
    const used = new Map(this.photos);
    const isDone = await this.take(study.asked.file ? { file: study.asked.file } : study.asked, study.photo.name);
    if (!isDone) return;
    try {
      for (const [name, { asked, title }] of used) await this.takeFrom(asked, title, name);
    } catch (error) {
      this.failed(error);
      return;
    }
    this.refusedBefore = "gone";
    if (edits.length) this.commit(edits);
  }

  // ---- another photo ----

  /** A photo to take from, under a name of the recipe; what is there already is not asked for again. */
  async takeFrom(asked, title, name = null) {
    const study = await askStudy(asked, this);
    if (title && !study.photo.example) study.photo.name = title;
    study.asked = asked.file ? { file: asked.file } : asked;
    study.order = tokensByMass(study.analysis.concepts);
    const grid = openGrid(study.analysis, study.arrays);
    study.scene = { image: study.image, grid, palette: study.analysis.palette, key: `other/${study.analysis.token}` };
    const same = [...this.photos].find(([, known]) => known.study.analysis.token === study.analysis.token)?.[0];
    const { example } = study.photo;
    const found = name ?? same ?? this.freeName(example ?? "photo");
    this.photos.set(found, { study, title: study.photo.name, asked: study.asked, entry: example ? { example } : { file: study.photo.name } });
    return [found, study];
  }

  freeName(stem) {
    let name = stem;
    for (let number = 2; this.photos.has(name); number++) name = `${stem}-${number}`;
    return name;
  }

  async openOther(asked, title, taken = []) {
    const load = (this.otherLoads = (this.otherLoads ?? 0) + 1);
    this.alert(null);
    this.say(`Reading ${title}…`);
    this.root.setAttribute("aria-busy", "true");
    try {
      const [name, study] = await this.takeFrom(asked, title);
      if (load !== this.otherLoads) return;
      this.other.name = name;
      this.other.show(study, taken.filter((token) => token < study.analysis.num_tokens));
      this.root.removeAttribute("aria-busy");
      this.describe();
      this.say(this.summary());
    } catch (error) {
      if (load === this.otherLoads) this.failed(error);
    }
  }

  // ---- recipes and downloads ----

  recipe() {
    const { study, edits, photos } = this;
    const used = [...new Set(edits.map(({ photo }) => photo).filter(Boolean))];
    const { photo, analysis } = study;
    return {
      version: RECIPE_VERSION, model: this.settings.models.find(({ name }) => name === analysis.model)?.label ?? analysis.model,
      resolution: analysis.resolution, width: analysis.width,
      photo: photo.example ? { example: photo.example } : { file: photo.name },
      ...(used.length ? { photos: Object.fromEntries(used.map((name) => [name, photos.get(name).entry])) } : {}), edits,
    };
  }

  save() {
    const text = `${JSON.stringify(this.recipe(), null, 2)}\n`;
    deliver(new Blob([text], { type: "application/json" }), `stellar-edits-${this.study.photo.example ?? "photo"}.json`);
  }

  async downloadPicture() {
    if (!this.study) return;
    const { edits, study } = this;
    const photos = {};
    for (const { photo } of edits) if (photo) photos[photo] = this.photos.get(photo).study.analysis.token;
    try {
      deliver(await askPicture(study.analysis.token, { edits, photos }), `stellar-edited-${study.photo.example ?? "photo"}.png`);
    } catch (error) {
      this.alert(error.message);
    }
  }

  async load(file) {
    if (!this.study) return;
    this.alert(null);
    try {
      const recipe = await askRecipe(await file.text());
      const model = this.settings.models.find(({ label, name }) => label === recipe.model || name === recipe.model);
      const wanted = {};
      if (model.name !== this.model) Object.assign(wanted, { model: model.name, resolution: this.resolutionAnew() });
      if (RESOLUTIONS.includes(recipe.resolution) && (wanted.model || recipe.resolution !== this.resolution)) wanted.resolution = recipe.resolution;
      if (Object.keys(wanted).length) await this.again(wanted);
      const { width } = this.study.analysis;
      if (recipe.width !== undefined && recipe.width !== width) {
        throw new Error(`The recipe's concepts are ${recipe.width} numbers wide and this model's ${width}; it was made with another model of that name.`);
      }
      await this.replay(recipe, Object.entries(recipe.photos ?? {}));
    } catch (error) {
      this.alert(error.message);
    }
  }

  /** Photos that are files are asked for, one after the other. missing: [[name, entry], ...] */
  async replay(recipe, missing) {
    const names = new Map();
    for (const [name, entry] of missing) {
      const asked = entry.example ? { example: entry.example } : { file: await this.askForFile(entry.file) };
      const [known] = await this.takeFrom(asked, entry.example ? this.exampleOf(entry.example)?.title : entry.file, this.photos.has(name) ? null : name);
      names.set(name, known);
    }
    this.commit(recipe.edits.map((edit) => (edit.photo ? { ...edit, photo: names.get(edit.photo) } : edit)));
    const { photo } = recipe;
    const madeOn = photo?.example ? this.exampleOf(photo.example)?.title : photo?.file;
    const isOther = photo && (photo.example ?? photo.file) !== (this.study.photo.example ?? this.study.photo.name);
    this.say(isOther ? `The recipe was made on ${madeOn ?? "another photo"}; here it is on ${this.study.photo.name}.` : this.summary());
  }

  askForFile(name) {
    return new Promise((resolve, reject) => {
      const chooser = make("input", { type: "file", accept: this.settings.accept, class: "unseen", "data-control": "recipe-photo" });
      const close = () => {
        dialog.close();
        dialog.remove();
      };
      chooser.addEventListener("change", () => {
        if (!chooser.files[0]) return;
        resolve(chooser.files[0]);
        close();
      });
      const dialog = make("dialog", { class: "dialog", "aria-label": "A photo of the recipe", "data-dialog": "recipe-photo", oncancel: () => leave() },
        make("p", {}, `The recipe takes from a photo that is not here: ${name}. Choose it.`), chooser,
        make("div", { class: "dialog-actions" }, make("button", { type: "button", class: "button", onclick: () => leave() }, "Cancel"),
          make("button", { type: "button", class: "button button-first", "data-action": "recipe-photo", onclick: () => chooser.click() }, "Choose photo")));
      const leave = () => {
        reject(new Error(`The recipe needs the photo ${name}; without it nothing was done.`));
        close();
      };
      this.root.append(dialog);
      dialog.showModal();
    });
  }

  // ---- keys ----

  key(event) {
    if (!this.isShown() || !this.study || document.querySelector("dialog[open]") || !(event.target instanceof Element)) return;
    if (event.target.closest("textarea, select, [contenteditable=true], input:not([type=range]):not([type=radio])")) return;
    const isCommand = event.ctrlKey || event.metaKey;
    const letter = event.key.toLowerCase();
    if (isCommand && letter === "z" && !event.altKey) {
      event.preventDefault();
      if (event.shiftKey) this.redo();
      else this.undo();
    } else if (isCommand && letter === "y") {
      event.preventDefault();
      this.redo();
    } else if (!isCommand && !event.altKey && letter === "b" && !event.repeat) {
      this.hold(true);
      document.addEventListener("keyup", () => this.hold(false), { once: true });
    }
  }

  hold(isHeld) {
    if (isHeld === this.isHeld) return;
    this.isHeld = isHeld;
    this.root.toggleAttribute("data-before", isHeld);
    this.drawPicture();
  }

  // ---- drawing and words ----

  update(values) {
    Object.assign(this, values);
    this.describe();
  }

  draw() {
    const { study, shown } = this;
    this.drawings = (this.drawings ?? 0) + 1;
    const origins = originsOf(this.edits, this.numTokens);
    const palette = Array.from({ length: shown.grid.numTokens }, (_, token) => study.analysis.palette[origins[token] ?? token % this.numTokens]);
    const scene = { image: study.image, grid: shown.grid, palette, key: `edit/${this.drawings}` };
    this.view.show(scene);
    const analysis = { concepts: shown.concepts, palette, num_tokens: shown.grid.numTokens };
    this.chipScene = { ...scene, analysis, smooth: true, origins, numTokens: this.numTokens };
    this.chips.rebuild(this.chipScene, this.order());
    this.chips.drawMasks(this.chipScene, 1);
    this.describe();
  }

  drawPicture() {
    if (!this.screen.fit()) return;
    const { context, width, height } = this.screen;
    const bitmap = this.isHeld ? this.plain : this.answer?.bitmap;
    context.imageSmoothingQuality = "high";
    if (bitmap) context.drawImage(bitmap, 0, 0, width, height);
    else context.clearRect(0, 0, width, height);
    this.picture.dataset.shows = this.isHeld ? "before" : "after";
  }

  describe() {
    const { study, shown, tokens, how, history } = this;
    this.resolutions.set(this.resolution);
    this.models.value = this.model;
    if (!study) return;
    this.view.choose(tokens);
    const { edits } = history;
    const origins = originsOf(edits, this.numTokens);
    this.chips.mark({ chosen: tokens, erased: this.erased() });
    const mass = tokens.reduce((sum, token) => sum + (shown.concepts[token]?.mass ?? 0), 0);
    this.tools.update({
      tokens, mass, how, origins, numTokens: this.numTokens,
      scale: tokens.length ? totalOf(edits, "scale", tokens) : 1, strength: tokens.length ? totalOf(edits, "strengthen", tokens) : 0,
    });
    this.list.update({
      edits, canUndo: history.canUndo, canRedo: history.canRedo, palette: study.analysis.palette, origins, numTokens: this.numTokens,
      titleOf: (name) => this.photos.get(name)?.title ?? name,
    });
    const last = edits.at(-1);
    this.other.update({ tokens, how, morph: last?.edit === "morph" && last.photo === this.other.name ? last : { what: 0, where: 0 } });
    this.picture.setAttribute("aria-label", edits.length ? `The decoded picture after ${edits.length} edits` : "The decoded picture, without edits");
    this.linkButton.title = study.photo.example ? "A link to this photo in Edit; the edits travel in a recipe"
      : "Uploads are never in a link: the link opens Edit without the photo";
    this.root.dataset.edits = edits.length;
    this.root.dataset.chosen = tokens.join(" ");
  }

  summary() {
    const { study: { photo }, answer } = this;
    const notes = photo.notes.length ? ` · ${photo.notes.join(" ")}` : "";
    return answer ? `${photo.name} · decoded in ${secondsInWords(answer.seconds)}${notes}` : photo.name;
  }

  busyDecoding(isBusy) {
    this.pictureFrame.toggleAttribute("data-busy", isBusy);
    this.root.dataset.decoding = isBusy ? "yes" : "no";
    if (!isBusy && this.study && !this.root.hasAttribute("aria-busy")) this.say(this.summary());
  }

  say(words) {
    write(this.status, words);
  }

  alert(sentence) {
    write(this.alertWords, sentence ?? "");
    this.alertBar.hidden = !sentence;
  }

  failed(error) {
    this.root.removeAttribute("aria-busy");
    this.root.dataset.state = this.study ? "ready" : "empty";
    this.alert(error.message);
    this.say(this.study ? this.summary() : "");
    if (this.study && this.answer?.edits !== this.edits) this.request(this.edits);
  }

  // ---- the address ----

  link(href = window.location.href) {
    const address = new URL(href);
    address.searchParams.set("tab", "edit");
    const values = {
      photo: this.study?.photo.example, resolution: this.resolutionAnew(),
      model: this.model === this.settings.default.model ? null : this.model,
    };
    for (const [name, value] of Object.entries(values)) {
      if (value) address.searchParams.set(name, value);
      else address.searchParams.delete(name);
    }
    return address.href;
  }

  note() {
    clearTimeout(this.addressTimer);
    this.addressTimer = setTimeout(() => {
      if (this.isShown() && this.study) window.history.replaceState(window.history.state, "", this.link());
    }, ADDRESS_DELAY);
  }

  async copyLink() {
    if (!this.study) return;
    const bare = new URL(window.location.href);
    bare.search = "";
    if (!(await this.copyDialog.copy(this.link(bare.href)))) return;
    this.say(this.study.photo.example ? "Link copied; the edits travel in a recipe." : "Link copied, without the photo: uploads are never in a link.");
  }
}

/** The row of concepts; a copy says whose it is. Several may be chosen. */
class EditChips extends Chips {
  build(token, { analysis, origins, numTokens }) {
    const percent = percentOf(analysis.concepts[token].mass);
    const name = token < numTokens ? `${token}` : `copy of ${origins[token]}`;
    const canvas = make("canvas", { "aria-hidden": "true", width: this.thumbnail.width, height: this.thumbnail.height });
    const element = make("button", {
      type: "button", class: "chip", "data-chip": token, "aria-pressed": "false", style: `--concept: ${analysis.palette[token]}`,
      "aria-label": `Concept ${name}: ${percent} of the picture`, title: `Concept ${name}: ${percent} of the edited picture. With Shift it is chosen beside others`,
      onpointerenter: (event) => event.pointerType !== "touch" && this.on.enter(token),
      onpointerleave: (event) => event.pointerType !== "touch" && this.on.leave(),
      onfocus: () => element.matches(":focus-visible") && this.on.enter(token),
      onblur: () => this.on.leave(),
      onclick: (event) => this.on.press(token, event.shiftKey || event.ctrlKey || event.metaKey),
    },
    make("span", { class: "chip-picture" }, canvas),
    make("span", { class: "chip-name" }, make("i", { class: "swatch" }), name),
    make("span", { class: "chip-mass" }, percent));
    return { element, context: canvas.getContext("2d", { alpha: false }) };
  }

  mark({ chosen, erased }) {
    for (const [token, { element }] of this.chips) {
      element.toggleAttribute("data-dropped", erased.has(token));
      element.setAttribute("aria-pressed", String(chosen.includes(token)));
    }
  }
}

function deliver(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = make("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** TODO: the page as it was, in the new frame. */
export function mount({ root, session }) {
  root.removeAttribute("data-mounted");
  const [edit, equivariance] = ["data-edit", "data-equivariance"].map((name) => make("div", { [name]: "", class: `stellar-stage stellar-${name.slice(5)}` }));
  root.replaceChildren(edit, equivariance);
  mountEdit({ element: edit });
  mountEquivariance({ root: equivariance, session });
}
