/** The comparison's numbers as a table; the same rows that the CSV holds. */

import { make, write } from "../shared/elements.js";
import { secondsInWords } from "../shared/numbers.js";

const whole = (/** @type {number} */ value) => value.toLocaleString("en");
/** @type {[string, string, (value: any) => string, string][]} */
const COLUMNS = [
  ["tokens", "Tokens", whole, "how many a picture; a file has none"],
  ["bits", "Bits", whole, "eight times the bytes"],
  ["bytes", "Bytes", whole, "the length of what is really serialised"],
  ["native", "Native size", (value) => value, "of the picture as it came, in pixels"],
  ["seconds", "Seconds", (value) => secondsInWords(value).replace(" s", ""),
    "to take the photo apart and rebuild it, on the server, just now"],
  ["psnr_db", "PSNR, dB", (value) => value.toFixed(2), "higher is better"],
  ["ssim", "SSIM", (value) => value.toFixed(3), "higher is better"],
  ["stem_distance", "Stem", (value) => value.toFixed(3), "distance in frozen features; lower is better"],
  ["lpips", "LPIPS", (value) => value.toFixed(3), "lower is better"],
];

/** Who comes nearest is read off the numbers: it differs from photo to photo, and from model to model. */
const MODELS = ["stellar", "titok", "mae"];
/** @type {[string, string, number][]} */
const RANKED = [["psnr_db", "PSNR", 1], ["ssim", "SSIM", 1], ["stem_distance", "the stem's features", -1]];

/**
 * A sentence or two, or nothing before the numbers of two models have come.
 * @param {{way: {name: string}, facts: any}[]} pictures
 */
export function standing(pictures) {
  const factsOf = (/** @type {string} */ name) => pictures.find(({ way, facts }) => way.name === name && facts
    && facts.missing === null)?.facts;
  const models = MODELS.map(factsOf).filter(Boolean);
  if (models.length < 2) return "";
  const nearest = RANKED.filter(([name]) => models.every((facts) =>
    typeof facts[name] === "number")).map(([name, words, sign]) =>
    `by ${words}: ${models.reduce((best, facts) => (sign * facts[name] > sign * best[name] ? facts : best)).model}`);
  const [stellar, floor] = [factsOf("stellar"), factsOf("colours")];
  const above = stellar && floor && stellar.psnr_db - floor.psnr_db;
  return `Of the models, nearest to this photo ${nearest.join("; ")}.${above === undefined ? ""
    : ` STELLAR is ${Math.abs(above).toFixed(1)} dB ${above < 0 ? "below" : "above"} the mean colours of its `
      + "concepts."}`;
}

export class NumbersTable {
  constructor() {
    this.body = make("tbody");
    this.standing = make("p", { "data-standing": "" });
    this.note = make("p", { class: "hint", "data-numbers-note": "" });
    this.element = make("section", { class: "rebuilt-numbers", "aria-label": "Numbers" },
      make("div", { class: "section-head" }, make("h2", {}, "Numbers"),
        make("span", { class: "hint" }, "of this photo, and of it alone")),
      this.standing,
      make("div", { class: "rebuilt-scroll", tabindex: "0", role: "region",
        "aria-label": "Table of numbers, can be scrolled sideways" },
        make("table", { "data-numbers": "" },
          make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Rebuilt by"),
            ...COLUMNS.map(([, label, , hint]) => make("th", { scope: "col", title: hint }, label)))), this.body)),
      this.note);
  }

  /**
   * @param {import("./pictures.js").RebuiltPicture[]} pictures
   * @param {Record<string, string>} missing  of a measure, why it cannot be had
   */
  update(pictures, missing) {
    this.body.replaceChildren(...pictures.map(({ way, facts }) => this.row(way, facts)));
    write(this.standing, standing(pictures));
    write(this.note, Object.entries(missing).map(([name, reason]) => `${name.toUpperCase()}: ${reason}.`).join(" "));
  }

  /** @param {import("./server.js").Way} way @param {any} facts */
  row(way, facts) {
    const head = make("th", { scope: "row", title: facts?.what ?? "" }, facts?.model ?? way.label);
    if (!facts) return make("tr", { "data-row": way.name }, head,
      make("td", { colspan: COLUMNS.length, class: "rebuilt-none" }, "…"));
    if (facts.missing !== null) {
      return make("tr", { "data-row": way.name }, head, make("td", { colspan: COLUMNS.length, class: "rebuilt-none" },
        facts.missing));
    }
    const values = { ...facts, native: `${facts.native_width} × ${facts.native_height}` };
    return make("tr", { "data-row": way.name }, head, ...COLUMNS.map(([name, , words]) =>
      make("td", { "data-number": name }, values[name] === null || values[name] === undefined ? "–"
        : words(values[name]))));
  }
}
