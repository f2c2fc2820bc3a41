/** From one tab to another: which is open, and what it is to begin with. */

const RETRIEVE = "Retrieve";
const RECONSTRUCT = "Reconstruct";
const EDIT = "Edit";
const NAMES = { retrieve: RETRIEVE, atlas: "Atlas", reconstruct: RECONSTRUCT, edit: EDIT, models: "Models" };
const waiting = new Map();
const listeners = new Map();

/** Open a tab with what it is to begin with; it is kept until the tab has come. */
function handTo(tab, found) {
  openTab(tab);
  const listener = listeners.get(tab);
  if (listener) listener(found);
  else waiting.set(tab, found);
}

/** A tab takes what is handed to it from now on; -> what was handed over before it was there, or null. */
function takeFor(tab, take) {
  const found = waiting.get(tab) ?? null;
  waiting.delete(tab);
  listeners.set(tab, take);
  return found;
}

/**
 * Open Retrieve with a concept chosen.
 * found: {study: {photo, analysis, image, arrays}, token} as the stage shows it (token null: the heaviest one),
 * or {collection, photo, token} of an indexed photo, by its collection's name and its number there,
 * or {collection, concept} by the concept's own number.
 */
export const findInRetrieve = (found) => handTo(RETRIEVE, found);
export const takeFound = (take) => takeFor(RETRIEVE, take);

/**
 * Open Edit. found: {asked, name, model} of a photo to edit, asked being {example} or {photo: token}; or with `token` a
 * concept to put into the photo that is edited, asked being {example}, {photo: token} or {collection, id} then.
 */
export const openInEdit = (found) => handTo(EDIT, found);
export const takeForEdit = (take) => takeFor(EDIT, take);

/** Open Reconstruct. found: {asked, name, model} of a photo to rebuild, asked being {example} or {photo: token}. */
export const seeRebuilt = (found) => handTo(RECONSTRUCT, found);
export const takeForReconstruct = (take) => takeFor(RECONSTRUCT, take);

/** Those that have no room are plain buttons in Gradio's overflow menu, and answer a click just the same. */
const TAB = '[role="tab"], .overflow-dropdown button';
const tabs = () => [...document.querySelectorAll(TAB)];
const isOpen = (tab) => tab.getAttribute("aria-selected") === "true" || tab.classList.contains("selected");

/** By the name on it. */
export function openTab(name) {
  const tab = tabs().find((one) => one.textContent.trim() === name);
  if (tab && !isOpen(tab)) tab.click();
}

/** An address may name the tab that it is about: ?tab=retrieve. Once, when the page has come; then it follows the tabs. */
export function openTabOfAddress() {
  const wanted = new URLSearchParams(window.location.search).get("tab");
  if (wanted in NAMES) openTab(NAMES[wanted]);
  document.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest(TAB)) requestAnimationFrame(noteTab);
  });
}

function noteTab() {
  const open = tabs().find(isOpen)?.textContent.trim();
  const [name] = Object.entries(NAMES).find(([, label]) => label === open) ?? [];
  const address = new URL(window.location.href);
  if (name) address.searchParams.set("tab", name);
  else address.searchParams.delete("tab");
  window.history.replaceState(window.history.state, "", address.href);
}
