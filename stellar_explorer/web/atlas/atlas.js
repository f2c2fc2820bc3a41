/** The Atlas tab: a collection's concepts as a map, its legend, what is lit and the clusters. This file arranges. */

import { missingCollection } from "../session/links.js";
import { write } from "../shared/elements.js";
import { Tab } from "../shared/tab.js";
import * as address from "./address.js";
import { ClusterTable } from "./clusters.js";
import { Concepts } from "./concepts.js";
import { Crops } from "./crops.js";
import { categories } from "./fields.js";
import { Legend } from "./legend.js";
import { layOut, watchTheme } from "./layout.js";
import { Lighting } from "./lighting.js";
import { Loader } from "./loader.js";
import { AtlasMap } from "./map/map.js";
import { savePicture } from "./picture.js";
import { Selection } from "./selection.js";
import { fetchTitles } from "./server.js";
import { Toolbar, mapTools } from "./toolbar.js";
import { Waiting } from "./waiting.js";

/** @typedef {import("../shared/session.js").SessionState} SessionState */
/** @typedef {import("../shared/session.js").Session} Session @typedef {import("./points.js").Points} Points */

/** @param {{root: HTMLElement, session: Session}} place */
export function mount({ root, session }) {
  session.register("atlas", address);
  new AtlasTab(root, session).begin();
}

export class AtlasTab extends Tab {
  /** @param {HTMLElement} root @param {Session} session */
  constructor(root, session) {
    super(root, session, { name: "atlas", label: "Atlas" });
    /** @type {Points | null} */
    this.points = null;
    /** @type {import("./server.js").Collection | null} */
    this.collection = null;
    this.failure = "";
    this.lighting = new Lighting();
    this.waiting = new Waiting();
    this.crops = new Crops(() => this.arrive());
    this.concepts = new Concepts(this);
    this.map = new AtlasMap(this.crops, {
      hover: (under, place) => this.concepts.hover(under, place),
      pick: (under, place) => this.concepts.pick(under, place), open: (row) => this.concepts.retrieve(row),
      lasso: (rows) => this.select(rows), cancel: () => this.cancel(), moved: () => this.concepts.moved(),
      active: (isActive) => this.tools.showActive(isActive),
    });
    this.tools = mapTools(this.map);
    this.legend = new Legend({
      choose: (code) => this.choose(this.lighting.field, code), over: (code) => this.over(this.lighting.field, code),
    });
    this.clusters = new ClusterTable(this.crops, {
      choose: (code) => this.choose("cluster", code, true), over: (code) => this.over("cluster", code),
      pick: (id) => this.concepts.find(id),
    });
    this.selected = new Selection(this.crops, {
      clear: () => this.clear(), goTo: (rows) => this.map.view.goTo(rows), pick: (id) => this.concepts.find(id),
      fail: (sentence) => this.alert(sentence),
    });
    this.toolbar = new Toolbar({
      collection: (name) => session.change({ collection: name }),
      colour: (colour) => this.change({ colour: colour === "cluster" ? undefined : colour }, true),
      search: (search) => this.change({ search: search || undefined }),
      thumbnails: (isOn) => this.map.setThumbnails(isOn), save: (kind) => this.save(kind),
    });
    this.loader = new Loader({
      offer: (offered, chosen) => this.offer(offered, chosen), wait: (words, share) => this.wait(words, share),
      fresh: (words) => write(this.toolbar.fresh, words),
      open: (points, chosen, isKnown) => this.open(points, chosen, isKnown),
      fail: (sentence, isShown) => this.lost(sentence, isShown),
    });
    this.content = layOut(this);
    session.subscribe(({ tab }) => tab !== "atlas" && this.loader.stop());
    watchTheme(this);
  }

  // --- the session ---

  /** @override @param {SessionState} state @param {SessionState | null} seen */
  follow(state, seen) {
    const isOther = seen !== null && state.collection !== seen.collection;
    if (isOther) this.wait();
    if (!seen || isOther || seen.tab !== state.tab) this.loader.look(state.collection);
    if (this.points && seen && state.views.atlas !== seen.views.atlas) this.apply();
  }

  /** @param {address.AtlasView} view @param {boolean} [isStep] */
  change(view, isStep = false) {
    this.session.changeView("atlas", view, { isStep });
  }

  /** What of the view this map can show. */
  async apply() {
    if (!this.points) return;
    this.lighting.take(this.session.view("atlas"));
    this.toolbar.colour(this.lighting.field);
    this.map.choose(this.lighting.cluster);
    await this.show();
  }

  // --- getting the map ---

  /** @param {import("./server.js").Collection[]} offered @param {import("./server.js").Collection} chosen */
  offer(offered, chosen) {
    if (this.collection?.name !== chosen.name) this.points = null;
    this.collection = chosen;
    this.toolbar.offer(offered, chosen.name);
    const { collection } = this.session.state;
    if (collection && collection !== chosen.name)
      this.alert(missingCollection(collection, chosen.title ?? chosen.name));
  }

