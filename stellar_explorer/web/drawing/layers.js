/** A photo's layers and what is lit over them, painted on canvases that are kept and painted again. */

import { tokenCodes, codeLimit, strongestTokens, lowRankColours } from "./factorization.js";
import {
  channels, outline, pack, paintBlockyTokens, paintColours, paintField, paintSmoothTokens,
} from "./enlarge.js";

/** Smooth pictures need no more pixels than this on their long side: the browser enlarges the rest. */
const FINEST_SMOOTH = 1024;
const INK = [18, 16, 14];
/** Low to high, for the diagnostics and for similarity: dark violet to pale yellow, even in lightness. */
const RAMP = [[22, 17, 30], [66, 36, 92], [134, 48, 104], [201, 79, 83], [240, 143, 82], [250, 224, 160]];

export const LAYERS = {
  photo: { title: "Photo", hint: "as the model sees it" },
  features: { title: "Feature map", hint: "principal components as colours" },
  low_rank: { title: "Low-rank", hint: "L S, in the same colours" },
  concepts: { title: "Concept map", hint: "the strongest concept everywhere" },
  residual: { title: "Residual", hint: "diagnostic: what L S leaves unexplained", diagnostic: true },
  entropy: { title: "Entropy", hint: "diagnostic: how undecided each patch is", diagnostic: true },
};

function rampAt(position) {
  const place = Math.min(RAMP.length - 1.001, Math.max(0, position * (RAMP.length - 1)));
  const lower = Math.floor(place);
  return RAMP[lower].map((value, i) => Math.round(value + (RAMP[lower + 1][i] - value) * (place - lower)));
}

const rampTable = Uint32Array.from({ length: 256 }, (_, i) => pack(...rampAt(i / 255)));
export const RAMP_CSS = `linear-gradient(90deg, ${RAMP.map(([r, g, b]) => `rgb(${r} ${g} ${b})`).join(", ")})`;

/** A canvas whose pixels are painted from an array and shown at once. */
class PixelCanvas {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.context = this.canvas.getContext("2d");
  }

  /** fill(pixels, width, height) writes packed colours. */
  paint(width, height, fill) {
    if (this.canvas.width !== width || this.canvas.height !== height || !this.image) {
      this.canvas.width = width;
      this.canvas.height = height;
      this.image = this.context.createImageData(width, height);
      this.pixels = new Uint32Array(this.image.data.buffer);
    }
    fill(this.pixels, width, height);
    this.context.putImageData(this.image, 0, 0);
  }
}

function paintedSize(width, height, smooth) {
  const scale = smooth ? Math.min(1, FINEST_SMOOTH / Math.max(width, height)) : 1;
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}

/** One layer of one grid at one size; painted again only when what it shows has changed. */
export class LayerCanvas {
  constructor() {
    this.picture = new PixelCanvas();
    this.key = "";
  }

  /**
   * layer: a key of LAYERS; scene: {grid, image, arrays, analysis, basis, tokens, smooth, key}.
   * -> the canvas to draw from
   */
  render(layer, scene, width, height) {
    const { grid, basis, tokens, smooth } = scene;
    const matters = { low_rank: `${basis}/${tokens.length}`, features: basis, concepts: tokens.length }[layer] ?? "";
    const key = `${scene.key}/${layer}/${matters}/${layer === "photo" || smooth}/${width}/${height}`;
    if (key === this.key) return this.picture.canvas;
    this.key = key;
    if (layer === "photo") {
      const { canvas, context } = this.picture;
      canvas.width = width;
      canvas.height = height;
      this.picture.image = null;
      context.imageSmoothingQuality = "high";
      context.drawImage(scene.image, 0, 0, width, height);
      return canvas;
    }
    const [w, h] = paintedSize(width, height, smooth);
    this.picture.paint(w, h, (pixels) => {
      if (layer === "features") paintColours(grid.features[basis], grid, pixels, w, h, smooth);
      else if (layer === "low_rank") paintColours(lowRankColours(grid, basis, tokens), grid, pixels, w, h, smooth);
      else if (layer === "concepts") paintConcepts(scene, pixels, w, h);
      else paintField(scene.arrays[layer], grid, pixels, w, h, { smooth, table: rampTable });
    });
    return this.picture.canvas;
  }
}

