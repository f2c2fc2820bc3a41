/** The model's redraw: what its decoder makes of the same edits, beside the photo, as they are made. */

import { make, write } from "../shared/elements.js";
import { ScreenCanvas } from "../drawing/panels.js";
import { secondsInWords } from "../shared/numbers.js";
import { Decoding } from "./server.js";

/** @typedef {import("./server.js").Wanted} Wanted @typedef {import("./server.js").Drawn} Drawn */

const ROUGH = "Edited photos are unlike its training data; expect rough results.";

export class Redraw {
  /** @param {{refused: (wanted: Wanted, error: unknown) => void, busy: (isBusy: boolean) => void}} on */
  constructor(on) {
    this.on = on;
    this.canDraw = false;
    this.asked = "";
    this.decoding = new Decoding({
      answer: (wanted, drawn) => this.receive(wanted, drawn), fail: (wanted, error) => {
        this.asked = "";
        on.refused(wanted, error);
      },
      busy: (isBusy) => {
        this.frame.toggleAttribute("data-busy", isBusy);
        on.busy(isBusy);
      },
    });
    /** @type {Drawn | null} */
    this.drawn = null;
    /** Without edits. @type {ImageBitmap | null} */
    this.plain = null;
    this.isHeld = false;
    this.answers = 0;
    this.before = make("button", {
      type: "button", class: "quiet-button edit-before", "data-action": "before",
      title: "Both pictures without edits, as long as this is held; or hold B",
    }, "Hold for before", make("kbd", {}, "B"));
    this.said = make("span", { class: "hint", "data-drawn": "" });
    this.canvas = /** @type {HTMLCanvasElement} */ (
      make("canvas", { class: "panel-canvas", role: "img", "aria-label": "The model's redraw", "data-decoded": "" }));
    this.missing = make("p", { class: "edit-missing", hidden: true, "data-missing": "" });
    this.frame = make("div", { class: "panel-frame edit-decoded" }, this.canvas, this.missing);
    this.element = make("figure", { class: "panel edit-redraw" },
      make("figcaption", { class: "panel-title" }, make("strong", {}, "The model's redraw"), this.said, this.before),
      this.frame,
      make("p", { class: "hint edit-rough" }, make("span", { class: "edit-badge" }, "Experimental"), ROUGH));
    this.screen = new ScreenCanvas(this.canvas, () => this.draw());
  }

  /**
   * Another photo, or another model.
   * @param {number} aspect
   * @param {string | undefined} missing  why the model cannot draw
   */
  begin(aspect, missing) {
    this.decoding.forget();
    this.drawn = this.plain = null;
    this.asked = "";
    this.frame.style.setProperty("--aspect", String(aspect));
    this.canvas.hidden = Boolean(missing);
    this.missing.hidden = !missing;
    write(this.missing, missing ? `${missing} The cut-out on the photo works all the same.` : "");
    write(this.said, "");
    this.canDraw = !missing;
    this.on.busy(false);
    this.draw();
  }

  /**
   * What would look the same is not asked for again: the model draws whole patches.
   * @param {Wanted} wanted
   * @param {{rows: number, cols: number}} grid
   */
  ask(wanted, grid) {
    if (!this.canDraw) {
      this.answers += 1;
      return;
    }
    const key = JSON.stringify([wanted, wanted.edits.map(({ dx = 0, dy = 0 }) =>
      [Math.round(dx * grid.cols), Math.round(dy * grid.rows)])],
      (name, value) => (name === "dx" || name === "dy" ? undefined : value));
    if (key === this.asked) return;
    this.asked = key;
    this.decoding.ask(wanted);
  }

  /** @param {Wanted} wanted @param {Drawn} drawn */
  receive({ edits }, drawn) {
    this.drawn = drawn;
    this.answers += 1;
    if (!edits.length) this.plain = drawn.bitmap;
    write(this.said, `in ${secondsInWords(drawn.seconds)}`);
    this.canvas.setAttribute("aria-label", edits.length ? `The model's redraw after ${edits.length} edits`
      : "The model's redraw, without edits");
    this.draw();
  }

  /** @param {boolean} isHeld */
  hold(isHeld) {
    this.isHeld = isHeld;
    this.draw();
  }

  draw() {
    if (!this.screen.fit()) return;
    const { context, width, height } = this.screen;
    const bitmap = this.isHeld ? this.plain ?? this.drawn?.bitmap : this.drawn?.bitmap;
    context.imageSmoothingQuality = "high";
    if (bitmap) context.drawImage(bitmap, 0, 0, width, height);
    else context.clearRect(0, 0, width, height);
    this.canvas.dataset.shows = this.isHeld ? "before" : "after";
  }
}
