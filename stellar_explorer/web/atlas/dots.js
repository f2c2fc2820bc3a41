/** The dots of a map, drawn: by WebGL, or by Canvas 2D where there is none. Both keep the same few methods. */

import { resolveAddress } from "../shared/package.js";

/**
 * -> WebGL's dots, or Canvas'. Nothing that goes wrong with WebGL keeps a visitor from the map, and ?map=canvas or
 * ?map=webgl in the address decides.
 */
export async function makeDots(canvasOf) {
  const asked = new URLSearchParams(location.search).get("map");
  if (asked !== "canvas" && hasWebGL(asked === "webgl")) {
    try {
      const { createScatterplot } = await import(resolveAddress("stellar/web/vendor/regl-scatterplot.js"));
      return new WebGLDots(canvasOf(), createScatterplot);
    } catch (problem) {
      console.info(`The map is drawn without WebGL: ${problem.message}`);
    }
  }
  return new CanvasDots(canvasOf());
}

/** Computed by the processor, 100,000 dots take WebGL 100 ms a frame, and Canvas 80 and mostly less. */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

function hasWebGL(evenSoftware) {
  try {
    const context = document.createElement("canvas").getContext("webgl");
    const isEnough = ["OES_texture_float", "OES_element_index_uint"].every((name) => context.getExtension(name));
    const naming = context.getExtension("WEBGL_debug_renderer_info");
    const name = context.getParameter(naming ? naming.UNMASKED_RENDERER_WEBGL : context.RENDERER);
    context.getExtension("WEBGL_lose_context")?.loseContext(); // a page may only have a few
    return isEnough && (evenSoftware || !SOFTWARE.test(name));
  } catch {
    return false;
  }
}

export const LIT = 0.86;
// Of what is not lit, in grey: pale colours on top of each other would look lit.
export const DIM = 0.5;
// A circle takes ten times as long as a square.
const MOST_ROUND = 6000;

class WebGLDots {
  kind = "webgl";

  constructor(canvas, createScatterplot) {
    this.canvas = canvas;
    // Gestures are ours, the same for both kinds: the library only draws, from a camera that we set.
    this.plot = createScatterplot({
      canvas, width: 100, height: 100, cameraIsFixed: true, backgroundColor: [0, 0, 0, 0], pointScaleMode: "constant",
      colorBy: "valueA", opacityBy: "valueB", opacity: [DIM, LIT], pointSize: 4, lassoInitiator: false, performanceMode: false,
      deselectOnEscape: false, deselectOnDblClick: false, actionKeyMap: {}, showReticle: false, mouseMode: "panZoom",
    });
    if (!this.plot.get("isDestroyed") && this.plot.isSupported === false) throw new Error("an extension is missing");
    canvas.addEventListener("webglcontextlost", (event) => {
      event.preventDefault();
      this.onlost?.();
    });
    this.width = this.height = 100;
    this.size = 4;
    this.next = null;
    this.isDrawing = false;
  }

  resize(width, height) {
    if (width === this.width && height === this.height) return;
    this.width = width;
    this.height = height;
    this.plot.set({ width, height });
  }

  /** position: x, y in turn; codes: of each a place in colours; lit: of each 0 or 1; dim: the colour of what is not. */
  show(points) {
    this.next = points;
    return this.drain();
  }

  async drain() {
    if (this.isDrawing) return;
    this.isDrawing = true;
    while (this.next) {
      const { position, codes, lit, colours, dim } = this.next;
      this.next = null;
      const { length } = codes;
      const columns = { x: new Float32Array(length), y: new Float32Array(length), z: new Float32Array(length), w: new Float32Array(length) };
      let place = 0;
      for (const isLit of [0, 1]) { // in this order, so that what is lit lies on top
        for (let row = 0; row < length; row += 1) {
          if (lit[row] !== isLit) continue;
          columns.x[place] = position[2 * row];
          columns.y[place] = position[2 * row + 1];
          columns.z[place] = isLit ? codes[row] : colours.length;
          columns.w[place] = isLit;
          place += 1;
        }
      }
      this.plot.set({ pointColor: [...colours, dim] });
      // What is under the pointer is ours to find (atlas_points.js), so an index of former places does no harm.
      const isSame = position === this.position;
      this.position = position;
      await this.plot.draw(columns, { zDataType: "categorical", wDataType: "categorical",
        spatialIndex: isSame ? this.plot.get("spatialIndex") : undefined, preventFilterReset: isSame });
    }
    this.isDrawing = false;
  }

