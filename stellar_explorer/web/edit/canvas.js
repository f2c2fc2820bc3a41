/** A photo with its concepts as soft outlines: choose them, drag them, scale them; the picture of the edits comes beside. */

import { make } from "../shared/elements.js";
import { channels, outline, pack, paintField } from "../drawing/enlarge.js";
import { patchAt, tokenCodes } from "../drawing/factorization.js";
import { ScreenCanvas } from "../drawing/panels.js";

const INK = [18, 16, 14];
const DIMMED = 0.5;
/** A token holds a place together with another when its share there is this many times what it is elsewhere... */
const TOGETHER = 2;
/** ...and this much of the largest share; no thing has more than so many. */
const LEAST_OF_LARGEST = 0.3;
const MOST_TOGETHER = 4;
/** What is outlined is what is erased: model/operations/inpainting.py has the same, where there is anything above an even share. */
const LEAST_OF_PEAK = 0.35;
const WHEEL_PAUSE = 700;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The tokens that lie where this one does, the strongest first: mostly a thing is shared by two or three of them. */
export function tokensTogether(grid, token) {
  const { numPatches, numTokens, codes, peak } = grid;
  const own = tokenCodes(grid, token);
  let inside = 0;
  const sums = new Float64Array(numTokens);
  const all = new Float64Array(numTokens);
  for (let patch = 0; patch < numPatches; patch++) {
    const isCore = own[patch] > 127;
    inside += isCore;
    for (let other = 0; other < numTokens; other++) {
      const share = (codes[other * numPatches + patch] * peak[other]) / 255;
      all[other] += share;
      if (isCore) sums[other] += share;
    }
  }
  const outside = Math.max(1, numPatches - inside);
  const found = [];
  for (let other = 0; other < numTokens; other++) {
    const here = sums[other] / Math.max(1, inside);
    const elsewhere = (all[other] - sums[other]) / outside;
    if (other === token || here > TOGETHER * elsewhere) found.push([other, here]);
  }
  found.sort((a, b) => b[1] - a[1]);
  const rest = found.filter(([other, here]) => other !== token && here > LEAST_OF_LARGEST * found[0][1]);
  const kept = new Set([token, ...rest.slice(0, MOST_TOGETHER - 1).map(([other]) => other)]);
  return found.map(([other]) => other).filter((other) => kept.has(other));
}

/** (N,) in 0..255 of what the tokens hold together, and the value above which it is more than their due. */
export function fieldOf(grid, tokens) {
  const { numPatches, codes, peak, numTokens } = grid;
  const field = new Float32Array(numPatches);
  let most = 1e-9;
  for (let patch = 0; patch < numPatches; patch++) {
    let sum = 0;
    for (const token of tokens) sum += codes[token * numPatches + patch] * peak[token];
    field[patch] = sum;
    most = Math.max(most, sum);
  }
  for (let patch = 0; patch < numPatches; patch++) field[patch] *= 255 / most;
  const due = ((tokens.length / numTokens) * 255 * 255) / most;
  return { field, limit: Math.min(200, Math.max(due, 255 * LEAST_OF_PEAK)) };
}

/** Where a token is the strongest, 0..255, evened over a patch's neighbours: single patches do not make an outline. */
function strongestField({ strongest, rows, cols }, token) {
  const field = new Float32Array(rows * cols);
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      let sum = 0;
      let count = 0;
      for (let y = Math.max(0, row - 1); y <= Math.min(rows - 1, row + 1); y++) {
        for (let x = Math.max(0, col - 1); x <= Math.min(cols - 1, col + 1); x++) {
          const weight = (y === row ? 2 : 1) * (x === col ? 2 : 1);
          sum += weight * (strongest[y * cols + x] === token);
          count += weight;
        }
      }
      field[row * cols + col] = (255 * sum) / count;
    }
  }
  return field;
}

/** A field moved by whole patches; what comes in from outside is empty. */
export function shifted(field, { rows, cols }, down, right) {
  const moved = new Float32Array(field.length);
  for (let row = Math.max(0, down); row < Math.min(rows, rows + down); row++) {
    for (let col = Math.max(0, right); col < Math.min(cols, cols + right); col++) {
      moved[row * cols + col] = field[(row - down) * cols + col - right];
    }
  }
  return moved;
}

