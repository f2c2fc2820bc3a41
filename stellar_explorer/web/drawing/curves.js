/** Training curves, small multiples with one pointer: where it is in one, it is in all. Python did the reckoning. */

import { make, write } from "../shared/elements.js";

const HEIGHT = 148;
const MARGIN = { top: 20, bottom: 22, left: 42, right: 10 };
const DIGIT = 6.6; // the width of one, to keep room for labels

function svg(tag, attributes = {}, text = null) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== null) element.textContent = text;
  return element;
}

/** Four digits, small and large ones as powers of ten. */
export function numberInWords(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e7)) {
    const [factor, power] = value.toExponential(2).split("e");
    const raised = String(Number(power)).replace(/[-\d]/g, (sign) => (sign === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign]));
    return `${factor} × 10${raised}`.replace("-", "−");
  }
  return value.toLocaleString("en", { maximumSignificantDigits: 4 }).replace("-", "−");
}

/** The place of the point whose step is nearest. points: [[step, value], ...], steps rising. */
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
    this.charts = new Map();
    this.step = null;
  }

  update(sections, smoothing, kind) {
    const shape = JSON.stringify(sections.map(({ name, charts }) => [name, charts.map((chart) => chart.name)]));
    if (shape !== this.shape || !this.shape) {
      this.shape = shape;
      this.charts.clear();
      this.smoothing = make("p", { class: "hint" });
      this.element.replaceChildren(...this.arrange(sections, kind));
    }
    write(this.smoothing, smoothing);
    for (const { charts } of sections) for (const chart of charts) this.charts.get(chart.name).update(chart);
  }

  arrange(sections, kind) {
    if (!sections.length) {
      return kind !== "run" ? [] : [make("p", { class: "hint" }, "No curves yet: nothing is logged.")];
    }
    return sections.map(({ title, words, charts }, place) => make("section", { class: "models-section" },
      make("div", { class: "section-head" }, make("h3", {}, title), make("span", { class: "hint" }, words)),
      place === 0 ? this.smoothing : null,
      make("div", { class: "curves" }, ...charts.map((chart) => {
        const drawn = new Curve(chart, (step) => this.point(step));
        this.charts.set(chart.name, drawn);
        return drawn.element;
      }))));
  }

  point(step) {
    this.step = step;
    for (const chart of this.charts.values()) chart.point(step);
  }
}

class Curve {
  constructor(chart, onPoint) {
    this.onPoint = onPoint;
    this.weight = make("span", { class: "hint" });
    this.title = make("h4", {}, chart.title);
    this.words = make("p", { class: "hint" });
    this.picture = svg("svg", { class: "curve-picture", role: "img", tabindex: "0", height: HEIGHT });
    this.element = make("figure", { class: "curve", "data-curve": chart.name },
      make("div", { class: "curve-title" }, this.title, this.weight), this.picture, this.words);
    this.step = null;
    new ResizeObserver(() => this.draw()).observe(this.element);
    this.picture.addEventListener("pointermove", (event) => onPoint(this.stepAt(event)));
    this.picture.addEventListener("pointerdown", (event) => onPoint(this.stepAt(event)));
    this.picture.addEventListener("pointerleave", () => onPoint(null));
    this.picture.addEventListener("blur", () => onPoint(null));
    this.picture.addEventListener("keydown", (event) => this.key(event));
  }

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

  stepAt(event) {
    const { left } = this.picture.getBoundingClientRect();
    const { low, high } = this.chart.x;
    const share = (event.clientX - left - this.left) / Math.max(this.right - this.left, 1);
    return low + Math.min(Math.max(share, 0), 1) * (high - low);
  }

  key(event) {
    const { points } = this.chart;
    const by = { ArrowLeft: -1, ArrowRight: 1, PageDown: -20, PageUp: 20, Home: -Infinity, End: Infinity }[event.key];
    if (event.key === "Escape") this.onPoint(null);
    if (by === undefined) return;
    event.preventDefault();
    const from = this.step === null ? points.length - 1 : nearest(points, this.step);
    this.onPoint(points[Math.min(Math.max(from + by, 0), points.length - 1)][0]);
  }

  draw() {
    const width = Math.floor(this.element.clientWidth);
    if (!this.chart || width < 40) return;
    const { x, y, points, line, last, unit } = this.chart;
    const longest = Math.max(...y.ticks.map(([, label]) => label.length), 4);
    this.left = Math.max(MARGIN.left, longest * DIGIT + 10);
    this.right = width - MARGIN.right - last.label.length * 8.4;
    const bottom = HEIGHT - MARGIN.bottom;
    this.across = (step) => this.left + ((step - x.low) / Math.max(x.high - x.low, 1)) * (this.right - this.left);
    this.up = (value) => bottom - ((value - y.low) / (y.high - y.low)) * (bottom - MARGIN.top);
    const path = (pairs) => pairs.map(([step, value], place) =>
      `${place ? "L" : "M"}${this.across(step).toFixed(1)} ${this.up(value).toFixed(1)}`).join("");
    const clip = `clip-${Math.random().toString(36).slice(2)}`;
    const children = [svg("clipPath", { id: clip }), svg("g", { class: "curve-grid" })];
    children[0].append(svg("rect", { x: this.left - 2, y: MARGIN.top - 4, width: this.right - this.left + 6, height: bottom - MARGIN.top + 8 }));
    for (const [value, label] of y.ticks) {
      children[1].append(svg("line", { x1: this.left, x2: this.right, y1: this.up(value), y2: this.up(value) }));
      children.push(svg("text", { class: "curve-tick", x: this.left - 7, y: this.up(value) + 3.5, "text-anchor": "end" }, label));
    }
    for (const [step, label] of x.ticks) {
      const at = this.across(step);
      const anchor = at > width - 20 ? "end" : "middle";
      children[1].append(svg("line", { x1: at, x2: at, y1: bottom, y2: bottom + 4 }));
      children.push(svg("text", { class: "curve-tick", x: at, y: HEIGHT - 6, "text-anchor": anchor }, label));
    }
    children.push(svg("text", { class: "curve-tick", x: this.left - 14, y: HEIGHT - 6, "text-anchor": "end" }, "step"));
    if (unit) children.push(svg("text", { class: "curve-tick curve-unit", x: 0, y: 9 }, unit));
    const shapes = svg("g", { "clip-path": `url(#${clip})` });
    if (points.length > 1) {
      shapes.append(svg("path", { class: "curve-raw", d: path(points) }), svg("path", { class: "curve-line", d: path(line) }));
    }
    shapes.append(svg("circle", { class: "curve-end", cx: this.across(last.step), cy: this.up(last.value), r: 3 }));
    children.push(shapes);
    children.push(svg("text", { class: "curve-last", x: this.right + 7, y: this.up(last.value) + 4 }, last.label));
    this.readout = svg("text", { class: "curve-tick curve-readout", x: width, y: 9, "text-anchor": "end" });
    children.push(this.readout);
    this.pointer = svg("g", { class: "curve-pointer" });
    children.push(this.pointer);
    this.picture.setAttribute("width", width);
    this.picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.picture.replaceChildren(...children);
    this.point(this.step);
  }

  point(step) {
    this.step = step;
    if (!this.pointer) return;
    const { x, points, line, window, unit } = this.chart;
    const isThere = step !== null && step >= x.low && step <= x.high;
    this.pointer.replaceChildren();
    if (!isThere) {
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
    if (document.activeElement === this.picture) this.picture.setAttribute("aria-label", `${this.chart.title}, ${this.readout.textContent} ${unit}`);
  }
}
