/** How a session's state stands in an address, and what an address, or a state that somebody wrote, may ask for. */

/** @typedef {import("../shared/session.js").SessionState} SessionState */
/**
 * Of the tabs that have come, and of their parts, by name.
 * @typedef {Map<string, import("../shared/session.js").ViewAddress & {tab: string}>} Addresses
 */

export const TABS = ["explore", "retrieve", "atlas", "reconstruct", "edit", "models"];
/** Collections of one visitor's: in no link. */
const OWN = "own-";

/** What is said of a collection that is not here. @param {string} name @param {string} instead  title of the other */
export function missingCollection(name, instead) {
  return name.startsWith(OWN) ? `Your photos are no longer on the server; add them again. This is ${instead}.`
    : `There is no collection ${name.slice(0, 80)} here; this is ${instead}.`;
}

/** An upload, and where it was found if that was in a collection. @param {any} photo */
function uploadOf({ photo, name, from }) {
  const upload = { photo: String(photo), name: String(name ?? "") };
  const isFound = typeof from?.collection === "string" && Number.isInteger(from.id);
  return isFound ? { ...upload, from: { collection: from.collection, id: from.id } } : upload;
}

export class Links {
  /** @param {any} settings the page's @param {SessionState} defaults */
  constructor(settings, defaults) {
    this.settings = settings;
    this.defaults = defaults;
  }

  /** @param {string} name */
  hasModel(name) {
    return this.settings.models.some((/** @type {any} */ one) => one.name === name && one.available);
  }

  /** @param {string} id */
  hasExample(id) {
    return this.settings.examples.some((/** @type {any} */ one) => one.id === id);
  }

  /**
   * Parameters that are none of ours stay; of ours stand those of the open tab that differ from the default.
   * @param {string} href @param {SessionState} state @param {Addresses} addresses
   */
  write(href, state, addresses) {
    const address = new URL(href);
    const { tab, photo, concept, model, resolution, collection } = state;
    const isExample = "example" in photo;
    const isDefault = isExample && photo.example === this.settings.default.example;
    /** @type {Record<string, string | number | null | undefined>} */
    const said = {
      tab: tab === this.defaults.tab ? null : tab,
      photo: isExample && !isDefault ? photo.example : null,
      concept: isExample ? concept : null, // of an upload, which no link has, it would be another's
      model: model === this.defaults.model ? null : model,
      resolution: resolution === this.defaults.resolution ? null : resolution,
      collection,
    };
    for (const { names } of addresses.values()) for (const one of names) said[one] ??= null;
    for (const part of addresses.values()) if (part.tab === tab) Object.assign(said, part.write(state));
    if (String(said.collection).startsWith(OWN)) said.collection = null;
    for (const [name, value] of Object.entries(said)) {
      if (value === undefined || value === null || value === "") address.searchParams.delete(name);
      else address.searchParams.set(name, String(value));
    }
    return address.href;
  }

  /** What of the session an address says; what makes no sense here is left out. @param {URLSearchParams} query
   * @returns {Partial<SessionState>} */
  read(query) {
    /** @type {Partial<SessionState>} */
    const said = {};
    const whole = (/** @type {string} */ name) => {
      const value = query.get(name) ?? "";
      return /^\d{1,6}$/.test(value) ? Number(value) : null;
    };
    const [tab, photo, model, collection] = ["tab", "photo", "model", "collection"].map((name) => query.get(name));
    const [concept, resolution] = [whole("concept"), whole("resolution")];
    if (tab && TABS.includes(tab)) said.tab = tab;
    if (photo && this.hasExample(photo)) said.photo = { example: photo };
    if (model && this.hasModel(model)) said.model = model;
    if (resolution !== null && this.settings.resolutions.includes(resolution)) said.resolution = resolution;
    if (concept !== null) said.concept = concept;
    if (collection) said.collection = collection; // tabs say of one that it is not here, of a visitor's own too
    return said;
  }

  /** A state that an older page, or a hand, may have written. @param {any} state @returns {SessionState} */
  checked(state) {
    const { defaults, settings } = this;
    const { tab, photo, concept, model, resolution, collection, views } = state ?? {};
    const isUpload = typeof photo?.photo === "string";
    return {
      tab: TABS.includes(tab) ? tab : defaults.tab,
      photo: isUpload ? uploadOf(photo)
        : this.hasExample(photo?.example) ? { example: photo.example } : defaults.photo,
      concept: Number.isInteger(concept) && concept >= 0 ? concept : null,
      model: this.hasModel(model) ? model : defaults.model,
      resolution: settings.resolutions.includes(resolution) ? resolution : defaults.resolution,
      collection: typeof collection === "string" ? collection : null,
      views: views && typeof views === "object" && !Array.isArray(views) ? views : {},
    };
  }
}
