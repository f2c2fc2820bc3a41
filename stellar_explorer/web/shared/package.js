/** The binary package of an analysis: fetched from its own address, and seen as typed arrays without a copy. */

import { ask } from "./line.js";
import { show } from "./shown.js";

const VIEWS = { uint8: Uint8Array, int8: Int8Array, float16: Uint16Array, float32: Float32Array };

/** The server no longer has what the manifest names: the stage asks for it again. */
export class Gone extends Error {}

/** Every address in a manifest is relative to the page's root, which on a Space is not the document's. */
export function resolveAddress(address) {
  const root = window.gradio_config?.root ?? new URL(".", document.baseURI).href;
  return new URL(address, root.endsWith("/") ? root : `${root}/`).href;
}

/** arrays: {NAME: {dtype, shape, offset}} -> {NAME: typed array}; float16 stays as its raw 16 bits. */
export function decodeArrays(buffer, arrays) {
  const decoded = {};
  for (const [name, { dtype, shape, offset }] of Object.entries(arrays)) {
    const View = VIEWS[dtype];
    if (!View) throw new Error(`The package holds ${name} as ${dtype}, which this page cannot read.`);
    decoded[name] = new View(buffer, offset, shape.reduce((product, side) => product * side, 1));
  }
  return decoded;
}

/** Raw float16 bits -> Float32Array. */
export function floatsOfHalves(halves) {
  return Float32Array.from(halves, (bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
}

/** What the server says of a refusal; otherwise, where the fault is its own. 503 says that it has no room. */
export async function sentenceOf(response, otherwise = `The server answered ${response.status}.`) {
  return response.status < 500 || response.status === 503 ? await response.text() : otherwise;
}

export async function fetchSettings(address = "stellar/settings.json") {
  const response = await fetch(resolveAddress(address));
  if (!response.ok) throw new Error(`The page's settings did not arrive (${response.status}). Reload the page.`);
  return response.json();
}

/** -> {arrays, received}: the decoded arrays, and how many bytes they took. */
export async function fetchPackage(analysis) {
  show(analysis.token);
  const response = await ask(analysis.address);
  if (response.status === 404 || response.status === 410) throw new Gone("This analysis has left the server.");
  if (!response.ok) throw new Error(await sentenceOf(response, `The analysis did not arrive (${response.status}). Try again.`));
  const buffer = await response.arrayBuffer();
  return { arrays: decodeArrays(buffer, analysis.arrays), received: analysis.bytes ?? buffer.byteLength };
}

/** -> HTMLImageElement, decoded and ready to draw. */
export async function fetchPhoto(photo) {
  show(photo.token);
  const image = new Image();
  image.src = resolveAddress(photo.address);
  try {
    await image.decode();
  } catch {
    throw new Gone("This photo has left the server.");
  }
  return image;
}
