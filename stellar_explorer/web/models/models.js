/**
 * The Models tab: a list at the side, and the chosen entry. This file arranges; curves and scores are drawn elsewhere.
 *
 * Everything is read from the server's own addresses and written as text. While a training runs and somebody looks,
 * the list is asked for again every few seconds, and an entry only when its files have changed.
 */

import { Curves } from "../drawing/curves.js";
import { make, write } from "../shared/elements.js";
import { resolveAddress } from "../shared/package.js";
import { numbersTable, scoresSection } from "../drawing/scores.js";

const LIST = "[data-models-list]";
const RECORD = "[data-models-record]";
const KINDS = { run: "Training runs", checkpoint: "Checkpoints" };
const EMPTY = "No checkpoint and no run is here. Train one: python -m train --recipe nano --out runs/nano";

/** Called by the page once for the list and once for the entry, in either order. */
export function mountModels({ element, trigger }) {
  const find = (selector) => (element.matches?.(selector) ? element : element.querySelector(selector));
  const list = find(LIST);
  const record = find(RECORD);
  if (list && !list.hasAttribute("data-mounted")) tab.takeList(list, trigger);
  if (record && !record.hasAttribute("data-mounted")) tab.takeRecord(record);
}

async function fetchJson(address) {
  const response = await fetch(resolveAddress(address));
  if (!response.ok) throw new Error(response.status === 404 ? await response.text() : `The server answered ${response.status}.`);
  return response.json();
}

class ModelsTab {
  overview = null;
  chosen = null;
  shown = null; // the version of the entry that is drawn
  list = null;
  view = null;
  isSeen = false;
  isBusy = false;
  timer = 0;

  takeList(root, trigger) {
    root.setAttribute("data-mounted", "");
    this.list = new List(root, (key) => this.choose(key));
    this.trigger = trigger;
    // A closed tab has no size. Scrolled out of sight is another matter: the curves below still go on.
    new ResizeObserver(() => {
      const isSeen = root.getClientRects().length > 0;
      if (isSeen === this.isSeen) return;
      this.isSeen = isSeen;
      this.look();
    }).observe(root);
    document.addEventListener("visibilitychange", () => this.look());
  }

  takeRecord(root) {
    root.setAttribute("data-mounted", "");
    this.view = new RecordView(root);
    this.look();
  }

  get isOpen() {
    return this.list && this.view && this.isSeen && !document.hidden;
  }

  /** Ask now if somebody looks, and again later while something runs. */
  async look() {
    clearTimeout(this.timer);
    if (!this.isOpen || this.isBusy) return;
    this.isBusy = true;
    try {
      this.overview = await fetchJson("stellar/models.json");
      const keys = this.overview.entries.map(({ key }) => key);
      if (!keys.includes(this.chosen)) this.pick(first(this.overview.entries));
      this.list.show(this.overview, this.chosen);
      await this.refresh();
      this.view.complain("");
    } catch (error) {
      this.view.complain(`The models cannot be read now. ${error.message}`);
    }
    this.isBusy = false;
    this.list.root.setAttribute("data-state", "ready");
    this.list.root.setAttribute("data-looks", String(1 + Number(this.list.root.dataset.looks ?? 0)));
    const seconds = this.overview?.refresh ?? 15;
    if (this.isOpen && seconds) this.timer = setTimeout(() => this.look(), seconds * 1000);
  }

  pick(key) {
    this.chosen = key;
    this.shown = null;
    if (key) this.trigger("choose", { key });
  }

  async choose(key) {
    if (key === this.chosen) return;
    this.pick(key);
    this.list.show(this.overview, key);
    try {
      await this.refresh();
      this.view.complain("");
    } catch (error) {
      this.view.complain(error.message);
    }
  }

  async refresh() {
    const entry = this.overview.entries.find(({ key }) => key === this.chosen);
    if (!entry) {
      this.view.clear(EMPTY);
      return;
    }
    if (entry.version !== this.shown) {
      const record = await fetchJson(`stellar/models/${entry.key}.json`);
      if (record.key !== this.chosen) return; // another was chosen meanwhile
      this.shown = record.version;
      this.view.show(record);
    }
    this.view.tick();
  }
}

/** What to open with: a running training, else the first checkpoint. */
function first(entries) {
  return (entries.find(({ state }) => state === "running") ?? entries[0])?.key ?? null;
}

class List {
  constructor(root, choose) {
    this.root = root;
    this.choose = choose;
    this.drawn = "";
    this.problems = make("div", { class: "models-problems" });
    this.nav = make("nav", { "aria-label": "Models and runs" });
    root.replaceChildren(this.nav, this.problems);
  }

