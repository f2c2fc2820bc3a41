/** The numbers a person wants of an analysis, each with what it means. */

import { make, write } from "./elements.js";

const NUMBERS = {
  grid: ["Grid", "rows × columns of patches"],
  time: ["Time", "to analyse this photo, on the server"],
  explained: ["Explained", "share of the features' variance that L S keeps"],
  entropy: ["Entropy", "how undecided a patch is, on average; 0 is decided"],
  received: ["Received", "bytes this analysis took to get here"],
};

/** @param {number} bytes */
export function bytesInWords(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 999_500 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** @param {number} seconds */
export function secondsInWords(seconds) {
  return seconds < 0.095 ? `${Math.max(0.01, seconds).toFixed(2)} s` : `${seconds.toFixed(1)} s`;
}

export function numbersStrip() {
  /** @type {Record<string, HTMLElement>} */
  const values = {};
  const element = make("dl", { class: "numbers", "data-numbers": "" },
    ...Object.entries(NUMBERS).map(([name, [label, hint]]) => {
      values[name] = make("span", { class: "number-value", "data-number": name }, "–");
      return make("div", { class: "number", title: hint }, make("dt", {}, label),
        make("dd", {}, values[name], make("span", { class: "hint" }, hint)));
    }));
  return {
    element,
    /** @param {any} analysis @param {number} received bytes */
    update(analysis, received) {
      const [rows, cols] = analysis.patch_grid;
      write(values.grid, `${rows} × ${cols} = ${(rows * cols).toLocaleString("en")}`);
      write(values.time, secondsInWords(analysis.seconds));
      // Below 0 the mean alone would do better, as on a strip of one row; how far below says nothing.
      write(values.explained, analysis.explained < 0 ? "none" : `${(analysis.explained * 100).toFixed(0)} %`);
      write(values.entropy, `${analysis.entropy.toFixed(2)} of ${analysis.entropy_max.toFixed(2)} nats`);
      write(values.received, bytesInWords(received));
    },
  };
}
