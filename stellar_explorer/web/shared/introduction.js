/** What a tab is for, in two sentences, until a visitor has hidden them. */

import { icon, make } from "./elements.js";

/** key: under which this browser remembers that they were hidden. @param {string} words @param {string} key */
export function introduction(words, key) {
  const isHidden = storage((store) => store.getItem(key)) === "yes";
  const element = make("div", { class: "introduction", hidden: isHidden, "data-introduction": "" },
    make("p", {}, words),
    make("button", {
      type: "button", class: "quiet-button", "aria-label": "Hide this introduction", onclick: () => {
        element.hidden = true;
        storage((store) => store.setItem(key, "yes"));
      },
    }, icon("close")));
  return element;
}

/** Storage may be refused in a frame of another site; then nothing is remembered.
 * @template T @param {(store: Storage) => T} use */
function storage(use) {
  try {
    return use(window.localStorage);
  } catch {
    return null;
  }
}
