/** Which concepts are chosen, and what a click takes. */

/** @typedef {import("./work.js").Work} Work */

export class Choosing {
  /**
   * changed: the chosen are others now, the first of them a concept of the photo, or null.
   * @param {{work: () => Work | null, changed: (concept: number | null) => void, reveal: (token: number) => void}} on
   */
  constructor(on) {
    this.on = on;
    /** See TAKES in tools.js. */
    this.how = "together";
  }

  /** @param {number} token @param {number[]} together all that lie there @param {boolean} isMore beside those chosen */
  choose(token, together, isMore) {
    const tokens = this.on.work()?.tokens ?? [];
    const wanted = this.how === "together" ? [token, ...together.filter((one) => one !== token)] : [token];
    if (!isMore && this.how !== "more") this.pick(wanted);
    else if (wanted.every((one) => tokens.includes(one))) this.pick(tokens.filter((one) => !wanted.includes(one)));
    else this.pick([...new Set([...tokens, ...wanted])]);
    this.on.reveal(token);
  }

  /** @param {number[]} tokens */
  pick(tokens) {
    const work = this.on.work();
    if (!work) return;
    const { origins, gone } = work.layout;
    work.tokens = tokens.filter((token) => token < origins.length && !gone.has(token));
    this.on.changed(work.lead);
  }

  /** @param {number} by */
  step(by) {
    const work = this.on.work();
    if (!work) return;
    const order = work.row.filter((token) => !work.layout.gone.has(token));
    const at = work.tokens.length ? order.indexOf(work.tokens[0]) : by > 0 ? -1 : order.length;
    const token = order[(at + by + order.length) % order.length];
    this.pick([token]);
    this.on.reveal(token);
  }
}
