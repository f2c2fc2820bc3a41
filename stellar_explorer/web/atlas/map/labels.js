/** The clusters' labels on the map: which have room, and drawing them. */

import { toScreen } from "./camera.js";

/**
 * x, y: its middle in pixels of the frame.
 * @typedef {{code: number, text: string, x: number, y: number, width: number, height: number}} Label
 */

const HEIGHT = 22;
const GAP = 4;
const ABOVE = 18; // its place, so that it hides little there
const EDGE = 4; // from the frame's edge
const DOT = 13; // of the colour in front of the words
const MOST_LETTERS = 24;
const MOST_LABELS = 60;
const FONT = "600 12px system-ui, sans-serif";

/**
 * Those that have room, the first first: no two of them overlap each other or what is in the way, and each is whole in
 * the frame.
 * @param {Label[]} wanted  the most important first @param {import("./camera.js").Size} size
 * @param {{x: number, y: number, width: number, height: number}[]} [inTheWay]  by their middles
 * @returns {Label[]}
 */
export function placeLabels(wanted, { width, height }, inTheWay = []) {
  /** @type {Label[]} */
  const placed = [];
  for (const label of wanted) {
    if (placed.length === MOST_LABELS) break;
    if (label.x < 0 || label.x > width || label.y < 0 || label.y > height || label.width > width - 2 * EDGE) continue;
    const inside = (/** @type {number} */ middle, /** @type {number} */ side, /** @type {number} */ whole) =>
      Math.min(Math.max(middle, side / 2 + EDGE), whole - side / 2 - EDGE);
    const moved = { ...label, x: inside(label.x, label.width, width), y: inside(label.y, label.height, height) };
    const isFree = [...placed, ...inTheWay].every((other) =>
        Math.abs(other.x - moved.x) >= (other.width + moved.width) / 2 + GAP ||
        Math.abs(other.y - moved.y) >= (other.height + moved.height) / 2 + GAP);
    if (isFree) placed.push(moved);
  }
  return placed;
}

/** @param {string} words */
export function shortened(words) {
  return words.length > MOST_LETTERS ? `${words.slice(0, MOST_LETTERS - 1).trimEnd()}…` : words;
}

export class Labels {
  constructor() {
    /** @type {{code: number, text: string, x: number, y: number, width: number, count: number}[]} */
    this.all = [];
    /** @type {Label[]} */
    this.placed = [];
  }

  /** @param {import("../points.js").Points} points @param {CanvasRenderingContext2D} context */
  open(points, context) {
    context.font = FONT;
    this.all = points.manifest.clusters
      .map((/** @type {any} */ cluster, /** @type {number} */ code) => {
        const text = shortened(points.labels[code]);
        const [x, y] = points.anchors[code];
        return { code, text, x, y, width: context.measureText(text).width + DOT + 14, count: cluster.count };
      })
      .sort((/** @type {any} */ one, /** @type {any} */ other) => other.count - one.count);
  }

  /**
   * first: codes whose labels come before the larger ones. without: whether a code has no label now.
   * @param {import("./camera.js").Camera} camera @param {import("./camera.js").Size} size
   * @param {{first: number[], without: (code: number) => boolean, inTheWay?: {x: number, y: number, width: number,
   *   height: number}[]}} wish
   */
  arrange(camera, size, { first, without, inTheWay }) {
    const rank = (/** @type {{code: number}} */ { code }) =>
      first.includes(code) ? first.indexOf(code) : first.length;
    const wanted = this.all
      .filter(({ code }) => first.includes(code) || !without(code))
      .sort((one, other) => rank(one) - rank(other))
      .map((label) => {
        const { x, y } = toScreen(camera, size, label.x, label.y);
        return { ...label, x, y: y - ABOVE, height: HEIGHT };
      });
    this.placed = placeLabels(wanted, size, inTheWay);
  }

  /** @param {number} x @param {number} y the code of the label there, or -1 */
  at(x, y) {
    return (
      this.placed.find((label) => Math.abs(label.x - x) <= label.width / 2 && Math.abs(label.y - y) <= label.height / 2)
        ?.code ?? -1
    );
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {{colourOf: (code: number) => string | null, isLit: (code: number) => boolean, paper: string, ink: string,
   *   line: string}} look
   */
  draw(context, { colourOf, isLit, paper, ink, line }) {
    context.save();
    context.font = FONT;
    context.textBaseline = "middle";
    for (const { code, text, x, y, width, height } of this.placed) {
      const colour = colourOf(code);
      const left = Math.round(x - width / 2);
      context.globalAlpha = isLit(code) ? 1 : 0.88;
      context.beginPath();
      context.roundRect(left, Math.round(y - height / 2), Math.round(width), height, height / 2);
      context.fillStyle = isLit(code) ? ink : paper;
      context.fill();
      context.lineWidth = 1;
      context.strokeStyle = isLit(code) ? ink : line;
      context.stroke();
      context.globalAlpha = 1;
      if (colour) {
        context.beginPath();
        context.arc(left + 11, Math.round(y), 4, 0, 7);
        context.fillStyle = colour;
        context.fill();
      }
      context.fillStyle = isLit(code) ? paper : ink;
      context.fillText(text, left + (colour ? 7 + DOT : 7 + DOT / 2), Math.round(y) + 0.5);
    }
    context.restore();
  }
}
