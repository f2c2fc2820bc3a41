/**
 * The Models tab: a list at the side, and the chosen entry. This file arranges; curves and scores are drawn elsewhere.
 *
 * Everything is read from the server's own addresses and written as text. While a training runs and somebody looks,
 * the list is asked for again every few seconds, and an entry only when its files have changed.
 */

import { fetchJson, Gone } from "../shared/server.js";
import { Tab } from "../shared/tab.js";
import { ADDRESS, TABLES } from "./address.js";
import { keepCardReachable } from "./card.js";
import { List } from "./list.js";
import { PaperTables } from "./paper_tables.js";
import { RecordView } from "./record.js";

/** @typedef {import("./list.js").Entry} Entry @typedef {import("./list.js").Overview} Overview */

const EMPTY = "No checkpoint and no run is here. Train one: python -m train --recipe nano --out runs/nano";
const MISSING = "The model of this link is not here; another one is shown.";

/** @param {import("../frame/frame.js").Mounting} mounting */
export async function mount({ root, session, trigger }) {
  const tab = new ModelsTab(root, session, (key) => trigger?.("choose", { key }));
  await tab.look(); // so that all of it appears at once
  root.replaceChildren(tab.alertBar, tab.list.element, tab.record.element, tab.tables.element);
  keepCardReachable();
  tab.begin();
}

class ModelsTab extends Tab {
  /** @param {HTMLElement} root @param {import("../shared/session.js").Session} session
   * @param {(key: string) => void} askForCard */
  constructor(root, session, askForCard) {
    super(root, session, { name: "models", label: "Models" });
    this.askForCard = askForCard;
    /** @type {Overview | null} */
    this.overview = null;
    /** The entry that is drawn, and as which version. @type {string | null} */
    this.chosen = null;
    /** @type {string | null} */
    this.shown = null;
    this.isBusy = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.list = new List((key) => session.changeView("models", { entry: key }, { isStep: true }));
    this.record = new RecordView((isOpen) => root.toggleAttribute("data-card", isOpen));
    this.tables = new PaperTables();
    session.register("models", ADDRESS);
    document.addEventListener("visibilitychange", () => this.look());
  }

  /** What was looked at when the tab came is not asked for twice.
   * @override @param {import("../shared/session.js").SessionState} _state
   * @param {import("../shared/session.js").SessionState | null} seen */
  follow(_state, seen) {
    if (this.overview && seen) this.refresh();
    if (!this.overview || seen) this.look();
  }

  /** Ask now if somebody looks, and again later while something runs. */
  async look() {
    clearTimeout(this.timer);
    if (!this.isShown || document.hidden || this.isBusy) return;
    this.isBusy = true;
    try {
      this.overview = /** @type {Overview} */ (await fetchJson("stellar/models.json"));
      this.alert(null);
      await this.refresh();
    } catch (error) {
      this.alert(`The models cannot be read now. ${error instanceof Error ? error.message : error}`);
    }
    this.isBusy = false;
    this.root.dataset.state = "ready";
    this.root.dataset.looks = String(1 + Number(this.root.dataset.looks ?? 0));
    const seconds = this.overview?.refresh ?? 15;
    if (seconds) this.timer = setTimeout(() => this.look(), seconds * 1000);
  }

  /** What the session says is shown; where it says nothing, a running training, else the first checkpoint. */
  entry() {
    const entries = this.overview?.entries ?? [];
    const wanted = this.session.view("models").entry;
    const found = entries.find(({ key }) => key === wanted);
    if (wanted && !found) this.alert(MISSING);
    const stays = entries.find(({ key }) => key === this.chosen && !wanted);
    return found ?? stays ?? entries.find(({ state }) => state === "running") ?? entries[0];
  }

  async refresh() {
    const isTables = this.session.view("models").entry === TABLES;
    this.root.toggleAttribute("data-tables", isTables); // the card is an entry's
    this.record.element.hidden = isTables;
    this.tables.element.hidden = !isTables;
    if (isTables) {
      if (this.overview) this.list.show(this.overview, TABLES);
      this.tables.show(await this.during(fetchJson("stellar/models/tables.json")));
      return;
    }
    const entry = this.entry();
    if (!entry || !this.overview) {
      this.record.clear(EMPTY);
      return;
    }
    this.list.show(this.overview, entry.key);
    if (entry.key !== this.chosen) {
      this.chosen = entry.key;
      this.shown = null;
      this.askForCard(entry.key);
    }
    if (entry.version !== this.shown) await this.bring(entry);
    this.record.tick();
  }

  /** @param {Entry} entry */
  async bring({ key }) {
    try {
      const record = await this.during(fetchJson(`stellar/models/${key}.json`));
      if (record.key !== this.chosen) return; // another was chosen meanwhile
      this.shown = record.version;
      this.record.show(record);
    } catch (error) {
      if (key === this.chosen) this.alert(error instanceof Error ? error.message : String(error));
      if (!(error instanceof Gone)) throw error;
    }
  }
}
