/** Training curves, small multiples with one pointer: where it is in one, it is in all. Python did the reckoning. */

import { fold } from "./fold.js";
import { make, write } from "../shared/elements.js";

const HEIGHT = 148;
const MARGIN = { top: 20, bottom: 22, left: 42, right: 10 };
/** @type {Record<string, number>} */
const STEPS = { ArrowLeft: -1, ArrowRight: 1, PageDown: -20, PageUp: 20, Home: -Infinity, End: Infinity };
const DIGIT = 6.6; // the width of one, to keep room for labels

/**
 * As stellar_explorer/views/curves.py makes them.
 * @typedef {[number, number][]} Points steps rising
 * @typedef {{low: number, high: number, ticks: [number, string][]}} Axis
 * @typedef {{name: string, title: string, words: string, beyond: string, summary: string, weight: number | null,
 *   unit: string, points: Points, line: Points, x: Axis, y: Axis, last: {step: number, value: number, label: string},
 *   window: number, numbers: Record<string, string>}} Chart
 * @typedef {{name: string, title: string, words: string, charts: Chart[]}} Section
 */

/**
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag @param {Record<string, any>} [attributes] @param {string | null} [text]
 */
function svg(tag, attributes = {}, text = null) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== null) element.textContent = text;
  return element;
}

/** Four digits, small and large ones as powers of ten. @param {number} value */
export function numberInWords(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e7)) {
    const [factor, power] = value.toExponential(2).split("e");
    const above = (/** @type {string} */ sign) => (sign === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(sign)]);
    const raised = [...String(Number(power))].map(above).join("");
    return `${factor} × 10${raised}`.replace("-", "−");
  }
  return value.toLocaleString("en", { maximumSignificantDigits: 4 }).replace("-", "−");
}

/** The place of the point whose step is nearest. @param {Points} points @param {number} step */
export function nearest(points, step) {
  let [low, high] = [0, points.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (points[middle][0] <= step) low = middle;
    else high = middle;
  }
  return Math.abs(points[low][0] - step) <= Math.abs(points[high][0] - step) ? low : high;
}

/** All sections of an entry. */
export class Curves {
  constructor() {
    this.element = make("div", { class: "models-slot", "data-part": "curves" });
    this.shape = "";
    /** @type {Map<string, Curve>} */
    this.charts = new Map();
    this.smoothing = make("p", { class: "hint" });
  }

  /** @param {Section[]} sections @param {string} smoothing @param {string} kind */
  update(sections, smoothing, kind) {
    const shape = JSON.stringify(sections.map(({ name, charts }) => [name, charts.map((chart) => chart.name)]));
    if (shape !== this.shape || !this.shape) {
      this.shape = shape;
      this.charts.clear();
      this.element.replaceChildren(...this.arrange(sections, kind));
    }
    write(this.smoothing, smoothing);
    for (const { charts } of sections) for (const chart of charts) this.charts.get(chart.name)?.update(chart);
  }

  /** @param {Section[]} sections @param {string} kind */
  arrange(sections, kind) {
    if (!sections.length) {
      return kind !== "run" ? [] : [make("p", { class: "hint" }, "No curves yet: nothing is logged.")];
    }
    return sections.map(({ title, words, charts }, place) => fold(make("h3", {}, title), words, [
      place === 0 ? this.smoothing : null,
      make("div", { class: "curves" }, ...charts.map((chart) => {
        const drawn = new Curve(chart, (step) => this.point(step));
        this.charts.set(chart.name, drawn);
        return drawn.element;
      }))]));
  }

  /** @param {number | null} step */
  point(step) {
    for (const chart of this.charts.values()) chart.point(step);
  }
}

class Curve {
  /** @param {Chart} chart @param {(step: number | null) => void} onPoint */
  constructor(chart, onPoint) {
    this.chart = chart;
    this.drawn = "";
    this.onPoint = onPoint;
    this.weight = make("span", { class: "hint" });
    this.title = make("h4", {}, chart.title);
    this.words = make("p", { class: "hint" });
    this.picture = svg("svg", { class: "curve-picture", role: "img", tabindex: "0", height: HEIGHT });
    this.element = make("figure", { class: "curve", "data-curve": chart.name },
      make("div", { class: "curve-title" }, this.title, this.weight), this.picture, this.words);
    this.readout = svg("text", { class: "curve-tick curve-readout", y: 9, "text-anchor": "end" });
    this.pointer = svg("g", { class: "curve-pointer" });
    this.left = 0;
    this.right = 0;
    /** @type {number | null} */
    this.step = null;
    new ResizeObserver(() => this.draw()).observe(this.element);
    this.picture.addEventListener("pointermove", (event) => onPoint(this.stepAt(event)));
    this.picture.addEventListener("pointerdown", (event) => onPoint(this.stepAt(event)));
    this.picture.addEventListener("pointerleave", () => onPoint(null));
    this.picture.addEventListener("blur", () => onPoint(null));
    this.picture.addEventListener("keydown", (event) => this.key(event));
  }

