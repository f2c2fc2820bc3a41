/** What the Edit tab asks of the server: what the model makes of the edits. The encoder runs for photos only. */

import { Refused, fetchJson, fetchOk, posting } from "../shared/server.js";

/**
 * photos: the studies' tokens by the names that edits give the photos.
 * @typedef {{study: string, edits: import("./cutout/layout.js").Edit[], photos: Record<string, string>}} Wanted
 * @typedef {{bitmap: ImageBitmap, seconds: number}} Drawn
 */

/** Requests follow one another no faster, however fast somebody drags. */
const LEAST_INTERVAL = 60;

/** The model's redraw; see edited_package in edit/routes.py. @param {Wanted} wanted @returns {Promise<Drawn>} */
async function fetchDrawn({ study, edits, photos }) {
  const buffer = await (await fetchOk(`stellar/edit/${study}`, posting({ edits, photos }))).arrayBuffer();
  const headLength = new DataView(buffer).getUint32(0, true);
  const { picture: { offset, length }, seconds } = JSON.parse(
    new TextDecoder().decode(new Uint8Array(buffer, 4, headLength)));
  const jpeg = new Uint8Array(buffer, 4 + headLength + offset, length);
  return { bitmap: await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" })), seconds };
}

/** A PNG, the very bytes that the command line writes. @param {Wanted} wanted */
export async function fetchDrawnPng({ study, edits, photos }) {
  return (await fetchOk(`stellar/edit/${study}/picture.png`, posting({ edits, photos }))).blob();
}

/** A recipe's text -> the recipe, read strictly. @param {string} text */
export function readRecipe(text) {
  return fetchJson("stellar/edit/recipe", { method: "POST", body: text,
    headers: { "Content-Type": "application/json" } });
}

/** What the server says of an edit, without its number. @param {unknown} error */
export function sentenceOf(error) {
  const sentence = error instanceof Error ? error.message : String(error);
  return error instanceof Refused ? sentence.replace(/^Edit \d+, [a-z_]+: (.)/, (_, letter) => letter.toUpperCase())
    : sentence;
}

/** One request at a time; of those that come meanwhile the latest alone is sent. */
export class Decoding {
  /**
   * @param {{answer: (wanted: Wanted, drawn: Drawn) => void, fail: (wanted: Wanted, error: unknown) => void, busy:
   * (isBusy: boolean) => void}} on
   */
  constructor(on) {
    this.on = on;
    /** @type {Wanted | null} */
    this.wanted = null;
    /** @type {Wanted | null} */
    this.current = null;
    this.isAsking = false;
  }

  /** What was asked for another study is answered no more. @param {Wanted} wanted */
  ask(wanted) {
    this.wanted = wanted;
    this.on.busy(true);
    this.go();
  }

  forget() {
    this.wanted = null;
    this.current = null;
  }

  async go() {
    if (this.isAsking || !this.wanted) return;
    const wanted = this.wanted;
    this.wanted = null;
    this.current = wanted;
    this.isAsking = true;
    const pause = new Promise((done) => setTimeout(done, LEAST_INTERVAL));
    try {
      const drawn = await fetchDrawn(wanted);
      if (this.current === wanted) this.on.answer(wanted, drawn);
    } catch (error) {
      if (this.current === wanted) this.on.fail(wanted, error);
    }
    await pause;
    this.isAsking = false;
    if (this.wanted) this.go();
    else this.on.busy(false);
  }
}
