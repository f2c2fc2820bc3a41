/** A photo's layers and what is lit over them, painted on canvases that are kept and painted again. */

import { tokenCodes, codeLimit, strongestTokens, lowRankColours } from "./factorization.js";
import { channels, pack, paintBlockyTokens, paintColours, paintField, paintSmoothTokens } from "./enlarge.js";
import { outline } from "./outline.js";

/** Smooth pictures need no more pixels than this on their long side: the browser enlarges the rest. */
const FINEST_SMOOTH = 1024;
const INK = [18, 16, 14];
/** Low to high, for the diagnostics and for similarity: dark violet to pale yellow, even in lightness. */
const RAMP = [[22, 17, 30], [66, 36, 92], [134, 48, 104], [201, 79, 83], [240, 143, 82], [250, 224, 160]];

/** @typedef {import("./factorization.js").Grid} Grid */
/** @typedef {"photo" | "features" | "low_rank" | "concepts" | "residual" | "entropy"} Layer */
/**
 * What a layer is drawn from. tokens: those kept; key: changes with the analysis.
 * @typedef {{grid: Grid, image: HTMLImageElement, arrays: Record<string, any>, analysis: any, basis: string,
 *   tokens: number[], smooth: boolean, key: string}} Scene
 * @typedef {{kind: "mask" | "heat", token: number, threshold: number} | {kind: "similarity", field: Float32Array}} Spec
 * What a lit concept needs of a scene; its palette for heat alone.
 * @typedef {{grid: import("./factorization.js").MaskGrid, smooth: boolean, analysis?: any}} LitScene
 * @typedef {LitScene & {image: HTMLImageElement, key: string, analysis: any}} LitPhoto
 * @typedef {{canvas: HTMLCanvasElement, path: Path2D | null}} Over
 */

/**
 * hint: in a few words; about: what the picture is, for whoever asks.
 * @type {Record<Layer, {title: string, hint: string, about: string, diagnostic?: boolean}>}
 */
export const LAYERS = {
  photo: { title: "Photo", hint: "as the model sees it",
    about: "The photo at the size the model sees. "
      + "What a concept covers stays bright: the patches of which it has more than the threshold." },
  features: { title: "Feature map", hint: "what the model sees in each patch",
    about: "What the model sees in each patch: "
      + "the three main directions of its features X, as red, green and blue. Like colours are seen alike." },
  low_rank: { title: "Low-rank", hint: "the feature map from the concepts alone",
    about: "The feature map made from the concepts alone: "
      + "L S, the shares L that each patch has of the concepts, times what each concept is, S." },
  concepts: { title: "Concept map", hint: "the strongest concept everywhere",
    about: "A colour for each concept: every place has that of the concept with the largest share of it." },
  residual: { title: "Residual", hint: "what L S leaves unexplained", diagnostic: true,
    about: "How far the low-rank picture is from the feature map: bright where the concepts miss something." },
  entropy: { title: "Entropy", hint: "how undecided each patch is", diagnostic: true,
    about: "How evenly each patch is shared among the concepts: dark where one has it all." },
};

/** @param {number} position in 0..1 @returns {[number, number, number]} */
function rampAt(position) {
  const place = Math.min(RAMP.length - 1.001, Math.max(0, position * (RAMP.length - 1)));
  const lower = Math.floor(place);
  const mixed = RAMP[lower].map((value, i) => Math.round(value + (RAMP[lower + 1][i] - value) * (place - lower)));
  return /** @type {[number, number, number]} */ (mixed);
}

const rampTable = Uint32Array.from({ length: 256 }, (_, i) => pack(...rampAt(i / 255)));
export const RAMP_CSS = `linear-gradient(90deg, ${RAMP.map(([r, g, b]) => `rgb(${r} ${g} ${b})`).join(", ")})`;

/** A canvas whose pixels are painted from an array and shown at once. */
class PixelCanvas {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    /** @type {ImageData | null} */
    this.image = null;
    this.pixels = new Uint32Array(0);
  }

  /**
   * @param {number} width @param {number} height
   * @param {(pixels: Uint32Array, width: number, height: number) => void} fill  writes packed colours
   */
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