  /** @param {string} [words] @param {number | null} [share] */
  wait(words, share) {
    this.waiting.show(words, share);
    this.content.hidden = true;
    this.root.dataset.state = "waiting";
  }

  /** @param {string} sentence @param {boolean} isShown  whether a map is there still */
  lost(sentence, isShown) {
    this.failure = sentence;
    this.alert(sentence);
    if (isShown) return;
    this.waiting.hide();
    this.root.dataset.state = "waiting";
  }

  /** @param {Points} points @param {import("./server.js").Collection} chosen @param {boolean} isKnown */
  async open(points, chosen, isKnown) {
    this.points = points;
    this.collection = chosen;
    this.crops.open(chosen.name);
    for (const { crop } of points.manifest.clusters) if (crop) this.crops.give(crop.concept, crop);
    this.concepts.unpin();
    this.concepts.hoverCard.hide();
    this.lighting.open(points, this.session.view("atlas"));
    this.toolbar.open(points, this.lighting.field);
    if (this.failure && this.alertWords.textContent === this.failure) this.alert(null);
    this.waiting.hide();
    this.content.hidden = false;
    await this.map.open(points, { keep: isKnown });
    this.clusters.open(points);
    await this.apply();
    this.root.dataset.state = "ready";
    const titles = await fetchTitles(chosen.name).catch(() => new Map());
    if (this.points !== points) return;
    this.lighting.titles = titles;
    this.concepts.hoverCard.fill();
    if (this.session.view("atlas").search) this.apply();
  }

  // --- what is lit ---

  get isDark() {
    return Boolean(this.root.closest(".dark"));
  }

  /** code: -1 for none. @param {string} field @param {number} code @param {boolean} [comesFromTable] */
  choose(field, code, comesFromTable = false) {
    if (comesFromTable && code >= 0) this.map.frame.scrollIntoView({ block: "nearest", behavior: "smooth" });
    this.concepts.unpin();
    this.lighting.value = field === "cluster" || code < 0 ? null : { field, code };
    const cluster = field === "cluster" && code >= 0 ? code : undefined;
    if (this.session.view("atlas").cluster !== cluster) this.change({ cluster }, true);
    else this.apply();
  }

  /** @param {Uint32Array} rows */
  select(rows) {
    this.lighting.selection = rows.length ? rows : null;
    this.concepts.unpin();
    this.alert(rows.length ? null : "No dot lies inside this line; draw around some.");
    this.apply();
  }

  /** Escape takes back one thing. */
  cancel() {
    if (this.concepts.pinned >= 0) this.concepts.unpin();
    else this.clear();
  }

  clear() {
    this.lighting.selection = this.lighting.value = null;
    const { cluster, search } = this.session.view("atlas");
    if (cluster !== undefined || search) this.change({ cluster: undefined, search: undefined }, cluster !== undefined);
    else this.apply();
  }

  /** All parts, from what is lit now. */
  async show() {
    const { points, lighting, isDark } = this;
    if (!points) return;
    const shown = categories(points, lighting.field, isDark);
    const rows = lighting.lit;
    const painted = `${lighting.field}/${rows ? rows.length : "all"}`;
    const painting = this.map.paint(lighting.painting(shown, isDark));
    this.toolbar.search.show(this.session.view("atlas").search ?? "", lighting.found, points);
    this.legend.show(shown, points, lighting);
    this.clusters.mark(lighting.cluster);
    this.selected.show(this.collection?.name ?? "", points, rows);
    await painting;
    this.root.setAttribute("data-painted", painted);
  }

  /**
   * A value stands out while the pointer is over its line, its row or its label.
   * @param {string} field @param {number} code
   */
  over(field, code) {
    if (!this.points) return;
    this.map.light(code < 0 ? null : this.points.rowsWith(field, code), field === "cluster" ? code : -1);
    if (field === "cluster") this.mark(code);
  }

  /** @param {number} code */
  mark(code) {
    this.clusters.over(code);
    this.legend.over(this.lighting.field === "cluster" ? code : -1);
  }

  arrive() {
    this.map.touch();
    this.clusters.arrive();
    this.selected.arrive();
    this.concepts.fill();
  }

  /** @param {string} kind */
  save(kind) {
    const { points, map, lighting, collection } = this;
    if (!points || !map.painting) return;
    const title = collection?.title ?? collection?.name ?? "";
    const fail = (/** @type {Error} */ error) => this.alert(`The picture could not be made. ${error.message}`);
    savePicture(kind, { points, map, lighting, title }).catch(fail);
  }

  /** Crops and colours are the theme's. */
  repaint() {
    this.crops.forget();
    this.clusters.draw();
    this.show();
  }
}