  /** @param {Chart} chart */
  update(chart) {
    const drawn = JSON.stringify(chart);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.chart = chart;
    write(this.weight, chart.weight === null ? "" : `weight ${chart.weight}`);
    write(this.words, [chart.words, chart.beyond].filter(Boolean).join(" "));
    this.picture.setAttribute("aria-label", `${chart.summary} Arrow keys read it step by step.`);
    this.draw();
  }

  /** @param {PointerEvent} event */
  stepAt(event) {
    const { left } = this.picture.getBoundingClientRect();
    const { low, high } = this.chart.x;
    const share = (event.clientX - left - this.left) / Math.max(this.right - this.left, 1);
    return low + Math.min(Math.max(share, 0), 1) * (high - low);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const { points } = this.chart;
    const by = STEPS[event.key];
    if (event.key === "Escape") this.onPoint(null);
    if (by === undefined) return;
    event.preventDefault();
    const from = this.step === null ? points.length - 1 : nearest(points, this.step);
    this.onPoint(points[Math.min(Math.max(from + by, 0), points.length - 1)][0]);
  }

  draw() {
    const width = Math.floor(this.element.clientWidth);
    if (width < 40) return;
    const { x, y, points, line, last, unit } = this.chart;
    const longest = Math.max(...y.ticks.map(([, label]) => label.length), 4);
    this.left = Math.max(MARGIN.left, longest * DIGIT + 10);
    this.right = width - MARGIN.right - last.label.length * 8.4;
    const bottom = HEIGHT - MARGIN.bottom;
    const path = (/** @type {Points} */ pairs) => pairs.map(([step, value], place) =>
      `${place ? "L" : "M"}${this.across(step).toFixed(1)} ${this.up(value).toFixed(1)}`).join("");
    const clip = `clip-${Math.random().toString(36).slice(2)}`;
    const [inside, grid] = [svg("clipPath", { id: clip }), svg("g", { class: "curve-grid" })];
    /** @type {SVGElement[]} */
    const children = [inside, grid];
    const [wide, high] = [this.right - this.left + 6, bottom - MARGIN.top + 8];
    inside.append(svg("rect", { x: this.left - 2, y: MARGIN.top - 4, width: wide, height: high }));
    for (const [value, label] of y.ticks) {
      const at = this.up(value);
      grid.append(svg("line", { x1: this.left, x2: this.right, y1: at, y2: at }));
      children.push(svg("text", { class: "curve-tick", x: this.left - 7, y: at + 3.5, "text-anchor": "end" }, label));
    }
    for (const [step, label] of x.ticks) {
      const at = this.across(step);
      const anchor = at > width - 20 ? "end" : "middle";
      grid.append(svg("line", { x1: at, x2: at, y1: bottom, y2: bottom + 4 }));
      children.push(svg("text", { class: "curve-tick", x: at, y: HEIGHT - 6, "text-anchor": anchor }, label));
    }
    children.push(svg("text", { class: "curve-tick", x: this.left - 14, y: HEIGHT - 6, "text-anchor": "end" }, "step"));
    if (unit) children.push(svg("text", { class: "curve-tick curve-unit", x: 0, y: 9 }, unit));
    const shapes = svg("g", { "clip-path": `url(#${clip})` });
    if (points.length > 1) {
      shapes.append(svg("path", { class: "curve-raw", d: path(points) }),
        svg("path", { class: "curve-line", d: path(line) }));
    }
    shapes.append(svg("circle", { class: "curve-end", cx: this.across(last.step), cy: this.up(last.value), r: 3 }));
    children.push(shapes);
    children.push(svg("text", { class: "curve-last", x: this.right + 7, y: this.up(last.value) + 4 }, last.label));
    this.readout.setAttribute("x", String(width));
    children.push(this.readout, this.pointer);
    this.picture.setAttribute("width", String(width));
    this.picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.picture.replaceChildren(...children);
    this.point(this.step);
  }

  /** @param {number} step */
  across(step) {
    const { low, high } = this.chart.x;
    return this.left + ((step - low) / Math.max(high - low, 1)) * (this.right - this.left);
  }

  /** @param {number} value */
  up(value) {
    const { low, high } = this.chart.y;
    const bottom = HEIGHT - MARGIN.bottom;
    return bottom - ((value - low) / (high - low)) * (bottom - MARGIN.top);
  }

  /** @param {number | null} step */
  point(step) {
    this.step = step;
    const { x, points, line, window, unit } = this.chart;
    this.pointer.replaceChildren();
    if (step === null || step < x.low || step > x.high) {
      write(this.readout, "");
      return;
    }
    const [at, value] = points[nearest(points, step)];
    const [, middle] = line[nearest(line, at)];
    this.pointer.append(
      svg("line", { x1: this.across(at), x2: this.across(at), y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom }),
      svg("circle", { cx: this.across(at), cy: this.up(middle), r: 3.5 }));
    const shown = window > 1 ? `${numberInWords(value)}, median ${numberInWords(middle)}` : numberInWords(value);
    write(this.readout, `step ${at.toLocaleString("en")}: ${shown}`);
    if (document.activeElement === this.picture) {
      this.picture.setAttribute("aria-label", `${this.chart.title}, ${this.readout.textContent} ${unit}`);
    }
  }
}
