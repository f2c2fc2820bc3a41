/**
 * What every tab has: a root that is filled once, one line of status, one sentence when something fails, one redraw a
 * frame.
 */

import { icon, make, write } from "./elements.js";
import { listenToKeys } from "./keyboard.js";

/** @typedef {import("./session.js").Session} Session @typedef {import("./session.js").SessionState} SessionState */

/**
 * A tab is told of the session when it is seen: `follow(state, seen)` with the state that it followed last, or null the
 * first time. A tab that is not open does nothing.
 */
export class Tab {
  /** @param {HTMLElement} root @param {Session} session @param {{name: string, label: string}} options */
  constructor(root, session, { name, label }) {
    this.root = root;
    this.session = session;
    this.name = name;
    /** @type {SessionState | null} */
    this.seen = null;
    this.loads = 0;
    this.underWay = 0;
    this.isDue = false;
    root.setAttribute("role", "tabpanel");
    root.setAttribute("aria-label", label);
    root.id ||= `panel-${name}`;
    this.status = make("p", { class: "status", role: "status", "aria-live": "polite", "data-status": "" });
    this.progress = make("div", { class: "progress", "data-progress": "", "aria-hidden": "true" }, make("span"));
    this.alertWords = make("span");
    const dismiss = () => this.alert(null);
    this.alertBar = make("div", { class: "alert", role: "alert", hidden: true, "data-alert": "" }, this.alertWords,
      make("button", { type: "button", class: "quiet-button", "aria-label": "Dismiss", onclick: dismiss },
        icon("close")));
  }

  /** Called when all parts are there. */
  begin() {
    this.session.subscribe(() => this.catchUp());
    this.catchUp();
  }

  get isShown() {
    return this.session.state.tab === this.name;
  }

  catchUp() {
    if (!this.isShown) return;
    const { seen, session: { state } } = this;
    if (seen === state) return;
    this.seen = state;
    this.follow(state, seen);
  }

  /** @param {SessionState} _state @param {SessionState | null} _seen */
  follow(_state, _seen) {}

  /** Once a frame, however often it is asked for. */
  redraw() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      this.frame();
    });
  }

  frame() {}

  /** @param {string} words */
  say(words) {
    write(this.status, words);
  }

  /** One sentence that stays until it is dismissed; null takes it away. @param {string | null} sentence */
  alert(sentence) {
    write(this.alertWords, sentence ?? "");
    this.alertBar.hidden = !sentence;
  }

  /**
   * While a request is under way the tab says so. -> what it gives, or undefined where it failed (and that was said) or
   * where a later `latest` came meanwhile.
   * @template T
   * @param {Promise<T>} request
   * @param {string} [words]
   * @returns {Promise<T | undefined>}
   */
  async latest(request, words) {
    const load = (this.loads += 1);
    this.alert(null);
    if (words) this.say(words);
    const isLatest = () => load === this.loads;
    try {
      const found = await this.during(request);
      return isLatest() ? found : undefined;
    } catch (error) {
      if (isLatest()) this.fail(error);
      return undefined;
    }
  }

  /** @template T @param {Promise<T>} request @returns {Promise<T>} */
  async during(request) {
    this.underWay += 1;
    this.root.setAttribute("aria-busy", "true");
    try {
      return await request;
    } finally {
      this.underWay -= 1;
      if (!this.underWay) this.root.removeAttribute("aria-busy");
    }
  }

  /** @param {unknown} error */
  fail(error) {
    const sentence = error instanceof Error ? error.message : String(error);
    this.say("");
    this.alert(sentence);
  }

  /** Keys that work anywhere in the tab while nobody is typing.
   * @param {{step: (by: number) => void, unpin: () => void, hold?: (held: boolean) => void}} on */
  listen({ step, unpin, hold = () => {} }) {
    listenToKeys({ isShown: () => this.isShown, step, unpin, hold });
  }
}
