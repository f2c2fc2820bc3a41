/** Requests of this page to our own addresses: by name, so that it can be told its place in the server's line. */

const SESSION_HEADER = "Stellar-Session";
const MOST_TRIES = 3;
const MOST_PAUSE = 20; // seconds that it waits by itself before it asks again

/** This page's alone, and good for nothing but its place. */
const name = Array.from(globalThis.crypto.getRandomValues(new Uint8Array(12)),
  (byte) => byte.toString(16).padStart(2, "0")).join("");

let pending = 0;
/** @type {Set<(pending: number) => void>} */
const listeners = new Set();

/**
 * Every address of ours is relative to the page's root, which on a Space is not the document's.
 * @param {string} address
 */
export function resolveAddress(address) {
  const root = globalThis.gradio_config?.root ?? new URL(".", document.baseURI).href;
  return new URL(address, root.endsWith("/") ? root : `${root}/`).href;
}

/** @param {number} milliseconds */
export const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** Tells how many requests are under way, whenever that changes. @param {(pending: number) => void} listener */
export function onPending(listener) {
  listeners.add(listener);
}

/** @param {number} by */
function count(by) {
  pending += by;
  for (const listener of listeners) listener(pending);
}

/**
 * As window.fetch of one of our addresses. Where the server has no room it is asked again, when it says; at last the
 * 503 itself. Raises what fetch raises.
 * @param {string} address
 * @param {RequestInit} [options]
 */
export async function ask(address, options = {}) {
  const headers = { .../** @type {Record<string, string>} */ (options.headers), [SESSION_HEADER]: name };
  count(1);
  try {
    for (let tries = 1; ; tries += 1) {
      const response = await fetch(resolveAddress(address), { ...options, headers });
      const seconds = Number(response.headers.get("Retry-After"));
      if (response.status !== 503 || !seconds || seconds > MOST_PAUSE || tries === MOST_TRIES) return response;
      await pause(1000 * seconds);
    }
  } finally {
    count(-1);
  }
}

/** How many are to begin before this page's own; null where that is not known. @returns {Promise<number | null>} */
export async function placeInLine() {
  try {
    const response = await fetch(resolveAddress("stellar/line.json"), { headers: { [SESSION_HEADER]: name } });
    return (await response.json()).before;
  } catch {
    return null;
  }
}
