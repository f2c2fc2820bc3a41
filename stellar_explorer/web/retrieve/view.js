/** The query photo on screen: its concepts to point at and click, or a box to draw. */

import { percentOf } from "../drawing/chips.js";
import { LayerCanvas, Overlay, drawPanel } from "../drawing/layers.js";
import { ScreenCanvas } from "../drawing/panels.js";
import { make, uniqueId, write } from "../shared/elements.js";
import { NamedChips } from "./chips.js";
import { drawTogether, gridOfTokens } from "./masks.js";

/**
 * What of the question is on the photo. token: the concept that is asked with; box: the box that is.
 * @typedef {{token: number | null, box: number[] | null, isBoxing: boolean, isWhole: boolean}} ViewState
 * @typedef {import("./photo.js").QueryPhoto} QueryPhoto
 */

const DIMMED = 0.66;
const LEAST_SIDE = 0.02;
const PICK = globalThis.matchMedia?.("(hover: none)").matches ? "Tap" : "Click";
const KEYS = /** @type {Record<string, number[]>} */ ({
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
});

/** Two corners in any order -> left, top, right, bottom. @param {number[]} corners */
const boxOf = ([x, y, u, v]) => [Math.min(x, u), Math.min(y, v), Math.max(x, u), Math.max(y, v)];

export class PhotoView {
  /** @param {{choose: (token: number) => void, box: (box: number[]) => void}} on */
  constructor(on) {
    this.on = on;
    /** @type {QueryPhoto | null} */
    this.scene = null;
    this.base = new LayerCanvas();
    this.overlay = new Overlay();
    /** @type {ViewState} */
    this.state = { token: null, box: null, isBoxing: false, isWhole: false };
    /** @type {number | null} */
    this.pointed = this.chip = null;
    /** @type {number[] | null} */
    this.drawing = null;
    /** What a hit matched. @type {{token: number, colour: string}[] | null} */
    this.pairs = null;
    const help = uniqueId("keys");
    this.canvas = make("canvas", {
      class: "panel-canvas", role: "img", tabindex: "0", "aria-label": "The photo that is asked about",
      "aria-describedby": help, "data-query-canvas": "",
    });
    this.screen = new ScreenCanvas(this.canvas, () => this.redraw());
    this.title = make("p", { class: "retrieve-title" });
    this.readout = make("p", { class: "hint retrieve-readout", "data-readout": "" });
    this.frame = make("div", { class: "panel-frame retrieve-frame" }, this.canvas);
    this.chips = new NamedChips({
      enter: (/** @type {number} */ token) => this.light(token), leave: () => this.light(null),
      press: (/** @type {number} */ token) => this.on.choose(token),
    });
    this.chips.element.classList.add("retrieve-chips");
    this.element = make("div", { class: "retrieve-photo" }, this.frame,
      make("div", { class: "retrieve-caption" }, this.title, this.readout), this.chips.element,
      make("p", { class: "unseen", id: help }, "Arrow keys step through the concepts by size, Enter chooses one."));
    this.listen();
  }

