/** What stands where hits would: a sentence, what to try, and perhaps a bar. */

import { make, write } from "../../shared/elements.js";

export class Instead {
  constructor() {
    this.words = make("p", {});
    this.hint = make("p", { class: "hint" });
    this.fill = make("span", {});
    this.bar = make("div", {
      class: "retrieve-bar", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100",
      "aria-label": "Progress",
    }, this.fill);
    this.element = make("div", { class: "retrieve-instead", hidden: true, "data-instead": "" }, this.words, this.hint,
      this.bar);
  }

  /** @param {string | null} words  null: nothing @param {string} [hint] @param {number | null} [progress]  0..1 */
  say(words, hint = "", progress = null) {
    this.element.hidden = !words;
    write(this.words, words ?? "");
    write(this.hint, hint);
    this.bar.hidden = progress === null;
    if (progress === null) return;
    this.fill.style.width = `${progress * 100}%`;
    this.bar.setAttribute("aria-valuenow", String(Math.round(progress * 100)));
  }
}
