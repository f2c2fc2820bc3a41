/** From one tab to another: which is open, and what is to be looked for in Retrieve. */

const RETRIEVE = "Retrieve";
const NAMES = { retrieve: RETRIEVE, atlas: "Atlas", models: "Models" };
let waiting = null;
let listener = null;

/**
 * Open Retrieve with a concept chosen.
 * found: {study: {photo, analysis, image, arrays}, token} as the stage shows it (token null: the heaviest one),
 * or {collection, photo, token} of an indexed photo, by its collection's name and its number there,
 * or {collection, concept} by the concept's own number.
 */
export function findInRetrieve(found) {
  waiting = found;
  openTab(RETRIEVE);
  if (listener) {
    listener(waiting);
    waiting = null;
  }
}

/** Retrieve takes what is found from now on; -> what was found before it was there, or null. */
export function takeFound(take) {
  const found = waiting;
  waiting = null;
  listener = take;
  return found;
}

const tabs = () => [...document.querySelectorAll('[role="tab"]')];

/** By the name on it. Tabs that have no room are in Gradio's overflow menu, and answer a click just the same. */
export function openTab(name) {
  const tab = tabs().find((one) => one.textContent.trim() === name);
  if (tab?.getAttribute("aria-selected") !== "true") tab?.click();
}

/** An address may name the tab that it is about: ?tab=retrieve. Once, when the page has come; then it follows the tabs. */
export function openTabOfAddress() {
  const wanted = new URLSearchParams(window.location.search).get("tab");
  if (wanted in NAMES) openTab(NAMES[wanted]);
  document.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest('[role="tab"]')) requestAnimationFrame(noteTab);
  });
}

function noteTab() {
  const open = tabs().find((one) => one.getAttribute("aria-selected") === "true")?.textContent.trim();
  const [name] = Object.entries(NAMES).find(([, label]) => label === open) ?? [];
  const address = new URL(window.location.href);
  if (name) address.searchParams.set("tab", name);
  else address.searchParams.delete("tab");
  window.history.replaceState(window.history.state, "", address.href);
}
