/** A picture of the map to publish: what is in view, on white, with its legend and where it comes from. SVG or PNG. */

import { viewOf } from "./map/camera.js";
import { DIM, LIT, byColour, drawDots } from "./map/canvas_dots.js";
import { DIMMED, FIELDS } from "./fields.js";

const SVG = "http://www.w3.org/2000/svg";
const LEGEND = 220;
const MARGIN = 20;
const HEAD = 46;
const MOST_CIRCLES = 20_000;
const MOST_LINES = 18;
const FONT = "Inter, 'Helvetica Neue', Helvetica, Arial, sans-serif";

/**
 * @typedef {{points: import("./points.js").Points, painting: import("./map/canvas_dots.js").Shown, camera:
 *   import("./map/camera.js").Camera, size: number,
 *   width: number, height: number, labels: {text: string, x: number, y: number}[]}} View
 * @typedef {{title: string, source: string, legendTitle: string, legend: {label: string, colour: string, count:
 *   number}[]}} Words
 */

/**
 * @param {string} kind @param {{points: import("./points.js").Points, map: import("./map/map.js").AtlasMap,
 *   lighting: import("./lighting.js").Lighting, title: string}} shown
 */
export async function savePicture(kind, { points, map, lighting, title }) {
  if (!map.painting) return;
  const counts = points.counts(lighting.field, lighting.counted);
  const rows = lighting.lit;
  const categories = lighting.categories(false); // on white, whatever the page's colours are
  const { num_concepts: concepts, num_photos: photos, model } = points.manifest;
  const painting = { ...map.painting, colours: categories.map(({ colour }) => colour), dim: DIMMED.light };
  const legend = categories
    .map(({ code, label, colour }) => ({ label, colour, count: counts[code] }))
    .filter(({ count }) => count);
  if (lighting.field !== "mass") legend.sort((one, other) => other.count - one.count);
  const part = rows ? `${rows.length.toLocaleString("en")} of ` : "";
  const of = `${photos.toLocaleString("en")} photos`;
  const text = mapSvg(
    { points, painting, camera: map.view.camera, size: map.dotSize, ...map.size, labels: map.labels.placed },
    {
      title, legendTitle: FIELDS[lighting.field].label, legend,
      source: `${part}${concepts.toLocaleString("en")} concepts of ${of}, ${model}, UMAP; STELLAR Explorer`,
    },
  );
  save(kind === "svg" ? new Blob([text], { type: "image/svg+xml" }) : await mapPng(text), `stellar-atlas.${kind}`);
}

/** The text of an SVG. @param {View} view @param {Words} words */
export function mapSvg(view, { title, source, legend, legendTitle }) {
  const { width, height } = view;
  const svg = node("svg", {
    xmlns: SVG, viewBox: `0 0 ${width + LEGEND + 2 * MARGIN} ${height + HEAD + 2 * MARGIN}`,
    width: width + LEGEND + 2 * MARGIN, height: height + HEAD + 2 * MARGIN, "font-family": FONT,
  });
  svg.append(node("title", {}, title), node("rect", { width: "100%", height: "100%", fill: "#ffffff" }),
    text(MARGIN, MARGIN + 16, title, { "font-size": 17, "font-weight": 600 }),
    text(MARGIN, MARGIN + 35, source, { "font-size": 12, fill: "#68625b" }));
  const frame = node("svg", { x: MARGIN, y: MARGIN + HEAD, width, height, viewBox: `0 0 ${width} ${height}` });
  frame.append(...dots(view), ...labels(view), node("rect", { width, height, fill: "none", stroke: "#e3dfd8" }));
  svg.append(frame);
  const x = MARGIN + width + 18;
  let y = MARGIN + HEAD + 12;
  svg.append(text(x, y, legendTitle, { "font-size": 13, "font-weight": 600 }));
  for (const { label, colour, count } of legend.slice(0, MOST_LINES)) {
    y += 21;
    svg.append(node("circle", { cx: x + 5, cy: y - 4, r: 5, fill: colour }),
      text(x + 17, y, shortened(label), { "font-size": 12 }),
      text(MARGIN + width + LEGEND, y, count.toLocaleString("en"), {
        "font-size": 12, fill: "#68625b", "text-anchor": "end",
      }));
  }
  if (legend.length > MOST_LINES) {
    svg.append(text(x + 17, y + 21, `and ${(legend.length - MOST_LINES).toLocaleString("en")} more`, {
        "font-size": 12, fill: "#68625b",
      }));
  }
  return new XMLSerializer().serializeToString(svg);
}

/** A PNG of twice the SVG's size. @param {string} svgText @returns {Promise<Blob>} */
export async function mapPng(svgText) {
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([svgText], { type: "image/svg+xml" }));
  try {
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth * 2;
    canvas.height = image.naturalHeight * 2;
    canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve, reject) =>
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("It is too large."))), "image/png"),
    );
  } finally {
    URL.revokeObjectURL(image.src);
  }
}

/** @param {Blob} content @param {string} name */
export function save(content, name) {
  const address = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** Circles while they are few; past that one picture of all, which any program still opens. @param {View} view */
function dots({ points, painting, camera, size, width, height }) {
  const seen = new Set(points.rowsIn(viewOf(camera, { width, height })));
  const rows = byColour(painting).filter((row) => seen.has(row));
  if (rows.length > MOST_CIRCLES) {
    const canvas = document.createElement("canvas");
    canvas.width = width * 3;
    canvas.height = height * 3;
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.scale(3, 3);
    drawDots(context, painting, rows, camera, size, width, height);
    return [node("image", { width, height, href: canvas.toDataURL("image/png") })];
  }
  return Array.from(rows, (row) =>
    node("circle", {
      cx: (width / 2 + (points.position[2 * row] - camera.x) * camera.scale).toFixed(2),
      cy: (height / 2 - (points.position[2 * row + 1] - camera.y) * camera.scale).toFixed(2), r: size / 2,
      fill: painting.lit[row] ? painting.colours[painting.codes[row]] : painting.dim,
      "fill-opacity": painting.lit[row] ? LIT : DIM,
    }),
  );
}

/** With a rim of white, as they lie on the dots. @param {View} view */
function labels(view) {
  return view.labels.map(({ text: words, x, y }) =>
    text(x, y + 4, words, {
      "font-size": 12, "font-weight": 600, "text-anchor": "middle", stroke: "#ffffff", "stroke-width": 4,
      "paint-order": "stroke",
    }),
  );
}

/** @param {string} name @param {Record<string, any>} attributes @param {...any} children */
function node(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** @param {number} x @param {number} y @param {string} words @param {Record<string, any>} attributes */
function text(x, y, words, attributes) {
  return node("text", { x, y, fill: "#1d1b19", ...attributes }, words);
}

/** @param {string} label */
function shortened(label) {
  return label.length > 24 ? `${label.slice(0, 23)}…` : label;
}
