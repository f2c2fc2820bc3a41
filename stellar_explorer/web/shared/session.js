/**
 * The session: what is being looked at, in every tab. One photo, one pinned concept, one model and resolution, one
 * collection, and what each tab alone knows of its view. Any tab changes it, and all that subscribe hear of it; a change
 * that a person would take back is an entry of the browser's history.
 */

import { PageHistory } from "./history.js";
import { Gone } from "./server.js";

export const TABS = ["explore", "retrieve", "atlas", "reconstruct", "edit", "models"];
/** A change of one of these is a step that Back takes back. */
const STEPS = ["tab", "photo", "concept", "model", "resolution", "collection"];
const STORED = "stellar-photos";
const MOST_PHOTOS = 24;

/**
 * What is looked at: an example by its id, or an upload by its token with its visitor's name for it.
 * @typedef {{example: string} | {photo: string, name: string}} PhotoRef
 *
 * views: what each tab alone knows of its view, by its name: JSON. What stands for the default is left out.
 * @typedef {{tab: string, photo: PhotoRef, concept: number | null, model: string, resolution: number,
 *   collection: string | null, views: Record<string, any>}} SessionState
 *
 * A photo of the visitor's, as the strip shows it.
 * @typedef {{photo: string, name: string, width: number, height: number, thumbnail: string, notes: string[]}} OwnPhoto
 *
 * How a tab's view stands in an address: `names` of all its parameters; `write` gives those that differ from the
 * default; `read` gives the view that an address asks for. Both pure.
 * @typedef {{names: string[], write: (state: SessionState) => Record<string, string | number | null | undefined>,
 *   read: (query: URLSearchParams) => any}} ViewAddress
 *
 * @typedef {(state: SessionState, before: SessionState) => void} Subscriber
 */

/** The same photo? @param {PhotoRef} one @param {PhotoRef} other */
export function isSamePhoto(one, other) {
  return "example" in one ? "example" in other && one.example === other.example : "photo" in other && one.photo === other.photo;
}

/** As a request names it. @param {PhotoRef} photo @returns {{example: string} | {photo: string}} */
export function askedOf(photo) {
  return "example" in photo ? { example: photo.example } : { photo: photo.photo };
}

/** @param {any} one @param {any} other */
const isSame = (one, other) => one === other || JSON.stringify(one) === JSON.stringify(other);

export class Session {
  /**
   * settings: the page's. page: a window, or what stands in for one.
   * @param {any} settings
   * @param {any} [page]
   */
  constructor(settings, page = globalThis) {
    this.settings = settings;
    this.page = page;
    /** @type {Set<Subscriber>} */
    this.subscribers = new Set();
    /** By name, and in which tab. @type {Map<string, ViewAddress & {tab: string}>} */
    this.addresses = new Map();
    /** The visitor's own photos, the newest first. @type {OwnPhoto[]} */
    this.photos = this.stored();
    /** What was uploaded in this page, to upload again if the server loses it. @type {Map<string, File>} */
    this.files = new Map();
    /** Said once to whoever shows sentences. @type {(sentence: string) => void} */
    this.tell = () => {};
    const { model, resolution, example } = settings.default;
    /** @type {SessionState} */
    this.defaults = { tab: TABS[0], photo: { example }, concept: null, model, resolution, collection: null, views: {} };
    this.history = new PageHistory({
      address: (state) => this.address(state),
      restore: (state, query) => this.put(state === null ? this.wishOf(query) : this.checked(state)),
    }, page);
    /** What the address asks for beyond the session: a tab that is loaded later reads its own. */
    this.query = this.history.query;
    /** @type {SessionState} */
    this.state = this.wishOf(this.query);
    const kept = this.history.kept;
    if (kept) this.state = this.checked({ ...kept, ...this.saidIn(this.query), views: kept.views ?? {} });
    this.history.replace(this.state);
  }

  // ---- changing and hearing of it ----

  /** @param {Subscriber} subscriber @returns {() => void} to unsubscribe */
  subscribe(subscriber) {
    this.subscribers.add(subscriber);
    return () => this.subscribers.delete(subscriber);
  }

