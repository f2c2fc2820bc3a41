/** Hands on the photo: pointer, pinch, Ctrl with the wheel, and keys. It says what is wanted and draws nothing. */

const WHEEL_PAUSE = 700;
const ARROWS = /** @type {Record<string, [number, number]>} */ (
  { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] });
const KEY_SCALE = 1.1;
/** Of the screen: a shorter way is a click. */
const LEAST_WAY = 3;

/**
 * gesture: what changes of one gesture have in common; null for a change by itself. drag: shares of the photo's sides,
 * from where the drag began; nudge: patches.
 * @typedef {Object} GripActions
 * @property {(token: number, together: number[], isMore: boolean) => void} choose
 * @property {(by: number) => void} step  to the next concept, or the one before
 * @property {(right: number, down: number, gesture: string) => void} [drag]
 * @property {(right: number, down: number) => void} [nudge]
 * @property {() => void} [drop]
 * @property {(by: number, gesture: string | null) => void} [scale]
 * @property {() => void} [erase]
 *
 * What it holds on to.
 * @typedef {Object} Gripped
 * @property {number[]} tokens  the chosen
 * @property {(u: number, v: number) => {token: number, together: number[]} | null} at
 * @property {(u: number, v: number) => boolean} isChosen
 * @property {(tokens: number[]) => void} light
 */

export class Grip {
  /** @param {HTMLCanvasElement} canvas @param {Gripped} view @param {GripActions} on */
  constructor(canvas, view, on) {
    this.canvas = canvas;
    this.view = view;
    this.on = on;
    /** Pointers that hold the chosen, and where they are. @type {Map<number, [number, number]>} */
    this.held = new Map();
    /** @type {{from: [number, number], isUnderWay: boolean, apart: number} | null} */
    this.dragging = null;
    this.gestures = 0;
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const name of /** @type {const} */ (["pointerup", "pointercancel"])) canvas.addEventListener(name,
      (event) => this.up(event));
    canvas.addEventListener("pointerleave", () => view.light([]));
    canvas.addEventListener("click", (event) => this.click(event));
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.key(event));
    // A finger on a chosen concept drags it; anywhere else it scrolls the page.
    canvas.addEventListener("touchstart", (event) => {
      if (!on.drag) return;
      const [touch] = event.touches;
      const box = canvas.getBoundingClientRect();
      const isOn = view.isChosen((touch.clientX - box.left) / box.width, (touch.clientY - box.top) / box.height);
      if (isOn || this.held.size) event.preventDefault();
    }, { passive: false });
  }

  /** @param {PointerEvent | MouseEvent} event @returns {[number, number]} in 0..1 */
  place({ offsetX, offsetY }) {
    return [offsetX / this.canvas.clientWidth, offsetY / this.canvas.clientHeight];
  }

  /** @param {PointerEvent} event */
  down(event) {
    const { view, on } = this;
    if (event.button) return;
    const place = this.place(event);
    if (this.dragging) {
      if (event.pointerType === "touch" && on.scale) this.hold(event, place);
      return;
    }
    const found = view.at(...place);
    if (event.shiftKey || event.ctrlKey || event.metaKey) {
      if (found) on.choose(found.token, found.together, true);
      return;
    }
    if (!view.isChosen(...place)) {
      if (event.pointerType === "touch") return; // it may be scrolling: it chooses when it is lifted
      if (found) on.choose(found.token, found.together, false);
    }
    if (!on.drag || !view.tokens.length) return;
    this.gestures += 1;
    this.dragging = { from: place, isUnderWay: false, apart: 0 };
    this.hold(event, place);
  }

  /** @param {PointerEvent} event @param {[number, number]} place */
  hold({ pointerId }, place) {
    this.canvas.setPointerCapture(pointerId);
    this.held.set(pointerId, place);
    if (this.held.size > 1 && this.dragging) this.dragging.apart = this.apart();
  }

  /** How far the first two fingers are from one another, on the screen. */
  apart() {
    const [[x, y], [u, v]] = [...this.held.values()];
    return Math.max(1, Math.hypot((u - x) * this.canvas.clientWidth, (v - y) * this.canvas.clientHeight));
  }

  /** @param {PointerEvent} event */
  move(event) {
    const { view, on, dragging } = this;
    const place = this.place(event);
    if (!dragging || !this.held.has(event.pointerId)) {
      if (event.pointerType !== "touch" && !dragging) {
        view.light(view.at(...inside(place))?.together ?? []);
        this.canvas.style.cursor = on.drag && view.isChosen(...inside(place)) ? "grab" : "pointer";
      }
      return;
    }
    this.held.set(event.pointerId, place);
    if (this.held.size > 1) {
      const apart = this.apart();
      on.scale?.(apart / dragging.apart, `pinch/${this.gestures}`);
      dragging.apart = apart;
      return;
    }
    const [right, down] = [place[0] - dragging.from[0], place[1] - dragging.from[1]];
    dragging.isUnderWay ||= Math.hypot(right * this.canvas.clientWidth, down * this.canvas.clientHeight) >= LEAST_WAY;
    if (!dragging.isUnderWay || dragging.apart) return;
    this.canvas.style.cursor = "grabbing";
    view.light([]);
    on.drag?.(bounded(right), bounded(down), `drag/${this.gestures}`);
  }

  /** @param {PointerEvent} event */
  up(event) {
    if (!this.held.delete(event.pointerId) || this.held.size) return;
    this.dragging = null;
    this.canvas.style.cursor = "grab";
    this.on.drop?.();
  }

  /** @param {MouseEvent} event */
  click(event) {
    const { view, on } = this;
    if (!(event instanceof PointerEvent) || event.pointerType !== "touch"
      || view.isChosen(...this.place(event))) return;
    const found = view.at(...this.place(event));
    if (found) on.choose(found.token, found.together, false);
  }

  /**
   * Plain scrolling scrolls the page; with Ctrl, as a pinch on a touchpad comes, it scales.
   * @param {WheelEvent} event
   */
  wheel(event) {
    if (!this.on.scale || !(event.ctrlKey || event.metaKey) || !this.view.tokens.length) return;
    event.preventDefault();
    clearTimeout(this.wheeling);
    this.wheeling = setTimeout(() => (this.gestures += 1), WHEEL_PAUSE);
    this.on.scale(Math.exp(-Math.max(-30, Math.min(30, event.deltaY)) * 0.004), `wheel/${this.gestures}`);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const { on, view: { tokens } } = this;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    const is = (/** @type {string[]} */ ...keys) => keys.includes(event.key);
    if (arrow && on.nudge && tokens.length) {
      const times = event.shiftKey ? 4 : 1;
      on.nudge(arrow[0] * times, arrow[1] * times);
    } else if (arrow) on.step(arrow[0] + arrow[1]);
    else if (is("+", "=") && on.scale && tokens.length) on.scale(KEY_SCALE, null);
    else if (is("-") && on.scale && tokens.length) on.scale(1 / KEY_SCALE, null);
    else if (is("Delete", "Backspace") && on.erase) on.erase();
    else return;
    event.preventDefault();
  }
}

/** @param {number} share */
const bounded = (share) => Math.max(-1, Math.min(1, share));
/** @param {[number, number]} place @returns {[number, number]} */
const inside = ([u, v]) => [Math.min(0.999, Math.max(0, u)), Math.min(0.999, Math.max(0, v))];