  show(overview, chosen) {
    const drawn = JSON.stringify([overview.entries, overview.problems, chosen]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const focused = this.nav.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    this.nav.replaceChildren(...Object.entries(KINDS).flatMap(([kind, title]) => {
      const entries = overview.entries.filter((entry) => entry.kind === kind);
      if (!entries.length) return [];
      return [make("section", { class: "models-kind" }, make("h3", {}, title),
        make("ul", {}, ...entries.map((entry) => make("li", {}, this.item(entry, entry.key === chosen)))))];
    }));
    this.problems.replaceChildren(...overview.problems.map((problem) => make("p", { class: "hint" }, problem)));
    if (focused) this.nav.querySelector(`[data-key="${focused}"]`)?.focus();
  }

  item(entry, isChosen) {
    return make("button", {
      type: "button", class: "models-item", "data-key": entry.key, "data-state": entry.state ?? "", "aria-current": isChosen && "true",
      onclick: () => this.choose(entry.key),
    }, make("span", { class: "models-item-name" }, entry.state && make("span", { class: "models-dot", "aria-hidden": "true" }),
      make("span", {}, entry.name)), make("span", { class: "hint" }, entry.line));
  }
}

/** One entry. What has not changed is left alone, so that a live update takes no focus and closes nothing. */
class RecordView {
  constructor(root) {
    this.root = root;
    this.alert = make("p", { class: "alert", role: "alert", hidden: true });
    this.body = make("div", { class: "models-body" });
    root.replaceChildren(this.alert, this.body);
    this.key = null;
  }

  complain(sentence) {
    this.alert.hidden = !sentence;
    write(this.alert, sentence);
  }

  clear(sentence) {
    this.key = null;
    this.body.replaceChildren(make("p", { class: "models-empty" }, sentence));
  }

  show(record) {
    if (record.key !== this.key) this.open(record.key);
    this.record = record;
    this.part("head", [record.name, record.state, record.words, record.reason, this.parts(record)], () => header(record, this.parts(record)));
    this.progress.update(record.progress);
    this.part("problems", record.problems, () => record.problems.length > 0 && make("ul", { class: "models-problems" },
      ...record.problems.map((problem) => make("li", {}, problem))));
    this.part("facts", record.facts, () => record.facts.length > 0 && make("dl", { class: "numbers models-facts" },
      ...record.facts.map(({ label, value, hint }) => make("div", { class: "number" }, make("dt", {}, label),
        make("dd", {}, make("span", { class: "number-value", "data-long": value.length > 14 }, value), make("span", { class: "hint" }, hint))))));
    this.part("scores", record.scores, () => scoresSection(record.scores, record.kind));
    this.curves.update(record.sections, record.smoothing, record.kind);
    this.pictures.update(record.pictures, record.pictured);
    this.part("numbers", record.sections, () => record.sections.length > 0 && numbersTable(record.sections));
    this.part("recipe", record.recipe, () => record.recipe.length > 0 && recipeTable(record.recipe));
    this.root.setAttribute("data-shown", record.version);
  }

  /** The frame of another entry: its parts in their order. A run is about its course, a checkpoint about its scores. */
  open(key) {
    this.key = key;
    this.drawn = {};
    this.slots = Object.fromEntries(["head", "problems", "facts", "scores", "numbers", "recipe"].map(
      (name) => [name, make("div", { class: "models-slot", "data-part": name })]));
    this.progress = new Progress();
    this.curves = new Curves();
    this.pictures = new Pictures();
    const { head, problems, facts, scores, numbers, recipe } = this.slots;
    this.body.replaceChildren(head, this.progress.element, problems, facts, this.pictures.element, scores,
      this.curves.element, numbers, recipe);
  }

  part(name, content, draw) {
    const drawn = JSON.stringify(content);
    if (this.drawn[name] === drawn) return;
    this.drawn[name] = drawn;
    const openNow = [...this.slots[name].querySelectorAll("details")].map(({ open }) => open);
    this.slots[name].replaceChildren(...[draw()].filter(Boolean));
    this.slots[name].querySelectorAll("details").forEach((details, place) => { details.open = openNow[place] ?? false; });
  }

  /** [[name, its element], ...] of what is far down the page. */
  parts(record) {
    return [
      [record.pictures.length, "Pictures", () => this.pictures.element], [record.scores, "Scores", () => this.slots.scores],
      [record.sections.length, "Curves", () => this.curves.element], [record.recipe.length, "Recipe", () => this.slots.recipe],
      [true, "Card", () => document.querySelector("#models-card")],
    ].filter(([isThere]) => isThere).map(([, name, find]) => [name, find]);
  }

