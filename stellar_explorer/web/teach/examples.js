/** Concepts that Retrieve shows, as examples of a word, each with a small picture. */

import { drawCrop, gridOfMasks } from "../retrieve/masks.js";
import { smallPicture } from "./marks.js";
import { indexedExample, studyExample } from "./store.js";

const SIZE = [112, 84];

function drawn(picture) {
  if (!picture?.image?.naturalWidth) return null;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = SIZE;
  drawCrop(canvas, picture);
  return smallPicture(canvas, SIZE);
}

/** one: a concept as retrieve_query.js has it -> an example; null for a word, a box, a whole photo or nothing. */
export function conceptExample(one, { isDrawn = true } = {}) {
  if (!one || one.kind === "word" || (one.what ?? "concept") !== "concept") return null;
  const more = { label: one.of ? `${one.label} of ${one.of}` : one.label, picture: isDrawn ? drawn(one.picture) : null };
  return one.kind === "study" ? studyExample(one.study, one.token, more) : indexedExample(one.collection, one.concept, more);
}

/** A hit of a collection, in the photo that it was found in. */
export function hitExample(collection, hit, result, image) {
  const picture = { image, grid: gridOfMasks([hit], hit.token + 1), token: hit.token, centroid: hit.centroid, colour: "#fff" };
  const [word] = hit.taught[0] ?? hit.names[0] ?? [];
  return indexedExample(collection, hit.concept, { label: `${word ?? `concept ${hit.token}`} of ${result.title}`, picture: drawn(picture) });
}
