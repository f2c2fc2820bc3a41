/**
 * The stage: one photo, its layers and its concepts. This file arranges; what things are made of is in the others.
 *
 * Hover, click, threshold, opacity, kept concepts, basis and view never leave the browser. The server is asked for one
 * thing, `analyse`, and answers with a manifest: once for 224 px, once more for the resolution that was wanted.
 */

import { readAddress, writeAddress } from "../shared/address.js";
import { Chips, percentOf } from "../drawing/chips.js";
import { Compare } from "./compare.js";
import { choice, menu, pictureControls } from "../shared/controls.js";
import { icon, make, uniqueId, write } from "../shared/elements.js";
import { openGrid, patchAt, similarityTo, strongestTokens, tokensByMass } from "../drawing/factorization.js";
import { gather } from "../shared/gather.js";
import { findInRetrieve, openInEdit, openTabOfAddress, seeRebuilt } from "../shared/handover.js";
import { introduction } from "../shared/introduction.js";
import { listenToKeys, panelKeys } from "../shared/keyboard.js";
import { LAYERS, Overlay } from "../drawing/layers.js";
import { placeInWords } from "../shared/line.js";
import { numbersStrip, secondsInWords } from "../shared/numbers.js";
import { Gone, fetchPackage, fetchPhoto, fetchSettings } from "../shared/package.js";
import { Panel } from "../drawing/panels.js";
import { CopyDialog, codeOf, downloadsMenu, recipeOf } from "../shared/recipes.js";

const SIDE_BY_SIDE = ["photo", "features", "low_rank", "concepts"];
const INTRODUCTION = "STELLAR sees a photo as a few concepts, each with a what and a where, and these four pictures "
  + "show how. Point anywhere to light up the concept that is there, click to hold it, or bring a photo of your own.";
const INTRODUCTION_SEEN = "stellar-introduction-seen";
const KEYBOARD_HELP = "Arrow keys move from patch to patch, Enter pins the concept, square brackets step through the "
  + "concepts by mass, holding S shows similar patches, Escape lets go.";
/** A link is written this long after the last change: browsers refuse more than 200 writes in half a minute. */
const ADDRESS_DELAY = 250;

/** Called once by the page. `props.value` is the manifest, `watch` tells when it has changed. */
export async function mountStage({ element, trigger, props, watch, upload }) {
  const root = element.matches?.("[data-stage]") ? element : element.querySelector("[data-stage]");
  if (!root || root.hasAttribute("data-mounted")) return;
  root.setAttribute("data-mounted", "");
  root.dataset.state = "loading";
  let settings;
  try {
    settings = await fetchSettings();
  } catch (error) {
    root.dataset.state = "error";
    root.replaceChildren(make("p", { class: "alert", role: "alert" }, error.message));
    return;
  }
  const stage = new Stage(root, settings, { trigger, upload });
  stage.begin(props.value, readAddress(window.location.search, settings));
  watch("value", () => stage.receive(props.value));
  openTabOfAddress();
}

class Stage {
  constructor(root, settings, page) {
    this.root = root;
    this.settings = settings;
    this.page = page;
    const { model, resolution } = settings.default;
    this.state = {
      model, resolution, view: "side", threshold: 1, kept: null, opacity: 0.8, show: "mask", style: "smooth", basis: null,
      pinned: null, chip: null, pointed: null, held: false, similar: false,
    };
    this.source = null;
    this.shown = null;
    this.asked = 0;
    this.loads = 0;
    this.overlay = new Overlay();
    this.build();
  }

  // ---- what is on the page ----

