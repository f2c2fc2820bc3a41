/** A picture of the map to publish: what is in view, on white, with its legend and where it comes from. SVG or PNG. */

import { DIM, LIT, byColour, drawDots } from "./dots.js";

const SVG = "http://www.w3.org/2000/svg";
const LEGEND = 220;
const MARGIN = 20;
const HEAD = 46;
const MOST_CIRCLES = 20_000;
const MOST_LINES = 18;
const FONT = "Inter, 'Helvetica Neue', Helvetica, Arial, sans-serif";

/** view: {points, painting, camera, size, width, height}; words: {title, source, legend: [{label, colour, count}]} -> SVG's text. */
export function mapSvg(view, { title, source, legend, legendTitle }) {
  const { width, height } = view;
  const svg = node("svg", { xmlns: SVG, viewBox: `0 0 ${width + LEGEND + 2 * MARGIN} ${height + HEAD + 2 * MARGIN}`,
    width: width + LEGEND + 2 * MARGIN, height: height + HEAD + 2 * MARGIN, "font-family": FONT });
  svg.append(node("title", {}, title), node("rect", { width: "100%", height: "100%", fill: "#ffffff" }),
    text(MARGIN, MARGIN + 16, title, { "font-size": 17, "font-weight": 600 }),
    text(MARGIN, MARGIN + 35, source, { "font-size": 12, fill: "#68625b" }));
  const frame = node("svg", { x: MARGIN, y: MARGIN + HEAD, width, height, viewBox: `0 0 ${width} ${height}` });
  frame.append(...dots(view), node("rect", { width, height, fill: "none", stroke: "#e3dfd8" }));
  svg.append(frame);
  const x = MARGIN + width + 18;
  let y = MARGIN + HEAD + 12;
  svg.append(text(x, y, legendTitle, { "font-size": 13, "font-weight": 600 }));
  for (const { label, colour, count } of legend.slice(0, MOST_LINES)) {
    y += 21;
    svg.append(node("circle", { cx: x + 5, cy: y - 4, r: 5, fill: colour }), text(x + 17, y, shortened(label), { "font-size": 12 }),
      text(MARGIN + width + LEGEND, y, count.toLocaleString("en"), { "font-size": 12, fill: "#68625b", "text-anchor": "end" }));
  }
  if (legend.length > MOST_LINES) {
    svg.append(text(x + 17, y + 21, `and ${(legend.length - MOST_LINES).toLocaleString("en")} more`, { "font-size": 12, fill: "#68625b" }));
  }
  return new XMLSerializer().serializeToString(svg);
}

/** -> a PNG's Blob, twice the SVG's size. */
export async function mapPng(svgText) {
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([svgText], { type: "image/svg+xml" }));
  try {
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth * 2;
    canvas.height = image.naturalHeight * 2;
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  } finally {
    URL.revokeObjectURL(image.src);
  }
}

export function save(content, name) {
  const address = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** Circles while they are few; past that one picture of all, which any program still opens. */
function dots({ points, painting, camera, size, width, height }) {
  const half = { x: width / 2 / camera.scale, y: height / 2 / camera.scale };
  const seen = new Set(points.rowsIn(camera.x - half.x, camera.y - half.y, camera.x + half.x, camera.y + half.y));
  const rows = byColour(painting).filter((row) => seen.has(row));
  if (rows.length > MOST_CIRCLES) {
    const canvas = document.createElement("canvas");
    canvas.width = width * 3;
    canvas.height = height * 3;
    const context = canvas.getContext("2d");
    context.scale(3, 3);
    drawDots(context, painting, rows, camera, size, width, height);
    return [node("image", { width, height, href: canvas.toDataURL("image/png") })];
  }
  return Array.from(rows, (row) => node("circle", {
    cx: (width / 2 + (points.position[2 * row] - camera.x) * camera.scale).toFixed(2),
    cy: (height / 2 - (points.position[2 * row + 1] - camera.y) * camera.scale).toFixed(2),
    r: size / 2, fill: painting.lit[row] ? painting.colours[painting.codes[row]] : painting.dim, "fill-opacity": painting.lit[row] ? LIT : DIM,
  }));
}

function node(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function text(x, y, words, attributes) {
  return node("text", { x, y, fill: "#1d1b19", ...attributes }, words);
}

function shortened(label) {
  return label.length > 24 ? `${label.slice(0, 23)}…` : label;
}