  /**
   * Another photo has another set of concepts, so none is pinned unless the change says which.
   * isStep: whether Back takes it back; by default for all but views.
   * @param {Partial<SessionState>} values
   * @param {{isStep?: boolean}} [options]
   */
  change(values, { isStep } = {}) {
    const before = this.state;
    /** @type {SessionState} */
    const state = { ...before, ...values };
    if (values.photo && !isSamePhoto(values.photo, before.photo) && values.concept === undefined) state.concept = null;
    if (values.model && values.model !== before.model && values.concept === undefined) state.concept = null;
    const changed = Object.keys(state).filter((name) => !isSame(/** @type {any} */ (state)[name], /** @type {any} */ (before)[name]));
    if (!changed.length) return;
    if (isStep ?? changed.some((name) => STEPS.includes(name))) {
      this.history.push(state);
    } else {
      this.history.replace(state);
    }
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

  /** @param {SessionState} state */
  put(state) {
    const before = this.state;
    this.state = Object.freeze(state);
    for (const subscriber of [...this.subscribers]) subscriber(this.state, before);
  }

  // ---- the address ----

  /**
   * A tab that has come, or a part of one, tells how its view stands in an address; -> the view that the page was opened
   * with.
   * @param {string} name
   * @param {ViewAddress} address
   * @param {{tab?: string}} [options]  of a part, the tab that it is in
   */
  register(name, address, { tab = name } = {}) {
    this.addresses.set(name, { ...address, tab });
    if (!(name in this.state.views)) {
      const view = address.read(this.query);
      if (view && Object.keys(view).length) {
        this.state = Object.freeze({ ...this.state, views: { ...this.state.views, [name]: view } });
        this.history.replace(this.state); // so that Back comes to it
      }
    }
    return this.view(name);
  }

  /** Parameters of no tab of ours stay; of ours, those of the open tab that differ from the default. @param {SessionState} state */
  address(state) {
    const address = new URL(this.page.location.href);
    const { tab, photo, concept, model, resolution, collection } = state;
    const isExample = "example" in photo;
    /** @type {Record<string, string | number | null | undefined>} */
    const said = {
      tab: tab === this.defaults.tab ? null : tab,
      photo: isExample && photo.example !== this.settings.default.example ? photo.example : null,
      concept: isExample ? concept : null, // of an upload, which no link has, it would be another's
      model: model === this.defaults.model ? null : model,
      resolution: resolution === this.defaults.resolution ? null : resolution,
      collection: collection?.startsWith("own-") ? null : collection,
    };
    for (const { names } of this.addresses.values()) for (const one of names) said[one] ??= null;
    for (const part of this.addresses.values()) if (part.tab === tab) Object.assign(said, part.write(state));
    for (const [name, value] of Object.entries(said)) {
      if (value === undefined || value === null || value === "") address.searchParams.delete(name);
      else address.searchParams.set(name, String(value));
    }
    return address.href;
  }

  /** A link to what is looked at now. */
  link() {
    return this.address(this.state);
  }

  /** What of the session an address says; what makes no sense here is left out. @param {URLSearchParams} query @returns {Partial<SessionState>} */
  saidIn(query) {
    /** @type {any} */
    const said = {};
    const whole = (/** @type {string} */ name) => (/^\d{1,6}$/.test(query.get(name) ?? "") ? Number(query.get(name)) : null);
    const [tab, photo, model, collection] = ["tab", "photo", "model", "collection"].map((name) => query.get(name));
    const [concept, resolution] = [whole("concept"), whole("resolution")];
    if (tab && TABS.includes(tab)) said.tab = tab;
    if (this.settings.examples.some((/** @type {any} */ one) => one.id === photo)) said.photo = { example: photo };
    if (this.settings.models.some((/** @type {any} */ one) => one.name === model && one.available)) said.model = model;
    if (this.settings.resolutions.includes(resolution)) said.resolution = resolution;
    if (concept !== null) said.concept = concept;
    if (collection) said.collection = collection;
    return said;
  }

  /** @param {URLSearchParams} query @returns {SessionState} */
  wishOf(query) {
    const views = Object.fromEntries([...this.addresses].map(([tab, address]) => [tab, address.read(query)]));
    return { ...this.defaults, ...this.saidIn(query), views };
  }

  /** A state that an older page, or a hand, may have written. @param {any} state @returns {SessionState} */
  checked(state) {
    const { photo, views, concept } = state ?? {};
    const whole = { ...this.defaults, ...state };
    if (!TABS.includes(whole.tab)) whole.tab = this.defaults.tab;
    if (typeof photo?.photo !== "string" && !this.settings.examples.some((/** @type {any} */ one) => one.id === photo?.example)) whole.photo = this.defaults.photo;
    if (!this.settings.models.some((/** @type {any} */ one) => one.name === whole.model)) whole.model = this.defaults.model;
    if (!this.settings.resolutions.includes(whole.resolution)) whole.resolution = this.defaults.resolution;
    if (!Number.isInteger(concept)) whole.concept = null;
    whole.views = views && typeof views === "object" ? views : {};
    return whole;
  }

  // ---- the visitor's photos ----

  /** A photo that the server has is looked at, and listed among one's own. @param {import("./server.js").PhotoFacts} facts @param {File} [file] */
  show(facts, file) {
    if (facts.example) this.change({ photo: { example: facts.example } });
    else {
      this.list(facts, file);
      this.change({ photo: { photo: facts.token, name: facts.name } });
    }
  }

  /** Among one's own, not looked at. @param {import("./server.js").PhotoFacts} facts @param {File} [file] */
  list(facts, file) {
    const { token, name, width, height, thumbnail, notes } = facts;
    if (file) this.files.set(token, file);
    this.photos = [{ photo: token, name, width, height, thumbnail, notes }, ...this.photos.filter((one) => one.photo !== token)].slice(0, MOST_PHOTOS);
    this.store();
    this.put({ ...this.state });
  }

  /** Taken out of the list; if it was looked at, the next one is. @param {string} token */
  remove(token) {
    const place = this.photos.findIndex((one) => one.photo === token);
    if (place < 0) return;
    this.photos = this.photos.filter((one) => one.photo !== token);
    this.files.delete(token);
    this.store();
    const { photo } = this.state;
    const next = this.photos[Math.min(place, this.photos.length - 1)];
    if ("photo" in photo && photo.photo === token) this.change({ photo: next ? { photo: next.photo, name: next.name } : this.defaults.photo });
    else this.put({ ...this.state });
  }

  /**
   * For a request about the photo that is looked at: where the server has lost an upload, it is brought again if this page
   * still has the file; else it is said, and the first example is looked at. Other errors are the caller's.
   * @template T
   * @param {(photo: PhotoRef) => Promise<T>} request
   * @param {(file: File) => Promise<import("./server.js").PhotoFacts>} upload
   * @returns {Promise<T>}
   */
  async about(request, upload) {
    const { photo } = this.state;
    try {
      return await request(photo);
    } catch (error) {
      if (!(error instanceof Gone) || !("photo" in photo)) throw error;
      const file = this.files.get(photo.photo);
      if (file) {
        const facts = await upload(file);
        if (facts.token !== photo.photo) {
          this.photos = this.photos.filter((one) => one.photo !== photo.photo);
          this.list(facts, file);
          if (isSamePhoto(this.state.photo, photo)) this.change({ photo: { photo: facts.token, name: facts.name }, concept: this.state.concept }, { isStep: false });
        }
        return request({ photo: facts.token, name: facts.name });
      }
      this.tell(`${photo.name || "Your photo"} is no longer on the server; choose it again. This is an example meanwhile.`);
      if (isSamePhoto(this.state.photo, photo)) this.change({ photo: this.defaults.photo }, { isStep: false });
      this.photos = this.photos.filter((one) => one.photo !== photo.photo);
      this.store();
      this.put({ ...this.state });
      throw error;
    }
  }

  /** Storage may be switched off: then a reload forgets the list, and nothing else. @returns {OwnPhoto[]} */
  stored() {
    try {
      const list = JSON.parse(this.page.sessionStorage.getItem(STORED) ?? "[]");
      return Array.isArray(list) ? list.filter((one) => typeof one?.photo === "string" && typeof one?.thumbnail === "string") : [];
    } catch {
      return [];
    }
  }

  store() {
    try {
      this.page.sessionStorage.setItem(STORED, JSON.stringify(this.photos));
    } catch {
      // as `stored`
    }
  }
}
