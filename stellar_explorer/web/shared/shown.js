/** What this page shows, told to the server now and then, so that it is kept for as long as somebody looks at it. */

import { resolveAddress } from "./requests.js";

const BEAT = 30_000; // a third of how long the server keeps what it was told
const MOST = 24;
const SOON = 300;

const tokens = new Set(); // the newest last
let timer = null;

/** A photo's or an analysis' token. */
export function show(token) {
  if (!token) return;
  const isNew = !tokens.delete(token);
  tokens.add(token);
  if (tokens.size > MOST) tokens.delete(tokens.values().next().value);
  if (isNew) beatIn(SOON);
}

function beatIn(milliseconds) {
  clearTimeout(timer);
  timer = setTimeout(beat, milliseconds);
}

/** The newest first: of one page the server keeps only so much. */
function beat() {
  window.fetch(resolveAddress("stellar/shown"), {
    method: "POST", body: JSON.stringify([...tokens].reverse()), headers: { "Content-Type": "application/json" }, keepalive: true,
  }).catch(() => {});
  beatIn(BEAT);
}

document.addEventListener("visibilitychange", () => tokens.size && !document.hidden && beatIn(0));