  build() {
    const help = uniqueId("keys");
    const redraw = () => this.redraw();
    const panelEvents = {
      point: (u, v) => this.point(u, v),
      leave: () => this.change({ pointed: null }),
      press: (u, v, pointerType) => this.press(u, v, pointerType),
      key: panelKeys({ move: (rows, cols) => this.move(rows, cols), press: () => this.pin(this.litToken()) }),
      copy: (layer, button) => this.copyCode(layer, button),
      resize: redraw,
    };
    this.panels = Object.keys(LAYERS).map((layer) => new Panel(layer, help, panelEvents));
    this.compare = new Compare({
      resize: redraw, move: () => this.change({}),
      sharpen: () => this.analyse({ resolution: Math.max(...this.settings.resolutions) }),
    });
    this.chips = new Chips({
      enter: (token) => this.change({ chip: token }),
      leave: () => this.change({ chip: null }),
      press: (token) => this.pin(token),
    });
    this.gather = gather(this.settings, {
      file: (file) => this.open({ file, example: null, name: file.name }),
      example: (id) => this.open({ file: null, example: id, name: this.exampleOf(id).title }),
      refuse: (sentence) => this.alert(sentence),
      isShown: () => this.isShown(),
    });
    this.numbers = numbersStrip();
    this.downloads = downloadsMenu();
    this.copyDialog = new CopyDialog();
    this.controls = pictureControls({
      threshold: (threshold) => this.change({ threshold }),
      kept: (kept) => this.keep(kept),
      opacity: (opacity) => this.change({ opacity }),
      show: (show) => this.change({ show }),
      style: (style) => this.change({ style }),
      basis: (basis) => this.change({ basis }),
    });
    this.buildToolbar();
    this.buildWords();
    this.panelsRow = make("div", { class: "panels", "data-panels": "" },
      ...this.panels.map((panel) => panel.element), this.compare.element);
    const chipsHead = make("div", { class: "section-head" },
      make("h3", {}, "Concepts"), make("span", { class: "hint" }, "by mass, the share of the photo each holds"),
      this.readout, this.similarButton, this.findButton, this.editButton);
    this.root.setAttribute("role", "region");
    this.root.setAttribute("aria-label", "A photo and its concepts");
    this.root.replaceChildren(
      introduction(INTRODUCTION, INTRODUCTION_SEEN), this.gather.element, this.alertBar, this.toolbar,
      make("div", { class: "status-row" }, this.status, this.actions), this.progress, this.panelsRow,
      make("section", { class: "concepts", "aria-label": "Concepts" }, chipsHead, this.chips.element),
      this.controls.element, this.numbers.element, this.copyDialog.element,
      make("p", { class: "unseen", id: help }, KEYBOARD_HELP), this.emptyState());
    listenToKeys({
      isShown: () => this.isShown() && this.shown !== null,
      step: (by) => this.step(by),
      unpin: () => this.letGo(),
      hold: (held) => held !== this.state.held && this.change({ held }),
    });
    this.redrawOnNewScreen();
  }

  buildToolbar() {
    this.views = choice({
      name: "view", label: "View", hint: "Four linked pictures, or one of them large.",
      options: [
        { value: "side", label: "Side by side" },
        ...Object.entries(LAYERS).map(([value, { title, hint, diagnostic }]) => ({ value, label: title, hint, diagnostic })),
        { value: "compare", label: "224 / sharp", hint: "A slider between the 224 px picture and the sharp one" },
      ],
      onchange: (view) => this.change({ view }),
    });
    this.models = menu({
      name: "model", label: "Model",
      options: this.settings.models.map(({ name, label, available, note }) =>
        ({ value: name, label, note, disabled: !available })),
      onchange: (model) => this.analyse({ model }),
    });
    this.resolutions = choice({
      name: "resolution", label: "Resolution", hint: "Long side in pixels; 224 comes first.",
      options: this.settings.resolutions.map((value) => ({ value, label: `${value}` })),
      onchange: (resolution) => this.analyse({ resolution }),
    });
    this.toolbar = make("div", { class: "toolbar" },
      this.views.element, make("div", { class: "toolbar-asks" }, this.resolutions.element, this.models.element));
  }

