/** A visitor's own photos: dropped or chosen, sent one by one, and searchable as soon as each has come. */

import { icon, make, write } from "../shared/elements.js";
import { refusal } from "../shared/gather.js";
import { ask } from "../shared/requests.js";
import { Gone, resolveAddress } from "../shared/package.js";
import { collectionAddress, fetchJson } from "./photo.js";

const REMEMBERED = "stellar-own-photos";
const MOST_FILES = 500; // the server takes no more of one visitor
const AT_ONCE = 2; // one on its way while another is read
const MOST_NAMED = 3;

/** The name of this visitor's collection, for as long as the browser's tab is open. It is a key: never in a link. */
function remembered(name) {
  try {
    if (name !== undefined) name === null ? window.sessionStorage.removeItem(REMEMBERED) : window.sessionStorage.setItem(REMEMBERED, name);
    return window.sessionStorage.getItem(REMEMBERED);
  } catch {
    return name ?? null; // storage is refused in a frame of another site
  }
}

/** The page is closed, or loaded anew: then it says at once that its visitor is still here. */
function sayLeft(name) {
  navigator.sendBeacon?.(resolveAddress(collectionAddress(name, "left")));
}

function sayHere(name) {
  fetch(resolveAddress(`stellar/collections.json?own=${encodeURIComponent(name)}`)).catch(() => {});
}

/** What was dropped -> all files of it, those in folders too. Call it in the drop's own turn: later it is empty. */
export async function filesOf(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some(({ isDirectory }) => isDirectory)) return [...transfer.files];
  const files = [];
  for (const entry of entries) await walk(entry, files);
  return files;
}

async function walk(entry, files) {
  if (files.length > 20 * MOST_FILES) return;
  if (entry.isFile) {
    const file = await new Promise((done) => entry.file(done, () => done(null)));
    if (file) files.push(file);
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((done) => reader.readEntries(done, () => done([]))); // a hundred at a time
    if (!some.length) return;
    for (const one of some) await walk(one, files);
  }
}

