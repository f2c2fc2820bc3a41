/** What is pointed at, lit and pinned. The pinned concept is the session's; the rest is this tab's, for the moment. */

import { patchAt } from "../drawing/factorization.js";
import { panelKeys } from "../shared/keyboard.js";

/** @typedef {import("./scene.js").Scene} Scene @typedef {import("./address.js").View} View */
/** @typedef {import("../drawing/factorization.js").Place & {u: number, v: number}} Pointed */
/**
 * What pointing needs of its tab.
 * @typedef {{scene: Scene | null, view: View, pinned: number | null, redraw: () => void,
 *   pin: (token: number | null) => void, tell: () => void}} Tab
 */

/**
 * The one after, round and round; where there is none yet, the first or the last.
 * @param {number[]} tokens @param {number | null} at @param {number} by
 */
export function stepped(tokens, at, by) {
  const place = at === null ? -1 : tokens.indexOf(at);
  if (place < 0) return tokens[by > 0 ? 0 : tokens.length - 1];
  return tokens[(place + by + tokens.length) % tokens.length];
}

export class Pointing {
  /** @param {Tab} tab */
  constructor(tab) {
    this.tab = tab;
    /** @type {Pointed | null} */
    this.pointed = null;
    /** The concept whose chip is pointed at. @type {number | null} */
    this.chip = null;
    /** Lit until somebody points. @type {number | null} */
    this.first = null;
    /** Whether the key for similar patches is held. */
    this.held = false;
    this.panelEvents = {
      point: (/** @type {number} */ u, /** @type {number} */ v) => this.point(u, v),
      leave: () => this.leave(),
      press: (/** @type {number} */ u, /** @type {number} */ v, /** @type {string} */ kind) => this.press(u, v, kind),
      key: panelKeys({
        move: (/** @type {number} */ rows, /** @type {number} */ cols) => this.move(rows, cols),
        press: () => this.pressLit(),
      }),
    };
    this.chipEvents = {
      enter: (/** @type {number} */ token) => this.change({ chip: token, first: null }),
      leave: () => this.change({ chip: null }),
      press: (/** @type {number} */ token) => this.toggle(token),
    };
  }

  get wantsSimilar() {
    return this.held || this.tab.view.similar;
  }

  get isSimilar() {
    return this.wantsSimilar && this.pointed !== null;
  }

  get token() {
    const { tab, chip, pointed, first } = this;
    if (!tab.scene) return null;
    if (tab.pinned !== null) return tab.pinned;
    return chip ?? (pointed ? tab.scene.strongestAt(pointed.patch, tab.view) : first);
  }

  /** @param {Partial<Pick<Pointing, "pointed" | "chip" | "first" | "held">>} values */
  change(values) {
    Object.assign(this, values);
    this.tab.redraw();
  }

  /** Of another photo nothing is pointed at. */
  reset() {
    Object.assign(this, { pointed: null, chip: null, first: null });
  }

  /** After a finer grid has come: the same place, another patch. */
  again() {
    const { pointed, tab: { scene } } = this;
    if (pointed && scene) this.pointed = { ...pointed, ...patchAt(scene.grid, pointed.u, pointed.v) };
  }

  /** @param {number} u @param {number} v in 0..1 */
  point(u, v) {
    const { scene } = this.tab;
    if (!scene) return;
    const place = patchAt(scene.grid, u, v);
    if (this.pointed?.patch !== place.patch) this.change({ pointed: { u, v, ...place }, first: null });
  }

  /** What is similar to a patch stays in sight, so that one can look at it. */
  leave() {
    if (!this.tab.view.similar) this.change({ pointed: null });
  }

  /** @param {number} u @param {number} v @param {string} kind of pointer */
  press(u, v, kind) {
    const { scene, view } = this.tab;
    if (!scene) return;
    this.point(u, v);
    if (view.similar || (kind === "touch" && this.held)) this.tab.tell();
    else if (this.pointed) this.toggle(scene.strongestAt(this.pointed.patch, view));
  }

  pressLit() {
    if (this.token !== null) this.toggle(this.token);
  }

  /** @param {number} rows @param {number} cols */
  move(rows, cols) {
    const { scene } = this.tab;
    if (!scene) return;
    const { grid } = scene;
    const from = this.pointed ?? patchAt(grid, 0.5, 0.5);
    const row = Math.min(grid.rows - 1, Math.max(0, from.row + rows));
    const col = Math.min(grid.cols - 1, Math.max(0, from.col + cols));
    this.point((col + 0.5) / grid.cols, (row + 0.5) / grid.rows);
    this.tab.tell();
  }

  /** Pin a concept, or unpin it where it is pinned. @param {number} token */
  toggle(token) {
    this.first = null;
    this.tab.pin(token === this.tab.pinned ? null : token);
  }

  /** @param {number} by */
  step(by) {
    const { scene, view, pin } = this.tab;
    if (!scene) return;
    const next = stepped(scene.steps(view), this.token, by);
    this.first = null;
    pin.call(this.tab, next);
  }

  letGo() {
    if (this.tab.pinned !== null) this.tab.pin(null);
    else this.change({ pointed: null, chip: null, first: null });
  }

  /** @param {boolean} held */
  hold(held) {
    if (held !== this.held) this.change({ held });
  }
}