  buildWords() {
    this.status = make("p", { class: "status", role: "status", "aria-live": "polite", "data-status": "" });
    this.readout = make("span", { class: "readout", "data-readout": "" });
    this.progress = make("div", { class: "progress", "data-progress": "", "aria-hidden": "true" }, make("span"));
    this.alertWords = make("span");
    this.alertBar = make("div", { class: "alert", role: "alert", hidden: true, "data-alert": "" }, this.alertWords,
      make("button", {
        type: "button", class: "quiet-button", "aria-label": "Dismiss", onclick: () => this.alert(null),
      }, icon("close")));
    this.linkButton = make("button", { type: "button", class: "button", "data-action": "link",
      onclick: () => this.copyLink() }, icon("link"), make("span", {}, "Copy link"));
    this.rebuildButton = make("button", {
      type: "button", class: "button", "data-action": "rebuild", title: "Opens Reconstruct with this photo: what can be drawn from its concepts alone",
      onclick: () => this.rebuild(),
    }, icon("rebuild"), make("span", {}, "See it rebuilt"));
    this.actions = make("div", { class: "actions" }, this.rebuildButton, this.linkButton, this.downloads.element);
    this.similarButton = make("button", {
      type: "button", class: "button", "aria-pressed": "false", "data-control": "similarity",
      title: "Colours every patch by its cosine similarity to the one pointed at; or hold S",
      onclick: () => this.change({ similar: !this.state.similar }),
    }, icon("similar"), "Similar patches", make("kbd", {}, "S"));
    this.findButton = make("button", {
      type: "button", class: "button", "data-action": "find", onclick: () => this.find(),
    }, icon("search"), make("span", {}, "Find in other photos"));
    this.editButton = make("button", {
      type: "button", class: "button", "data-action": "edit", title: "Opens Edit with this photo: move, erase and swap its concepts, and see it drawn anew",
      onclick: () => this.edit(),
    }, icon("edit"), make("span", {}, "Edit this photo"));
  }

  emptyState() {
    return make("div", { class: "empty", "data-empty": "" }, icon("photo"),
      make("p", {}, "No photo yet."), make("p", { class: "hint" }, "Drop one here, paste one, or pick an example above."));
  }

  exampleOf(id) {
    return this.settings.examples.find((example) => example.id === id);
  }

  isShown() {
    return this.root.isConnected && this.root.getClientRects().length > 0;
  }

  // ---- asking and receiving ----

  /** The address wins over what the page came with: another photo, model or resolution is asked for. */
  begin(manifest, wish) {
    const { photo, concept, ...rest } = wish;
    Object.assign(this.state, rest);
    this.wishedConcept = concept ?? null;
    const example = photo ?? this.settings.default.example;
    this.wishedExample = example;
    const given = manifest?.analysis;
    const samePhoto = given && (photo === undefined || manifest.photo.example === photo);
    const isMet = samePhoto && given.model === this.state.model && given.resolution === this.state.resolution;
    if (samePhoto) this.source = { example: manifest.photo.example, photo: manifest.photo.token, name: manifest.photo.name };
    if (manifest && (samePhoto || manifest.status === "error")) this.receive(manifest);
    if (isMet) {
      this.describeState();
    } else if (given || "photo" in wish) {
      this.source ??= { example, name: this.exampleOf(example)?.title ?? "" };
      this.ask();
    } else if (!manifest) {
      this.root.dataset.state = "empty";
      this.describeState();
    }
  }

  open(source) {
    this.source = { photo: null, ...source };
    this.ask();
  }

  analyse(wanted) {
    Object.assign(this.state, wanted);
    this.describeState();
    if (this.source) this.ask();
  }

  /** One request; a later one makes this one's answers stale. */
  async ask({ force = false } = {}) {
    const request = (this.asked += 1);
    const { source, state } = this;
    this.loads += 1;
    this.alert(null);
    this.busy(source.file && !source.photo ? `Uploading ${source.name}…` : `Analysing ${source.name}…`);
    let path = null;
    if (source.file && !source.photo) {
      try {
        path = (await this.page.upload(source.file)).path;
      } catch (error) {
        if (request === this.asked) this.fail(`The photo could not be uploaded: ${error.message ?? error}`);
        return;
      }
      if (request !== this.asked) return;
      this.busy(`Analysing ${source.name}…`);
    }
    this.page.trigger("analyse", {
      request, example: source.example ?? null, photo: source.example ? null : (source.photo ?? null), upload: path,
      name: source.name, model: state.model, resolution: state.resolution, ...(force ? { force: true } : {}),
    });
  }

