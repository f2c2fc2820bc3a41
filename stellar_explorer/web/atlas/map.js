/** The map: dots, crops instead of dots when near, and the gestures over both. It says what was pointed at, no more. */

import { makeDots, CanvasDots } from "./dots.js";
import { make } from "../shared/elements.js";

const MOST_ZOOM = 600;
const MARGIN = 40;
const NEAR = 9;
const NEAR_TOUCH = 20;
const STILL = 5;
const CROP = { least: 46, most: 92, fill: 0.9 };
const FLIGHT = 320;
const HELP = "Map of concepts. Arrow keys move it, plus and minus zoom, 0 shows all of it, Enter picks the concept nearest to the middle, Escape clears the selection.";

export class AtlasMap {
  /** on: {hover(row, place), pick(row, place), open(row), lasso(rows), cancel(), moved()}; place: {x, y} in pixels, row: -1 for none. */
  constructor(crops, on) {
    this.crops = crops;
    this.on = on;
    this.overlay = make("canvas", { class: "atlas-overlay", "aria-hidden": "true" });
    this.element = make("div", { class: "atlas-map", tabindex: "0", role: "application", "aria-label": HELP, "data-tool": "move" }, this.overlay);
    this.context = this.overlay.getContext("2d");
    this.camera = { x: 0, y: 0, scale: 1 };
    this.pointers = new Map();
    this.line = [];
    this.placed = [];
    this.shown = new Set();
    this.hovered = this.marked = -1;
    this.withPictures = true;
    this.tool = "move";
    this.listen();
    new ResizeObserver(() => this.resize()).observe(this.element);
  }

  // --- what is shown ---

  /** keep: leave the view where it is, as for the same map with a few concepts more. */
  async open(points, { keep = false } = {}) {
    this.points = points;
    this.painting = null;
    this.seen = "";
    this.shown.clear();
    this.hovered = this.marked = -1;
    if (!this.dots) {
      this.dots = await makeDots(() => this.canvas());
      this.dots.onlost = () => this.fallBack();
      this.element.setAttribute("data-renderer", this.dots.kind);
    }
    this.isFitted = keep && this.isFitted;
    this.resize();
  }

  canvas() {
    this.element.querySelector(".atlas-dots")?.remove();
    const canvas = make("canvas", { class: "atlas-dots", "aria-hidden": "true" });
    this.element.prepend(canvas);
    return canvas;
  }

  /** The GPU was lost, as it is on a laptop that sleeps: the map goes on without it. */
  fallBack() {
    this.dots = new CanvasDots(this.canvas());
    this.seen = "";
    this.element.setAttribute("data-renderer", this.dots.kind);
    if (this.width) this.dots.resize(this.width, this.height);
    if (this.painting) this.dots.show(this.painting);
    this.touch();
  }

  /** codes, lit: of each row; colours: of each code; dim: of what is not lit. */
  async paint({ codes, lit, colours, dim }) {
    this.painting = { position: this.points.position, codes, lit, colours, dim };
    this.touch();
    await this.dots.show(this.painting);
    this.touch();
  }

  mark(row) {
    this.marked = row;
    this.touch();
  }

  setTool(tool) {
    this.tool = tool;
    this.element.dataset.tool = tool;
  }

  setPictures(isOn) {
    this.withPictures = isOn;
    this.touch();
  }

  // --- camera ---

  get size() {
    const { length } = this.points;
    const base = Math.min(9, Math.max(2.6, Math.sqrt((this.width * this.height) / length) * 0.3));
    const size = base * Math.min(2.4, Math.max(1, this.camera.scale / this.fitted.scale) ** 0.3);
    return Math.round(size * 2) / 2;
  }

  get fitted() {
    return { x: 0, y: 0, scale: Math.max(10, (Math.min(this.width, this.height) - 2 * MARGIN) / 2) };
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (!width || !height || !this.points || !this.dots) return;
    const isNew = width !== this.width || height !== this.height;
    this.width = width;
    this.height = height;
    if (isNew) {
      const ratio = Math.min(2, window.devicePixelRatio || 1);
      this.overlay.width = Math.round(width * ratio);
      this.overlay.height = Math.round(height * ratio);
      this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
      this.dots.resize(width, height);
      this.seen = "";
    }
    if (!this.isFitted) this.camera = this.fitted;
    this.isFitted = true;
    this.touch();
  }