/** @param {number} width @param {number} height @param {boolean} smooth */
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
   * -> the canvas to draw from.
   * @param {Layer} layer @param {Scene} scene @param {number} width @param {number} height
   */
  render(layer, scene, width, height) {
    const { grid, basis, tokens, smooth } = scene;
    const colours = layer === "features" || layer === "low_rank" ? basis : "";
    const kept = layer === "low_rank" || layer === "concepts" ? tokens.length : "";
    const key = `${scene.key}/${layer}/${colours}/${kept}/${layer === "photo" || smooth}/${width}/${height}`;
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

/** @param {Scene} scene @param {Uint32Array} pixels @param {number} width @param {number} height */
function paintConcepts({ grid, analysis, tokens, smooth }, pixels, width, height) {
  const colours = Uint32Array.from(analysis.palette, (/** @type {string} */ hex) => pack(...channels(hex)));
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
    /** @type {Map<string, {picture: PixelCanvas, painted: string, path: Path2D | null}>} */
    this.bySize = new Map();
  }

  /**
   * Work canvases are kept by size: side by side there is one, in a comparison two grids share it in turn.
   * @param {number} width @param {number} height
   */
  canvasOf(width, height) {
    const key = `${width}/${height}`;
    let work = this.bySize.get(key);
    if (!work) {
      if (this.bySize.size > 4) this.bySize.clear();
      this.bySize.set(key, work = { picture: new PixelCanvas(), painted: "", path: null });
    }
    return work;
  }

  /**
   * key: changes when what is lit does. -> what to draw over a panel of this size, and the mask's outline (or null)
   * @param {Spec} lit @param {LitScene} scene @param {number} opacity
   * @param {number} width @param {number} height @param {string} key @returns {Over}
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
      ? { smooth, limit, table: [pack(INK[0], INK[1], INK[2], Math.round(opacity * 255)), 0] }
      : { smooth, table: heatTable(scene.analysis.palette[lit.token], opacity) };
    work.picture.paint(w, h, (pixels) => paintField(field, grid, pixels, w, h, paint));
    work.path = pathOf(outline(field, grid, limit, width, height, smooth));
    return { canvas: work.picture.canvas, path: work.path };
  }
}

/** @param {number[]} pieces */
function pathOf(pieces) {
  const path = new Path2D();
  for (let i = 0; i < pieces.length; i += 4) {
    path.moveTo(pieces[i], pieces[i + 1]);
    path.lineTo(pieces[i + 2], pieces[i + 3]);
  }
  return path;
}

/**
 * From dimmed where there is none of it to the concept's colour at its peak.
 * @param {string} colour @param {number} opacity
 */
function heatTable(colour, opacity) {
  const bright = channels(colour);
  return Uint32Array.from({ length: 256 }, (_, code) => {
    const share = code / 255;
    const mixed = INK.map((value, i) => Math.round(value + (bright[i] - value) * Math.min(1, share * 1.6)));
    return pack(mixed[0], mixed[1], mixed[2], Math.round(255 * opacity * (1 - 0.3 * share)));
  });
}

/** @param {number} colour packed @param {number} alpha */
const withAlpha = (colour, alpha) => ((colour & 0xffffff) | (alpha << 24)) >>> 0;

/** @param {number} opacity */
function similarityTable(opacity) {
  return Uint32Array.from({ length: 256 }, (_, i) => withAlpha(rampTable[i], Math.round(255 * opacity * 0.92)));
}

/**
 * Draw a layer, what is lit, and the patch pointed at on a visible canvas.
 * @param {CanvasRenderingContext2D} context @param {CanvasImageSource} base @param {Over | null} overlay
 * @param {string} [colour] @param {number[] | null} [patchBox] @param {number} [pixelRatio]
 */
export function drawPanel(context, base, overlay, colour = "#fff", patchBox = null, pixelRatio = 1) {
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
