/**
 * The Atlas tab: a collection's concepts as a map, its legend, the selection and the clusters. This file arranges.
 *
 * A map that is not there yet is made by the server; while it is, its progress is asked for every second.
 */

import { choice } from "../shared/controls.js";
import { icon, make, uniqueId, write } from "../shared/elements.js";
import { findInRetrieve } from "../shared/handover.js";
import { ask } from "../shared/requests.js";
import { sentenceOf } from "../shared/package.js";
import { ConceptCard, PICTURE } from "./card.js";
import { ClusterTable } from "./clusters.js";
import { Crops } from "./crops.js";
import { Legend } from "./legend.js";
import { AtlasMap } from "./map.js";
import { mapPng, mapSvg, save } from "./picture.js";
import { DIMMED, FIELDS, NONE, fetchPoints } from "./points.js";
import { Selection } from "./selection.js";
import { smallPicture } from "../teach/marks.js";
import { namesOf } from "../teach/names.js";
import { indexedExample } from "../teach/store.js";

const ROOT = "[data-atlas]";
const WAIT = 1000;
const OURS = ["collection", "colour", "cluster"];
const OWN = "stellar-own-photos"; // where Retrieve keeps the name of a visitor's own collection
const EMPTY = "No collection is here yet. Make one: python -m index build PHOTOS --out indexes/mine, and start with --index-root indexes";

export function mountAtlas({ element }) {
  const root = element.matches?.(ROOT) ? element : element.querySelector(ROOT);
  if (!root || root.hasAttribute("data-mounted")) return;
  root.setAttribute("data-mounted", "");
  new AtlasTab(root);
}

async function fetchJson(address) {
  const response = await ask(address);
  if (!response.ok) throw new Error(await sentenceOf(response));
  return response.json();
}

function ownCollection() {
  try {
    return sessionStorage.getItem(OWN);
  } catch {
    return null; // storage is refused in a frame of another site
  }
}

/** The sign of "all of it": not a letter, which some fonts lack. */
function corners() {
  const svg = icon("close");
  svg.firstChild.setAttribute("d", "M4 8V4h4M12 4h4v4");
  svg.lastChild.setAttribute("d", "M16 12v4h-4M8 16H4v-4");
  return svg;
}

class AtlasTab {
  collection = null;
  points = null;
  key = null;
  field = "cluster";
  focus = null; // {field, code}: the one value that is lit
  selection = null; // rows inside the lasso
  pinned = -1;

  constructor(root) {
    this.root = root;
    this.crops = new Crops(() => this.arrive());
    this.map = new AtlasMap(this.crops, {
      hover: (row, place) => this.hover(row, place), pick: (row, place) => this.pick(row, place), open: (row) => this.retrieve(row),
      lasso: (rows) => this.select(rows), cancel: () => this.cancel(), moved: () => this.moved(),
    });
    this.hoverCard = new ConceptCard(this.crops, {});
    this.card = new ConceptCard(this.crops, {
      example: (row) => this.example(row), retrieve: (row) => this.retrieve(row), cluster: (code) => this.light({ field: "cluster", code }), close: () => this.pick(-1),
    });
    this.legend = new Legend({ focus: (code) => this.light(code === null ? null : { field: this.field, code }) });
    this.clusters = new ClusterTable(this.crops, {
      focus: (code) => this.light(code === null ? null : { field: "cluster", code }, true), pick: (id) => this.find(id),
    });
    this.selected = new Selection(this.crops, {
      clear: () => this.clear(), goTo: (rows) => this.map.goTo(rows), pick: (id) => this.find(id), fail: (sentence) => this.complain(sentence),
    });
    this.build();
    new ResizeObserver(() => {
      const isSeen = root.getClientRects().length > 0;
      if (isSeen === Boolean(this.isSeen)) return;
      this.isSeen = isSeen;
      if (isSeen) {
        if (this.points) this.note();
        this.look();
      } else {
        clearTimeout(this.timer);
        this.leave();
      }
    }).observe(root);
    let wasDark = this.isDark;
    new MutationObserver(() => {
      if (this.isDark === wasDark) return;
      wasDark = this.isDark;
      this.crops.forget();
      if (!this.points) return;
      this.paint();
      this.clusters.draw();
      this.update();
    }).observe(document.body, { attributes: true, attributeFilter: ["class"] });
    const asked = new URLSearchParams(location.search);
    this.asked = Object.fromEntries(OURS.map((name) => [name, asked.get(name)]));
  }