  async receive(manifest) {
    if (!manifest) return;
    const request = manifest.request ?? 0;
    if (request < this.asked) return;
    this.asked = request;
    if (manifest.status === "error") {
      if (!manifest.gone || !this.askAgain()) this.fail(manifest.message);
      return;
    }
    if (manifest.status === "waiting") {
      this.busy(`Waiting to analyse ${this.source?.name ?? "the photo"}: ${placeInWords(manifest.before).toLowerCase()}…`);
      return;
    }
    const load = (this.loads += 1);
    try {
      const kept = this.shown?.photo.address === manifest.photo.address ? this.shown.image : null;
      const [image, { arrays, received }] = await Promise.all([
        kept ?? fetchPhoto(manifest.photo), fetchPackage(manifest.analysis)]);
      if (load === this.loads) this.show(manifest, image, arrays, received);
    } catch (error) {
      if (load !== this.loads) return;
      if (!(error instanceof Gone) || !this.askAgain(manifest)) this.fail(error.message);
    }
  }

  /** What the server has lost is brought again by itself, once. */
  askAgain(manifest = null) {
    this.source ??= manifest && { example: manifest.photo.example, photo: manifest.photo.token, name: manifest.photo.name };
    const { source } = this;
    if (!source || source.isAgain || !(source.file || source.example)) return false;
    Object.assign(source, { isAgain: true, photo: null });
    this.ask({ force: true });
    return true;
  }

  fail(sentence) {
    this.alert(sentence);
    if (this.shown) {
      this.source = this.shown.source;
      this.state.model = this.shown.analysis.model;
      this.state.resolution = this.shown.analysis.resolution;
    }
    this.root.dataset.state = this.shown ? "ready" : "error";
    this.root.removeAttribute("aria-busy");
    this.say(this.shown ? this.summary() : "");
    this.describeState();
  }

  busy(words) {
    this.root.dataset.state = this.shown ? "busy" : "waiting";
    this.root.setAttribute("aria-busy", "true");
    this.say(words);
  }

  show(manifest, image, arrays, received) {
    const { photo, analysis } = manifest;
    const { state } = this;
    const isSamePhoto = this.shown?.photo.token === photo.token;
    const isFinal = manifest.status !== "sharpening";
    this.source = { ...this.source, example: photo.example, photo: photo.token, name: photo.name, isAgain: false };
    if (photo.example) this.source.file = null;
    this.shown = {
      key: `${analysis.token}/${this.loads}`, photo, analysis, image, arrays, received, isFinal, source: this.source,
      grid: openGrid(analysis, arrays), coarse: analysis.coarse ? openGrid(analysis, arrays, ".coarse") : null,
      order: tokensByMass(analysis.concepts), keptStrongest: null,
    };
    if (!isSamePhoto) Object.assign(state, { pinned: null, pointed: null, chip: null });
    if (this.wishedConcept !== null && photo.example === this.wishedExample) {
      if (this.wishedConcept < analysis.num_tokens) state.pinned = this.wishedConcept;
    }
    this.wishedConcept = null;
    state.model = analysis.model;
    if (isFinal) state.resolution = analysis.resolution;
    if (!analysis.bases.some(({ name }) => name === state.basis)) state.basis = analysis.bases[0].name;
    if (state.kept !== null && state.kept >= analysis.num_tokens) state.kept = null;
    this.repoint();
    this.chips.rebuild(this.scene(), this.shown.order);
    this.numbers.update(analysis, received);
    this.root.style.setProperty("--aspect", photo.width / photo.height);
    this.root.dataset.shape = shapeOf(photo.width / photo.height);
    this.root.dataset.state = isFinal ? "ready" : "sharpening";
    if (isFinal) this.root.removeAttribute("aria-busy");
    this.say(this.summary());
    this.describeState();
  }

  summary() {
    const { analysis, photo, isFinal } = this.shown;
    const took = `${analysis.resolution} px in ${secondsInWords(analysis.seconds)}`;
    return isFinal ? `${photo.name} · ${took}` : `${took} · sharpening to ${this.state.resolution}…`;
  }

  // ---- pointing, pinning, changing ----

  /** Every change of the picture comes through here. */
  change(values) {
    Object.assign(this.state, values);
    if (Object.keys(values).some((name) => !["pointed", "chip", "held"].includes(name))) this.describeState();
    else this.redraw();
  }

