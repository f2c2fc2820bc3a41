/** What the Edit tab asks of the server: photos to edit, and what the edits make of them. The encoder runs for the first only. */

import { strongestTokens } from "../drawing/factorization.js";
import { ask } from "../shared/requests.js";
import { Gone, decodeArrays, fetchPackage, fetchPhoto } from "../shared/package.js";

/** Requests follow one another no faster, however fast somebody drags. */
const LEAST_INTERVAL = 60;

async function post(address, body, type = "application/json") {
  let response;
  try {
    response = await ask(address, { method: "POST", body, headers: { "Content-Type": type } });
  } catch {
    throw new Error("The server does not answer; is it still running?");
  }
  if (response.status === 404) throw new Gone(await response.text());
  if (response.status >= 500 && response.status !== 503) throw new Error(`The server answered ${response.status}.`);
  if (!response.ok) throw Object.assign(new Error(await response.text()), { isRefused: response.status === 400 });
  return response;
}

/** asked: {example} | {photo: token} | {collection, id} | {file: File}; resolution null: the model's best -> {photo, analysis, edit, image, arrays} */
export async function askStudy(asked, { model, resolution }) {
  const address = `stellar/edit/study?model=${encodeURIComponent(model)}&resolution=${resolution ?? "best"}`;
  const manifest = await (asked.file ? post(address, asked.file, "application/octet-stream")
    : post(address, JSON.stringify(asked))).then((response) => response.json());
  if (asked.file) manifest.photo.name = asked.file.name || manifest.photo.name;
  const [image, { arrays }] = await Promise.all([fetchPhoto(manifest.photo), fetchPackage(manifest.analysis)]);
  return { ...manifest, image, arrays };
}

/** edits and photos: {name: study token}, for this study. */
const bodyOf = ({ edits, photos }) => JSON.stringify({ edits, photos });

/** -> {grid, concepts, seconds, bitmap}; see edited_package in edit_routes.py. */
async function askEdited(study, ask) {
  const buffer = await (await post(`stellar/edit/${study}`, bodyOf(ask))).arrayBuffer();
  const headLength = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, headLength)));
  const data = buffer.slice(4 + headLength);
  const { localization: codes, peak } = decodeArrays(data, head.arrays);
  const [rows, cols] = head.patch_grid;
  const numTokens = head.num_tokens;
  const every = Array.from({ length: numTokens }, (_, token) => token);
  const grid = { rows, cols, numPatches: rows * cols, numTokens, codes, peak, strongest: strongestTokens(codes, peak, every, rows * cols) };
  const { offset, length } = head.picture;
  const bitmap = await createImageBitmap(new Blob([new Uint8Array(data, offset, length)], { type: "image/jpeg" }));
  return { grid, concepts: head.concepts, seconds: head.seconds, bitmap };
}

/** -> a PNG Blob, the very bytes that the command line writes. */
export async function askPicture(study, ask) {
  return (await post(`stellar/edit/${study}/picture.png`, bodyOf(ask))).blob();
}

/** A recipe's text -> the recipe, read strictly. */
export async function askRecipe(text) {
  return (await post("stellar/edit/recipe", text)).json();
}

/** One request at a time; of those that come meanwhile the latest alone is sent. */
export class Decoding {
  /** on: {answer(ask, answer), fail(ask, error), busy(isBusy)} */
  constructor(on) {
    this.on = on;
    this.wanted = null;
    this.isAsking = false;
    this.requests = 0;
  }

  /** ask: {study, edits, photos}. What was asked for another study is answered no more. */
  ask(ask) {
    this.wanted = ask;
    this.on.busy(true);
    this.go();
  }

  forget() {
    this.wanted = null;
    this.current = null;
  }

  async go() {
    if (this.isAsking || !this.wanted) return;
    const ask = this.wanted;
    this.wanted = null;
    this.current = ask;
    this.isAsking = true;
    this.requests += 1;
    const pause = new Promise((done) => setTimeout(done, LEAST_INTERVAL));
    try {
      const answer = await askEdited(ask.study, ask);
      if (this.current === ask) this.on.answer(ask, answer);
    } catch (error) {
      if (this.current === ask) this.on.fail(ask, error);
    }
    await pause;
    this.isAsking = false;
    if (this.wanted) this.go();
    else this.on.busy(false);
  }
}
