/** The query photo on screen: its concepts to point at and click, or a box to draw. */

import { Chips, percentOf } from "../drawing/chips.js";
import { make, uniqueId, write } from "../shared/elements.js";
import { LayerCanvas, Overlay, drawPanel } from "../drawing/layers.js";
import { namesInWords } from "../shared/names.js";
import { ScreenCanvas } from "../drawing/panels.js";

const DIMMED = 0.66;
const LEAST_SIDE = 0.02;
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The row of concepts, with what the model would call each. */
class NamedChips extends Chips {
  build(token, scene) {
    const { mass } = scene.analysis.concepts[token];
    const percent = percentOf(mass);
    const word = scene.word(token);
    const guesses = namesInWords(scene.names[token], scene.taught[token]);
    const canvas = make("canvas", { "aria-hidden": "true" });
    canvas.width = this.thumbnail.width;
    canvas.height = this.thumbnail.height;
    const element = make("button", {
      type: "button", class: "chip", "data-chip": token, "aria-pressed": "false", style: `--concept: ${scene.palette[token]}`,
      "aria-label": `Concept ${token}${word ? `, named ${word}` : ""}: ${percent} of the photo`,
      title: guesses ? `Concept ${token}, ${percent} of the photo. ${guesses}` : `Concept ${token}, ${percent} of the photo`,
      onpointerenter: (event) => event.pointerType !== "touch" && this.on.enter(token),
      onpointerleave: (event) => event.pointerType !== "touch" && this.on.leave(),
      onfocus: () => element.matches(":focus-visible") && this.on.enter(token),
      onblur: () => this.on.leave(),
      onclick: () => this.on.press(token),
    },
    make("span", { class: "chip-picture" }, canvas),
    make("span", { class: scene.taught[token]?.length ? "chip-word taught-name" : word ? "chip-word" : "chip-word chip-unnamed" }, word ?? `concept ${token}`),
    make("span", { class: "chip-mass" }, percent));
    return { element, context: canvas.getContext("2d", { alpha: false }) };
  }
}

export class PhotoView {
  /** on: {choose(token), box(box)} */
  constructor(on) {
    this.on = on;
    this.scene = null;
    this.base = new LayerCanvas();
    this.overlay = new Overlay();
    this.state = { token: null, box: null, isBoxing: false };
    this.pointed = null;
    this.chip = null;
    this.drawing = null;
    const help = uniqueId("keys");
    this.canvas = make("canvas", { class: "panel-canvas", role: "img", tabindex: "0", "aria-describedby": help, "data-query-canvas": "" });
    this.screen = new ScreenCanvas(this.canvas, () => this.redraw());
    this.title = make("p", { class: "retrieve-title" });
    this.readout = make("p", { class: "hint retrieve-readout", "data-readout": "" });
    this.frame = make("div", { class: "panel-frame retrieve-frame" }, this.canvas);
    this.chips = new NamedChips({
      enter: (token) => this.light(token), leave: () => this.light(null), press: (token) => this.on.choose(token),
    });
    this.chips.element.classList.add("retrieve-chips");
    this.element = make("div", { class: "retrieve-photo" }, this.frame,
      make("div", { class: "retrieve-caption" }, this.title, this.readout), this.chips.element,
      make("p", { class: "unseen", id: help }, "Arrow keys step through the concepts by size, Enter chooses one."));
    this.listen();
  }