  listen() {
    const { canvas } = this;
    const inside = (/** @type {number} */ share) => Math.min(1, Math.max(0, share));
    const place = (/** @type {MouseEvent} */ event) =>
      [inside(event.offsetX / this.screen.cssWidth), inside(event.offsetY / this.screen.cssHeight)];
    /** @type {(kind: string, heard: (event: PointerEvent) => void) => void} */
    const listen = (kind, heard) => canvas.addEventListener(kind, /** @type {EventListener} */ (heard));
    listen("pointerdown", (event) => {
      if (!this.state.isBoxing || !this.scene || event.button) return;
      canvas.setPointerCapture(event.pointerId);
      this.drawing = [...place(event), ...place(event)];
      event.preventDefault();
    });
    listen("pointermove", (event) => {
      if (!this.scene) return;
      if (this.drawing) {
        this.drawing.splice(2, 2, ...place(event));
        this.redraw();
      } else if (!this.state.isBoxing && event.pointerType !== "touch") {
        const token = this.scene.conceptAt(place(event)[0], place(event)[1]);
        if (token !== this.pointed) {
          this.pointed = token;
          this.redraw();
        }
      }
    });
    listen("pointerup", () => {
      if (!this.drawing) return;
      const box = boxOf(this.drawing);
      this.drawing = null;
      if (box[2] - box[0] >= LEAST_SIDE && box[3] - box[1] >= LEAST_SIDE) this.on.box(box);
      this.redraw();
    });
    listen("pointercancel", () => {
      this.drawing = null;
      this.redraw();
    });
    listen("pointerleave", () => {
      this.pointed = null;
      this.redraw();
    });
    listen("click", (event) => {
      if (!this.scene || this.state.isBoxing) return;
      const token = this.scene.conceptAt(place(event)[0], place(event)[1]);
      if (token !== null) this.on.choose(token);
    });
    canvas.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.key(event));
  }

  /**
   * With a box: arrows move it, and with Shift its far corner. Without: they step through the concepts.
   * @param {KeyboardEvent} event
   */
  key(event) {
    if (!this.scene || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = KEYS[event.key];
    if (this.state.isBoxing && step) {
      event.preventDefault();
      const box = [...(this.state.box ?? [0.25, 0.25, 0.75, 0.75])];
      const [dx, dy] = step.map((one) => one * 0.03);
      for (const corner of event.shiftKey ? [2] : [0, 2]) {
        [box[corner], box[corner + 1]] = [box[corner] + dx, box[corner + 1] + dy];
      }
      const isLarge = box[2] - box[0] > LEAST_SIDE && box[3] - box[1] > LEAST_SIDE;
      if (isLarge && box.every((edge) => edge >= 0 && edge <= 1)) this.on.box(box);
    } else if (step) {
      event.preventDefault();
      const { order } = this.scene;
      const at = order.indexOf(this.pointed ?? this.state.token ?? -1);
      this.pointed = order[(at + (step[0] + step[1]) + order.length) % order.length];
      this.redraw();
    } else if (event.key === "Enter" || event.key === " ") {
      const token = this.litToken();
      if (token === null) return;
      event.preventDefault();
      this.on.choose(token);
    }
  }

  /** @param {number | null} token */
  light(token) {
    this.chip = token;
    this.redraw();
  }

  /**
   * What a hit matched of this photo, while it is pointed at.
   * @param {{token: number, colour: string}[] | null} pairs
   */
  lightTogether(pairs) {
    this.pairs = pairs;
    this.redraw();
  }

  litToken() {
    return this.chip ?? this.pointed ?? this.state.token;
  }

  /** Another photo, or the same with other words for its concepts. @param {QueryPhoto} scene */
  show(scene) {
    this.pointed = this.chip = this.pairs = null;
    this.element.dataset.shown = "";
    this.scene = scene;
    this.frame.style.setProperty("--aspect", `${scene.aspect}`);
    write(this.title, scene.title);
    this.title.title = scene.title;
    this.canvas.setAttribute("aria-label", `The photo that is asked about: ${scene.alt}`);
    this.chips.rebuild(scene, scene.order);
    this.redraw();
  }

  /** @param {ViewState} state */
  update(state) {
    this.state = state;
    this.canvas.style.cursor = state.isBoxing ? "crosshair" : "pointer";
    this.canvas.style.touchAction = state.isBoxing ? "none" : "manipulation";
    this.redraw();
  }

  redraw() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      if (this.scene) this.draw();
    });
  }

  draw() {
    const { scene, screen, state, pairs } = this;
    if (!scene) return;
    const token = pairs || (state.isBoxing && this.chip === null) ? null : this.litToken();
    this.chips.drawMasks(scene, 1);
    this.chips.mark({ lit: token, pinned: state.isBoxing ? null : state.token, tokens: scene.order });
    write(this.readout, this.words(scene, token));
    this.canvas.dataset.lit = pairs ? pairs.map((pair) => pair.token).join() : `${token ?? ""}`;
    if (!screen.fit()) return;
    const { width, height, context, pixelRatio } = screen;
    const spec = { kind: /** @type {const} */ ("mask"), token: token ?? 0, threshold: 1 };
    const overlay = token === null ? null
      : this.overlay.render(spec, scene, DIMMED, width, height, `${scene.key}/${token}`);
    const base = this.base.render("photo", /** @type {any} */ (scene), width, height);
    drawPanel(context, base, overlay, scene.palette[token ?? 0], null, pixelRatio);
    if (pairs) {
      const grid = gridOfTokens(scene.grid, pairs.map((pair) => pair.token));
      drawTogether(context, grid, pairs.map(({ colour }) => colour), width, height, pixelRatio);
    } else if (state.isBoxing) {
      this.drawBox(context, width, height, pixelRatio);
    }
  }

  /**
   * @param {CanvasRenderingContext2D} context @param {number} width @param {number} height @param {number} pixelRatio
   */
  drawBox(context, width, height, pixelRatio) {
    const box = this.drawing ? boxOf(this.drawing) : this.state.box;
    if (!box) return;
    const [x, y, w, h] = [box[0] * width, box[1] * height, (box[2] - box[0]) * width, (box[3] - box[1]) * height];
    context.fillStyle = `rgb(18 16 14 / ${DIMMED})`;
    context.beginPath();
    context.rect(0, 0, width, height);
    context.rect(x, y, w, h);
    context.fill("evenodd");
    for (const { thick, colour } of [{ thick: 3.5, colour: "rgb(10 9 8 / 0.6)" }, { thick: 1.75, colour: "#fff" }]) {
      context.lineWidth = thick * pixelRatio;
      context.strokeStyle = colour;
      context.strokeRect(x, y, w, h);
    }
  }

  /** @param {QueryPhoto} scene @param {number | null} token */
  words(scene, token) {
    const { state, pairs } = this;
    if (pairs) return `Matched: ${[...new Set(pairs.map((pair) => scene.label(pair.token)))].join(", ")}`;
    if (state.isBoxing && this.chip === null) {
      return state.box ? "Draw again for another box." : "Draw a box to search for its contents.";
    }
    if (token === null) {
      return state.isWhole ? "Photos with the same set of concepts are looked for." : `${PICK} a concept in the photo.`;
    }
    const [learnt] = scene.taught[token] ?? [];
    const [, score] = learnt ?? scene.names[token]?.[0] ?? [];
    const guess = score === undefined ? ""
      : ` (${learnt ? "a taught word" : "a classifier's guess"}, ${Math.round(score * 100)} %)`;
    const { share, mass } = scene.concepts[token];
    return `${scene.label(token)}${guess} · ${percentOf(share ?? mass)} of the photo`;
  }
}