export class OwnPhotos {
  /** settings: {max_bytes, accept}. on: {chosen(files), start(name), added(facts), end(), refuse(sentence)} */
  constructor(settings, on) {
    this.settings = settings;
    this.on = on;
    this.name = remembered() || null;
    if (this.name) sayHere(this.name);
    window.addEventListener("pagehide", () => this.name && sayLeft(this.name));
    window.addEventListener("pageshow", (event) => event.persisted && this.name && sayHere(this.name));
    this.isShared = false; // the server was started to put all visitors' photos into one collection
    this.suffixes = settings.accept.split(",").filter((one) => one.startsWith("."));
    this.words = make("p", { role: "status", "aria-live": "polite" });
    this.bad = make("p", { class: "hint" });
    this.fill = make("span", {});
    this.bar = make("div", {
      class: "retrieve-bar", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100", "aria-label": "Photos read",
    }, this.fill);
    this.stop = make("button", { type: "button", class: "quiet-button", "data-action": "stop", onclick: () => this.halt() }, "Stop");
    this.dismiss = make("button", {
      type: "button", class: "quiet-button", "aria-label": "Dismiss", hidden: true, onclick: () => { this.element.hidden = true; },
    }, icon("close"));
    this.element = make("div", { class: "retrieve-own", hidden: true, "data-own": "" },
      make("div", { class: "retrieve-own-words" }, this.words, this.stop, this.dismiss), this.bar, this.bad);
    this.chooser = make("input", {
      type: "file", multiple: true, accept: settings.accept, class: "unseen", tabindex: "-1", "aria-hidden": "true", "data-control": "own-files",
      onchange: () => {
        this.on.chosen([...this.chooser.files]);
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

  isPhoto(file) {
    return file.type.startsWith("image/") || this.suffixes.some((suffix) => file.name.toLowerCase().endsWith(suffix));
  }

  /** Until all are read. Others than photos are counted and left; what cannot be opened is named at the end. */
  async add(files) {
    const photos = files.filter((file) => this.isPhoto(file));
    const others = files.length - photos.length;
    if (!photos.length) {
      this.on.refuse(files.length ? "None of these files is a photo; drop JPEG, PNG or WebP files, or a folder of them." : "This folder is empty.");
      return;
    }
    if (this.run) {
      this.run.photos.push(...photos);
      this.run.others += others;
      return;
    }
    const run = this.run = { photos: photos.slice(0, MOST_FILES), others, at: 0, done: 0, added: 0, known: 0, bad: [] };
    this.element.hidden = false;
    this.stop.hidden = false;
    this.dismiss.hidden = true;
    this.show();
    try {
      await this.make();
      await this.on.start(this.name);
      await Promise.all(Array.from({ length: AT_ONCE }, () => this.work(run)));
    } catch (error) {
      run.reason = error.message;
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

  async make() {
    this.name ??= remembered((await fetchJson("stellar/collections/own", { method: "POST" })).name);
  }

  async work(run) {
    while (this.run === run && !run.isHalted && run.at < run.photos.length) {
      const file = run.photos[run.at++];
      const fault = refusal(file, this.settings.max_bytes);
      if (fault) {
        run.bad.push([file.name, fault]);
      } else {
        await this.send(file, run);
      }
      run.done += 1;
      this.show();
    }
  }

  async send(file, run, isAgain = false) {
    const rest = `photos?name=${encodeURIComponent(file.webkitRelativePath || file.name)}`;
    const response = await ask(collectionAddress(this.name, rest), { method: "POST", body: file })
      .catch(() => { throw new Error("The server does not answer; is it still running?"); });
    if (this.run !== run) return; // they were removed meanwhile
    if (response.status === 404 && !isAgain) { // gone after an hour without use
      this.forget();
      await this.make();
      await this.on.start(this.name);
      await this.send(file, run, true);
    } else if (response.ok) {
      const facts = await response.json();
      run.added += facts.new;
      run.known += !facts.new;
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
    write(this.bad, run.bad.length ? faults(run.bad) : this.isShared ? "Everyone who visits this page sees them."
      : "They stay on this server until you close this page, at most an hour after you last used them; only you see them.");
    this.fill.style.width = `${share * 100}%`;
    this.bar.hidden = false;
    this.bar.setAttribute("aria-valuenow", String(Math.round(share * 100)));
  }

  /** Done, stopped or failed: what came of it stays in sight until it is dismissed. */
  end() {
    const { run } = this;
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
      if (!(error instanceof Gone)) this.on.refuse(error.message);
    }
  }
}

function faults(bad) {
  const told = bad.slice(0, MOST_NAMED).map(([name, sentence]) => `${name}: ${sentence}`);
  return [...told, ...(bad.length > MOST_NAMED ? [`And ${bad.length - MOST_NAMED} more.`] : [])].join(" ");
}

/**
 * While photos are dragged over the tab: one half asks with the photo, the other keeps it to be searched.
 * on: {ask(file), keep(files), gather(promise of files), isShown()} -> the veil, in the top layer
 */
export function dropHalves(on) {
  const half = (name, sign, words, hint) => make("div", { class: "veil-half", "data-half": name },
    make("div", { class: "veil-words" }, icon(sign), words), make("p", { class: "hint" }, hint));
  const halves = [half("ask", "search", "Search with this photo", "Find its concepts in the collection"),
    half("keep", "plus", "Add to your photos", "Search in it; files, or a whole folder")];
  const veil = make("div", { class: "veil retrieve-veil", popover: "manual", "data-veil": "", "aria-hidden": "true" }, ...halves);
  const holdsFile = (event) => on.isShown() && [...(event.dataTransfer?.types ?? [])].includes("Files");
  const isOpen = () => veil.matches(":popover-open");
  const close = () => isOpen() && veil.hidePopover();
  const over = (event) => {
    const isAlone = event.dataTransfer.items.length < 2;
    halves[0].hidden = !isAlone;
    const name = isAlone && event.clientX < window.innerWidth / 2 ? "ask" : "keep";
    for (const one of halves) one.toggleAttribute("data-over", one.dataset.half === name);
    return name;
  };
  window.addEventListener("dragenter", (event) => {
    if (!holdsFile(event)) return;
    event.preventDefault();
    over(event);
    if (!isOpen()) veil.showPopover();
  });
  window.addEventListener("dragover", (event) => {
    if (!holdsFile(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    over(event);
  });
  window.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) close();
  });
  window.addEventListener("drop", async (event) => {
    close();
    if (!holdsFile(event)) return;
    event.preventDefault();
    const name = over(event);
    const isFolder = [...event.dataTransfer.items].some((item) => item.webkitGetAsEntry?.()?.isDirectory);
    const files = await on.gather(filesOf(event.dataTransfer));
    if (name === "ask" && !isFolder && files.length === 1) on.ask(files[0]);
    else on.keep(files);
  });
  return veil;
}
