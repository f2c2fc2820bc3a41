/**
 * The browser's history of one page: which state is an entry of its own, and what of it stands in the address.
 * It knows no session: states are any JSON.
 */

/** Between two writes of changes that are no entries: browsers refuse more than 100 to 200 in half a minute. */
const PAUSE = 400;
const KEY = "stellar";

/**
 * @typedef {Object} Entries
 * @property {(state: any) => string} address  a state's address
 * @property {(state: any, query: URLSearchParams) => void} restore  Back, Forward: that entry's state, null without one
 */

export class PageHistory {
  /** @param {Entries} entries @param {any} [page] a window, or what stands in for one */
  constructor(entries, page = globalThis) {
    this.entries = entries;
    this.page = page;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** What the entry is to say that is there. @type {any} */
    this.latest = null;
    this.isWaiting = false;
    page.addEventListener("popstate", (/** @type {PopStateEvent} */ event) => this.came(event.state?.[KEY] ?? null));
    page.addEventListener("pagehide", () => this.flush());
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

  /** No step: the entry that is there says from now on what is looked at; at once, or soon after the last time.
   * @param {any} state */
  replace(state) {
    this.latest = state;
    this.isWaiting = true;
    if (this.timer !== undefined) return;
    this.flush();
    this.timer = setTimeout(() => {
      this.timer = undefined;
      if (this.isWaiting) this.replace(this.latest);
    }, PAUSE);
  }

  /** At once, what `replace` was told. */
  flush() {
    if (this.isWaiting) this.write("replaceState", this.latest);
  }

  /** Back or Forward, or a jump inside the document, which makes an entry that has no state. @param {any} state */
  came(state) {
    this.isWaiting = false; // it was of the entry that is left
    if (state === null && this.latest !== null && this.isHere(this.latest)) {
      this.write("replaceState", this.latest);
      return;
    }
    this.latest = state;
    this.entries.restore(state, this.query);
  }

  /** @param {any} state whether the address, but for its place in the document, is this state's */
  isHere(state) {
    const [here, there] = [this.page.location.href, this.entries.address(state)];
    return here.split("#")[0] === there.split("#")[0];
  }

  /** @param {"pushState" | "replaceState"} how @param {any} state */
  write(how, state) {
    this.latest = state;
    this.isWaiting = false;
    const others = how === "replaceState" ? this.page.history.state : {};
    try {
      this.page.history[how]({ ...others, [KEY]: state }, "", this.entries.address(state));
    } catch {
      // Too many writes, or an address that may not be changed: the page goes on, this step is not in the history.
    }
  }
}
