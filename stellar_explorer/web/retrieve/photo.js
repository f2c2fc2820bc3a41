/** QueryPhoto: the photo that is asked about, whether it was analysed just now or lies in a collection. */

import { isInside, openGrid, patchAt, tokensByMass } from "../drawing/factorization.js";
import { ask } from "../shared/requests.js";
import { nameOf } from "../shared/names.js";
import { Gone, fetchPackage, fetchPhoto, sentenceOf } from "../shared/package.js";
import { gridOfMasks } from "./masks.js";

export async function fetchJson(address, options) {
  let response;
  try {
    response = await ask(address, options);
  } catch {
    throw new Error("The server does not answer; is it still running?");
  }
  if (response.status === 404) throw new Gone(await response.text());
  if (!response.ok) throw new Error(await sentenceOf(response));
  return response.json();
}

const address = (collection, rest) => `stellar/collections/${encodeURIComponent(collection)}/${rest}`;
export const collectionAddress = address;

let made = 0;

export class QueryPhoto {
  /** asked: {example} | {photo: token} | {file: File}; analysed as the collection's model sees photos. */
  static async analysed(collection, asked) {
    const isFile = Boolean(asked.file);
    const manifest = await fetchJson(address(collection, "study"), {
      method: "POST", body: isFile ? asked.file : JSON.stringify(asked),
      headers: { "Content-Type": isFile ? "application/octet-stream" : "application/json" },
    });
    if (isFile) manifest.photo.name = asked.file.name || manifest.photo.name;
    const [image, { arrays }] = await Promise.all([fetchPhoto(manifest.photo), fetchPackage(manifest.analysis)]);
    return Object.assign(QueryPhoto.ofStudy({ ...manifest, image, arrays }), { asked });
  }

  /** study: {photo, analysis, image, arrays}, as the stage has it. */
  static ofStudy({ photo, analysis, image, arrays }) {
    const source = { kind: "study", study: analysis.token, example: photo.example };
    return new QueryPhoto({
      source, image, grid: openGrid(analysis, arrays), title: photo.name, alt: photo.alt || photo.name,
      concepts: analysis.concepts, palette: analysis.palette, order: tokensByMass(analysis.concepts),
      photoToken: photo.token, model: analysis.model,
    });
  }

  static async indexed(collection, photo) {
    const facts = await fetchJson(address(collection, `photos/${photo}.json`));
    const image = await fetchPhoto({ address: facts.picture });
    const concepts = [];
    for (const concept of facts.concepts) concepts[concept.token] = concept;
    return new QueryPhoto({
      source: { kind: "indexed", collection, photo }, image, grid: gridOfMasks(facts.concepts, facts.num_tokens),
      title: facts.title, alt: facts.alt || facts.title, concepts, palette: facts.palette,
      order: facts.concepts.map(({ token }) => token).sort((a, b) => concepts[b].mass - concepts[a].mass || a - b),
      names: concepts.map(({ names }) => names), taught: concepts.map(({ taught }) => taught),
    });
  }

  constructor(parts) {
    made += 1;
    Object.assign(this, { key: `query/${made}`, smooth: true, names: [], taught: [], tokens: parts.order, ...parts });
    this.analysis = { concepts: this.concepts, palette: this.palette, num_tokens: this.grid.numTokens };
  }

  /** The words suggested for an analysed photo's concepts come after its pictures. */
  async fetchNames() {
    if (this.source.kind !== "study" || this.names.length) return;
    this.names = (await fetchJson(`stellar/studies/${this.source.study}/names.json`)).names;
  }

  get aspect() {
    return this.image.naturalWidth / this.image.naturalHeight;
  }

  has(token) {
    return Number.isInteger(token) && this.order.includes(token);
  }

  /** The concept under a place in 0..1, or null. */
  conceptAt(u, v) {
    const token = this.grid.strongest[patchAt(this.grid, u, v).patch];
    return this.has(token) ? token : null;
  }

  /** A taught word comes before the model's own. */
  word(token) {
    return nameOf(this.names[token], this.taught[token]);
  }

  /** Whether a concept, as retrieve_query.js has it, is one of this photo. */
  holds(one) {
    const { kind, study, collection, photo } = this.source;
    return one?.kind === kind && (one.what ?? "concept") === "concept" && (kind === "study" ? one.study === study : one.collection === collection && one.photo === photo);
  }

  label(token) {
    return this.word(token) ?? `concept ${token}`;
  }

  /** What retrieve_query.js calls a concept, with a picture of it. */
  concept(token) {
    const id = this.source.kind === "indexed" ? { concept: this.concepts[token].concept } : {};
    const of = this.word(token) ? null : this.title;
    return { ...this.source, ...id, token, label: this.label(token), of, picture: this.picture(token) };
  }

  /** A token's concept; where it has none, the heaviest, but where one is in the photo not what is round it. */
  conceptOrForemost(token) {
    return this.concept(this.has(token) ? token : this.order.find((one) => isInside(this.grid, one)) ?? this.order[0]);
  }

  whole() {
    return { ...this.source, what: "photo", label: `what is in ${this.title}`, picture: this.picture(null) };
  }

  boxed(box) {
    const centroid = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
    return { ...this.source, what: "box", box, label: `what is in a box of ${this.title}`, picture: { ...this.picture(null), centroid } };
  }

  picture(token) {
    const { image, grid } = this;
    return { image, grid, token, centroid: token === null ? null : this.concepts[token].centroid, colour: this.palette[token ?? 0] };
  }
}
