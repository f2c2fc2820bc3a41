/** Parts that fold away: open where there is room, closed on a phone, and left alone once somebody has chosen. */

import { make } from "../shared/elements.js";

const ROOM = "(min-width: 821px)";

/** Whether the page is wide enough to show all parts at once. */
export const hasRoom = () => matchMedia(ROOM).matches;

/**
 * @param {Node} title a heading
 * @param {string} hint
 * @param {import("../shared/elements.js").Child[]} content
 * @param {{isOpen?: boolean, name?: string}} [options]
 */
export function fold(title, hint, content, { isOpen = hasRoom(), name } = {}) {
  return make("details", { class: "models-fold", open: isOpen, "data-fold": name },
    make("summary", {}, title, hint ? make("span", { class: "hint" }, hint) : null),
    make("div", { class: "models-folded" }, ...content));
}