  fit() {
    this.fly(this.fitted);
  }

  /** To where these rows are, as near as shows them all. */
  goTo(rows) {
    let [left, bottom, right, top] = [1, 1, -1, -1];
    for (const row of rows) {
      left = Math.min(left, this.points.position[2 * row]);
      right = Math.max(right, this.points.position[2 * row]);
      bottom = Math.min(bottom, this.points.position[2 * row + 1]);
      top = Math.max(top, this.points.position[2 * row + 1]);
    }
    const span = Math.max((right - left) / (this.width - 120), (top - bottom) / (this.height - 120), 0.08 / this.height);
    this.fly({ x: (left + right) / 2, y: (top + bottom) / 2, scale: 1 / span });
  }

  fly(goal) {
    goal.scale = this.limited(goal.scale);
    const start = { ...this.camera };
    const begun = performance.now();
    const duration = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1 : FLIGHT;
    const flight = (this.flight = {});
    const step = (now) => {
      if (this.flight !== flight) return;
      const share = Math.min(1, (now - begun) / duration);
      const eased = 1 - (1 - share) ** 3;
      const mix = (name) => start[name] + (goal[name] - start[name]) * eased;
      this.camera = { x: mix("x"), y: mix("y"), scale: start.scale * (goal.scale / start.scale) ** eased };
      this.touch();
      if (share < 1) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  limited(scale) {
    const { scale: whole } = this.fitted;
    return Math.min(whole * MOST_ZOOM, Math.max(whole * 0.6, scale));
  }

  /** By a factor, with the place under (x, y) held. -> whether anything changed. */
  zoom(factor, x = this.width / 2, y = this.height / 2) {
    this.flight = null;
    const before = this.onMap(x, y);
    const scale = this.limited(this.camera.scale * factor);
    if (scale === this.camera.scale) return false;
    this.camera.scale = scale;
    const after = this.onMap(x, y);
    this.camera.x += before[0] - after[0];
    this.camera.y += before[1] - after[1];
    this.touch();
    return true;
  }

  pan(dx, dy) {
    this.flight = null;
    const keep = (place) => Math.min(1.1, Math.max(-1.1, place));
    this.camera.x = keep(this.camera.x - dx / this.camera.scale);
    this.camera.y = keep(this.camera.y + dy / this.camera.scale);
    this.touch();
  }

  onMap(x, y) {
    const { camera } = this;
    return [camera.x + (x - this.width / 2) / camera.scale, camera.y - (y - this.height / 2) / camera.scale];
  }

  onScreen(row) {
    const { camera } = this;
    return {
      x: this.width / 2 + (this.points.position[2 * row] - camera.x) * camera.scale,
      y: this.height / 2 - (this.points.position[2 * row + 1] - camera.y) * camera.scale,
    };
  }

  // --- drawing ---

  touch() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      if (this.width && this.points) this.draw();
    });
  }

  draw() {
    this.moveDots();
    const { context } = this;
    context.clearRect(0, 0, this.width, this.height);
    this.placed = this.withPictures && this.painting ? this.arrange() : [];
    this.shown = new Set(this.placed.map(({ row }) => row));
    this.placed.forEach((crop) => this.drawCrop(crop));
    this.element.setAttribute("data-crops", String(this.placed.filter(({ isDrawn }) => isDrawn).length));
    if (this.marked >= 0) this.ring(this.marked, 3);
    if (this.hovered >= 0 && this.hovered !== this.marked) this.ring(this.hovered, 2);
    if (this.line.length > 1) this.drawLine();
    this.on.moved();
  }

  /** All the dots are drawn again, so only where they moved. */
  moveDots() {
    const { x, y, scale } = this.camera;
    const seen = `${x}/${y}/${scale}/${this.size}/${this.width}/${this.height}`;
    if (seen !== this.seen) this.dots.move({ x, y, scale }, this.size);
    this.seen = seen;
  }

  /** Which concepts have room for a crop: those already shown first, so that few change while the map moves. */
  arrange() {
    const { lit } = this.painting;
    const area = this.width * this.height;
    const most = Math.round((area / CROP.least ** 2) * CROP.fill);
    const [left, top] = this.onMap(0, 0);
    const [right, bottom] = this.onMap(this.width, this.height);
    const rows = this.points.rowsIn(left, bottom, right, top, most * 3)?.filter((row) => lit[row]);
    if (!rows?.length || rows.length > most) return [];
    const ideal = Math.sqrt(area / rows.length / 2.6);
    const side = Math.round(Math.min(CROP.most, Math.max(CROP.least, ideal)) / 6) * 6;
    const { mass } = this.points;
    rows.sort((one, other) => this.shown.has(other) - this.shown.has(one) || mass[other] - mass[one]);
    const gap = side + 4;
    const taken = new Map();
    const placed = [];
    for (const row of rows) {
      const { x, y } = this.onScreen(row);
      const column = Math.floor(x / gap);
      const line = Math.floor(y / gap);
      let isFree = true;
      for (let down = line - 1; isFree && down <= line + 1; down += 1) {
        for (let across = column - 1; isFree && across <= column + 1; across += 1) {
          const other = taken.get(`${across}/${down}`);
          isFree = !other || Math.abs(other.x - x) >= gap || Math.abs(other.y - y) >= gap;
        }
      }
      if (!isFree) continue;
      const crop = { row, x, y, side };
      taken.set(`${column}/${line}`, crop);
      placed.push(crop);
    }
    return placed;
  }

  drawCrop(crop) {
    const { context } = this;
    const picture = this.crops.picture(this.points.id[crop.row], 120);
    crop.isDrawn = Boolean(picture);
    if (!picture) return;
    const { x, y, side, row } = crop;
    context.save();
    context.beginPath();
    context.roundRect(x - side / 2, y - side / 2, side, side, 6);
    context.save();
    context.clip();
    context.drawImage(picture, x - side / 2, y - side / 2, side, side);
    context.restore();
    context.lineWidth = 2;
    context.strokeStyle = this.painting.colours[this.painting.codes[row]];
    context.stroke();
    context.restore();
  }

  ring(row, width) {
    const { context } = this;
    const crop = this.placed.find((one) => one.row === row && one.isDrawn);
    const { x, y } = crop ?? this.onScreen(row);
    const style = getComputedStyle(this.element);
    context.beginPath();
    if (crop) context.roundRect(x - crop.side / 2 - 2, y - crop.side / 2 - 2, crop.side + 4, crop.side + 4, 8);
    else context.arc(x, y, this.size / 2 + 4, 0, 7);
    context.lineWidth = width + 3;
    context.strokeStyle = style.getPropertyValue("--paper");
    context.stroke();
    context.lineWidth = width;
    context.strokeStyle = style.getPropertyValue("--ink");
    context.stroke();
  }

  drawLine() {
    const { context } = this;
    const accent = getComputedStyle(this.element).getPropertyValue("--accent");
    context.beginPath();
    this.line.forEach(({ x, y }) => context.lineTo(x, y));
    context.closePath();
    context.globalAlpha = 0.1;
    context.fillStyle = context.strokeStyle = accent;
    context.fill();
    context.globalAlpha = 1;
    context.lineWidth = 1.5;
    context.setLineDash([5, 4]);
    context.stroke();
    context.setLineDash([]);
  }

  // --- gestures ---

  /** The row under a place: of a crop if one is there, else the nearest dot. */
  under(x, y, radius) {
    for (const { row, x: middle, y: height, side, isDrawn } of this.placed) {
      if (isDrawn && Math.abs(x - middle) <= side / 2 && Math.abs(y - height) <= side / 2) return row;
    }
    const lit = this.painting?.lit;
    const [across, up] = this.onMap(x, y);
    return this.points.nearest(across, up, (radius + this.size / 2) / this.camera.scale, (row) => !lit || lit[row] === 1);
  }

  hoverAt(place, radius = NEAR) {
    const row = place ? this.under(place.x, place.y, radius) : -1;
    if (row === this.hovered) return;
    this.hovered = row;
    this.element.toggleAttribute("data-over", row >= 0);
    this.on.hover(row, row < 0 ? null : this.onScreen(row));
    this.touch();
  }

  listen() {
    const { element } = this;
    const placeOf = (event) => {
      const box = element.getBoundingClientRect();
      return { x: event.clientX - box.left - element.clientLeft, y: event.clientY - box.top - element.clientTop };
    };
    const isOurs = (event) => this.points && !event.target.closest(".atlas-tools, .atlas-zooms, .atlas-card");
    element.addEventListener("pointerdown", (event) => {
      if (!isOurs(event) || event.button > 0) return;
      element.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, placeOf(event));
      this.flight = null;
      this.travel = 0;
      this.isLasso = this.pointers.size === 1 && (this.tool === "lasso" || event.shiftKey);
      this.line = this.isLasso ? [placeOf(event)] : [];
    });
    element.addEventListener("pointermove", (event) => {
      const place = placeOf(event);
      const before = this.pointers.get(event.pointerId);
      if (!before) {
        if (event.pointerType !== "touch" && this.points) this.hoverAt(isOurs(event) ? place : null);
        return;
      }
      this.travel += Math.hypot(place.x - before.x, place.y - before.y);
      const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, other]) => other);
      this.pointers.set(event.pointerId, place);
      if (this.isLasso) {
        this.line.push(place);
        this.touch();
      } else if (others.length) {
        const [other] = others;
        this.zoom(Math.hypot(place.x - other.x, place.y - other.y) / (Math.hypot(before.x - other.x, before.y - other.y) || 1),
          (place.x + other.x) / 2, (place.y + other.y) / 2);
        this.pan((place.x - before.x) / 2, (place.y - before.y) / 2);
      } else if (this.travel > STILL) {
        this.hoverAt(null);
        element.setAttribute("data-moving", "");
        this.pan(place.x - before.x, place.y - before.y);
      }
    });
    const end = (event) => {
      if (!this.pointers.delete(event.pointerId)) return;
      element.removeAttribute("data-moving");
      const place = placeOf(event);
      if (this.isLasso && this.travel > 3 * STILL && event.type === "pointerup") {
        const rows = this.points.rowsInside(this.line.map(({ x, y }) => this.onMap(x, y)));
        this.on.lasso(rows);
      } else if (this.travel <= STILL && event.type === "pointerup") {
        const row = this.under(place.x, place.y, event.pointerType === "touch" ? NEAR_TOUCH : NEAR);
        this.on.pick(row, row < 0 ? null : this.onScreen(row));
      }
      this.isLasso = false;
      this.line = [];
      this.touch();
    };
    element.addEventListener("pointerup", end);
    element.addEventListener("pointercancel", end);
    element.addEventListener("pointerleave", () => this.points && this.hoverAt(null));
    element.addEventListener("dblclick", (event) => {
      if (!isOurs(event)) return;
      const { x, y } = placeOf(event);
      const row = this.under(x, y, NEAR);
      if (row >= 0) this.on.open(row);
    });
    element.addEventListener("wheel", (event) => {
      if (!this.points || event.target.closest(".atlas-card")) return;
      const pixels = event.deltaY * (event.deltaMode === 1 ? 16 : 1);
      const { x, y } = placeOf(event);
      // Where the map cannot get smaller, the page scrolls on.
      if (!this.zoom(Math.exp(-Math.min(200, Math.max(-200, pixels)) * 0.002), x, y)) return;
      this.hoverAt(null); // until the pointer moves: what it was over has moved away
      event.preventDefault();
    }, { passive: false });
    element.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    if (event.target !== this.element || !this.points || event.metaKey || event.ctrlKey || event.altKey) return;
    const step = event.shiftKey ? 160 : 48;
    const moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    const middle = { x: this.width / 2, y: this.height / 2 };
    if (moves[event.key]) this.pan(...moves[event.key]);
    else if (event.key === "+" || event.key === "=") this.zoom(1.35);
    else if (event.key === "-") this.zoom(1 / 1.35);
    else if (event.key === "0") this.fit();
    else if (event.key === "Escape") this.on.cancel();
    else if (event.key === "Enter") {
      const row = this.under(middle.x, middle.y, Math.min(this.width, this.height) / 3);
      this.on.pick(row, row < 0 ? null : this.onScreen(row));
    } else return;
    event.preventDefault();
    if (moves[event.key]) this.hoverAt(middle, 60);
  }
}
