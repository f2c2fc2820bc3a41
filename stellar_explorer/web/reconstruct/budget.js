/** Quality against a budget: a line for the first k concepts, and a point for each other way of rebuilding. */

import { choice } from "../shared/controls.js";
import { make, write } from "../shared/elements.js";
import { bytesInWords } from "../shared/numbers.js";

const HEIGHT = 320;
const MARGIN = { top: 16, bottom: 34, left: 46, right: 96 };
const APART = 15; // from one label to the next
/** @type {Record<string, {key: string, label: string, unit: string, says: string, digits: number}>} */
const MEASURES = {
  psnr: { key: "psnr_db", label: "PSNR", unit: "dB", says: "higher is better", digits: 1 },
  ssim: { key: "ssim", label: "SSIM", unit: "", says: "higher is better", digits: 2 },
  stem_distance: { key: "stem_distance", label: "Stem distance", unit: "", says: "lower is better", digits: 2 },
};
/** @type {Record<string, {label: string, marks: string, ticks: number[], words: (value: number) => string}>} */
const AGAINST = {
  tokens: { label: "Tokens", marks: "doubling", ticks: [1, 2, 4, 8, 16, 32, 64, 128, 256], words: (value) =>
    String(value) },
  bytes: { label: "Bytes", marks: "tenfold", ticks: [10, 100, 1000, 10_000, 100_000, 1_000_000], words: bytesInWords },
};
/** @type {Record<string, string>} */
const RULES = {
  best: "Concepts are added one at a time, each time the one that brings L S (what the decoder draws from) nearest to "
    + "what all give.",
  mass: "Concepts are added by their share of the photo, the largest first, as Explore keeps them.",
};

/**
 * @param {string} tag @param {Record<string, string | number>} attributes @param {string | null} text
 * @returns {SVGElement}
 */
function svg(tag, attributes = {}, text = null) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  if (text !== null) element.textContent = text;
  return element;
}

/** Round steps that cover a span in about four. @param {number} low @param {number} high */
function ticksOf(low, high) {
  const rough = (high - low) / 4 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  const first = Math.ceil(low / step) * step;
  return Array.from({ length: Math.floor((high - first) / step + 1e-9) + 1 }, (_, place) => first + place * step);
}

export class BudgetCurve {
  /** @param {{keep: (count: number) => void, order: (order: string) => void}} on */
  constructor(on) {
    this.on = on;
    this.measure = "psnr";
    this.against = "tokens";
    /** @type {{budgets: any[] | null, pictures: import("./pictures.js").RebuiltPicture[]} | null} */
    this.shown = null;
    /** Of the budgets, the place that is pointed at. @type {number | null} */
    this.pointed = null;
    /** @type {(x: number) => number} */
    this.across = () => 0;
    /** @type {(y: number) => number} */
    this.up = () => 0;
    this.measures = choice({
      name: "measure", label: "Quality", options: Object.entries(MEASURES).map(([value, { label }]) =>
        ({ value, label })),
      onchange: (measure) => this.choose({ measure }),
    });
    this.axes = choice({
      name: "against", label: "Against", options: Object.entries(AGAINST).map(([value, { label }]) =>
        ({ value, label })),
      onchange: (against) => this.choose({ against }),
    });
    this.orders = choice({
      name: "order", label: "Kept first", options: [{ value: "best", label: "The best" },
        { value: "mass", label: "The heaviest" }],
      onchange: on.order,
    });
    this.picture = svg("svg", { class: "budget-picture", role: "img", tabindex: "0", height: HEIGHT });
    this.readout = make("p", { class: "hint budget-readout", "data-readout": "", "aria-live": "polite" });
    this.rule = make("p", { class: "hint" });
    this.element = make("section", { class: "budget", "aria-label": "Quality against the budget" },
      make("div", { class: "section-head" }, make("h2", {}, "A budget of concepts"),
        make("span", { class: "hint" }, "what the first k of STELLAR's give, and the others as points")),
      make("div", { class: "budget-controls" }, this.measures.element, this.axes.element, this.orders.element),
      this.picture, this.readout, this.rule);
    new ResizeObserver(() => this.draw()).observe(this.element);
    this.picture.addEventListener("pointermove", (event) => this.point(this.nearest(event)));
    this.picture.addEventListener("pointerleave", () => this.point(null));
    this.picture.addEventListener("blur", () => this.point(null));
    this.picture.addEventListener("click", (event) => this.take(this.nearest(event)));
    this.picture.addEventListener("keydown", (event) => this.key(event));
    this.measures.set(this.measure);
    this.axes.set(this.against);
  }

