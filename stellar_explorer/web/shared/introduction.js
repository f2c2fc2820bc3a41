/** What a tab is for, in two sentences, until a visitor has hidden them. */

import { icon, make } from "./elements.js";

/** key: under which this browser remembers that they were hidden. -> an element */
export function introduction(words, key) {
  const element = make("div", { class: "introduction", hidden: storage((store) => store.getItem(key)) === "yes", "data-introduction": "" },
    make("p", {}, words),
    make("button", {
      type: "button", class: "quiet-button", "aria-label": "Hide this introduction", onclick: () => {
        element.hidden = true;
        storage((store) => store.setItem(key, "yes"));
      },
    }, icon("close")));
  return element;
}

/** Storage may be refused in a frame of another site; then nothing is remembered. */
function storage(use) {
  try {
    return use(window.localStorage);
  } catch {
    return null;
  }
}
