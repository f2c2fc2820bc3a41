/**
 * The pictures, asked for one at a time: always the one that is wanted now. What was clicked and clicked away meanwhile
 * is never asked for; what stands for scale waits until nobody is clicking.
 */

import { addressOf, fetchBudgets, fetchNumbers } from "./server.js";

/**
 * @typedef {import("./pictures.js").RebuiltPicture} RebuiltPicture @typedef {import("./server.js").Settings} Settings
 */
/** @typedef {import("./server.js").Budget} Budget */
/**
 * What is wanted: of which study (its token), by which settings, budgets in which order.
 * @typedef {{study: string, settings: Settings, order: string}} Wanted
 * @typedef {{got: (picture: RebuiltPicture) => Promise<void>, budgets: () => void, fail: (error: unknown) => void,
 *   busy: (work: Promise<void>) => void}} Events
 */

const CALM = 350; // milliseconds since the last click

export class Rebuilding {
  /** @param {Events} on */
  constructor(on) {
    this.on = on;
    /** @type {Wanted | null} */
    this.wanted = null;
    /** @type {RebuiltPicture[]} */
    this.pictures = [];
    /** Of this study, by order. @type {Map<string, Budget[]>} */
    this.budgets = new Map();
    this.isWorking = false;
    this.isStopped = false; // by an error, until something else is wanted
    this.changed = 0;
  }

  /** @param {Wanted} wanted */
  want(wanted) {
    if (wanted.study !== this.wanted?.study) this.budgets.clear();
    else this.changed = performance.now();
    this.wanted = wanted;
    this.isStopped = false;
    this.work();
  }

  /** @param {Wanted} wanted @param {RebuiltPicture} picture */
  addressNow({ study, settings }, picture) {
    return addressOf(study, picture.way.name, settings);
  }

  /** The picture to ask for next, or null. STELLAR's own come first. */
  next() {
    const { wanted } = this;
    return wanted && (this.pictures.find((picture) => picture.address !== this.addressNow(wanted, picture)) ?? null);
  }

  work() {
    if (!this.isWorking) this.on.busy(this.working());
  }

  async working() {
    this.isWorking = true;
    while (!this.isStopped && this.wanted && (this.next() || !this.budgets.has(this.wanted.order))) {
      try {
        await this.step(this.wanted);
      } catch (error) {
        this.isStopped = true;
        this.on.fail(error);
      }
    }
    this.isWorking = false;
  }

  /** @param {Wanted} wanted */
  async step(wanted) {
    const picture = this.next();
    if (!picture) return this.askBudgets(wanted);
    const calm = CALM - (performance.now() - this.changed);
    const { name } = picture.way;
    if (name !== "stellar" && calm > 0) return void await new Promise((done) => setTimeout(done, calm));
    const address = this.addressNow(wanted, picture);
    const facts = await fetchNumbers(wanted.study, name, wanted.settings);
    if (wanted.study !== this.wanted?.study) return undefined;
    picture.address = address;
    picture.take(facts, {
      picture: address, difference: addressOf(wanted.study, name, wanted.settings, "differences"),
    });
    return this.on.got(picture);
  }

  /** @param {Wanted} wanted */
  async askBudgets({ study, order }) {
    const budgets = await fetchBudgets(study, order);
    if (study !== this.wanted?.study) return;
    this.budgets.set(order, budgets);
    this.on.budgets();
  }
}