  build() {
    const id = uniqueId("collection");
    this.fresh = make("p", { class: "hint", role: "status" });
    this.chooser = make("select", { id, "data-collection": "", onchange: () => this.choose(this.chooser.value) });
    this.facts = make("p", { class: "hint" });
    this.colours = choice({ name: "colour", label: "Colour by", hint: FIELDS.cluster.hint, options: this.options(Object.keys(FIELDS)),
      onchange: (field) => this.colour(field) });
    const toggle = (words, title, isOn, onclick) => {
      const button = make("button", { type: "button", class: "button", title, "aria-pressed": String(isOn), onclick: () => {
        const next = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(next));
        onclick(next);
      } }, words);
      return button;
    };
    this.tools = choice({ name: "tool", label: "Tool", title: false, options: [
      { value: "move", label: "Move", hint: "Drag to move, scroll to zoom, click a concept for more" },
      { value: "lasso", label: "Lasso", hint: "Draw round concepts to select them; in Move, hold Shift and draw" },
    ], onchange: (tool) => this.map.setTool(tool) });
    this.tools.set("move");
    const zoom = (words, label, onclick) => make("button", { type: "button", class: "atlas-zoom", "aria-label": label, title: label, onclick }, words);
    const pictures = toggle("Crops when near", "Show crops of the concepts instead of dots, once few enough are in view", true, (isOn) => this.map.setPictures(isOn));
    const item = (words, hint, kind) => make("button", { type: "button", class: "menu-item atlas-menu-item", onclick: (event) => {
      event.currentTarget.closest("details").open = false;
      this.picture(kind);
    } }, make("strong", {}, words), make("span", { class: "hint" }, hint));
    this.menu = make("details", { class: "menu" }, make("summary", { class: "button" }, icon("download"), "Save map"),
      make("div", { class: "menu-items" }, item("PNG", "What is in view, with its legend, twice the size", "png"),
        item("SVG", "The same as lines and text, for print", "svg")));
    document.addEventListener("pointerdown", (event) => {
      if (!this.menu.contains(event.target)) this.menu.open = false;
    });
    this.alert = make("div", { class: "alert", role: "alert", hidden: true });
    this.map.element.append(
      make("div", { class: "atlas-tools" }, this.tools.element),
      make("div", { class: "atlas-zooms" }, zoom("+", "Closer", () => this.map.zoom(1.5)), zoom("−", "Farther", () => this.map.zoom(1 / 1.5)),
        zoom(corners(), "Show all of it", () => this.map.fit())),
      this.hoverCard.element, this.card.element);
    this.help = make("p", { class: "hint atlas-help" }, "Each dot is one concept of one photo; near each other means alike to the model. ", matchMedia("(hover: none)").matches
      ? "Pinch to zoom, drag to move, draw round dots with the lasso to select them, tap one for more."
      : "Scroll to zoom, drag to move, hold Shift and draw round dots to select them, click one for more, or twice to find it in other photos.");
    this.waitWords = make("p", { class: "atlas-wait-words" });
    this.waitBar = make("span", {});
    this.once = make("p", { class: "hint" }, "This happens once; the map is then kept beside the index.");
    this.wait = make("div", { class: "atlas-wait", role: "status" }, this.waitWords, make("div", { class: "atlas-wait-bar" }, this.waitBar),
      this.once);
    this.content = make("div", { class: "atlas-content", hidden: true },
      make("div", { class: "atlas-top" }, make("div", { class: "atlas-map-side" }, this.map.element, this.help), this.legend.element),
      this.selected.element, this.clusters.element);
    this.root.append(
      make("div", { class: "toolbar atlas-toolbar" },
        make("div", { class: "control" }, make("label", { for: id }, "Collection"), this.chooser, this.facts, this.fresh),
        this.colours.element,
        make("div", { class: "actions atlas-actions" }, pictures, this.menu)),
      this.alert, this.wait, this.content);
    this.root.setAttribute("data-state", "loading");
  }

  options(fields) {
    return fields.map((field) => ({ value: field, label: FIELDS[field].label, hint: FIELDS[field].hint }));
  }

  // --- getting the map ---

  /** What is offered now, and the chosen collection's map if it is another than the one shown. */
  async look() {
    clearTimeout(this.timer);
    try {
      const own = ownCollection();
      const { collections } = await fetchJson(`stellar/collections.json${own ? `?own=${encodeURIComponent(own)}` : ""}`);
      this.offered = collections;
      if (!this.offered.length) return this.say(EMPTY);
      const asked = this.collection ?? this.asked.collection;
      const chosen = (this.offered.find(({ name }) => name === asked) ?? this.offered[0]).name;
      if (this.collection !== chosen) this.points = this.key = null;
      this.collection = chosen;
      this.chooser.replaceChildren(...this.offered.map(({ name, title }) => make("option", { value: name, selected: name === this.collection }, title ?? name)));
      await this.load();
    } catch (problem) {
      this.complain(`The map cannot be shown now. ${problem.message}`);
      this.wait.hidden = true;
      if (!this.points) this.root.setAttribute("data-state", "waiting");
      this.later(5 * WAIT);
    }
  }

  later(wait = WAIT) {
    clearTimeout(this.timer);
    if (this.isSeen) this.timer = setTimeout(() => this.look(), wait);
  }

  choose(name) {
    this.collection = name;
    this.points = this.key = null;
    this.content.hidden = true;
    this.note();
    this.look();
  }

  // --- what is looked at, in the address: never a visitor's own photos ---

  note() {
    const { collection, field, focus } = this;
    const isOwn = this.offered?.find(({ name }) => name === collection)?.is_own;
    const address = new URL(location.href);
    const write = (name, value) => (value === null ? address.searchParams.delete(name) : address.searchParams.set(name, value));
    write("tab", "atlas");
    write("collection", isOwn ? null : collection);
    write("colour", field === "cluster" ? null : field);
    write("cluster", focus?.field === "cluster" && !isOwn ? focus.code + 1 : null);
    history.replaceState(history.state, "", address);
  }

  /** Another tab may have written its own already. */
  leave() {
    const address = new URL(location.href);
    const others = address.searchParams.get("tab") === "atlas" ? ["tab", "collection"] : [];
    for (const name of ["colour", "cluster", ...others]) address.searchParams.delete(name);
    history.replaceState(history.state, "", address);
  }

  async load() {
    const { collection } = this;
    const facts = this.offered.find(({ name }) => name === collection);
    if (facts.state === "failed") throw new Error(facts.message);
    if (facts.state === "building") {
      this.say(`The photos of ${facts.title ?? collection} are being read`, facts.progress);
      return this.later();
    }
    const manifest = await fetchJson(`stellar/collections/${encodeURIComponent(collection)}/atlas.json`);
    if (collection !== this.collection) return;
    if (manifest.state === "making") {
      this.say(manifest.stage, manifest.share);
      return this.later();
    }
    if (manifest.state === "failed") throw new Error(manifest.message);
    this.complain("");
    write(this.fresh, manifest.newer ? `${manifest.newer.stage}…` : "");
    if (manifest.newer) this.later();
    if (manifest.address === this.key) return;
    const points = await fetchPoints(manifest);
    if (collection !== this.collection) return;
    const isKnown = this.key !== null;
    this.key = manifest.address;
    await this.open(points, isKnown);
  }

  say(words, share = null) {
    this.wait.hidden = false;
    this.content.hidden = true;
    this.root.setAttribute("data-state", "waiting");
    write(this.waitWords, words);
    this.once.hidden = share === null || share === undefined;
    this.waitBar.parentElement.hidden = share === null || share === undefined;
    this.waitBar.style.width = `${100 * (share || 0)}%`;
  }

  complain(sentence) {
    this.alert.hidden = !sentence;
    write(this.alert, sentence);
  }

  /** isKnown: the same map, with what came since; the view stays where it is. */
  async open(points, isKnown) {
    this.points = points;
    this.crops.open(this.collection);
    this.focus = this.selection = null;
    this.pinned = -1;
    this.card.hide();
    this.hoverCard.hide();
    this.take(points);
    const { num_photos: photos, num_concepts: concepts, num_points: shown, clusters } = points.manifest;
    write(this.facts, `${concepts.toLocaleString("en")} concepts of ${photos.toLocaleString("en")} photos in ${clusters.length} clusters${shown < concepts ? `; every ${Math.round(concepts / shown)}th is shown` : ""}`);
    if (!points.fields.includes(this.field)) this.field = "cluster";
    this.colours.offer(this.options(points.fields));
    this.colours.set(this.field);
    this.hint();
    this.wait.hidden = true;
    this.content.hidden = false;
    await this.map.open(points, { keep: isKnown });
    this.clusters.open(points);
    await this.paint();
    this.update();
    this.root.setAttribute("data-state", "ready");
  }

  /** What the address asks for, once. */
  take(points) {
    const { colour, cluster } = this.asked;
    this.asked = {};
    if (points.fields.includes(colour)) this.field = colour;
    const code = Number(cluster) - 1;
    if (points.manifest.clusters[code]) this.focus = { field: "cluster", code };
  }

  // --- what is lit ---

  get isDark() {
    return Boolean(this.root.closest(".dark"));
  }

  colour(field) {
    this.field = field;
    this.hint();
    if (this.focus && this.focus.field !== "cluster") this.focus = null;
    this.note();
    this.paint();
    this.update();
  }

  hint() {
    write(this.colours.element.querySelector(".hint"), FIELDS[this.field].hint);
  }

  light(focus, comesFromTable = false) {
    this.focus = focus;
    if (focus && comesFromTable) this.map.element.scrollIntoView({ block: "nearest", behavior: "smooth" });
    this.pick(-1);
    this.note();
    this.paint();
    this.update();
  }

  select(rows) {
    this.selection = rows;
    this.pick(-1);
    this.paint();
    this.update();
  }

  clear() {
    this.focus = this.selection = null;
    this.note();
    this.paint();
    this.update();
  }

  cancel() {
    if (this.pinned >= 0) this.pick(-1);
    else this.clear();
  }

  /** The rows that are lit, or null when all are. */
  get lit() {
    const { focus, selection, points } = this;
    if (!focus) return selection;
    if (!selection) return points.rowsWith(focus.field, focus.code);
    const codes = points.codes(focus.field);
    return selection.filter((row) => codes[row] === focus.code);
  }

  /** The rows that the legend counts: of one of its own lines alone, it still tells of the others. */
  get counted() {
    return this.focus && this.focus.field !== this.field ? this.lit : this.selection;
  }

  async paint() {
    const { points } = this;
    const categories = points.categories(this.field, this.isDark);
    const colours = categories.map(({ colour }) => colour);
    const missing = categories.findIndex(({ code }) => code === NONE);
    const codes = points.codes(this.field).map((code) => (code === NONE ? missing : code));
    const rows = this.lit;
    const lit = new Uint8Array(points.length).fill(rows ? 0 : 1);
    if (rows) for (const row of rows) lit[row] = 1;
    await this.map.paint({ codes, lit, colours, dim: DIMMED[this.isDark ? "dark" : "light"] });
    this.root.setAttribute("data-painted", `${this.field}/${rows ? rows.length : "all"}`);
  }

  update() {
    const { points, focus, field, counted } = this;
    const categories = points.categories(field, this.isDark);
    this.legend.show(field, categories, points.counts(field, counted), focus?.field === field ? focus.code : null, counted !== null);
    this.clusters.mark(focus?.field === "cluster" ? focus.code : null);
    this.selected.show(this.collection, points, this.lit);
  }

  // --- one concept ---

  clusterOf(row) {
    const code = this.points.cluster[row];
    const { label, colour } = this.points.categories("cluster")[code];
    return { label, colour };
  }

  hover(row, place) {
    if (row < 0 || row === this.pinned) this.hoverCard.hide();
    else this.hoverCard.show(this.points, row, place, this.clusterOf(row), false);
  }

  pick(row, place) {
    this.pinned = row;
    this.map.mark(row);
    if (row < 0) this.card.hide();
    else {
      this.hoverCard.hide();
      this.card.show(this.points, row, place, this.clusterOf(row), true);
      this.callByOwnWords(row);
    }
  }

  async callByOwnWords(row) {
    const id = this.points.id[row];
    const collection = this.offered.find(({ name }) => name === this.collection);
    const named = collection && await namesOf(collection, { concepts: [id] });
    if (named && this.pinned === row && this.points.id[row] === id) this.card.call(named.concepts[id] ?? []);
  }

  /** A crop was chosen elsewhere on the page: the map goes to it. */
  find(id) {
    const row = this.points.rowOf.get(id);
    if (row === undefined) return this.complain("This concept is not among those that the map shows.");
    if (this.map.painting && !this.map.painting.lit[row]) this.clear();
    const [x, y] = this.points.position.slice(2 * row, 2 * row + 2);
    this.map.fly({ x, y, scale: Math.max(this.map.camera.scale, this.map.fitted.scale * Math.sqrt(this.points.length / 60)) });
    this.map.element.scrollIntoView({ block: "nearest", behavior: "smooth" });
    this.pick(row, this.map.onScreen(row));
  }

  retrieve(row) {
    const { collection, points } = this;
    findInRetrieve({ collection, photo: points.photo[row], token: points.token[row] });
  }

  /** As an example of the word that is taught in Retrieve. */
  example(row) {
    const id = this.points.id[row];
    const facts = this.crops.factsOf(id);
    const label = facts?.taught[0]?.[0] ?? facts?.names[0]?.[0] ?? `concept ${this.points.token[row]} of ${facts?.name ?? "a photo"}`;
    return indexedExample(this.collection, id, { label, picture: smallPicture(this.crops.picture(id, PICTURE)) });
  }

  moved() {
    if (this.pinned >= 0) {
      this.card.place = this.map.onScreen(this.pinned);
      this.card.put();
    }
  }

  arrive() {
    this.map.touch();
    for (const part of [this.clusters, this.selected]) part.arrive();
    for (const card of [this.card, this.hoverCard]) card.fill();
  }

  // --- a picture to keep ---

  async picture(kind) {
    try {
      const { map, points } = this;
      const counts = points.counts(this.field, this.counted);
      const title = this.offered.find(({ name }) => name === this.collection)?.title ?? this.collection;
      const rows = this.lit;
      const categories = points.categories(this.field, false); // on white, whatever the page's colours are
      const painting = { ...map.painting, colours: categories.map(({ colour }) => colour), dim: DIMMED.light };
      const text = mapSvg({ points, painting, camera: map.camera, size: map.size, width: map.width, height: map.height }, {
        title, legendTitle: FIELDS[this.field].label,
        source: `${rows ? `${rows.length.toLocaleString("en")} of ` : ""}${points.manifest.num_concepts.toLocaleString("en")} concepts of ${points.manifest.num_photos.toLocaleString("en")} photos, ${points.manifest.model}, UMAP; STELLAR Explorer`,
        legend: categories.map(({ code, label, colour }) => ({ label, colour, count: counts[code] })).filter(({ count }) => count)
          .sort((one, other) => (this.field === "mass" ? 0 : other.count - one.count)),
      });
      save(kind === "svg" ? new Blob([text], { type: "image/svg+xml" }) : await mapPng(text), `stellar-atlas.${kind}`);
    } catch (problem) {
      this.complain(`The picture could not be made. ${problem.message}`);
    }
  }
}

/** TODO: the page as it was, in the new frame. */
export function mount({ root, trigger }) {
  root.removeAttribute("data-mounted");
  root.setAttribute("data-atlas", "");
  mountAtlas({ element: root });
}
