/** The dots of a map by WebGL, with regl-scatterplot. */

import { DIM, LIT } from "./canvas_dots.js";

/** @typedef {import("./canvas_dots.js").Shown} Shown @typedef {import("./camera.js").Camera} Camera */

export class WebGLDots {
  kind = "webgl";

  /** @param {HTMLCanvasElement} canvas @param {(options: any) => any} createScatterplot */
  constructor(canvas, createScatterplot) {
    /** @type {(() => void) | undefined} */
    this.onlost = undefined;
    // Gestures are ours, the same for both kinds: the library only draws, from a camera that we set.
    this.plot = createScatterplot({
      canvas, width: 100, height: 100, cameraIsFixed: true, backgroundColor: [0, 0, 0, 0], pointScaleMode: "constant",
      colorBy: "valueA", opacityBy: "valueB", opacity: [DIM, LIT], pointSize: 4, lassoInitiator: false,
      performanceMode: false, deselectOnEscape: false, deselectOnDblClick: false, actionKeyMap: {}, showReticle: false,
      mouseMode: "panZoom",
    });
    if (!this.plot.get("isDestroyed") && this.plot.isSupported === false) throw new Error("an extension is missing");
    canvas.addEventListener("webglcontextlost", (event) => {
      event.preventDefault();
      this.onlost?.();
    });
    this.width = 100;
    this.height = 100;
    this.size = 4;
    /** @type {Shown | null} */
    this.next = null;
    /** @type {Float32Array | null} */
    this.position = null;
    this.isDrawing = false;
  }

  /** @param {number} width @param {number} height */
  resize(width, height) {
    if (width === this.width && height === this.height) return;
    this.width = width;
    this.height = height;
    this.plot.set({ width, height });
  }

  /** @param {Shown} points */
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
      const columns = {
        x: new Float32Array(length), y: new Float32Array(length), z: new Float32Array(length),
        w: new Float32Array(length),
      };
      let place = 0;
      for (const isLit of [0, 1]) {
        // in this order, so that what is lit lies on top
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
      // What is under the pointer is ours to find (points.js), so an index of former places does no harm.
      const isSame = position === this.position;
      this.position = position;
      await this.plot.draw(columns, {
        zDataType: "categorical", wDataType: "categorical",
        spatialIndex: isSame ? this.plot.get("spatialIndex") : undefined, preventFilterReset: isSame,
      });
    }
    this.isDrawing = false;
  }

  /** @param {Camera} camera @param {number} size */
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
