/** A similarity against the amount of a change: the model's line, its peer's, and what each has to beat. */

import { make } from "../shared/elements.js";
import { similarityInWords } from "./answers.js";

/** @typedef {import("./answers.js").Line} Line */
/**
 * ends: of the axis; at: where the slider stands; words: of an amount, under the axis.
 * @typedef {{lines: Line[], ends: [number, number], at: number, words: (amount: number) => string}} Drawn
 */

const HEIGHT = 172;
const MARGIN = { top: 10, bottom: 26, left: 30, right: 44 };
const TICKS = [0, 0.5, 1];
const LEAST_GAP = 15; // between two numbers at the curves' ends

/**
 * @param {string} tag @param {Record<string, string | number>} attributes @param {string} [text]
 * @returns {SVGElement}
 */
function svg(tag, attributes, text) {
  const element = /** @type {SVGElement} */ (document.createElementNS("http://www.w3.org/2000/svg", tag));
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  if (text !== undefined) element.textContent = text;
  return element;
}

export class AmountCurve {
  /** @param {string} name @param {string} title @param {string} hint */
  constructor(name, title, hint) {
    this.title = title;
    /** @type {Drawn | null} */
    this.shown = null;
    this.picture = svg("svg", { class: "eq-curve-picture", role: "img", height: HEIGHT, "aria-label": title });
    this.legend = make("ul", { class: "eq-legend" });
    this.element = make("figure", { class: "eq-curve", "data-curve": name },
      make("figcaption", {}, make("h3", {}, title), make("p", { class: "hint" }, hint)), this.picture, this.legend);
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  /** @param {Drawn} drawn */
  update(drawn) {
    this.shown = drawn;
    this.draw();
  }

  draw() {
    const width = Math.floor(this.element.clientWidth);
    if (!this.shown || width < 120) return;
    const { lines, at, words } = this.shown;
    this.picture.setAttribute("width", String(width));
    this.picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    const ends = lines.flatMap(({ kind, label, points }) => {
      const value = kind.endsWith("still") ? undefined : points.find(([amount]) => amount === at)?.[1];
      return value === undefined ? [] : [{ kind, label, value }];
    });
    const said = ends.map(({ label, value }) => `${label} ${similarityInWords(value)}`).join(", ") || "not yet known";
    this.picture.setAttribute("aria-label", `${this.title}. At ${words(at)}: ${said}.`);
    this.picture.replaceChildren(...this.shapes(this.shown, ends, width));
    const known = lines.filter(({ points }) => points.length).reverse();
    this.legend.replaceChildren(...known.map(({ kind, label }) => make("li", {},
      make("span", { class: "eq-swatch", "data-line": kind, "aria-hidden": "true" }), label)));
  }

  /** @param {Drawn} shown @param {{kind: string, value: number}[]} found at the slider @param {number} width */
  shapes({ lines, ends: [first, last], at, words }, found, width) {
    const bottom = HEIGHT - MARGIN.bottom;
    const right = width - MARGIN.right;
    const across = (/** @type {number} */ amount) =>
      MARGIN.left + ((amount - first) / (last - first)) * (right - MARGIN.left);
    const up = (/** @type {number} */ value) => bottom - Math.min(1, Math.max(0, value)) * (bottom - MARGIN.top);
    const shapes = TICKS.flatMap((value) => [
      svg("line", { class: "eq-grid", x1: MARGIN.left, x2: right, y1: up(value), y2: up(value) }),
      svg("text", { class: "eq-axis", x: MARGIN.left - 8, y: up(value) + 4, "text-anchor": "end" }, String(value)),
    ]);
    for (const amount of new Set([first, 0, last])) {
      const anchor = amount === first ? "start" : amount === last ? "end" : "middle";
      const place = { x: across(amount), y: HEIGHT - 6, "text-anchor": anchor };
      shapes.push(svg("text", { class: "eq-axis", ...place }, words(amount)));
    }
    shapes.push(svg("line", { class: "eq-at", x1: across(at), x2: across(at), y1: MARGIN.top, y2: bottom }));
    for (const { kind, points } of lines.filter((line) => line.points.length)) {
      const path = points.map(([amount, value], place) =>
        `${place ? "L" : "M"}${across(amount).toFixed(1)} ${up(value).toFixed(1)}`);
      shapes.push(svg("path", { class: "eq-line", "data-line": kind, d: path.join("") }));
    }
    let above = -Infinity;
    for (const { kind, value } of [...found].sort((a, b) => b.value - a.value)) {
      above = Math.max(above + LEAST_GAP, up(value) + 4);
      const number = { class: "eq-number", "data-line": kind, x: right + 8, y: above };
      shapes.push(svg("circle", { class: "eq-dot", "data-line": kind, cx: across(at), cy: up(value), r: 4 }),
        svg("text", number, similarityInWords(value)));
    }
    return shapes;
  }
}
