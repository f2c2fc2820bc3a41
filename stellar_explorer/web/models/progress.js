/** How far a training is, and when it was last heard of. */

import { make, write } from "../shared/elements.js";

/** @typedef {{words: string, share: number | null, left: string, updated: number | null}} Course */

export class Progress {
  constructor() {
    this.words = make("span", { class: "models-step" });
    this.left = make("span", { class: "hint" });
    this.age = make("span", { class: "hint models-age" });
    this.fill = make("span", {});
    this.bar = make("div", {
      class: "models-bar", role: "progressbar", "aria-label": "Steps done", "aria-valuemin": 0, "aria-valuemax": 100,
    }, this.fill);
    this.element = make("div", { class: "models-progress", hidden: true },
      make("div", { class: "models-progress-words" }, this.words, this.left, this.age), this.bar);
    /** @type {number | null} */
    this.updated = null;
  }

  /** @param {Course | null} course */
  update(course) {
    this.element.hidden = !course;
    if (!course) return;
    const { words, share, left, updated } = course;
    write(this.words, words);
    write(this.left, left);
    this.bar.hidden = share === null;
    if (share !== null) {
      this.fill.style.width = `${share * 100}%`;
      this.bar.setAttribute("aria-valuenow", String(Math.round(share * 100)));
    }
    this.updated = updated;
    this.tick();
  }

  /** Time passes also while no file changes. */
  tick() {
    write(this.age, this.updated ? `updated ${ago(Date.now() / 1000 - this.updated)}` : "");
  }
}

/** @param {number} seconds */
export function ago(seconds) {
  if (seconds < 5) return "just now";
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} days ago`;
}
