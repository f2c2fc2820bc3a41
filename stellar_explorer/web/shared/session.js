/**
 * The session: what is being looked at, in every tab. One photo, one pinned concept, one model and resolution, one
 * collection, and what each tab alone knows of its view. Any tab changes it, and all that subscribe hear of it; a
 * change that a person would take back is an entry of the browser's history.
 */

import { PageHistory } from "../session/history.js";
import { Links, TABS } from "../session/links.js";
import { LostPhotos } from "../session/lost_photos.js";
import { OwnPhotos } from "../session/own_photos.js";
import { askedOf, isSamePhoto } from "../session/photo_ref.js";

/** A change of one of these is a step that Back takes back. */
const STEPS = ["tab", "photo", "concept", "model", "resolution", "collection"];

/**
 * views: what each tab alone knows of its view, by its name: JSON. What stands for the default is left out.
 * @typedef {{tab: string, photo: PhotoRef, concept: number | null, model: string, resolution: number,
 *   collection: string | null, views: Record<string, any>}} SessionState
 *
 * How a tab's view stands in an address: `names` of all its parameters; `write` gives those that differ from the
 * default; `read` gives the view that an address asks for. Both pure.
 * @typedef {{names: string[], write: (state: SessionState) => Record<string, string | number | null | undefined>,
 *   read: (query: URLSearchParams) => any}} ViewAddress
 *
 * @typedef {(state: SessionState, before: SessionState) => void} Subscriber
 * @typedef {import("../session/photo_ref.js").PhotoRef} PhotoRef @typedef {import("./server.js").PhotoFacts} PhotoFacts
 * @typedef {import("../session/own_photos.js").OwnPhoto} OwnPhoto
 */

/** @param {string} name @param {any} one @param {any} other */
function isSame(name, one, other) {
  return one === other || (name === "photo" ? isSamePhoto(one, other) : JSON.stringify(one) === JSON.stringify(other));
}

export class Session {
  /**
   * settings: the page's. page: a window, or what stands in for one.
   * @param {any} settings
   * @param {any} [page]
   */
  constructor(settings, page = globalThis) {
    this.settings = settings;
    /** @type {Set<Subscriber>} */
    this.subscribers = new Set();
    /** By name, and in which tab. @type {import("../session/links.js").Addresses} */
    this.addresses = new Map();
    this.page = page;
    this.own = new OwnPhotos(page);
    this.lost = new LostPhotos(this);
    /** Whoever shows sentences. @type {(sentence: string) => void} */
    this.tell = () => {};
    const { model, resolution, example } = settings.default;
    /** @type {SessionState} */
    this.defaults = { tab: TABS[0], photo: { example }, concept: null, model, resolution, collection: null, views: {} };
    this.links = new Links(settings, this.defaults);
    this.history = new PageHistory({
      address: (state) => this.links.write(page.location.href, state, this.addresses),
      restore: (state, query) => this.restore(state, query),
    }, page);
    /** What the address asked for when the page was opened, and of which tab: a tab that comes later reads its own. */
    this.query = this.history.query;
    const { kept } = this.history;
    const said = this.links.read(this.query);
    /** @type {SessionState} */
    this.state = kept ? this.links.checked({ ...kept, ...said }) : { ...this.defaults, ...said };
    this.opened = this.state.tab;
    this.history.replace(this.state);
  }

  /** The visitor's own photos, the newest first; another list after each change. */
  get photos() {
    return this.own.list;
  }

  // ---- changing and hearing of it ----

  /** @param {Subscriber} subscriber @returns {() => void} to unsubscribe */
  subscribe(subscriber) {
    this.subscribers.add(subscriber);
    return () => this.subscribers.delete(subscriber);
  }

  /**
   * Another photo or model has another set of concepts, so none is pinned unless the change says which.
   * isStep: whether Back takes it back; by default for all but views.
   * @param {Partial<SessionState>} values
   * @param {{isStep?: boolean}} [options]
   */
  change(values, { isStep } = {}) {
    const before = this.state;
    /** @type {any} */
    const state = { ...before, ...values };
    const changes = (/** @type {string} */ name) => !isSame(name, state[name], /** @type {any} */ (before)[name]);
    if (values.concept === undefined && (changes("photo") || changes("model"))) state.concept = null;
    const changed = Object.keys(state).filter(changes);
    if (!changed.length) return;
    if (isStep ?? changed.some((name) => STEPS.includes(name))) this.history.push(state);
    else this.history.replace(state);
    this.put(state);
  }