  /** Time passes also while no file changes. */
  tick() {
    this.progress?.tick();
  }
}

function header(record, parts) {
  return make("div", { class: "models-head" },
    make("h2", {}, record.name),
    record.state ? make("span", { class: "models-state", "data-state": record.state },
      make("span", { class: "models-dot", "aria-hidden": "true" }), record.words) : null,
    parts.length > 1 ? make("div", { class: "models-jumps", role: "group", "aria-label": "Go to" }, ...parts.map(([name, find]) =>
      make("button", { type: "button", class: "quiet-button", "data-jump": name, onclick: () => find()?.scrollIntoView({ block: "start" }) }, name))) : null,
    record.reason ? make("p", { class: "models-reason" }, record.reason) : null);
}

class Progress {
  constructor() {
    this.words = make("span", { class: "models-step" });
    this.left = make("span", { class: "hint" });
    this.age = make("span", { class: "hint models-age" });
    this.fill = make("span", {});
    this.bar = make("div", { class: "models-bar", role: "progressbar", "aria-label": "Steps done", "aria-valuemin": "0",
      "aria-valuemax": "100" }, this.fill);
    this.element = make("div", { class: "models-progress", hidden: true },
      make("div", { class: "models-progress-words" }, this.words, this.left, this.age), this.bar);
  }

  update(progress) {
    this.element.hidden = !progress;
    if (!progress) return;
    write(this.words, progress.words);
    write(this.left, progress.left);
    this.bar.hidden = progress.share === null;
    if (progress.share !== null) {
      this.fill.style.width = `${progress.share * 100}%`;
      this.bar.setAttribute("aria-valuenow", String(Math.round(progress.share * 100)));
    }
    this.updated = progress.updated;
    this.tick();
  }

  tick() {
    write(this.age, this.updated ? `last word ${ago(Date.now() / 1000 - this.updated)}` : "");
  }
}

function ago(seconds) {
  if (seconds < 5) return "just now";
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} days ago`;
}

/** What the model made of a few photos, at each step that was kept; the newest unless another is chosen. */
class Pictures {
  constructor() {
    this.all = [];
    this.isNewest = true;
    this.image = make("img", { class: "models-picture", alt: "" });
    this.image.addEventListener("error", () => write(this.words, `${this.words.textContent} (this picture cannot be shown)`));
    this.words = make("output", { class: "control-value" });
    this.hint = make("p", { class: "hint" });
    this.range = make("input", { type: "range", min: "0", step: "1", "aria-label": "Step of the picture" });
    this.range.addEventListener("input", () => {
      this.isNewest = Number(this.range.value) === this.all.length - 1;
      this.draw();
    });
    this.element = make("section", { class: "models-section", hidden: true, "data-part": "pictures" },
      make("div", { class: "section-head" }, make("h3", {}, "What it makes of photos"), this.words),
      this.hint,
      make("div", { class: "models-picture-frame" }, this.image), this.range);
  }

  update(pictures, pictured) {
    write(this.hint, pictured);
    this.element.hidden = !pictures.length;
    const place = this.isNewest ? pictures.length - 1 : Number(this.range.value);
    this.all = pictures;
    this.range.max = String(Math.max(pictures.length - 1, 0));
    this.range.value = String(place);
    this.range.hidden = pictures.length < 2;
    if (pictures.length) this.draw();
  }

  draw() {
    const picture = this.all[Number(this.range.value)];
    const address = resolveAddress(picture.address);
    if (this.image.src !== address) this.image.src = address;
    this.range.style.setProperty("--filled", `${(100 * Number(this.range.value)) / Math.max(this.all.length - 1, 1)}%`);
    const step = `step ${picture.step.toLocaleString("en")}`;
    this.range.setAttribute("aria-valuetext", step);
    this.image.alt = `${this.hint.textContent} At ${step}.`;
    write(this.words, `${step}${this.all.length > 1 ? `, ${Number(this.range.value) + 1} of ${this.all.length}` : ""}`);
  }
}

function recipeTable(recipe) {
  return make("details", { class: "models-details" }, make("summary", {}, "The recipe, every setting"),
    make("div", { class: "models-scroll", tabindex: "0", role: "region", "aria-label": "Recipe" },
      make("table", { class: "models-table" }, make("tbody", {}, ...recipe.map(([name, value]) =>
        make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, value)))))));
}

const tab = new ModelsTab();

/** TODO: the page as it was, in the new frame. */
export function mount({ root, trigger }) {
  const [list, record] = ["data-models-list", "data-models-record"].map((name) => make("div", { [name]: "", class: "stellar-stage stellar-models" }));
  root.replaceChildren(list, record);
  mountModels({ element: list, trigger });
  mountModels({ element: record, trigger });
}
