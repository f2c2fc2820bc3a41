/** Two buttons for one concept: whether it is an example of the word that is being taught, or of what it is not. */

import { icon, make } from "../shared/elements.js";
import { listenToTeaching, mark, sideOf } from "./store.js";

/** @type {["yes" | "no", string, string, string][]} */
const SIDES = [["yes", "like", "It is", "An example of the word you teach in Retrieve"],
  ["no", "dislike", "It is not", "An example of what the word does not mean"]];

/**
 * A concept's picture as it is kept beside its mark; null where there is none yet.
 * @param {HTMLCanvasElement | null} canvas
 */
export function smallPicture(canvas, [width, height] = [112, 84]) {
  if (!canvas?.width) return null;
  const small = document.createElement("canvas");
  [small.width, small.height] = [width, height];
  const scale = Math.max(width / canvas.width, height / canvas.height);
  const [w, h] = [canvas.width * scale, canvas.height * scale];
  small.getContext("2d")?.drawImage(canvas, (width - w) / 2, (height - h) / 2, w, h);
  try {
    return small.toDataURL("image/jpeg", 0.8);
  } catch {
    return null;
  }
}

/**
 * -> {element, show(key or null)}. example(): the concept as an example, asked for when a button is pressed.
 * @param {() => import("./store.js").Example | null} example
 */
export function teachMarks(example) {
  /** @type {string | null} */
  let key = null;
  const buttons = SIDES.map(([side, name, words, title]) => make("button", {
    type: "button", class: "button teach-mark", "data-teach": side, "aria-pressed": "false", title,
    onclick: () => {
      const one = example();
      if (one) mark(one, sideOf({ key }) === side ? null : side);
    },
  }, icon(name), words));
  const element = make("div", {
    class: "teach-marks", role: "group", "aria-label": "Teach a word with this concept", hidden: true,
  }, ...buttons);
  const update = () => {
    element.hidden = key === null;
    const side = key === null ? null : sideOf({ key });
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.teach === side));
  };
  listenToTeaching(update);
  return {
    element,
    /** @param {string | null} now */
    show(now) {
      key = now;
      update();
    },
  };
}
