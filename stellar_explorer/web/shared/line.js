/** Requests of this page to our own addresses: by name, so that it can be told its place in the server's line. */

import { make, write } from "./elements.js";
import { resolveAddress } from "./package.js";

const SESSION_HEADER = "Stellar-Session";
const PATIENCE = 1200; // before the first look at the place, and between two
const MOST_TRIES = 3;
const MOST_PAUSE = 20; // seconds that it waits by itself before it asks again

/** This page's alone, and good for nothing but its place. */
const session = Array.from(window.crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");

let pending = 0;
let isLooking = false;
let pill = null;

/** before: how many are to begin before this page's own. */
export function placeInWords(before) {
  return before ? `${before} before you` : "You are next";
}

/** As window.fetch of one of our addresses. Where the server has no room it is asked again, when it says; at last the 503 itself. */
export async function ask(address, options = {}) {
  const headers = { ...options.headers, [SESSION_HEADER]: session };
  pending += 1;
  look();
  try {
    for (let tries = 1; ; tries += 1) {
      const response = await window.fetch(resolveAddress(address), { ...options, headers });
      const seconds = Number(response.headers.get("Retry-After"));
      if (response.status !== 503 || !seconds || seconds > MOST_PAUSE || tries === MOST_TRIES) return response;
      await pause(1000 * seconds);
    }
  } finally {
    pending -= 1;
    if (!pending) tell("");
  }
}

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** While something is waited for longer than a moment, the place is asked for and told at the page's foot. */
async function look() {
  if (isLooking) return;
  isLooking = true;
  await pause(PATIENCE);
  while (pending) {
    const before = await window.fetch(resolveAddress("stellar/line.json"), { headers: { [SESSION_HEADER]: session } })
      .then((response) => response.json()).then((said) => said.before).catch(() => null);
    tell(pending && before !== null ? `Many are here just now: ${placeInWords(before).toLowerCase()}.` : "");
    await pause(PATIENCE);
  }
  tell("");
  isLooking = false;
}

function tell(words) {
  if (!pill && !words) return;
  if (!pill) document.body.append(pill = make("p", { class: "line-place", role: "status", "data-line": "" }));
  write(pill, words);
  pill.hidden = !words;
}
