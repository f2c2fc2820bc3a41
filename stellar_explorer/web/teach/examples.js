/** Concepts that Retrieve shows, as examples of a word, each with a small picture. */

import { drawCrop, gridOfMasks } from "../retrieve/masks.js";
import { unnamed } from "../retrieve/photo.js";
import { nameOf } from "../shared/names.js";
import { smallPicture } from "./marks.js";
import { indexedExample, studyExample } from "./store.js";

/** @type {[number, number]} */
const SIZE = [112, 84];

/** @param {any} picture */
function drawn(picture) {
  if (!picture?.image?.naturalWidth) return null;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = SIZE;
  drawCrop(canvas, picture);
  return smallPicture(canvas, SIZE);
}

/**
 * one: a concept as query.js has it -> an example; null for a word, a box, a whole photo or nothing.
 * @param {import("../retrieve/question/query.js").Subject | null} one
 */
export function conceptExample(one, { isDrawn = true } = {}) {
  if (!one || one.kind === "word" || (one.what ?? "concept") !== "concept") return null;
  const label = one.of ? `${one.label} of ${one.of}` : one.label;
  const more = { label, picture: isDrawn ? drawn(one.picture) : null };
  const { kind, study = "", token = 0, collection = "", concept = 0 } = one;
  return kind === "study" ? studyExample(study, token, more) : indexedExample(collection, concept, more);
}

/**
 * A hit of a collection, in the photo that it was found in.
 * @param {string} collection @param {any} hit @param {{title: string}} result @param {HTMLImageElement} image
 */
export function hitExample(collection, hit, result, image) {
  const picture = { image, grid: gridOfMasks([hit], hit.token + 1), token: hit.token, centroid: hit.centroid,
    colour: "#fff" };
  const word = nameOf(hit.names, hit.taught) ?? unnamed(hit);
  return indexedExample(collection, hit.concept, { label: `${word} of ${result.title}`, picture: drawn(picture) });
}