export function pathOf(field, grid, limit, width, height) {
  const pieces = outline(field, grid, limit, width, height, true);
  const path = new Path2D();
  for (let i = 0; i < pieces.length; i += 4) {
    path.moveTo(pieces[i], pieces[i + 1]);
    path.lineTo(pieces[i + 2], pieces[i + 3]);
  }
  return path;
}

export class EditCanvas {
  /**
   * on: {choose(token, isMore), drag(down, right, gesture), drop(), scale(by, gesture), erase(), step(by)}; without
   * `drag` concepts can be chosen and not moved.
   */
  constructor(on, { label, help = null }) {
    this.on = on;
    this.scene = null;
    this.tokens = [];
    this.hovered = null;
    this.lit = null;
    this.dragging = null;
    this.gestures = 0;
    this.canvas = make("canvas", {
      class: "panel-canvas", role: "application", tabindex: "0", "aria-label": label, "aria-describedby": help, "data-edit-canvas": "",
    });
    this.frame = make("div", { class: "panel-frame" }, this.canvas);
    this.screen = new ScreenCanvas(this.canvas, () => this.redraw());
    this.veil = document.createElement("canvas");
    this.listen();
  }

  /** scene: {image, grid, palette (a colour a token), erased: Set, key}; key changes when grid or image do. */
  show(scene) {
    const isNew = scene.image !== this.scene?.image;
    this.scene = scene;
    if (isNew) {
      this.frame.style.setProperty("--aspect", scene.image.naturalWidth / scene.image.naturalHeight);
      this.dragging = null;
    }
    this.hovered = null;
    this.redraw();
  }

  choose(tokens) {
    this.tokens = tokens;
    this.redraw();
  }

  /** Pointed at elsewhere, as in the row of concepts. */
  light(token) {
    this.lit = token;
    this.redraw();
  }

  describe(label) {
    this.canvas.setAttribute("aria-label", label);
  }

  // ---- the pointer and the keys ----

  place(event) {
    return [event.offsetX / this.screen.cssWidth, event.offsetY / this.screen.cssHeight];
  }

  tokenAt(u, v) {
    return this.scene.grid.strongest[patchAt(this.scene.grid, u, v).patch];
  }

  isChosen(u, v) {
    if (!this.tokens.length) return false;
    const { grid } = this.scene;
    const { patch } = patchAt(grid, u, v);
    if (this.tokens.includes(grid.strongest[patch])) return true;
    const { field, limit } = fieldOf(grid, this.tokens);
    return field[patch] > limit;
  }

