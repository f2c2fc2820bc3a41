/** What stands in a map's place until it is there. */

import { make, write } from "../shared/elements.js";

const OPENING = "Opening the map…";

export class Waiting {
  constructor() {
    this.words = make("p", { class: "atlas-wait-words" }, OPENING);
    this.done = make("span", {});
    this.bar = make("div", { class: "atlas-wait-bar", hidden: true }, this.done);
    this.once = make("p", { class: "hint", hidden: true }, "This happens once; the map is then kept beside the index.");
    this.element = make("div", { class: "atlas-wait", role: "status" }, this.words, this.bar, this.once);
  }

  /** @param {string} [words] @param {number | null} [share]  that is done, or null where it is not known */
  show(words = OPENING, share = null) {
    this.element.hidden = false;
    write(this.words, words);
    this.bar.hidden = this.once.hidden = share === null;
    this.done.style.width = `${100 * (share ?? 0)}%`;
  }

  hide() {
    this.element.hidden = true;
  }
}
