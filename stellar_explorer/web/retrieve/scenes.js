/** The photos that are asked about, kept in the page: the one on show, and those that other conditions are of. */

import { Gone, Refused, fetchPhotoFacts, fetchStudy, forgetStudies, uploadPhoto } from "../shared/server.js";
import { namePhoto } from "../teach/names.js";
import { QueryPhoto } from "./photo.js";
import { wordOf } from "./question/query.js";
import { plainSource, sourceOf } from "./question/references.js";

/**
 * @typedef {import("./question/references.js").Source} Source
 * @typedef {import("../shared/session.js").SessionState} SessionState
 * @typedef {import("./question/references.js").Row} Row
 */

const MOST = 16;

export class Scenes {
  /**
   * @param {import("../shared/session.js").Session} session
   * @param {import("./collections/collections.js").CollectionMenu} menu
   */
  constructor(session, menu) {
    this.session = session;
    this.menu = menu;
    /** @type {Map<string, Promise<QueryPhoto>>} */
    this.kept = new Map();
  }

  /**
   * A photo of a collection is what its index says of it, where the searched one was made alike; others are analysed.
   * @param {Source} source @param {any} facts  of the collection that is searched
   * @returns {Promise<QueryPhoto>}
   */
  of(source, facts) {
    const isIndexed = "collection" in source && this.menu.get(source.collection)?.identity === facts.identity;
    const key = JSON.stringify(isIndexed ? source : [source, facts.model, facts.resolution]);
    const known = this.kept.get(key);
    if (known) return known;
    const scene = open(source, facts, isIndexed);
    this.kept.set(key, scene);
    scene.catch(() => this.kept.delete(key));
    const [oldest] = this.kept.keys();
    if (this.kept.size > MOST) this.kept.delete(oldest);
    return scene;
  }

  /** The photo of the session; undefined where it was lost, and the session says so. @param {any} collection */
  async ofSession(collection) {
    const { session } = this;
    const photo = /** @type {import("./question/references.js").FoundPhoto} */ (session.state.photo);
    const from = "example" in photo ? undefined : photo.from;
    if ("example" in photo || !from || this.menu.get(from.collection)?.identity !== collection.identity) {
      return session.about((one) => this.of(plainSource(one), collection), (file) => uploadPhoto(file, file.name));
    }
    try {
      return await this.of(sourceOf(photo), collection);
    } catch (error) {
      if (!(error instanceof Gone)) throw error;
      session.change({ photo: { photo: photo.photo, name: photo.name } }, { isStep: false }); // the collection lost it
      return undefined;
    }
  }

  /** Rows with their concepts; isGone where one is not there any more. @param {Row[]} rows @param {any} collection */
  filled(rows, collection) {
    return Promise.all(rows.map((row) => this.filledRow(row, collection)));
  }

  /**
   * @param {Row} row @param {any} collection
   * @returns {Promise<Row & {concept: import("./question/query.js").Subject | null, isGone?: boolean}>}
   */
  async filledRow(row, collection) {
    const { of } = row;
    if (!of) return { ...row, concept: null };
    if ("word" in of) return { ...row, concept: wordOf(of.word) };
    try {
      const scene = await this.of(of.of, collection);
      if (!scene.version) await nameScene(collection, scene);
      if (scene.has(of.token)) return { ...row, concept: scene.concept(/** @type {number} */ (of.token)) };
    } catch (error) {
      if (!(error instanceof Gone || error instanceof Refused)) throw error;
    }
    return { ...row, of: null, concept: null, isGone: true };
  }

  /** The server has lost its studies: they are asked for again. */
  forget() {
    forgetStudies();
    this.kept.clear();
  }
}

/** @param {Source} source @param {any} facts @param {boolean} isIndexed */
async function open(source, facts, isIndexed) {
  if (!("collection" in source)) return QueryPhoto.analysed(source, facts);
  if (isIndexed) return QueryPhoto.indexed(source.collection, source.id);
  const { example, token, name } = await fetchPhotoFacts(source);
  return QueryPhoto.analysed(example ? { example } : { photo: token, name }, facts);
}

/**
 * Words for a scene's concepts; guesses only, so one that cannot be had is only missing.
 * @param {any} collection @param {QueryPhoto} scene
 */
export async function nameScene(collection, scene) {
  try {
    await Promise.all([scene.fetchNames(), namePhoto(collection, scene)]);
  } catch {
    // as said
  }
  scene.version += 1;
}

/**
 * The pinned concept as the collection's model numbers it; null where none is pinned. Another model has other concepts:
 * the one in the same place is meant.
 * @param {SessionState} state @param {QueryPhoto} scene @param {any} collection
 */
export async function pinnedIn({ concept, model, resolution, photo }, scene, collection) {
  if (concept === null || model === collection.model || !collection.model) return concept;
  try {
    const asked = "example" in photo ? { example: photo.example } : { photo: photo.photo };
    const name = "name" in photo ? photo.name : undefined;
    const { analysis } = await fetchStudy(asked, { model, resolution, name });
    const centroid = analysis.concepts[concept]?.centroid;
    return centroid ? scene.conceptAt(...(/** @type {[number, number]} */ (centroid))) : null;
  } catch (error) {
    if (error instanceof Gone) return null;
    throw error;
  }
}
