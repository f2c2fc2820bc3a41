/** The page's place in the server's line, told at its foot while something is waited for longer than a moment. */

import { make, write } from "./elements.js";
import { onPending, pause, placeInLine } from "./requests.js";

const PATIENCE = 1200; // before the first look at the place, and between two

let pending = 0;
let isLooking = false;
/** @type {HTMLElement | null} */
let pill = null;

/** before: how many are to begin before this page's own. @param {number} before */
export function placeInWords(before) {
  return before ? `${before} before you` : "You are next";
}

onPending((now) => {
  pending = now;
  if (!pending) tell("");
  else if (!isLooking) look();
});

async function look() {
  isLooking = true;
  await pause(PATIENCE);
  while (pending) {
    const before = await placeInLine();
    tell(pending && before !== null ? `Many are here just now: ${placeInWords(before).toLowerCase()}.` : "");
    await pause(PATIENCE);
  }
  tell("");
  isLooking = false;
}

/** @param {string} words */
function tell(words) {
  if (!pill && !words) return;
  if (!pill) document.body.append(pill = make("p", { class: "line-place", role: "status", "data-line": "" }));
  write(pill, words);
  pill.hidden = !words;
}
