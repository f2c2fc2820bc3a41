/** The session's photo as its model draws it best, with what Reconstruct is told of it. */

import { openGrid } from "../drawing/factorization.js";
import { conceptWords } from "../shared/names.js";
import { fetchBestStudy, uploadPhoto } from "../shared/server.js";
import { askedOf } from "../shared/session.js";
import { fetchFacts } from "./server.js";

/** @typedef {import("./server.js").Facts} Facts */
/** @typedef {import("../drawing/chips.js").NamedScene & {reconstruct: Facts, photo: any}} Scene */

/** @param {import("../shared/session.js").Session} session @returns {Promise<Scene>} */
export async function fetchScene(session) {
  const { model, photo } = session.state;
  const name = "name" in photo ? photo.name : undefined;
  const study = await session.about((ref) => fetchBestStudy(askedOf(ref), { model, name }),
    (file) => uploadPhoto(file, name ?? file.name));
  const { analysis, arrays } = study;
  return {
    ...study, key: `reconstruct/${analysis.token}`, grid: openGrid(analysis, arrays), smooth: true,
    words: conceptWords(analysis.concepts), reconstruct: await fetchFacts(analysis.token),
  };
}