  /** @param {{measure?: string, against?: string}} values */
  choose(values) {
    Object.assign(this, values);
    this.draw();
  }

  /**
   * budgets: null until they have come; order: one of those offered.
   * @param {{budgets: any[] | null, pictures: import("./pictures.js").RebuiltPicture[], order: string}} shown
   */
  update({ budgets, pictures, order }) {
    this.shown = { budgets, pictures };
    this.orders.set(order);
    write(this.rule,
      `${RULES[order]} Each patch is shared among the concepts that are kept. What is nearest in features need not be `
        + "in pixels, so the line may dip.");
    this.draw();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const count = this.shown?.budgets?.length;
    const by = /** @type {Record<string, number>} */ ({ ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1,
      Home: -Infinity, End: Infinity })[event.key];
    if (!count) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.take(this.pointed);
    } else if (by !== undefined) {
      event.preventDefault();
      this.point(Math.min(count - 1, Math.max(0, (this.pointed ?? count - 1) + by)));
    }
  }

  /** @param {number | null} place */
  take(place) {
    if (place !== null) this.on.keep(place + 1);
  }

  /** The place in budgets under the pointer, or null. @param {MouseEvent} event */
  nearest(event) {
    const { budgets } = this.shown ?? {};
    if (!budgets?.length) return null;
    const x = event.clientX - this.picture.getBoundingClientRect().left;
    const distances = budgets.map((budget) => Math.abs(this.across(budget[this.against]) - x));
    const place = distances.indexOf(Math.min(...distances));
    return distances[place] < 40 ? place : null;
  }

  /** @param {number | null} place */
  point(place) {
    if (place === this.pointed) return;
    this.pointed = place;
    this.draw();
  }

  points() {
    const { key } = MEASURES[this.measure];
    return (this.shown?.pictures ?? []).filter(({ facts }) => facts && facts.missing === null).map(({ way, facts }) =>
      ({ name: way.name, label: way.label, x: facts[this.against], y: facts[key] })).filter(({ x, y }) => x !== null
        && y !== null);
  }

  line() {
    return (this.shown?.budgets ?? []).filter((budget) => budget[this.measure] !== null).map((budget) =>
      ({ x: budget[this.against], y: budget[this.measure] }));
  }

  draw() {
    const width = Math.floor(this.picture.parentElement?.clientWidth ?? 0);
    if (!this.shown || width < 160) return;
    const { unit, says, label, digits } = MEASURES[this.measure];
    const { ticks, words, label: axis, marks } = AGAINST[this.against];
    const [line, points] = [this.line(), this.points()];
    const all = [...line, ...points];
    const children = [];
    if (all.length) {
      const xs = all.map(({ x }) => Math.log(x));
      const ys = all.map(({ y }) => y);
      const [least, most] = [Math.min(...xs, Math.log(this.against === "tokens" ? 1 : Infinity)), Math.max(...xs)];
      const room = (Math.max(...ys) - Math.min(...ys)) * 0.08 || 0.5;
      const [low, high] = [Math.max(this.measure === "psnr" ? -Infinity : 0, Math.min(...ys) - room), Math.max(...ys)
        + room];
      const [right, bottom] = [width - MARGIN.right, HEIGHT - MARGIN.bottom];
      this.across = (x) => MARGIN.left + ((Math.log(x) - least) / (most - least || 1)) * (right - MARGIN.left);
      this.up = (y) => bottom - ((y - low) / (high - low)) * (bottom - MARGIN.top);
      for (const value of ticksOf(low, high)) {
        children.push(svg("line", { class: "budget-grid", x1: MARGIN.left, x2: right, y1: this.up(value),
          y2: this.up(value) }),
          svg("text", { class: "budget-tick", x: MARGIN.left - 8, y: this.up(value) + 4, "text-anchor": "end" },
            String(Number(value.toFixed(2)))));
      }
      for (const value of ticks.filter((tick) => Math.log(tick) >= least - 1e-9 && Math.log(tick) <= most + 1e-9)) {
        children.push(svg("line", { class: "budget-grid", x1: this.across(value), x2: this.across(value), y1: bottom,
          y2: bottom + 4 }),
          svg("text", { class: "budget-tick", x: this.across(value), y: bottom + 17, "text-anchor": "middle" },
            words(value)));
      }
      children.push(svg("text", { class: "budget-tick", x: right, y: HEIGHT - 3, "text-anchor": "end" },
        `${axis.toLowerCase()}, ${marks} at each mark`));
      if (line.length) {
        const path = line.map(({ x, y }, place) =>
          `${place ? "L" : "M"}${this.across(x).toFixed(1)} ${this.up(y).toFixed(1)}`).join("");
        children.push(svg("path", { class: "budget-line", d: path }),
          ...line.map(({ x, y }) => svg("circle", { class: "budget-step", cx: this.across(x), cy: this.up(y),
            r: 2.5 })));
      }
      for (const { name, x, y } of points) {
        children.push(svg("circle", { class: "budget-point", "data-point": name, cx: this.across(x), cy: this.up(y),
          r: name === "stellar" ? 6 : 4.5 }));
      }
      children.push(...this.labels(points, width, bottom));
      const at = this.pointed === null ? null : line[this.pointed];
      if (at) children.push(svg("circle", { class: "budget-at", cx: this.across(at.x), cy: this.up(at.y), r: 6 }));
    }
    this.picture.setAttribute("width", String(width));
    this.picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    const told = points.map(({ label: name, x, y }) => `${name} ${y.toFixed(digits)} at ${words(x)}`).join(", ");
    this.picture.setAttribute("aria-label",
      `${label} against ${axis.toLowerCase()}: ${told || "not yet known"}. Arrow keys read the line, Enter keeps as `
        + "many concepts.");
    this.picture.replaceChildren(...children);
    this.say(line, { unit, says, label, digits });
  }

  /**
   * Names beside their points, to the right where there is room, pushed apart where they would touch.
   * @param {{name: string, label: string, x: number, y: number}[]} points @param {number} width @param {number} bottom
   */
  labels(points, width, bottom) {
    /** @type {{px: number, y: number}[]} */
    const placed = [];
    const sorted = points.map((point) => ({ ...point, px: this.across(point.x), py: this.up(point.y) }))
      .sort((a, b) => a.py - b.py);
    return sorted.map(({ name, label, px, py }) => {
      const isLeft = px > width - MARGIN.right - 4 && px + 8 + label.length * 6.4 > width;
      let y = py + 4;
      for (const other of placed) {
        if (Math.abs(other.px - px) < 92 && y - other.y < APART && y - other.y > -APART) y = other.y + APART;
      }
      y = Math.min(y, bottom - 2);
      placed.push({ px, y });
      return svg("text", { class: "budget-label", "data-point": name, x: isLeft ? px - 9 : px + 9, y,
        "text-anchor": isLeft ? "end" : "start" }, label);
    });
  }

  /**
   * @param {{x: number, y: number}[]} line
   * @param {{unit: string, says: string, label: string, digits: number}} measure
   */
  say(line, { unit, says, label, digits }) {
    const { pointed } = this;
    const at = pointed === null ? null : line[pointed];
    const budget = pointed === null ? null : this.shown?.budgets?.[pointed];
    write(this.readout, at && budget
      ? `${budget.tokens} ${budget.tokens === 1 ? "concept" : "concepts"}, ${bytesInWords(budget.bytes)}: ${label} `
        + `${at.y.toFixed(digits)}${unit ? ` ${unit}` : ""}. Click to keep these.`
      : this.shown?.budgets
        ? `${label}${unit ? ` in ${unit}` : ""}; ${says}. Point at the line, or click it to keep as many concepts.`
        : "The line is being drawn…");
  }
}