  keep(kept) {
    const all = this.shown?.analysis.num_tokens;
    if (this.shown) this.shown.keptStrongest = null;
    this.change({ kept: kept === all ? null : kept });
  }

  point(u, v) {
    if (!this.shown) return;
    const place = patchAt(this.shown.grid, u, v);
    if (this.state.pointed?.patch === place.patch) return;
    this.change({ pointed: { u, v, ...place } });
  }

  /** After a finer grid has come: the same place, another patch. */
  repoint() {
    const { pointed } = this.state;
    if (pointed) this.state.pointed = { ...pointed, ...patchAt(this.shown.grid, pointed.u, pointed.v) };
  }

  press(u, v, pointerType) {
    if (!this.shown) return;
    this.point(u, v);
    if (pointerType === "touch" && this.state.similar) return;
    this.pin(this.strongestAt(this.state.pointed.patch));
  }

  move(rows, cols) {
    if (!this.shown) return;
    const { grid } = this.shown;
    const from = this.state.pointed ?? patchAt(grid, 0.5, 0.5);
    const row = Math.min(grid.rows - 1, Math.max(0, from.row + rows));
    const col = Math.min(grid.cols - 1, Math.max(0, from.col + cols));
    this.point((col + 0.5) / grid.cols, (row + 0.5) / grid.rows);
    this.say(this.words());
  }

  /** Pin a concept, or let it go when it is the pinned one. */
  pin(token) {
    if (token === null || !this.shown) return;
    const pinned = token === this.state.pinned ? null : token;
    this.change({ pinned });
    this.chips.reveal(token);
    const mass = percentOf(this.shown.analysis.concepts[token].mass);
    this.say(pinned === null ? `Concept ${token} let go` : `Concept ${token} pinned, ${mass} of the photo`);
  }

  step(by) {
    const tokens = this.tokens();
    const at = tokens.indexOf(this.litToken());
    const next = tokens[at < 0 ? (by > 0 ? 0 : tokens.length - 1) : (at + by + tokens.length) % tokens.length];
    this.state.pinned = null;
    this.pin(next);
  }

  letGo() {
    if (this.state.pinned !== null) this.pin(this.state.pinned);
    else this.change({ pointed: null, chip: null, similar: false });
  }

  /** The kept tokens, by falling mass. */
  tokens() {
    const { order } = this.shown;
    return this.state.kept === null ? order : order.slice(0, this.state.kept);
  }

  strongestAt(patch) {
    const { shown } = this;
    if (this.state.kept === null) return shown.grid.strongest[patch];
    const { codes, peak, numPatches } = shown.grid;
    shown.keptStrongest ??= strongestTokens(codes, peak, this.tokens(), numPatches);
    return shown.keptStrongest[patch];
  }

  litToken() {
    const { pinned, chip, pointed } = this.state;
    if (!this.shown) return null;
    return pinned ?? chip ?? (pointed ? this.strongestAt(pointed.patch) : null);
  }

  // ---- drawing ----

