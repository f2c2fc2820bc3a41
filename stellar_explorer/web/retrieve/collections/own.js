/** A visitor's own photos: dropped or chosen, sent one by one, and searchable as soon as each has come. */

import { icon, make, write } from "../../shared/elements.js";
import { ask, resolveAddress } from "../../shared/requests.js";
import { Gone, fetchJson } from "../../shared/server.js";
import { fitted, refusal } from "../../shared/uploads.js";
import { collectionAddress } from "../photo.js";

const REMEMBERED = "stellar-own-photos";
const MOST_FILES = 500; // the server takes no more of one visitor
const AT_ONCE = 2; // one on its way while another is read
const MOST_NAMED = 3;
const SHARED = "Everyone who visits this page sees them.";
const ALONE = "They stay on this server until you close this page, at most an hour after you last used them; "
  + "only you see them.";

/**
 * What came of some files so far.
 * @typedef {{photos: File[], others: number, at: number, done: number, added: number, known: number, bad: string[][],
 *   isHalted?: boolean, reason?: string}} Run
 *
 * @typedef {Object} Events
 * @property {(files: File[]) => void} chosen
 * @property {(name: string) => Promise<void>} start  files are about to go into the collection of this name
 * @property {(facts: any) => void} added  the collection's facts after one more photo
 * @property {() => Promise<void>} end
 * @property {(sentence: string) => void} refuse
 */

/**
 * The name of this visitor's collection, for as long as the browser's tab is open. It is a key: never in a link.
 * @param {string | null} [name]  to remember, null to forget
 */
function remembered(name) {
  try {
    if (name === null) window.sessionStorage.removeItem(REMEMBERED);
    else if (name !== undefined) window.sessionStorage.setItem(REMEMBERED, name);
    return window.sessionStorage.getItem(REMEMBERED);
  } catch {
    return name ?? null; // storage is refused in a frame of another site
  }
}

/** The page is closed, or loaded anew: then it says at once that its visitor is still here. @param {string} name */
function sayLeft(name) {
  navigator.sendBeacon?.(resolveAddress(collectionAddress(name, "left")));
}

/** @param {string} name */
function sayHere(name) {
  fetch(resolveAddress(`stellar/collections.json?own=${encodeURIComponent(name)}`)).catch(() => {});
}

export class OwnPhotos {
  /** @param {{max_bytes: number, accept: string}} settings @param {Events} on */
  constructor(settings, on) {
    this.settings = settings;
    this.on = on;
    /** @type {string | null} */
    this.name = remembered() || null;
    /** @type {Run | null} */
    this.run = null;
    if (this.name) sayHere(this.name);
    window.addEventListener("pagehide", () => this.name && sayLeft(this.name));
    window.addEventListener("pageshow", (event) => event.persisted && this.name && sayHere(this.name));
    this.isShared = false; // the server was started to put all visitors' photos into one collection
    this.suffixes = settings.accept.split(",").filter((one) => one.startsWith("."));
    this.words = make("p", { role: "status", "aria-live": "polite" });
    this.bad = make("p", { class: "hint" });
    this.fill = make("span", {});
    this.bar = make("div", {
      class: "retrieve-bar", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100",
      "aria-label": "Photos read",
    }, this.fill);
    this.stop = make("button", {
      type: "button", class: "quiet-button", "data-action": "stop", onclick: () => this.halt(),
    }, "Stop");
    this.dismiss = make("button", {
      type: "button", class: "quiet-button", "aria-label": "Dismiss", hidden: true,
      onclick: () => { this.element.hidden = true; },
    }, icon("close"));
    this.element = make("div", { class: "retrieve-own", hidden: true, "data-own": "" },
      make("div", { class: "retrieve-own-words" }, this.words, this.stop, this.dismiss), this.bar, this.bad);
    this.chooser = make("input", {
      type: "file", multiple: true, accept: settings.accept, class: "unseen", tabindex: "-1", "aria-hidden": "true",
      "data-control": "own-files",
      onchange: () => {
        this.on.chosen([...(this.chooser.files ?? [])]);
        this.chooser.value = "";
      },
    });
  }

  choose() {
    this.chooser.click();
  }

  forget() {
    this.name = remembered(null);
  }

  /** @param {File} file */
  isPhoto(file) {
    return file.type.startsWith("image/") || this.suffixes.some((suffix) => file.name.toLowerCase().endsWith(suffix));
  }