  listen() {
    const { canvas, on } = this;
    canvas.addEventListener("pointerdown", (event) => {
      if (!this.scene || event.button || this.dragging) return;
      const place = this.place(event);
      if (event.shiftKey || event.ctrlKey || event.metaKey) {
        on.choose(this.tokenAt(...place), true);
        return;
      }
      if (!this.isChosen(...place)) {
        if (event.pointerType === "touch") return; // a finger may be scrolling: it chooses when it is lifted
        on.choose(this.tokenAt(...place), false);
      }
      if (!on.drag || !this.tokens.length) return;
      canvas.setPointerCapture(event.pointerId);
      this.begin(place, event.pointerId);
    });
    // A finger on a chosen concept drags it; anywhere else it scrolls the page.
    canvas.addEventListener("touchstart", (event) => {
      if (!this.scene || !on.drag || event.touches.length > 1) return;
      const box = canvas.getBoundingClientRect();
      const [touch] = event.touches;
      if (this.isChosen((touch.clientX - box.left) / box.width, (touch.clientY - box.top) / box.height)) event.preventDefault();
    }, { passive: false });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.scene) return;
      if (this.dragging?.pointer === event.pointerId) {
        this.dragTo(...this.place(event));
      } else if (event.pointerType !== "touch") {
        const token = this.tokenAt(...this.place(event).map((one) => Math.min(0.999, Math.max(0, one))));
        if (token !== this.hovered) {
          this.hovered = token;
          this.redraw();
        }
      }
    });
    const end = (event) => {
      if (this.dragging?.pointer !== event.pointerId) return;
      this.dragging = null;
      on.drop();
      this.redraw();
    };
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", end);
    canvas.addEventListener("pointerleave", () => {
      this.hovered = null;
      this.redraw();
    });
    canvas.addEventListener("click", (event) => {
      if (this.scene && event.pointerType === "touch" && !this.isChosen(...this.place(event))) on.choose(this.tokenAt(...this.place(event)), false);
    });
    canvas.addEventListener("wheel", (event) => {
      if (!this.scene || !on.scale || event.ctrlKey || !this.isChosen(...this.place(event))) return;
      event.preventDefault();
      clearTimeout(this.wheeling);
      this.wheeling = setTimeout(() => (this.gestures += 1), WHEEL_PAUSE);
      on.scale(Math.exp(-Math.max(-120, Math.min(120, event.deltaY)) * 0.0015), `wheel/${this.gestures}`);
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  begin(place, pointer) {
    const { grid } = this.scene;
    this.gestures += 1;
    this.dragging = {
      pointer, from: place, down: 0, right: 0, gesture: `drag/${this.gestures}`, tokens: this.tokens,
      ...fieldOf(grid, this.tokens), key: this.gestures,
    };
  }

  dragTo(u, v) {
    const { dragging, scene: { grid }, on } = this;
    const right = Math.max(-grid.cols, Math.min(grid.cols, Math.round((u - dragging.from[0]) * grid.cols)));
    const down = Math.max(-grid.rows, Math.min(grid.rows, Math.round((v - dragging.from[1]) * grid.rows)));
    if (right === dragging.right && down === dragging.down) return;
    Object.assign(dragging, { right, down });
    on.drag(down, right, dragging.gesture);
    this.redraw();
  }

  key(event) {
    const { on } = this;
    if (!this.scene || event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    const is = (...keys) => keys.includes(event.key);
    if (arrow && on.drag && this.tokens.length) {
      const [right, down] = arrow.map((step) => step * (event.shiftKey ? 4 : 1));
      on.drag(down, right, null);
      on.drop();
    } else if (arrow) on.step(arrow[0] + arrow[1]);
    else if (is("+", "=") && on.scale && this.tokens.length) on.scale(1.15, null);
    else if (is("-") && on.scale && this.tokens.length) on.scale(1 / 1.15, null);
    else if (is("Delete", "Backspace") && on.erase) on.erase();
    else return;
    event.preventDefault();
  }

  // ---- drawing ----

  redraw() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      if (this.scene) this.draw();
    });
  }

  /** What is lit now: {field, limit, tokens, key}, or null. */
  litField() {
    const { scene, dragging, tokens } = this;
    if (dragging && (dragging.down || dragging.right)) {
      const field = shifted(dragging.field, scene.grid, dragging.down, dragging.right);
      return { field, limit: dragging.limit, tokens: dragging.tokens, key: `drag/${dragging.key}/${dragging.down}/${dragging.right}` };
    }
    const lit = this.lit ?? (tokens.length ? null : this.hovered);
    const chosen = lit === null ? tokens : [lit];
    if (!chosen.length) return null;
    const key = `${scene.key}/${chosen}`;
    if (this.fieldKey !== key) Object.assign(this, { fieldKey: key, field: fieldOf(scene.grid, chosen) });
    return { ...this.field, tokens: chosen, key };
  }

  draw() {
    const { scene, screen, dragging } = this;
    if (!screen.fit()) return;
    const { width, height, context, pixelRatio } = screen;
    const { grid, image, palette } = scene;
    context.imageSmoothingQuality = "high";
    context.drawImage(image, 0, 0, width, height);
    const lit = this.litField();
    const isMoved = dragging && (dragging.down || dragging.right);
    if (lit) {
      this.paintVeil(lit, width, height);
      context.drawImage(this.veil, 0, 0, width, height);
      if (isMoved) this.drawPiece(context, width, height);
    }
    if (!isMoved) this.drawOutlines(context, width, height, pixelRatio, lit ? 0.3 : 0.75);
    if (lit) {
      const path = pathOf(lit.field, grid, lit.limit, width, height);
      context.lineCap = "round";
      for (const [thick, colour] of [[3.5, "rgb(10 9 8 / 0.6)"], [1.9, palette[lit.tokens[0]]]]) {
        context.lineWidth = thick * pixelRatio;
        context.strokeStyle = colour;
        context.stroke(path);
      }
    }
    this.canvas.style.cursor = dragging ? "grabbing" : this.on.drag && this.tokens.includes(this.hovered) ? "grab" : "pointer";
    this.canvas.dataset.lit = lit ? lit.tokens.join(" ") : "";
  }

  /** Darker where what is lit is not, softly. */
  paintVeil(lit, width, height) {
    const key = `${lit.key}/${width}/${height}`;
    if (key === this.veilKey) return;
    this.veilKey = key;
    const scale = Math.min(1, 480 / Math.max(width, height));
    const [w, h] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
    if (this.veil.width !== w || this.veil.height !== h || !this.pixels) {
      Object.assign(this.veil, { width: w, height: h });
      this.pixels = this.veil.getContext("2d").createImageData(w, h);
    }
    const table = Uint32Array.from({ length: 256 }, (_, value) => {
      const presence = Math.min(1, Math.max(0, (value - lit.limit * 0.6) / (lit.limit * 0.6)));
      return pack(...INK, Math.round(255 * DIMMED * (1 - presence)));
    });
    paintField(lit.field, this.scene.grid, new Uint32Array(this.pixels.data.buffer), w, h, { smooth: true, table });
    this.veil.getContext("2d").putImageData(this.pixels, 0, 0);
  }

  /** The piece of the photo that is dragged, at its new place: a preview that needs no server. */
  drawPiece(context, width, height) {
    const { dragging, scene: { grid, image } } = this;
    if (!dragging.piece || dragging.piece.width !== width) {
      const piece = Object.assign(document.createElement("canvas"), { width, height });
      const mask = Object.assign(document.createElement("canvas"), { width, height });
      const pixels = mask.getContext("2d").createImageData(width, height);
      const table = Uint32Array.from({ length: 256 }, (_, value) =>
        pack(255, 255, 255, Math.round(255 * Math.min(1, Math.max(0, (value - dragging.limit * 0.8) / (dragging.limit * 0.5))))));
      paintField(dragging.field, grid, new Uint32Array(pixels.data.buffer), width, height, { smooth: true, table });
      mask.getContext("2d").putImageData(pixels, 0, 0);
      const work = piece.getContext("2d");
      work.drawImage(image, 0, 0, width, height);
      work.globalCompositeOperation = "destination-in";
      work.drawImage(mask, 0, 0);
      dragging.piece = piece;
    }
    context.globalAlpha = 0.92;
    context.drawImage(dragging.piece, (dragging.right * width) / grid.cols, (dragging.down * height) / grid.rows);
    context.globalAlpha = 1;
  }

  /** Each concept where it is the strongest, as a thin line. */
  drawOutlines(context, width, height, pixelRatio, strength) {
    const { grid, key, palette } = this.scene;
    const wanted = `${key}/${width}/${height}`;
    if (this.outlinesKey !== wanted) {
      this.outlinesKey = wanted;
      this.outlines = [];
      for (let token = 0; token < grid.numTokens; token++) {
        const field = strongestField(grid, token);
        if (field.some((share) => share > 127)) this.outlines.push([token, pathOf(field, grid, 127, width, height)]);
      }
    }
    context.lineCap = "round";
    for (const [token, path] of this.outlines) {
      const [red, green, blue] = channels(palette[token]);
      context.lineWidth = 2.4 * pixelRatio;
      context.strokeStyle = `rgb(10 9 8 / ${0.3 * strength})`;
      context.stroke(path);
      context.lineWidth = 1.2 * pixelRatio;
      context.strokeStyle = `rgb(${red} ${green} ${blue} / ${strength})`;
      context.stroke(path);
    }
  }
}
