/** Recipes: the edits written down so that they can be done again, here or by `python -m stellar_explorer edit`. */

import { uploadPhoto } from "../../shared/server.js";
import { askForFile } from "./save.js";
import { readRecipe } from "../server.js";

/** @typedef {import("../work.js").Work} Work */

const VERSION = 2;

/** @param {Work} work @param {any} settings */
export function recipeOf({ study: { photo, analysis }, edits, sources }, settings) {
  const entry = (/** @type {import("../../shared/server.js").PhotoFacts} */ one, /** @type {string} */ name) =>
    (one.example ? { example: one.example } : { file: name });
  const used = [...new Set(edits.flatMap((edit) => (edit.photo ? [edit.photo] : [])))];
  const photos = used.flatMap((name) => {
    const source = sources.get(name);
    return source ? [[name, entry(source.study.photo, source.title)]] : [];
  });
  return {
    version: VERSION, model: settings.models.find((/** @type {any} */ one) => one.name === analysis.model)?.label
      ?? analysis.model,
    resolution: analysis.resolution, width: analysis.width, photo: entry(photo, photo.name),
    ...(used.length ? { photos: Object.fromEntries(photos) } : {}), edits,
  };
}

/**
 * A recipe's edits on the photo that is edited now. Photos that are files are asked for, one after the other; where one
 * is not given, or the recipe is of another model, Error, one sentence, and nothing was done.
 * @param {File} file
 * @param {Work} work
 * @param {{settings: any, root: HTMLElement, takeFrom: (asked: import("../../shared/server.js").Asked, title: string)
 * => Promise<import("../other.js").Source>}} page
 * @returns {Promise<{edits: import("../cutout/layout.js").Edit[], note: string}>}
 */
export async function readEdits(file, { study: { photo, analysis } }, { settings, root, takeFrom }) {
  const recipe = await readRecipe(await file.text());
  const offered = settings.models.find((/** @type {any} */ one) => [one.label, one.name].includes(recipe.model));
  if (offered.name !== analysis.model) {
    throw new Error(`The recipe was made with ${offered.label}; choose that model in Explore, and load it again.`);
  }
  if (recipe.width !== undefined && recipe.width !== analysis.width) {
    throw new Error(`The recipe's concepts are ${recipe.width} numbers wide and this model's ${analysis.width}; `
      + "it was made with another model of that name.");
  }
  const titleOf = (/** @type {string} */ id) =>
    settings.examples.find((/** @type {any} */ one) => one.id === id)?.title ?? id;
  /** @type {Record<string, string>} */
  const names = {};
  for (const [name, { example, file: missing }] of Object.entries(recipe.photos ?? {})) {
    if (example) {
      names[name] = (await takeFrom({ example }, titleOf(example))).name;
    } else {
      const facts = await uploadPhoto(await askForFile(root, missing, settings.accept), missing);
      names[name] = (await takeFrom({ photo: facts.token }, missing)).name;
    }
  }
  const made = recipe.photo;
  const isOther = made && (made.example ?? made.file) !== (photo.example ?? photo.name);
  const madeOn = isOther && (made.example ? titleOf(made.example) : made.file);
  return {
    edits: recipe.edits.map((/** @type {any} */ edit) => (edit.photo ? { ...edit, photo: names[edit.photo] } : edit)),
    note: isOther ? `The recipe was made on ${madeOn}; here it is on ${photo.name}.` : "",
  };
}
