/**
 * A window for tests without a browser: address, history, storage, fetch and frames, which behave as the standards say
 * where the page relies on it. What a browser does later has happened after `await settled()`; no clock is waited for.
 *
 *   const window = install(new FakeWindow({ answers: { "stellar/settings.json": { models: [] } } }));
 *   const { fetchSettings } = await import("../../stellar_explorer/web/...");
 *
 * A module that looks at window as soon as it is imported is imported afterwards, as here; others at the top as usual.
 * `node --test` runs each file in a process of its own, so what one installs no other sees.
 */

const SITE = "http://stellar.test/";

/** Everything that is due has happened: a step through the history, answers, whatever awaits them. Timers have not. */
export async function settled() {
  for (let turns = 0; turns < 5; turns += 1) await new Promise((done) => later(done));
}

const later = setImmediate; // kept, so that a test may put its own timers in the place of the global ones

/** Web Storage. `state` may change at any time: "on"; "off", as where site data is blocked: to name it throws; "full":
 * to write throws. */
export class FakeStorage {
  /** kept: [[key, value], ...]; another storage's `entries()` makes a copy, as a duplicated browser tab has one. */
  constructor(kept = []) {
    this.state = "on";
    this.kept = new Map(kept);
  }

  entries() {
    return [...this.kept];
  }

  get length() {
    return this.kept.size;
  }

  key(number) {
    return [...this.kept.keys()][number] ?? null;
  }

  getItem(key) {
    return this.kept.get(String(key)) ?? null;
  }

  setItem(key, value) {
    if (this.state === "full") throw new DOMException("The quota has been exceeded.", "QuotaExceededError");
    this.kept.set(String(key), String(value));
  }

  removeItem(key) {
    this.kept.delete(String(key));
  }

  clear() {
    this.kept.clear();
  }
}

/** window.location: it is read; to load a document is noted in `window.loaded` and goes nowhere. */
class FakeLocation {
  #window;

  constructor(window) {
    this.#window = window;
  }

  get href() {
    return this.#window.history.entry.href;
  }

  set href(href) {
    this.assign(href);
  }

  assign(href) {
    this.#window.loaded.push(new URL(href, this.href).href);
  }

  replace(href) {
    this.assign(href);
  }

  reload() {
    this.assign(this.href);
  }

  toString() {
    return this.href;
  }

  get origin() {
    return new URL(this.href).origin;
  }

  get host() {
    return new URL(this.href).host;
  }

  get pathname() {
    return new URL(this.href).pathname;
  }

  get search() {
    return new URL(this.href).search;
  }

  get hash() {
    return new URL(this.href).hash;
  }
}

/**
 * window.history. Steps are taken later, as in a browser, and end in a popstate event; writing fires none.
 * Beside the standard: `entries` and `index`, to look at; `hasLeft`, whether a step went out of the page.
 */
export class FakeHistory {
  #window;

  constructor(window, entries, index) {
    this.#window = window;
    this.entries = entries;
    this.index = index;
    this.hasLeft = false;
    this.scrollRestoration = "auto";
  }

  get entry() {
    return this.entries[this.index];
  }

  get state() {
    return this.entry.state;
  }

  get length() {
    return this.entries.length;
  }

  pushState(state, _title, href) {
    const entry = this.#written(state, href);
    this.entries.splice(this.index + 1, Infinity, entry); // what was ahead is gone
    this.index += 1;
  }

  replaceState(state, _title, href) {
    this.entries[this.index] = this.#written(state, href);
  }

  back() {
    this.go(-1);
  }

  forward() {
    this.go(1);
  }

  go(steps) {
    later(() => this.#step(steps));
  }

  /** The state is copied, so functions and elements in it are refused, as by a browser. */
  #written(state, href) {
    const address = new URL(href ?? this.entry.href, this.entry.href);
    const isOurs = address.origin === new URL(this.entry.href).origin;
    if (!isOurs) throw new DOMException(`${address} is of another site.`, "SecurityError");
    return { href: address.href, state: structuredClone(state) ?? null };
  }

  #step(steps) {
    const index = this.index + steps;
    if (index < 0) this.hasLeft = true;
    if (!steps || !this.entries[index]) return;
    this.index = index;
    this.#window.dispatchEvent(Object.assign(new Event("popstate"), { state: structuredClone(this.state) }));
  }
}