  /**
   * Until all are read. Others than photos are counted and left; what cannot be opened is named at the end.
   * @param {File[]} files
   */
  async add(files) {
    const photos = files.filter((file) => this.isPhoto(file));
    const others = files.length - photos.length;
    if (!photos.length) {
      this.on.refuse(files.length ? "None of these files is a photo; drop JPEG, PNG or WebP files, or a folder of them."
        : "This folder is empty.");
      return;
    }
    if (this.run) {
      this.run.photos.push(...photos);
      this.run.others += others;
      return;
    }
    /** @type {Run} */
    const run = { photos: photos.slice(0, MOST_FILES), others, at: 0, done: 0, added: 0, known: 0, bad: [] };
    this.run = run;
    this.element.hidden = false;
    this.stop.hidden = false;
    this.dismiss.hidden = true;
    this.show();
    try {
      await this.on.start(await this.make());
      await Promise.all(Array.from({ length: AT_ONCE }, () => this.work(run)));
    } catch (error) {
      run.reason = /** @type {Error} */ (error).message;
    }
    if (this.run === run) await this.end();
  }

  /** What is on its way still comes. */
  halt() {
    if (!this.run) return;
    this.run.isHalted = true;
    this.stop.hidden = true;
    write(this.words, "Stopping…");
  }

  /** @returns {Promise<string>} its name */
  async make() {
    if (!this.name) {
      const { name } = await fetchJson("stellar/collections/own", { method: "POST" });
      remembered(name);
      this.name = name;
    }
    return /** @type {string} */ (this.name);
  }

  /** @param {Run} run */
  async work(run) {
    while (this.run === run && !run.isHalted && run.at < run.photos.length) {
      const file = run.photos[run.at++];
      const fault = refusal(file);
      if (fault) run.bad.push([file.name, fault]);
      else await this.send(file, run);
      run.done += 1;
      this.show();
    }
  }

  /** @param {File} file @param {Run} run @param {boolean} [isAgain] */
  async send(file, run, isAgain = false) {
    const rest = `photos?name=${encodeURIComponent(file.webkitRelativePath || file.name)}`;
    let body;
    try {
      body = (await fitted(file, this.settings.max_bytes)).file;
    } catch (error) {
      run.bad.push([file.name, /** @type {Error} */ (error).message]);
      return;
    }
    const response = await ask(collectionAddress(await this.make(), rest), { method: "POST", body })
      .catch(() => { throw new Error("The server does not answer; is it still running?"); });
    if (this.run !== run) return; // they were removed meanwhile
    if (response.status === 404 && !isAgain) { // gone after an hour without use
      this.forget();
      await this.on.start(await this.make());
      await this.send(file, run, true);
    } else if (response.ok) {
      const facts = await response.json();
      run[facts.new ? "added" : "known"] += 1;
      this.on.added(facts);
    } else if (response.status < 500 || response.status === 503) {
      const sentence = await response.text();
      if (/^\d+ photos are the most/.test(sentence)) throw new Error(sentence);
      run.bad.push([file.name, sentence]);
    } else {
      throw new Error(`The server answered ${response.status}.`);
    }
  }

  show() {
    const { run } = this;
    if (!run || run.isHalted) return;
    const share = run.done / run.photos.length;
    write(this.words, `Reading your photos: ${run.done} of ${run.photos.length}`);
    write(this.bad, run.bad.length ? faults(run.bad) : this.isShared ? SHARED : ALONE);
    this.fill.style.width = `${share * 100}%`;
    this.bar.hidden = false;
    this.bar.setAttribute("aria-valuenow", String(Math.round(share * 100)));
  }

  /** Done, stopped or failed: what came of it stays in sight until it is dismissed. */
  end() {
    const { run } = this;
    if (!run) return undefined;
    this.run = null;
    const parts = [`${run.added} ${run.added === 1 ? "photo" : "photos"} added`];
    if (run.known) parts.push(`${run.known} there already`);
    if (run.bad.length) parts.push(`${run.bad.length} could not be opened`);
    if (run.others) parts.push(`${run.others} other ${run.others === 1 ? "file" : "files"} left out`);
    if (run.done < run.photos.length) parts.push(`${run.photos.length - run.done} not read`);
    write(this.words, `${parts.join(", ")}.`);
    write(this.bad, [run.reason, faults(run.bad)].filter(Boolean).join(" "));
    this.bar.hidden = this.stop.hidden = true;
    this.dismiss.hidden = false;
    return this.on.end();
  }

  async remove() {
    const { name } = this;
    this.run = null;
    this.element.hidden = true;
    this.forget();
    try {
      if (name) await fetchJson(`stellar/collections/${encodeURIComponent(name)}`, { method: "DELETE" });
    } catch (error) {
      if (!(error instanceof Gone)) this.on.refuse(/** @type {Error} */ (error).message);
    }
  }
}

/** @param {string[][]} bad */
function faults(bad) {
  const told = bad.slice(0, MOST_NAMED).map(([name, sentence]) => `${name}: ${sentence}`);
  return [...told, ...(bad.length > MOST_NAMED ? [`And ${bad.length - MOST_NAMED} more.`] : [])].join(" ");
}
