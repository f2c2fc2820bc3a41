/** The map: dots, thumbnails instead of dots when near, labels over them, and where they are looked at from. */

import { toMap } from "./camera.js";
import { Dots } from "./dots.js";
import { Gestures } from "./gestures.js";
import { Labels } from "./labels.js";
import { drawGlow, drawLasso, drawRing, drawThumbnail } from "./overlay.js";
import { make } from "../../shared/elements.js";
import { arrangeThumbnails } from "./thumbnails.js";
import { Viewpoint } from "./viewpoint.js";

const PICTURE = 120;
const LABEL =
  "Map of the collection's concepts; the table of clusters below tells the same in words. Arrow keys move it, plus " +
  "and minus zoom, 0 fits all of it, Enter picks the concept nearest to the middle, Escape takes back what is chosen.";

/**
 * What lies under a place: the code of a cluster's label or the row of a concept, -1 for none.
 * @typedef {{row: number, code: number}} Under
 * @typedef {{x: number, y: number}} Place  in pixels of the frame
 * codes, lit: of each row; colours: of each code; dim: of what is not lit; clusterColours: of each cluster, null where
 * the dots are coloured by something else; litClusters: which have lit rows, null for all.
 * @typedef {{codes: ArrayLike<number>, lit: Uint8Array, colours: string[], dim: string,
 *   clusterColours: string[] | null, litClusters: Uint8Array | null}} Painting
 */

export class AtlasMap {
  /**
   * @param {import("../crops.js").Crops} crops
   * @param {{hover: (under: Under, place: Place | null) => void, pick: (under: Under, place: Place | null) => void,
   *   open: (row: number) => void, lasso: (rows: Uint32Array) => void, cancel: () => void, moved: () => void,
   *   active: (isActive: boolean) => void}} on
   */
  constructor(crops, on) {
    this.crops = crops;
    this.on = on;
    this.overlay = make("canvas", { class: "atlas-overlay" });
    this.element = make(
      "div", { class: "atlas-map", tabindex: "0", role: "img", "aria-label": LABEL, "data-tool": "move" }, this.overlay,
    );
    this.context = /** @type {CanvasRenderingContext2D} */ (this.overlay.getContext("2d"));
    this.frame = make("div", { class: "atlas-frame" }, this.element);
    /** @type {import("../points.js").Points | null} */
    this.points = null;
    this.dots = new Dots(this.element);
    /** @type {(Painting & {position: Float32Array}) | null} */
    this.painting = null;
    this.view = new Viewpoint(() => this.touch());
    this.size = { width: 0, height: 0 };
    this.labels = new Labels();
    /** @type {import("./thumbnails.js").Thumbnail[]} */
    this.thumbnails = [];
    /** @type {Set<number>} */
    this.shown = new Set();
    /** @type {{rows: Uint32Array, code: number} | null} */
    this.glow = null;
    this.chosen = -1;
    this.marked = -1;
    this.hasThumbnails = true;
    this.due = 0;
    this.look = { paper: "#fff", ink: "#000", line: "#ccc", accent: "#00f" };
    this.gestures = new Gestures(this);
    new ResizeObserver(() => this.resize()).observe(this.element);
  }

  // --- what is shown ---

  /**
   * keep: leave the view where it is, as for the same map with a few concepts more.
   * @param {import("../points.js").Points} points
   */
  async open(points, { keep = false } = {}) {
    this.points = points;
    this.painting = null;
    this.glow = null;
    this.shown.clear();
    this.marked = -1;
    this.labels.open(points, this.context);
    this.gestures.forget();
    await this.dots.open();
    this.view.isFitted &&= keep;
    this.resize();
  }

  /** @param {Painting} painting */
  async paint(painting) {
    if (!this.points) return;
    const style = getComputedStyle(this.element);
    const value = (/** @type {string} */ name) => style.getPropertyValue(name);
    this.look = {
      paper: value("--paper"), ink: value("--ink"), line: value("--line-strong"), accent: value("--accent"),
    };
    this.painting = { ...painting, position: this.points.position };
    this.touch();
    await this.dots.show(this.painting);
    this.touch();
  }

  /**
   * These stand out until the next call; code: of the cluster that they are, whose label is shown, or -1.
   * @param {Uint32Array | null} rows
   */
  light(rows, code = -1) {
    this.glow = rows && { rows, code };
    this.touch();
  }

  /** The cluster that is chosen, or -1: its label is shown. @param {number} code */
  choose(code) {
    this.chosen = code;
    this.touch();
  }

