/** What is dropped on Retrieve: one half of the page asks with the photo, the other keeps it to be searched. */

import { icon, make } from "../../shared/elements.js";
import { takeDrops } from "../../shared/drops.js";

const MOST_WALKED = 10_000; // files of a folder that are looked at

/**
 * What was dropped -> all files of it, those in folders too. Call it in the drop's own turn: later it is empty.
 * @param {DataTransfer} transfer
 */
export async function filesOf(transfer) {
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry?.() ?? []);
  if (!entries.some(({ isDirectory }) => isDirectory)) return [...transfer.files];
  /** @type {File[]} */
  const files = [];
  for (const entry of entries) await walk(entry, files);
  return files;
}

/** @param {any} entry @param {File[]} files */
async function walk(entry, files) {
  if (files.length > MOST_WALKED) return;
  if (entry.isFile) {
    const file = await new Promise((done) => entry.file(done, () => done(null)));
    if (file) files.push(file);
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((done) => reader.readEntries(done, () => done([]))); // a hundred at a time
    if (!some.length) return;
    for (const one of some) await walk(one, files);
  }
}

/**
 * While photos are dragged over the tab, its two halves say what each does. One photo on the left is the frame's.
 * @param {{isShown: () => boolean, keep: (files: Promise<File[]>) => void}} on
 * @returns {HTMLElement} the veil, in the top layer
 */
export function dropHalves(on) {
  const halves = [["ask", "search", "Search with this photo", "Find its concepts in the collection"],
    ["keep", "plus", "Add to your photos", "Search in it; files, or a whole folder"]].map(([name, sign, words, hint]) =>
    make("div", { class: "veil-half", "data-half": name }, make("div", { class: "veil-words" }, icon(sign), words),
      make("p", { class: "hint" }, hint)));
  const veil = make("div", { class: "veil retrieve-veil", popover: "manual", "data-veil": "", "aria-hidden": "true" },
    ...halves);
  const holdsFile = (/** @type {DragEvent} */ event) => on.isShown()
    && [...(event.dataTransfer?.types ?? [])].includes("Files");
  const close = () => veil.matches(":popover-open") && veil.hidePopover();
  const over = (/** @type {DragEvent} */ event) => {
    const isAlone = (event.dataTransfer?.items.length ?? 0) < 2;
    halves[0].hidden = !isAlone;
    const name = isAlone && event.clientX < window.innerWidth / 2 ? "ask" : "keep";
    for (const one of halves) one.toggleAttribute("data-over", one.dataset.half === name);
    return name;
  };
  window.addEventListener("dragenter", (event) => {
    if (!holdsFile(event)) return;
    over(event);
    if (!veil.matches(":popover-open")) veil.showPopover();
  });
  window.addEventListener("dragover", (event) => {
    if (holdsFile(event)) over(event);
  });
  window.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) close();
  });
  takeDrops("retrieve", (transfer, event) => {
    close();
    const isFolder = [...transfer.items].some((item) => item.webkitGetAsEntry?.()?.isDirectory);
    if (over(event) === "ask" && !isFolder && transfer.files.length === 1) return false;
    on.keep(filesOf(transfer));
    return true;
  });
  return veil;
}
