/**
 * The browser's history of one page: which state is an entry of its own, and what of it stands in the address.
 * It knows no session: states are any JSON.
 */

/** How long a change that is no entry of its own waits to be written: browsers refuse more than 200 writes in half a minute. */
const DELAY = 250;
const KEY = "stellar";

/**
 * @typedef {Object} Entries
 * @property {(state: any) => string} address  a state's address
 * @property {(state: any, query: URLSearchParams) => void} restore  Back, Forward: the state of that entry, null where it has none
 */

export class PageHistory {
  /** @param {Entries} entries @param {any} [page] a window, or what stands in for one */
  constructor(entries, page = globalThis) {
    this.entries = entries;
    this.page = page;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.waiting = null;
    page.addEventListener("popstate", (/** @type {PopStateEvent} */ event) => {
      // A jump inside the document (#place) is no entry of ours.
      if (event.state && !(KEY in event.state)) return;
      this.drop();
      entries.restore(event.state?.[KEY] ?? null, this.query);
    });
  }

  get query() {
    return new URLSearchParams(this.page.location.search);
  }

  /** The state that the browser kept for this entry over a reload, or null. */
  get kept() {
    return this.page.history.state?.[KEY] ?? null;
  }

  /** A step that Back takes back. What was waiting belongs to the entry before it. @param {any} state */
  push(state) {
    this.flush();
    this.write("pushState", state);
  }

  /** No step: the entry that is there says soon what is looked at now. @param {any} state */
  replace(state) {
    this.waiting = state;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), DELAY);
  }

  /** At once, what `replace` was told. */
  flush() {
    const state = this.waiting;
    this.drop();
    if (state !== null) this.write("replaceState", state);
  }

  drop() {
    clearTimeout(this.timer);
    this.waiting = null;
  }

  /** @param {"pushState" | "replaceState"} how @param {any} state */
  write(how, state) {
    try {
      this.page.history[how]({ ...(how === "replaceState" ? this.page.history.state : {}), [KEY]: state }, "", this.entries.address(state));
    } catch {
      // Too many writes, or an address that may not be changed: the page goes on, this step is not in the history.
    }
  }
}