  /** @param {number} row */
  mark(row) {
    this.marked = row;
    this.touch();
  }

  /** @param {string} tool */
  setTool(tool) {
    this.element.dataset.tool = tool;
  }

  /** @param {boolean} isOn */
  setThumbnails(isOn) {
    this.hasThumbnails = isOn;
    this.touch();
  }

  // --- camera ---

  get dotSize() {
    const { width, height } = this.size;
    const { length } = /** @type {import("../points.js").Points} */ (this.points);
    const base = Math.min(9, Math.max(2.6, Math.sqrt((width * height) / length) * 0.3));
    const size = base * Math.min(2.4, Math.max(1, this.view.nearness) ** 0.3);
    return Math.round(size * 2) / 2;
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (!width || !height || !this.points) return;
    if (width !== this.size.width || height !== this.size.height) {
      this.size = { width, height };
      const ratio = Math.min(2, window.devicePixelRatio || 1);
      this.overlay.width = Math.round(width * ratio);
      this.overlay.height = Math.round(height * ratio);
      this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
      this.dots.resize(this.size);
    }
    this.view.resize(this.points, this.size);
    this.touch();
  }

  /**
   * A label, else a thumbnail, else the nearest dot that is lit.
   * @param {number} x @param {number} y @param {number} radius @returns {Under}
   */
  under(x, y, radius) {
    const code = this.labels.at(x, y);
    if (code >= 0 || !this.points) return { row: -1, code };
    const over = this.thumbnails.find(
      (one) => one.isDrawn && Math.abs(x - one.x) <= one.side / 2 && Math.abs(y - one.y) <= one.side / 2,
    );
    if (over) return { row: over.row, code };
    const lit = this.painting?.lit;
    const [across, up] = toMap(this.view.camera, this.size, x, y);
    const near = (radius + this.dotSize / 2) / this.view.camera.scale;
    return { row: this.points.nearest(across, up, near, (row) => !lit || lit[row] === 1), code };
  }

  // --- drawing ---

  touch() {
    this.due ||= requestAnimationFrame(() => {
      this.due = 0;
      if (this.size.width && this.points) this.draw();
    });
  }

  draw() {
    const { context, points, painting, size, look, glow } = this;
    const { camera } = this.view;
    if (!points) return;
    this.dots.move(camera, this.dotSize);
    context.clearRect(0, 0, size.width, size.height);
    this.thumbnails =
      this.hasThumbnails && painting ? arrangeThumbnails(points, painting.lit, camera, size, this.shown) : [];
    this.shown = new Set(this.thumbnails.map(({ row }) => row));
    for (const one of this.thumbnails) {
      const colour = painting?.colours[painting.codes[one.row]] ?? look.ink;
      drawThumbnail(context, one, this.crops.picture(points.id[one.row], PICTURE), colour);
    }
    this.element.dataset.crops = String(this.thumbnails.filter(({ isDrawn }) => isDrawn).length);
    if (glow && painting)
      drawGlow(context, glow.rows, { painting, camera, size, dotSize: this.dotSize, paper: look.paper });
    const { hovered } = this.gestures;
    const ring = (/** @type {number} */ row, /** @type {number} */ width) => {
      const place = this.thumbnails.find((one) => one.row === row && one.isDrawn) ?? this.view.onScreen(row);
      drawRing(context, place, width, this.dotSize, look);
    };
    if (this.marked >= 0) ring(this.marked, 3);
    if (hovered.row >= 0 && hovered.row !== this.marked) ring(hovered.row, 2);
    this.drawLabels();
    drawLasso(context, this.gestures.line, look.accent);
    this.on.moved();
  }

  drawLabels() {
    const { labels, painting, glow, chosen, context, look } = this;
    const first = [glow?.code ?? -1, chosen].filter((code) => code >= 0);
    labels.arrange(this.view.camera, this.size, {
      first, without: (code) => Boolean(painting?.litClusters && !painting.litClusters[code]),
    });
    const colours = painting?.clusterColours;
    labels.draw(context, {
      ...look, colourOf: (code) => colours?.[code] ?? null, isLit: (code) => first.includes(code),
    });
    // A label that is pointed at shows a typical crop, and pointing costs no request.
    for (const { code } of labels.placed) this.crops.prepare(this.points?.manifest.clusters[code].crop?.concept);
    this.element.dataset.labels = labels.placed.map(({ code }) => code).join(" ");
  }
}