function paintConcepts({ grid, analysis, tokens, smooth }, pixels, width, height) {
  const colours = Uint32Array.from(analysis.palette, (hex) => pack(...channels(hex)));
  if (smooth) {
    paintSmoothTokens(grid, tokens, pixels, width, height, colours);
  } else {
    const strongest = strongestTokens(grid.codes, grid.peak, tokens, grid.numPatches);
    paintBlockyTokens(strongest, grid, pixels, width, height, colours);
  }
}

/** What lies over every panel in a frame: dimming and outline of one concept, or a heat. */
export class Overlay {
  constructor() {
    this.bySize = new Map();
  }

  /** Work canvases are kept by size: side by side there is one, in a comparison two grids share it in turn. */
  canvasOf(width, height) {
    const key = `${width}/${height}`;
    if (!this.bySize.has(key)) {
      if (this.bySize.size > 4) this.bySize.clear();
      this.bySize.set(key, { picture: new PixelCanvas(), painted: "", path: null });
    }
    return this.bySize.get(key);
  }

  /**
   * lit: {kind: "mask" | "heat", token, threshold} or {kind: "similarity", field}; key: changes when they do.
   * -> {canvas, path}: what to draw over a panel of this size, and the mask's outline (or null)
   */
  render(lit, scene, opacity, width, height, key) {
    const work = this.canvasOf(width, height);
    if (work.painted === key) return { canvas: work.picture.canvas, path: work.path };
    work.painted = key;
    const { grid, smooth } = scene;
    const [w, h] = paintedSize(width, height, smooth);
    if (lit.kind === "similarity") {
      work.path = null;
      work.picture.paint(w, h, (pixels) => paintField(lit.field, grid, pixels, w, h,
        { smooth, table: similarityTable(opacity), scale: 255 }));
      return { canvas: work.picture.canvas, path: null };
    }
    const field = tokenCodes(grid, lit.token);
    const limit = codeLimit(grid, lit.token, lit.threshold);
    const paint = lit.kind === "mask"
      ? { smooth, limit, table: [pack(...INK, Math.round(opacity * 255)), 0] }
      : { smooth, table: heatTable(scene.analysis.palette[lit.token], opacity) };
    work.picture.paint(w, h, (pixels) => paintField(field, grid, pixels, w, h, paint));
    work.path = pathOf(outline(field, grid, limit, width, height, smooth));
    return { canvas: work.picture.canvas, path: work.path };
  }
}

function pathOf(pieces) {
  const path = new Path2D();
  for (let i = 0; i < pieces.length; i += 4) {
    path.moveTo(pieces[i], pieces[i + 1]);
    path.lineTo(pieces[i + 2], pieces[i + 3]);
  }
  return path;
}

/** From dimmed where there is none of it to the concept's colour at its peak. */
function heatTable(colour, opacity) {
  const bright = channels(colour);
  return Uint32Array.from({ length: 256 }, (_, code) => {
    const share = code / 255;
    const mixed = INK.map((value, i) => Math.round(value + (bright[i] - value) * Math.min(1, share * 1.6)));
    return pack(...mixed, Math.round(255 * opacity * (1 - 0.3 * share)));
  });
}

function similarityTable(opacity) {
  return Uint32Array.from({ length: 256 }, (_, i) => pack(...rampAt(i / 255), Math.round(255 * opacity * 0.92)));
}

/** Draw a layer, what is lit, and the patch pointed at on a visible canvas. */
export function drawPanel(context, base, overlay, colour, patchBox, pixelRatio) {
  const { width, height } = context.canvas;
  context.imageSmoothingEnabled = true;
  context.drawImage(base, 0, 0, width, height);
  if (overlay) {
    context.drawImage(overlay.canvas, 0, 0, width, height);
    if (overlay.path) {
      context.lineCap = "round";
      context.lineWidth = 3.5 * pixelRatio;
      context.strokeStyle = "rgb(10 9 8 / 0.6)";
      context.stroke(overlay.path);
      context.lineWidth = 1.75 * pixelRatio;
      context.strokeStyle = colour;
      context.stroke(overlay.path);
    }
  }
  if (patchBox) {
    const [x, y, w, h] = patchBox;
    context.lineWidth = 3 * pixelRatio;
    context.strokeStyle = "rgb(10 9 8 / 0.55)";
    context.strokeRect(x, y, w, h);
    context.lineWidth = 1.25 * pixelRatio;
    context.strokeStyle = "#fff";
    context.strokeRect(x, y, w, h);
  }
}
