/** QueryPhoto: the photo that is asked about, whether it was analysed just now or lies in a collection. */

import { isInside, openGrid, patchAt, tokensByMass } from "../drawing/factorization.js";
import { nameOf } from "../shared/names.js";
import { fetchJson, fetchNames, fetchPicture, fetchStudy } from "../shared/server.js";
import { gridOfMasks } from "./masks.js";

/**
 * @typedef {import("./question/references.js").Source} Source
 * @typedef {{model: string | null, resolution: number, name: string, identity: string}} Facts
 */

/** @param {string} collection @param {string} rest */
export const collectionAddress = (collection, rest) => `stellar/collections/${encodeURIComponent(collection)}/${rest}`;

/** Where the middle of an unnamed concept is. @param {number[] | undefined} centroid */
function placeOf(centroid) {
  if (!centroid) return "";
  const [x, y] = centroid.map((at) => (at < 0.36 ? 0 : at > 0.64 ? 2 : 1));
  return [["top", "", "bottom"][y], ["left", "", "right"][x]].filter(Boolean).join(" ") || "centre";
}

/** What an unnamed concept is called: what it is in its photo, or where. @param {any} concept */
export function unnamed({ label, centroid }) {
  const where = placeOf(centroid);
  return label ?? (where ? `part at the ${where}` : "part");
}

/** Of a mask in run lengths. @param {number[]} mask */
function shareOf(mask) {
  const inside = mask.reduce((sum, length, turn) => sum + (turn % 2) * length, 0);
  return inside / Math.max(1, mask.reduce((sum, length) => sum + length, 0));
}

let made = 0;

export class QueryPhoto {
  /** As the collection's model sees photos. @param {Source} source @param {Facts} facts */
  static async analysed(source, { model, resolution }) {
    const { name, ...asked } = /** @type {any} */ (source);
    const study = await fetchStudy(asked, { model: /** @type {string} */ (model), resolution, name });
    const { photo, analysis, image, arrays } = study;
    return new QueryPhoto({
      source: { kind: "study", study: analysis.token }, image, grid: openGrid(analysis, arrays),
      title: name || photo.name, alt: photo.alt || photo.name, concepts: analysis.concepts, palette: analysis.palette,
      order: tokensByMass(analysis.concepts),
    });
  }

  /** @param {string} collection @param {number} id */
  static async indexed(collection, id) {
    const facts = await fetchJson(collectionAddress(collection, `photos/${id}.json`));
    const image = await fetchPicture({ address: facts.picture });
    /** @type {any[]} */
    const concepts = [];
    for (const concept of facts.concepts) concepts[concept.token] = { ...concept, share: shareOf(concept.mask) };
    const order = facts.concepts.map((/** @type {any} */ one) => one.token);
    return new QueryPhoto({
      source: { kind: "indexed", collection, photo: id }, image,
      grid: gridOfMasks(facts.concepts, facts.num_tokens), title: facts.title, alt: facts.alt || facts.title, concepts,
      palette: facts.palette, names: concepts.map(({ names }) => names), taught: concepts.map(({ taught }) => taught),
      order: order.sort((/** @type {number} */ a, /** @type {number} */ b) => concepts[b].mass - concepts[a].mass
        || a - b),
    });
  }

  /** @param {any} parts */
  constructor(parts) {
    made += 1;
    const { source, image, grid, title, alt, concepts, palette, order, names = [], taught = [] } = parts;
    /** What the query language and the session call it. @type {any} */
    this.source = source;
    /** @type {HTMLImageElement} */
    this.image = image;
    this.grid = grid;
    /** @type {string} */
    this.title = title;
    /** @type {string} */
    this.alt = alt;
    /** @type {any[]} */
    this.concepts = concepts;
    /** @type {string[]} */
    this.palette = palette;
    /** Tokens by falling mass. @type {number[]} */
    this.order = order;
    /** @type {any[]} */
    this.names = names;
    /** @type {any[]} */
    this.taught = taught;
    // What `Chips` and `LayerCanvas` call a scene.
    this.key = `query/${made}`;
    /** How often its concepts were given names. */
    this.version = 0;
    this.smooth = true;
    this.tokens = order;
    this.analysis = { concepts, palette, num_tokens: grid.numTokens };
  }

  /** The words suggested for an analysed photo's concepts come after its pictures. */
  async fetchNames() {
    if (this.source.kind !== "study" || this.names.length) return;
    this.names = await fetchNames(this.source.study);
  }

  get aspect() {
    return this.image.naturalWidth / this.image.naturalHeight;
  }

  /** @param {any} token */
  has(token) {
    return Number.isInteger(token) && this.order.includes(token);
  }

  /** The concept under a place in 0..1, or null. @param {number} u @param {number} v */
  conceptAt(u, v) {
    const token = this.grid.strongest[patchAt(this.grid, u, v).patch];
    return this.has(token) ? token : null;
  }

  /**
   * A taught word comes before the model's own; null where there is none.
   * @param {number} token @returns {string | null}
   */
  word(token) {
    return nameOf(this.names[token], this.taught[token]);
  }

  /** @param {number} token */
  label(token) {
    return this.word(token) ?? unnamed(this.concepts[token]);
  }

  /** What query.js calls a concept, with a picture of it. @param {number} token */
  concept(token) {
    const id = this.source.kind === "indexed" ? { concept: this.concepts[token].concept } : {};
    const of = this.word(token) ? null : this.title;
    return { ...this.source, ...id, token, label: this.label(token), of, picture: this.picture(token) };
  }

  /** The most object-like; where that is not known, the heaviest that is in the photo and not what is round it. */
  get foremost() {
    const first = this.order.find((one) => this.concepts[one].salience === 0);
    return first ?? this.order.find((one) => isInside(this.grid, one)) ?? this.order[0];
  }

  whole() {
    return { ...this.source, what: "photo", label: `what is in ${this.title}`, picture: this.picture(null) };
  }

  /** @param {number[]} box */
  boxed(box) {
    const centroid = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
    return { ...this.source, what: "box", box, label: `what is in a box of ${this.title}`,
      picture: { ...this.picture(null), centroid } };
  }

  /** @param {number | null} token */
  picture(token) {
    const { image, grid } = this;
    return { image, grid, token, centroid: token === null ? null : this.concepts[token].centroid,
      colour: this.palette[token ?? 0] };
  }
}
