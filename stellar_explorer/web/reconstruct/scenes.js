/** The session's photo as its model draws it best, with what Reconstruct is told of it. */

import { openGrid } from "../drawing/factorization.js";
import { conceptWords } from "../shared/names.js";
import { fetchJson, fetchStudy, uploadPhoto } from "../shared/server.js";
import { askedOf } from "../shared/session.js";
import { fetchFacts } from "./server.js";

/** @typedef {import("./server.js").Facts} Facts */
/** @typedef {import("../drawing/chips.js").NamedScene & {reconstruct: Facts, photo: any}} Scene */

const USUAL_RESOLUTION = 448; // until a study has said at which its model draws best

export class Scenes {
  /** @param {import("../shared/session.js").Session} session */
  constructor(session) {
    this.session = session;
    /** By model. @type {Map<string, number>} */
    this.resolutions = new Map();
  }

  /** @returns {Promise<Scene>} */
  async fetch() {
    const { session } = this;
    const { model, photo } = session.state;
    const name = "name" in photo ? photo.name : undefined;
    const at = (/** @type {number} */ resolution) => session.about(
      (ref) => fetchStudy(askedOf(ref), { model, resolution, name }), (file) => uploadPhoto(file, name ?? file.name));
    const asked = this.resolutions.get(model) ?? USUAL_RESOLUTION;
    let study = await at(asked);
    const best = study.analysis.picture?.resolution ?? asked;
    this.resolutions.set(model, best);
    if (best !== asked) study = await at(best);
    const { analysis, arrays } = study;
    return {
      ...study, key: `reconstruct/${analysis.token}`, grid: openGrid(analysis, arrays), smooth: true,
      words: conceptWords(analysis.concepts), reconstruct: await fetchFacts(analysis.token),
    };
  }

  /** Names are guesses: where they cannot be had, roles stay. -> whether there are any. @param {Scene} scene */
  async name(scene) {
    try {
      const { names } = await fetchJson(`stellar/studies/${scene.analysis.token}/names.json`);
      scene.words = conceptWords(scene.analysis.concepts, names);
      return true;
    } catch {
      return false;
    }
  }
}
