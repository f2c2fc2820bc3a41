/**
 * The server is asked for one step at a time: the one that is looked at before those that the curves still lack. What a
 * slider has passed over is never asked for. It needs no document.
 */

import { askedOf } from "../shared/session.js";
import { nextAmount } from "./steps.js";

/** @typedef {import("./answers.js").Answer} Answer @typedef {import("../shared/session.js").PhotoRef} PhotoRef */
/**
 * What is looked at. peer: null for the one that the server puts first.
 * @typedef {import("./steps.js").Step & {photo: PhotoRef, model: string, peer: string | null}} Wanted
 *
 * wanted: null where nothing is to be asked now. took: an answer has come, for what is looked at or not.
 * @typedef {{wanted: () => Wanted | null, request: (wanted: Wanted) => Promise<Answer>,
 *   took: (wanted: Wanted, answer: Answer) => void, failed: (wanted: Wanted, error: unknown) => void}} AskingEvents
 */

const MOST_KEPT = 240;

export class Asking {
  /** @param {AskingEvents} on */
  constructor(on) {
    this.on = on;
    this.isAsking = false;
    /** @type {Map<string, Answer>} */
    this.answers = new Map();
    /** @type {Set<string>} */
    this.refused = new Set();
    /** The server's first choice of a peer, by model. @type {Map<string, string>} */
    this.firstPeers = new Map();
  }

  /** Unmoved is unmoved, whatever was not done; but a curve belongs to its change. @param {Wanted} wanted */
  keyOf({ photo, model, change, amount, peer }) {
    return JSON.stringify([askedOf(photo), model, change.name, amount, peer ?? this.firstPeers.get(model) ?? null]);
  }

  /** As it was asked, whatever is known of peers meanwhile. @param {Wanted} wanted */
  askedKeyOf({ photo, model, change, amount, peer }) {
    return JSON.stringify([askedOf(photo), model, change.name, amount, peer]);
  }

  /** @param {Wanted} wanted @returns {Answer | null} */
  answerTo(wanted) {
    return this.answers.get(this.keyOf(wanted)) ?? null;
  }

  /** All that is known of the change. @param {Wanted} wanted @returns {[number, Answer][]} */
  curveOf(wanted) {
    return wanted.change.amounts.flatMap((amount) => {
      const answer = this.answerTo({ ...wanted, amount });
      return answer ? [/** @type {[number, Answer]} */ ([amount, answer])] : [];
    });
  }

  /** What failed may be asked for again. */
  forgive() {
    this.refused.clear();
  }

  /** @returns {Wanted | null} */
  next() {
    const wanted = this.on.wanted();
    if (!wanted) return null;
    const amount = nextAmount(wanted, (one) => {
      const asked = { ...wanted, amount: one };
      return !this.answers.has(this.keyOf(asked)) && !this.refused.has(this.askedKeyOf(asked));
    });
    return amount === undefined ? null : { ...wanted, amount };
  }

  /** Until nothing is lacking; called whenever something may be. */
  async work() {
    if (this.isAsking) return;
    this.isAsking = true;
    for (let next = this.next(); next; next = this.next()) {
      try {
        const answer = await this.on.request(next);
        this.keep(next, answer);
        this.on.took(next, answer);
      } catch (error) {
        this.refused.add(this.askedKeyOf(next));
        this.on.failed(next, error);
      }
    }
    this.isAsking = false;
  }

  /** @param {Wanted} wanted @param {Answer} answer */
  keep(wanted, answer) {
    if (wanted.peer === null) this.firstPeers.set(wanted.model, answer.peer);
    const [oldest] = this.answers.keys();
    if (this.answers.size >= MOST_KEPT) this.answers.delete(oldest);
    this.answers.set(this.keyOf(wanted), answer);
  }
}
