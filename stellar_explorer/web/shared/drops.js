/** What is dropped or pasted anywhere on the page: photos, or what somebody takes for one. */

import { icon, make } from "./elements.js";
import { isTyping } from "./keyboard.js";

/** @typedef {{files: File[], refused: string[]}} Given photos, and sentences for what cannot be taken */

/** A tab may take what is dropped by itself: true where it did.
 * @type {Map<string, (transfer: DataTransfer, event: DragEvent) => boolean>} */
const takers = new Map();

/** @param {string} tab @param {(transfer: DataTransfer, event: DragEvent) => boolean} take */
export function takeDrops(tab, take) {
  takers.set(tab, take);
}

/** @param {DataTransfer | null} transfer @returns {Given} */
export function filesOf(transfer) {
  const items = [...(transfer?.items ?? [])].filter(({ kind }) => kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry?.());
  const folders = entries.flatMap((entry) => (entry?.isDirectory ? [entry.name] : []));
  const refused = folders.map((name) =>
    `${name} is a folder; drop its photos, or add the folder to search in it under Retrieve.`);
  return { files: [...(transfer?.files ?? [])].filter(({ name }) => !folders.includes(name)), refused };
}

/** What a text is, in one sentence, where somebody meant a photo by it; null otherwise. @param {string} text */
export function refusalOfText(text) {
  if (!/^(https?:\/\/|data:image\/)\S+$/i.test(text.trim())) return null;
  return "That is the address of a picture, and this page opens none. Save the picture and drop it here, "
    + "or copy the picture itself and paste it.";
}

/** @param {DataTransfer | null} transfer @returns {Given} */
function givenOf(transfer) {
  const given = filesOf(transfer);
  const text = transfer?.getData("text/uri-list") || transfer?.getData("text/plain") || "";
  const sentence = given.files.length || given.refused.length ? null : refusalOfText(text);
  return sentence ? { files: [], refused: [sentence] } : given;
}

/**
 * @param {import("./session.js").Session} session
 * @param {(given: Given) => void} take
 * @returns {HTMLElement} the veil that says what a drop does
 */
export function listenToDrops(session, take) {
  const veil = make("div", { class: "veil", popover: "manual", "data-veil": "", "aria-hidden": "true" },
    make("div", { class: "veil-words" }, icon("photo"), make("span", {}, "Drop the photo to look at it")));
  const isOurs = (/** @type {DragEvent} */ event) => {
    const types = event.dataTransfer?.types ?? [];
    return types.includes("Files") || (types.includes("text/uri-list") && !isTyping(event.target) && !isInside);
  };
  const close = () => veil.matches(":popover-open") && veil.hidePopover();
  let isInside = false; // what is dragged began in this page
  window.addEventListener("dragstart", () => { isInside = true; });
  window.addEventListener("dragend", () => { isInside = false; });
  window.addEventListener("dragenter", (event) => {
    if (!isOurs(event)) return;
    event.preventDefault();
    if (!takers.has(session.state.tab) && !veil.matches(":popover-open")) veil.showPopover();
  });
  window.addEventListener("dragover", (event) => {
    if (!isOurs(event) || !event.dataTransfer) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  window.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) close();
  });
  window.addEventListener("drop", (event) => {
    close();
    if (!isOurs(event) || !event.dataTransfer || event.defaultPrevented) return;
    event.preventDefault();
    if (!takers.get(session.state.tab)?.(event.dataTransfer, event)) take(givenOf(event.dataTransfer));
  });
  document.addEventListener("paste", (event) => {
    if (isTyping(event.target)) return;
    const given = givenOf(event.clipboardData);
    if (!given.files.length && !given.refused.length) return;
    event.preventDefault();
    take(given);
  });
  return veil;
}