  move({ x, y, scale }, size) {
    if (size !== this.size) {
      this.size = size;
      this.plot.set({ pointSize: size });
    }
    const zoom = (2 * scale) / this.height;
    this.plot.view([zoom, 0, 0, 0, 0, zoom, 0, 0, 0, 0, 1, 0, -x * zoom, -y * zoom, 0, 1], { preventEvent: true });
  }

  destroy() {
    this.plot.destroy();
  }
}

export class CanvasDots {
  kind = "canvas";

  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.camera = null;
  }

  resize(width, height) {
    this.ratio = Math.min(2, window.devicePixelRatio || 1);
    this.width = width;
    this.height = height;
    this.canvas.width = Math.round(width * this.ratio);
    this.canvas.height = Math.round(height * this.ratio);
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.draw();
  }

  async show(points) {
    this.points = points;
    this.order = byColour(points);
    this.draw();
  }

  move(camera, size) {
    this.camera = camera;
    this.size = size;
    this.draw();
  }

  draw() {
    if (!this.camera || !this.points || !this.width) return;
    const { context, camera } = this;
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    drawDots(context, this.points, this.order, camera, this.size, this.width, this.height);
  }

  destroy() {}
}

const LAYERS = 16;

/**
 * Rows, those that are not lit first, then in layers those of one colour behind each other: a frame sets few colours,
 * and where dots lie on top of each other, the last colour does not hide the others.
 */
export function byColour({ codes, lit, colours }) {
  const starts = new Uint32Array(LAYERS * colours.length + 2);
  const layerOf = (row) => Math.imul(row, 0x9e3779b1) >>> 28;
  const keyOf = (row) => (lit[row] ? layerOf(row) * colours.length + codes[row] + 1 : 0);
  for (let row = 0; row < codes.length; row += 1) starts[keyOf(row) + 1] += 1;
  for (let key = 1; key < starts.length; key += 1) starts[key] += starts[key - 1];
  const order = new Uint32Array(codes.length);
  for (let row = 0; row < codes.length; row += 1) order[starts[keyOf(row)]++] = row;
  return order;
}

/** Also what a picture of the map is drawn by. order: rows as `byColour` gives them. */
export function drawDots(context, { position, codes, lit, colours, dim }, order, camera, size, width, height) {
  const { x: centreX, y: centreY, scale } = camera;
  const left = centreX - (width / 2 + size) / scale;
  const right = centreX + (width / 2 + size) / scale;
  const bottom = centreY - (height / 2 + size) / scale;
  const top = centreY + (height / 2 + size) / scale;
  const isSeen = (row) => {
    const x = position[2 * row];
    const y = position[2 * row + 1];
    return x >= left && x <= right && y >= bottom && y <= top;
  };
  let seen = 0;
  for (const row of order) seen += isSeen(row);
  const isRound = size >= 3.5 && seen <= MOST_ROUND;
  let drawn = null;
  for (const row of order) {
    if (!isSeen(row)) continue;
    const x = width / 2 + (position[2 * row] - centreX) * scale;
    const y = height / 2 - (position[2 * row + 1] - centreY) * scale;
    const colour = lit[row] ? codes[row] : -1;
    if (colour !== drawn) {
      drawn = colour;
      context.fillStyle = colours[colour] ?? dim;
      context.globalAlpha = colour < 0 ? DIM : LIT;
    }
    if (isRound) {
      context.beginPath();
      context.arc(x, y, size / 2, 0, 7);
      context.fill();
    } else {
      context.fillRect(x - size / 2, y - size / 2, size, size);
    }
  }
  context.globalAlpha = 1;
}