  /**
   * What one tab alone knows of its view.
   * @param {string} tab
   * @param {any} values  merged into what is there; undefined takes a value away
   * @param {{isStep?: boolean}} [options]  by default no step
   */
  changeView(tab, values, { isStep = false } = {}) {
    const view = { ...this.view(tab), ...values };
    for (const [name, value] of Object.entries(view)) if (value === undefined) delete view[name];
    this.change({ views: { ...this.state.views, [tab]: view } }, { isStep });
  }

  /** @param {string} tab @returns {any} */
  view(tab) {
    return this.state.views[tab] ?? {};
  }

  /** One that fails keeps the others from nothing. @param {SessionState} state */
  put(state) {
    const before = this.state;
    this.state = Object.freeze(state);
    for (const subscriber of [...this.subscribers]) {
      try {
        subscriber(this.state, before);
      } catch (error) {
        this.page.reportError?.(error);
      }
    }
  }

  // ---- the address and the history ----

  /**
   * A tab that has come, or a part of one, tells how its view stands in an address; -> the view to begin with: what the
   * page was opened with where it was opened at this tab.
   * @param {string} name
   * @param {ViewAddress} address
   * @param {{tab?: string}} [options]  of a part, the tab that it is in
   */
  register(name, address, { tab = name } = {}) {
    this.addresses.set(name, { ...address, tab });
    if (!(name in this.state.views) && this.opened === tab) {
      const view = address.read(this.query) ?? {};
      if (Object.keys(view).length) {
        this.state = Object.freeze({ ...this.state, views: { ...this.state.views, [name]: view } });
        this.history.replace(this.state);
      }
    }
    return this.view(name);
  }

  /** Back and Forward. An entry that is older than its tab's script has its view in the address alone.
   * @param {any} kept @param {URLSearchParams} query */
  restore(kept, query) {
    const state = kept === null ? { ...this.defaults, ...this.links.read(query) } : this.links.checked(kept);
    const { tab, photo } = state;
    for (const [name, part] of this.addresses) {
      const view = part.tab !== tab || name in state.views ? null : part.read(query);
      if (view && Object.keys(view).length) state.views = { ...state.views, [name]: view };
    }
    if ("photo" in photo) this.own.relist(photo.photo);
    this.put(state);
  }

  /** A link to what is looked at now. */
  link() {
    const address = new URL(this.links.write(this.page.location.href, this.state, this.addresses));
    address.hash = "";
    return address.href;
  }

  // ---- the visitor's photos ----

  /** A photo that the server has is looked at, and listed among one's own.
   * @param {PhotoFacts} facts @param {File} [file] */
  show(facts, file) {
    if (facts.example) this.change({ photo: { example: facts.example } });
    else {
      this.list(facts, file);
      this.change({ photo: { photo: facts.token, name: facts.name } });
    }
  }

  /** Among one's own, not looked at; the first, or behind another. @param {PhotoFacts} facts @param {File} [file]
   * @param {string} [after] */
  list(facts, file, after) {
    const { token, name, width, height, thumbnail, notes } = facts;
    this.own.add({ photo: token, name, width, height, thumbnail, notes }, file, after);
    this.put({ ...this.state });
  }

  /** Taken out of the list; if it was looked at, the next one is. @param {string} token */
  remove(token) {
    if (!this.own.find(token)) return;
    const next = this.own.remove(token);
    const { photo } = this.state;
    if ("photo" in photo && photo.photo === token) {
      this.change({ photo: next ? { photo: next.photo, name: next.name } : this.defaults.photo });
    } else {
      this.put({ ...this.state });
    }
  }

  /**
   * For a request about the photo that is looked at: see LostPhotos.
   * @template T
   * @param {(photo: PhotoRef) => Promise<T>} request
   * @param {(file: File, name: string) => Promise<PhotoFacts>} upload
   * @returns {Promise<T>}
   */
  about(request, upload) {
    return this.lost.about(request, upload);
  }

  /** After a reload: which of the own photos the server still has.
   * @param {(asked: {photo: string}) => Promise<PhotoFacts>} fetchFacts */
  check(fetchFacts) {
    return this.lost.check(fetchFacts);
  }
}

export { TABS, askedOf, isSamePhoto };
