/** The dots of a map, drawn: by WebGL, or by Canvas 2D where there is none. Both have the same few methods. */

import { CanvasDots } from "./canvas_dots.js";
import { WebGLDots } from "./webgl_dots.js";
import { make } from "../../shared/elements.js";
import { resolveAddress } from "../../shared/requests.js";

/** @typedef {import("./canvas_dots.js").Shown} Shown */

/** The layer of dots below a map: where WebGL is lost, Canvas goes on. */
export class Dots {
  /** @param {HTMLElement} element  that they are put into */
  constructor(element) {
    this.element = element;
    /** @type {WebGLDots | CanvasDots | null} */
    this.kind = null;
    /** @type {Shown | null} */
    this.shown = null;
    this.size = { width: 0, height: 0 };
    this.moved = { camera: { x: 0, y: 0, scale: 1 }, size: 0 };
    this.seen = "";
  }

  async open() {
    if (!this.kind) this.use(await makeDots(() => this.canvas()));
    this.seen = ""; // what moved meanwhile moved nothing
  }

  /** @param {WebGLDots | CanvasDots} kind */
  use(kind) {
    this.kind = kind;
    this.element.setAttribute("data-renderer", kind.kind);
    if (this.size.width) kind.resize(this.size.width, this.size.height);
    // The GPU is lost, as it is on a laptop that sleeps.
    kind.onlost = () => {
      this.use(new CanvasDots(this.canvas()));
      if (this.shown) this.kind?.show(this.shown);
      this.kind?.move(this.moved.camera, this.moved.size);
    };
  }

  canvas() {
    this.element.querySelector(".atlas-dots")?.remove();
    const canvas = make("canvas", { class: "atlas-dots" });
    this.element.prepend(canvas);
    return canvas;
  }

  /** @param {import("./camera.js").Size} size */
  resize(size) {
    this.size = size;
    this.seen = "";
    this.kind?.resize(size.width, size.height);
  }

  /** @param {Shown} shown */
  async show(shown) {
    this.shown = shown;
    await this.kind?.show(shown);
  }

  /**
   * All the dots are drawn again, so only where they moved.
   * @param {import("./camera.js").Camera} camera @param {number} size
   */
  move(camera, size) {
    const seen = `${camera.x}/${camera.y}/${camera.scale}/${size}`;
    if (seen === this.seen) return;
    this.seen = seen;
    this.moved = { camera, size };
    this.kind?.move(camera, size);
  }
}

/**
 * WebGL's dots, or Canvas'. Nothing that goes wrong with WebGL keeps a visitor from the map, and ?map=canvas or
 * ?map=webgl in the address decides.
 * @param {() => HTMLCanvasElement} canvasOf @returns {Promise<WebGLDots | CanvasDots>}
 */
async function makeDots(canvasOf) {
  const asked = new URLSearchParams(location.search).get("map");
  if (asked !== "canvas" && hasWebGL(asked === "webgl")) {
    try {
      const { createScatterplot } = await import(resolveAddress("stellar/web/vendor/regl-scatterplot.js"));
      return new WebGLDots(canvasOf(), createScatterplot);
    } catch (problem) {
      console.info(`The map is drawn without WebGL: ${/** @type {Error} */ (problem).message}`);
    }
  }
  return new CanvasDots(canvasOf());
}

/** Computed by the processor, 100,000 dots take WebGL 100 ms a frame, and Canvas 80 and mostly less. */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/** @param {boolean} evenSoftware */
function hasWebGL(evenSoftware) {
  try {
    const context = document.createElement("canvas").getContext("webgl");
    if (!context) return false;
    const isEnough = ["OES_texture_float", "OES_element_index_uint"].every((name) => context.getExtension(name));
    const naming = context.getExtension("WEBGL_debug_renderer_info");
    const name = context.getParameter(naming ? naming.UNMASKED_RENDERER_WEBGL : context.RENDERER);
    context.getExtension("WEBGL_lose_context")?.loseContext(); // a page may only have a few
    return isEnough && (evenSoftware || !SOFTWARE.test(name));
  } catch {
    return false;
  }
}
