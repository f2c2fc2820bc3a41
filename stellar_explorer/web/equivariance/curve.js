/** A cosine against the amount of a change: the model's line, its peer's, and what each has to beat. */

import { make } from "../shared/elements.js";
import { cosineInWords } from "./numbers.js";

const HEIGHT = 172;
const MARGIN = { top: 10, bottom: 26, left: 30, right: 44 };
const TICKS = [0, 0.5, 1];

function svg(tag, attributes = {}, text = null) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== null) element.textContent = text;
  return element;
}

export class AmountCurve {
  constructor(name, title, hint) {
    this.title = title;
    this.picture = svg("svg", { class: "eq-curve-picture", role: "img", height: HEIGHT });
    this.legend = make("ul", { class: "eq-legend" });
    this.element = make("figure", { class: "eq-curve", "data-curve": name },
      make("figcaption", {}, make("h3", {}, title), make("p", { class: "hint" }, hint)), this.picture, this.legend);
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  /**
   * lines: [{kind: "model" | "peer" | "model-still" | "peer-still", label, points: [[amount, cosine], ...] rising}]
   * amounts: the first and the last; at: where the slider stands; words(amount) under the axis.
   */
  update({ lines, amounts, at, words }) {
    this.shown = { lines, amounts, at, words };
    this.draw();
  }

  draw() {
    const width = Math.floor(this.element.clientWidth);
    if (!this.shown || width < 120) return;
    const { lines, amounts, at, words } = this.shown;
    const [first, last] = amounts;
    const bottom = HEIGHT - MARGIN.bottom;
    const right = width - MARGIN.right;
    const across = (amount) => MARGIN.left + ((amount - first) / (last - first)) * (right - MARGIN.left);
    const up = (value) => bottom - Math.min(1, Math.max(0, value)) * (bottom - MARGIN.top);
    const children = TICKS.flatMap((value) => [
      svg("line", { class: "eq-grid", x1: MARGIN.left, x2: right, y1: up(value), y2: up(value) }),
      svg("text", { class: "eq-axis", x: MARGIN.left - 8, y: up(value) + 4, "text-anchor": "end" }, String(value)),
    ]);
    for (const [amount, anchor] of first < 0 ? [[first, "start"], [0, "middle"], [last, "end"]] : [[first, "start"], [last, "end"]]) {
      children.push(svg("text", { class: "eq-axis", x: across(amount), y: HEIGHT - 6, "text-anchor": anchor }, words(amount)));
    }
    children.push(svg("line", { class: "eq-at", x1: across(at), x2: across(at), y1: MARGIN.top, y2: bottom }));
    const ends = [];
    for (const { kind, points } of lines) {
      if (!points.length) continue;
      const path = points.map(([amount, value], place) => `${place ? "L" : "M"}${across(amount).toFixed(1)} ${up(value).toFixed(1)}`).join("");
      children.push(svg("path", { class: "eq-line", "data-line": kind, d: path }));
      const [, value] = points.find(([amount]) => amount === at) ?? [];
      if (value === undefined || kind.endsWith("still")) continue;
      children.push(svg("circle", { class: "eq-dot", "data-line": kind, cx: across(at), cy: up(value), r: 4 }));
      ends.push({ kind, value });
    }
    ends.sort((a, b) => b.value - a.value);
    let above = -Infinity;
    for (const { kind, value } of ends) {
      above = Math.max(above + 15, up(value) + 4);
      children.push(svg("text", { class: "eq-number", "data-line": kind, x: right + 8, y: above }, cosineInWords(value)));
    }
    this.picture.setAttribute("width", width);
    this.picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.picture.setAttribute("aria-label", `${this.title}. At ${words(at)}: ${ends.length
      ? ends.map(({ kind, value }) => `${lines.find((line) => line.kind === kind).label} ${cosineInWords(value)}`).join(", ") : "not yet known"}.`);
    this.picture.replaceChildren(...children);
    this.legend.replaceChildren(...lines.filter(({ points }) => points.length).reverse().map(({ kind, label }) => make("li", {},
      make("span", { class: "eq-swatch", "data-line": kind, "aria-hidden": "true" }), label)));
  }
}