  listen() {
    const { canvas } = this;
    const place = (event) => [
      Math.min(1, Math.max(0, event.offsetX / this.screen.cssWidth)), Math.min(1, Math.max(0, event.offsetY / this.screen.cssHeight))];
    canvas.addEventListener("pointerdown", (event) => {
      if (!this.state.isBoxing || !this.scene || event.button) return;
      canvas.setPointerCapture(event.pointerId);
      this.drawing = [...place(event), ...place(event)];
      event.preventDefault();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.scene) return;
      if (this.drawing) {
        this.drawing.splice(2, 2, ...place(event));
        this.redraw();
      } else if (!this.state.isBoxing && event.pointerType !== "touch") {
        const token = this.scene.conceptAt(...place(event));
        if (token !== this.pointed) {
          this.pointed = token;
          this.redraw();
        }
      }
    });
    canvas.addEventListener("pointerup", () => {
      if (!this.drawing) return;
      const [x, y, u, v] = this.drawing;
      this.drawing = null;
      const box = [Math.min(x, u), Math.min(y, v), Math.max(x, u), Math.max(y, v)];
      if (box[2] - box[0] >= LEAST_SIDE && box[3] - box[1] >= LEAST_SIDE) this.on.box(box);
      this.redraw();
    });
    canvas.addEventListener("pointercancel", () => {
      this.drawing = null;
      this.redraw();
    });
    canvas.addEventListener("pointerleave", () => {
      this.pointed = null;
      this.redraw();
    });
    canvas.addEventListener("click", (event) => {
      if (!this.scene || this.state.isBoxing) return;
      const token = this.scene.conceptAt(...place(event));
      if (token !== null) this.on.choose(token);
    });
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  /** With a box: arrows move it, and with Shift its far corner. Without: they step through the concepts. */
  key(event) {
    if (!this.scene || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = KEYS[event.key];
    if (this.state.isBoxing && step) {
      event.preventDefault();
      const box = [...(this.state.box ?? [0.25, 0.25, 0.75, 0.75])];
      const [dx, dy] = step.map((one) => one * 0.03);
      for (const [corner, isMoved] of [[0, !event.shiftKey], [2, true]]) {
        if (isMoved) [box[corner], box[corner + 1]] = [box[corner] + dx, box[corner + 1] + dy];
      }
      if (box.every((edge) => edge >= 0 && edge <= 1) && box[2] - box[0] > LEAST_SIDE && box[3] - box[1] > LEAST_SIDE) this.on.box(box);
    } else if (step) {
      event.preventDefault();
      const { order } = this.scene;
      const at = order.indexOf(this.pointed ?? this.state.token);
      this.pointed = order[(at + (step[0] + step[1]) + order.length) % order.length];
      this.redraw();
    } else if ((event.key === "Enter" || event.key === " ") && this.litToken() !== null) {
      event.preventDefault();
      this.on.choose(this.litToken());
    }
  }

  light(token) {
    this.chip = token;
    this.redraw();
  }

  litToken() {
    return this.chip ?? this.pointed ?? this.state.token;
  }

  /** scene: a QueryPhoto. */
  show(scene) {
    this.pointed = null;
    this.chip = null;
    const isNew = scene !== this.scene;
    this.scene = scene;
    this.frame.style.setProperty("--aspect", scene.aspect);
    write(this.title, scene.title);
    this.title.title = scene.title;
    if (isNew) this.canvas.setAttribute("aria-label", `The photo that is asked about: ${scene.alt}`);
    this.chips.rebuild(scene, scene.order);
    this.redraw();
  }

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
    const { scene, screen, state } = this;
    const token = state.isBoxing && this.chip === null ? null : this.litToken();
    this.chips.drawMasks(scene, 1);
    this.chips.mark({ lit: token, pinned: state.isBoxing ? null : state.token, tokens: scene.order });
    write(this.readout, this.words(token));
    if (!screen.fit()) return;
    const { width, height, context, pixelRatio } = screen;
    const spec = { kind: "mask", token, threshold: 1 };
    const overlay = token === null ? null
      : this.overlay.render(spec, scene, DIMMED, width, height, `${scene.key}/${token}`);
    drawPanel(context, this.base.render("photo", scene, width, height), overlay, scene.palette[token ?? 0], null, pixelRatio);
    if (state.isBoxing) this.drawBox(context, width, height, pixelRatio);
    this.canvas.dataset.lit = token ?? "";
  }

  drawBox(context, width, height, pixelRatio) {
    const drawing = this.drawing && [Math.min(this.drawing[0], this.drawing[2]), Math.min(this.drawing[1], this.drawing[3]),
      Math.max(this.drawing[0], this.drawing[2]), Math.max(this.drawing[1], this.drawing[3])];
    const box = drawing ?? this.state.box;
    if (!box) return;
    const [x, y, w, h] = [box[0] * width, box[1] * height, (box[2] - box[0]) * width, (box[3] - box[1]) * height];
    context.fillStyle = `rgb(18 16 14 / ${DIMMED})`;
    context.beginPath();
    context.rect(0, 0, width, height);
    context.rect(x, y, w, h);
    context.fill("evenodd");
    for (const [thick, colour] of [[3.5, "rgb(10 9 8 / 0.6)"], [1.75, "#fff"]]) {
      context.lineWidth = thick * pixelRatio;
      context.strokeStyle = colour;
      context.strokeRect(x, y, w, h);
    }
  }

  words(token) {
    const { scene, state } = this;
    if (state.isBoxing) return state.box ? "Draw again for another box." : "Draw a box on the photo.";
    if (token === null) return state.isWhole ? "All its concepts are looked for." : "Click a concept in the photo.";
    const word = scene.word(token);
    const [learnt] = scene.taught[token] ?? [];
    const [, score] = learnt ?? scene.names[token]?.[0] ?? [];
    const name = word ? `${word} (${learnt ? "a taught word" : "a classifier's guess"}, ${Math.round(score * 100)} %)` : `concept ${token}`;
    return `${name} · ${percentOf(scene.concepts[token].mass)} of the photo`;
  }
}
