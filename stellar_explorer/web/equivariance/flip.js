/** A photo that turns round like a page when it is flipped; at once for whoever asked for less motion. */

const MILLISECONDS = 420;

export class Flip {
  /** @param {() => void} redraw */
  constructor(redraw) {
    this.redraw = redraw;
    /** Where it is, 0 to 1 (flipped). */
    this.at = 1;
    /** @type {number | null} */
    this.goal = null;
    this.from = 1;
    this.start = 0;
  }

  get isTurning() {
    return this.goal !== null && this.at !== this.goal;
  }

  /** From where it is; the first time, and after another change, at once. @param {number | null} goal  null: no flip */
  to(goal) {
    if (goal === this.goal) return;
    const isAtOnce = goal === null || this.goal === null || matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.goal = goal;
    if (goal === null) return;
    if (isAtOnce) {
      this.at = goal;
      return;
    }
    [this.from, this.start] = [this.at, performance.now()];
    requestAnimationFrame((now) => this.turn(now, goal));
  }

  /** @param {number} now @param {number} goal */
  turn(now, goal) {
    if (goal !== this.goal) return;
    const share = Math.min(1, Math.max(0, (now - this.start) / MILLISECONDS));
    this.at = share === 1 ? goal : this.from + (goal - this.from) * (1 - (1 - share) ** 3);
    this.redraw();
    if (share < 1) requestAnimationFrame((later) => this.turn(later, goal));
  }
}