/**
 * window.fetch from a table: address from the page's root -> answer, with or without a method in front and a query
 * behind: {"stellar/settings.json": {...}, "POST stellar/study?model=nano": (request) => ...}. An answer is a value for
 * JSON, a text, bytes (ArrayBuffer or a view), a Response, an Error (the server is not reached), a promise of one of
 * these, or a function (Request) -> one of these. An address that is not there is answered by 404.
 * `asked` holds every Request, the first first.
 */
export function fakeFetch(root, answers = {}) {
  async function fetch(address, options) {
    const request = new Request(new URL(address, root), options);
    fetch.asked.push(request.clone());
    const answer = answerTo(request, root, fetch.answers);
    const found = await unlessAborted(typeof answer === "function" ? answer(request) : answer, request.signal);
    if (found instanceof Error) throw found;
    return responseOf(found);
  }
  return Object.assign(fetch, { answers, asked: [] });
}

function answerTo(request, root, answers) {
  const address = request.url.startsWith(root) ? request.url.slice(root.length) : request.url;
  const [path] = address.split("?");
  const names = [`${request.method} ${address}`, address, `${request.method} ${path}`, path];
  const name = names.find((one) => Object.hasOwn(answers, one));
  return name === undefined ? new Response(`The test has no answer for ${names[0]}.`, { status: 404 }) : answers[name];
}

function unlessAborted(answer, signal) {
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason));
    Promise.resolve(answer).then(resolve, reject);
  });
}

function responseOf(answer) {
  if (answer instanceof Response) return answer.clone(); // one that stands in the table is read more than once
  const isRaw = typeof answer === "string" || answer instanceof ArrayBuffer || ArrayBuffer.isView(answer);
  return isRaw ? new Response(answer) : Response.json(answer);
}

export class FakeWindow extends EventTarget {
  #session;
  #local;
  #frames = new Map();
  #numFrames = 0;

  /**
   * href: where the page is opened, from its root. answers: as in fakeFetch.
   * sessionStorage, localStorage, entries, index: of a window that was there before; see `reloaded`.
   */
  constructor({ href = "", answers = {}, sessionStorage = new FakeStorage(), localStorage = new FakeStorage(),
    entries = [{ href: new URL(href, SITE).href, state: null }], index = 0 } = {}) {
    super();
    this.#session = sessionStorage;
    this.#local = localStorage;
    this.window = this;
    this.loaded = [];
    this.gradio_config = { root: SITE };
    this.history = new FakeHistory(this, entries, index);
    this.location = new FakeLocation(this);
    this.fetch = fakeFetch(SITE, answers);
    this.crypto = globalThis.crypto;
    // Not a document, only what a module without elements asks of one.
    const page = { baseURI: SITE, hidden: false, visibilityState: "visible", title: "" };
    this.document = Object.assign(new EventTarget(), page);
  }

  get sessionStorage() {
    return unlessOff(this.#session);
  }

  get localStorage() {
    return unlessOff(this.#local);
  }

  /** The storages themselves, also while they are off: window.storages.session.state = "off". */
  get storages() {
    return { session: this.#session, local: this.#local };
  }

  requestAnimationFrame(draw) {
    this.#frames.set(this.#numFrames += 1, draw);
    return this.#numFrames;
  }

  cancelAnimationFrame(number) {
    this.#frames.delete(number);
  }

  /** Draws what waits for the next frame; -> how many that were. What they ask for waits for the frame after. */
  frame(time = 0) {
    const waiting = [...this.#frames.values()];
    this.#frames.clear();
    for (const draw of waiting) draw(time);
    return waiting.length;
  }

  /** This browser tab after a reload: history with its states and storage are kept, listeners and frames are not. */
  reloaded() {
    const { entries, index } = this.history;
    return new FakeWindow({
      entries, index, answers: this.fetch.answers, sessionStorage: this.#session, localStorage: this.#local,
    });
  }
}

/** Where site data is blocked, to name the storage already throws. */
function unlessOff(storage) {
  if (storage.state === "off") throw new DOMException("Access is denied for this document.", "SecurityError");
  return storage;
}

const GLOBALS = ["window", "document", "history", "location", "sessionStorage", "localStorage", "fetch",
  "requestAnimationFrame", "cancelAnimationFrame", "addEventListener", "removeEventListener", "dispatchEvent"];

/** Modules find this window from now on, by `window` and by the bare names; -> it. A later one takes its place. */
export function install(window) {
  for (const name of GLOBALS) {
    Object.defineProperty(globalThis, name, {
      configurable: true,
      get: () => typeof window[name] === "function" && name !== "fetch" ? window[name].bind(window) : window[name],
    });
  }
  return window;
}
