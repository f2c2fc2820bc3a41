/** What this page shows, told to the server now and then, so that it is kept for as long as somebody looks at it. */

import { resolveAddress } from "./requests.js";

const BEAT = 30_000; // a third of how long the server keeps what it was told
const MOST = 24;
const SOON = 300;

/** The newest last. @type {Set<string>} */
const tokens = new Set();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** A photo's or an analysis' token. @param {string | null | undefined} token */
export function show(token) {
  if (!token) return;
  const isNew = !tokens.delete(token);
  tokens.add(token);
  const [oldest] = tokens;
  if (tokens.size > MOST) tokens.delete(oldest);
  if (isNew) beatIn(SOON);
}

/** @param {number} milliseconds */
function beatIn(milliseconds) {
  clearTimeout(timer);
  timer = setTimeout(beat, milliseconds);
}

/** The newest first: of one page the server keeps only so much. */
function beat() {
  const told = JSON.stringify([...tokens].reverse());
  fetch(resolveAddress("stellar/shown"), {
    method: "POST", body: told, headers: { "Content-Type": "application/json" }, keepalive: true,
  }).catch(() => {});
  beatIn(BEAT);
}

globalThis.document?.addEventListener("visibilitychange", () => {
  if (tokens.size && !document.hidden) beatIn(0);
});
