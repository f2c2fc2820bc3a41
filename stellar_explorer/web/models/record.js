/** One entry. What has not changed is left alone, so that a live update takes no focus and closes nothing. */

import { make } from "../shared/elements.js";
import { Curves } from "./curves.js";
import { fold, hasRoom } from "./fold.js";
import { Pictures } from "./pictures.js";
import { Progress } from "./progress.js";
import { numbersTable, scoresSection } from "./scores.js";

const PARTS = ["head", "problems", "facts", "scores", "numbers", "recipe", "card"];

export class RecordView {
  /** @param {(isOpen: boolean) => void} showCard the card is Gradio's, behind this element */
  constructor(showCard) {
    this.showCard = showCard;
    this.body = make("div", { class: "models-body" });
    this.element = make("div", { class: "models-main", "data-models-record": "" }, this.body);
    /** @type {string | null} */
    this.key = null;
    this.progress = new Progress();
    this.curves = new Curves();
    this.pictures = new Pictures();
    /** What each part shows. @type {Record<string, string>} */
    this.drawn = {};
    /** @type {Record<string, HTMLElement>} */
    this.slots = {};
  }

  /** @param {string} sentence */
  clear(sentence) {
    this.key = null;
    this.body.replaceChildren(make("p", { class: "models-empty" }, sentence));
    this.showCard(false);
  }

  /** @param {any} record as the server tells it */
  show(record) {
    if (record.key !== this.key) this.open(record.key);
    const { name, state, words, reason, problems, facts, scores, kind, sections, recipe } = record;
    const titles = this.jumps(record).map(({ title }) => title);
    this.part("head", [name, state, words, reason, titles], () => this.head(record));
    this.progress.update(record.progress);
    this.part("problems", problems, () => problems.length > 0 && make("ul", { class: "models-problems" },
      ...problems.map((/** @type {string} */ problem) => make("li", {}, problem))));
    this.part("facts", facts, () => facts.length > 0 && make("dl", { class: "numbers models-facts" },
      ...facts.map(fact)));
    this.part("scores", scores, () => scoresSection(scores, kind));
    this.curves.update(sections, record.smoothing, kind);
    this.pictures.update(record.pictures, record.pictured);
    this.part("numbers", sections, () => sections.length > 0 && numbersTable(sections));
    this.part("recipe", recipe, () => recipe.length > 0 && recipeTable(recipe));
    this.part("card", true, () => this.cardSwitch());
    this.element.setAttribute("data-shown", record.version);
  }

  /** The frame of another entry: its parts in their order. @param {string} key */
  open(key) {
    this.key = key;
    this.drawn = {};
    const slot = (/** @type {string} */ name) => make("div", { class: "models-slot", "data-part": name });
    this.slots = Object.fromEntries(PARTS.map((name) => [name, slot(name)]));
    this.progress = new Progress();
    this.curves = new Curves();
    this.pictures = new Pictures();
    const { head, problems, facts, scores, numbers, recipe, card } = this.slots;
    this.body.replaceChildren(head, this.progress.element, problems, facts, this.pictures.element, scores,
      this.curves.element, numbers, recipe, card);
  }

  /** Draws a part anew where its content is another; what was open stays open. @param {string} name
   * @param {any} content @param {() => HTMLElement | null | false} draw */
  part(name, content, draw) {
    const drawn = JSON.stringify(content);
    if (this.drawn[name] === drawn) return;
    const isFirst = this.drawn[name] === undefined;
    this.drawn[name] = drawn;
    const slot = this.slots[name];
    const before = [...slot.querySelectorAll("details")].map(({ open }) => open);
    const made = draw();
    slot.replaceChildren(...made ? [made] : []);
    if (isFirst) return;
    for (const [place, details] of slot.querySelectorAll("details").entries()) details.open = before[place] ?? false;
  }

  /** What is far down the page. @param {any} record */
  jumps({ pictures, scores, sections, recipe }) {
    const { slots } = this;
    return [
      { title: "Pictures", isThere: pictures.length > 0, element: this.pictures.element },
      { title: "Scores", isThere: Boolean(scores), element: slots.scores },
      { title: "Curves", isThere: sections.length > 0, element: this.curves.element },
      { title: "Recipe", isThere: recipe.length > 0, element: slots.recipe },
      { title: "Card", isThere: true, element: slots.card },
    ].filter(({ isThere }) => isThere);
  }

  /** @param {any} record */
  head(record) {
    const { name, state, words, reason } = record;
    const buttons = this.jumps(record).map(({ title, element }) => make("button", {
      type: "button", class: "quiet-button", "data-jump": title, onclick: () => jump(element),
    }, title));
    return make("div", { class: "models-head" },
      make("h2", {}, name),
      state ? make("span", { class: "models-state", "data-state": state },
        make("span", { class: "models-dot", "aria-hidden": "true" }), words) : null,
      make("div", { class: "models-jumps", role: "group", "aria-label": "Go to" }, ...buttons),
      reason ? make("p", { class: "models-reason" }, reason) : null);
  }

  /** The card is Markdown that Gradio draws and cleans, so it lies outside; here is what opens it. */
  cardSwitch() {
    const put = (/** @type {boolean} */ isOpen) => {
      button.setAttribute("aria-expanded", String(isOpen));
      this.showCard(isOpen);
    };
    const button = make("button", {
      type: "button", class: "models-card-switch", "aria-controls": "models-card",
      onclick: () => put(button.getAttribute("aria-expanded") !== "true"),
    }, "Card");
    put(hasRoom());
    return make("h3", {}, button);
  }

  /** Time passes also while no file changes. */
  tick() {
    this.progress.tick();
  }
}

/** To a part, which is opened if it is folded. @param {Element} element */
function jump(element) {
  const details = element.querySelector("details");
  if (details) details.open = true;
  const closed = element.querySelector('.models-card-switch[aria-expanded="false"]');
  if (closed instanceof HTMLElement) closed.click();
  element.scrollIntoView({ block: "start" });
}

/** @param {{label: string, value: string, hint: string}} fact */
function fact({ label, value, hint }) {
  return make("div", { class: "number" }, make("dt", {}, label),
    make("dd", {}, make("span", { class: "number-value", "data-long": value.length > 14 }, value),
      make("span", { class: "hint" }, hint)));
}

/** @param {[string, string][]} recipe */
function recipeTable(recipe) {
  const rows = recipe.map(([name, value]) => make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, value)));
  return fold(make("h3", {}, "Recipe"), `every setting it was trained with, ${recipe.length}`, [
    make("div", { class: "models-scroll", tabindex: 0, role: "region", "aria-label": "Recipe" },
      make("table", { class: "models-table" }, make("tbody", {}, ...rows)))], { isOpen: false });
}

