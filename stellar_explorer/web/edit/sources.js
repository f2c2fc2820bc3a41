/** The photos that edits take from. */

import { openGrid, tokensByMass } from "../drawing/factorization.js";
import { conceptWords } from "../shared/names.js";
import { fetchBestStudy } from "../shared/server.js";
import { Cutouts } from "./cutout/cutouts.js";

/** @typedef {import("../shared/server.js").Asked} Asked */

/**
 * Among those of a work, under a name of its recipe; one that is there already keeps its name.
 * @param {import("./work.js").Work} work
 * @param {Asked} asked
 * @param {string} title what a person calls it
 * @param {string} [name] that it has already
 * @returns {Promise<import("./other.js").Source>}
 */
export async function takenFrom(work, asked, title, name) {
  const study = await fetchBestStudy(asked, { model: work.study.analysis.model, name: title });
  const { analysis, arrays, image, photo } = study;
  const found = name ?? work.nameFor(study);
  const source = {
    name: found, asked: photo.example ? { example: photo.example } : { photo: photo.token },
    title: photo.example ? photo.name : title || photo.name, study,
    cutouts: work.sources.get(found)?.cutouts ?? new Cutouts(image, openGrid(analysis, arrays)),
    words: conceptWords(analysis.concepts),
    order: tokensByMass(analysis.concepts),
  };
  work.sources.set(found, source);
  return source;
}