  redraw() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      if (this.shown) this.frame();
    });
  }

  scene() {
    const { basis, style } = this.state;
    return { ...this.shown, basis, tokens: this.tokens(), smooth: style === "smooth" };
  }

  /** One frame. No layout is read here, and only what changed is painted again. */
  frame() {
    performance.mark("stellar-frame-start");
    const { state, shown } = this;
    const scene = this.scene();
    const token = this.litToken();
    const lit = this.lit(scene, token);
    for (const panel of this.panels) panel.draw(scene, lit);
    this.compare.draw(scene, lit);
    this.chips.drawMasks(scene, state.threshold);
    this.chips.mark({ lit: token, pinned: state.pinned, tokens: scene.tokens });
    write(this.readout, this.words());
    if (token !== this.describedToken || this.isSimilar() !== this.describedSimilar) this.describePhoto(token);
    this.root.toggleAttribute("data-similar", this.isSimilar());
    if (token === null) this.root.removeAttribute("data-lit");
    else this.root.setAttribute("data-lit", token);
    this.root.dataset.frame = shown.key;
    performance.measure("stellar-frame", "stellar-frame-start");
    this.frames = (this.frames ?? 0) + 1;
    performance.clearMarks("stellar-frame-start");
    if (this.frames % 2000 === 0) performance.clearMeasures("stellar-frame");
  }

  isSimilar() {
    return (this.state.held || this.state.similar) && this.state.pointed !== null;
  }

  /** What lies over the panels in this frame. */
  lit(scene, token) {
    const { pointed, opacity, threshold, show, style } = this.state;
    if (this.isSimilar()) {
      const key = `${scene.key}/similarity/${pointed.patch}/${opacity}/${style}`;
      const { similarity, similarity_scale: scale } = scene.arrays;
      if (this.similarityKey !== key) {
        this.similarityField = similarityTo(similarity, scale, pointed.patch);
        this.similarityKey = key;
      }
      const spec = { kind: "similarity", field: this.similarityField };
      return { pointed, render: (width, height) => this.overlay.render(spec, scene, opacity, width, height, key) };
    }
    if (token === null) return { pointed };
    const spec = { kind: show, token, threshold };
    const key = `${scene.key}/${show}/${token}/${threshold}/${opacity}/${style}`;
    return {
      pointed, colour: scene.analysis.palette[token],
      render: (width, height) => this.overlay.render(spec, scene, opacity, width, height, key),
      renderOn: (overlay, half, width, height) =>
        overlay.render(spec, half, opacity, width, height, `${half.key}/${key}`),
    };
  }

  // ---- words ----

  say(words) {
    write(this.status, words);
  }

  alert(sentence) {
    write(this.alertWords, sentence ?? "");
    this.alertBar.hidden = !sentence;
  }

  /** What the pointer is on. */
  words() {
    const { pinned, pointed } = this.state;
    const token = this.litToken();
    if (token === null) return "Point at a picture, or at a concept.";
    const { grid, analysis } = this.shown;
    const mass = percentOf(analysis.concepts[token].mass);
    if (!pointed) return `Concept ${token} · ${mass}${pinned === null ? "" : " · pinned, Esc lets go"}`;
    const share = (grid.codes[token * grid.numPatches + pointed.patch] * grid.peak[token]) / 255;
    const place = `row ${pointed.row + 1}, column ${pointed.col + 1}`;
    return `Concept ${token} · ${mass} · ${share.toFixed(2)} at ${place}${pinned === null ? "" : " · pinned"}`;
  }

  recipeValues() {
    const { threshold, kept, basis, pinned } = this.state;
    const token = pinned ?? this.litToken() ?? this.shown.order[0];
    return { threshold, kept: kept ?? this.shown.analysis.num_tokens, basis, token };
  }

  /** The photo's recipe is that of what is lit on it. */
  recipeNameOf(layer) {
    if (layer !== "photo") return layer;
    return this.isSimilar() ? "similarity" : this.litToken() === null ? "photo" : "concept";
  }

  describePhoto(token) {
    this.describedToken = token;
    this.describedSimilar = this.isSimilar();
    const { analysis, photo } = this.shown;
    const values = this.recipeValues();
    const about = photo.alt || photo.name;
    for (const panel of this.panels) {
      const { layer } = panel;
      panel.recipeText = recipeOf(analysis, this.recipeNameOf(layer), values);
      const lit = token === null ? "" : `; concept ${token} is lit`;
      panel.describe(`${LAYERS[layer].title} of ${about}, ${analysis.resolution} pixels${lit}`);
    }
  }

  /** After a change of state: attributes, controls, words and the address; then a frame. */
  describeState() {
    const { state, shown } = this;
    const { view } = state;
    this.root.dataset.view = view;
    for (const panel of this.panels) {
      panel.hidden = view === "side" ? !SIDE_BY_SIDE.includes(panel.layer) : panel.layer !== view;
    }
    this.compare.hidden = view !== "compare";
    this.views.set(view);
    this.models.set(state.model);
    this.resolutions.set(state.resolution);
    this.controls.update(state, shown?.analysis);
    this.similarButton.setAttribute("aria-pressed", String(state.similar));
    write(this.findButton.lastChild, state.pinned === null ? "Find in other photos" : "Find this in other photos");
    this.findButton.title = state.pinned === null ? "Opens Retrieve with this photo; click a concept first to find that one"
      : `Opens Retrieve with concept ${state.pinned}: the photos that hold it, and where`;
    if (state.pinned === null) this.root.removeAttribute("data-pinned");
    else this.root.setAttribute("data-pinned", state.pinned);
    if (!shown) return;
    const { analysis, photo } = shown;
    this.root.dataset.resolution = analysis.resolution;
    this.root.dataset.token = analysis.token;
    for (const panel of this.panels) {
      panel.legendEnd = panel.layer === "residual" ? analysis.residual_scale?.toFixed(2) ?? ""
        : `${analysis.entropy_max.toFixed(2)} nats`;
    }
    this.compare.update(shown);
    this.downloads.update(analysis, state.threshold);
    this.gather.mark(photo.example);
    this.linkButton.title = photo.example ? "A link to this example as it is shown now"
      : "Uploads are never in a link: the link has the settings, without the photo";
    this.describePhoto(this.litToken());
    this.redraw();
    clearTimeout(this.addressTimer);
    this.addressTimer = setTimeout(() => {
      if (this.isShown()) history.replaceState(history.state, "", this.link());
    }, ADDRESS_DELAY);
  }

  link() {
    const { state, shown, settings } = this;
    const isExample = Boolean(shown.photo.example);
    const looking = {
      photo: shown.photo.example, concept: isExample ? state.pinned : null, resolution: state.resolution,
      model: state.model, view: state.view, threshold: state.threshold, kept: state.kept, basis: state.basis,
      style: state.style, show: state.show,
    };
    const defaults = {
      photo: settings.default.example, resolution: settings.default.resolution, model: settings.default.model,
      view: "side", threshold: 1, basis: shown.analysis.bases[0].name, style: "smooth", show: "mask",
    };
    return writeAddress(window.location.href, looking, defaults);
  }

  async copyLink() {
    if (!this.shown) return;
    const isCopied = await this.copyDialog.copy(this.link());
    const isExample = Boolean(this.shown.photo.example);
    if (!isCopied) return;
    this.confirm(this.linkButton, "Copied");
    this.say(isExample ? "Link copied." : "Link copied, without the photo: uploads are never in a link.");
  }

  /** Retrieve opens with this photo, and with the pinned concept or else the heaviest. */
  find() {
    if (!this.shown) return;
    const { photo, analysis, image, arrays } = this.shown;
    findInRetrieve({ study: { photo, analysis, image, arrays }, token: this.state.pinned });
  }

  edit() {
    if (this.shown) openInEdit(this.handed());
  }

  rebuild() {
    if (this.shown) seeRebuilt(this.handed());
  }

  /** The photo, as another tab takes it over. */
  handed() {
    const { photo, analysis } = this.shown;
    return { asked: photo.example ? { example: photo.example } : { photo: photo.token }, name: photo.name, model: analysis.model };
  }

  async copyCode(layer, button) {
    if (!this.shown) return;
    const code = codeOf(this.shown.analysis, this.recipeNameOf(layer), this.recipeValues());
    if (!(await this.copyDialog.copy(code))) return;
    this.confirm(button, "Copied");
    this.say(`${LAYERS[layer].title}: code copied.`);
  }

  confirm(button, word) {
    const label = button.lastChild;
    button.dataset.label ??= label.textContent;
    write(label, word);
    clearTimeout(button.restoring);
    button.restoring = setTimeout(() => write(label, button.dataset.label), 1600);
  }

  /** Moving the window to a screen of another density changes the pixels but not the size. */
  redrawOnNewScreen() {
    const query = window.matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`);
    query.addEventListener("change", () => {
      if (this.shown) this.chips.rebuild(this.scene(), this.shown.order);
      this.redraw();
      this.redrawOnNewScreen();
    }, { once: true });
  }
}

/** Very wide photos get fewer columns. */
function shapeOf(aspect) {
  return aspect > 4.5 ? "panorama" : aspect > 2.2 ? "wide" : aspect < 0.5 ? "tall" : "usual";
}
