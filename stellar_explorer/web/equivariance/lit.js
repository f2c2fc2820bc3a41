/** Which concept is lit, in the maps and bars of the model and of its peer. Pure. */

/** @typedef {import("./answers.js").Subject} Subject */

/**
 * Clusters stand in the order of the model's concepts, so what is lit there is lit here; another STELLAR's concepts are
 * its own, and its pinned one is known here alone. place: 0 of the model, 1 of its peer.
 */
export class Lit {
  constructor() {
    this.forget();
  }

  forget() {
    /** @type {{place: number, token: number} | null} */
    this.pointed = null;
    /** @type {number | null} */
    this.otherPinned = null;
  }

  /** -> whether that changes anything. @param {number} place @param {number | null} token */
  point(place, token) {
    if (token === (this.pointed?.token ?? null) && (token === null || place === this.pointed?.place)) return false;
    this.pointed = token === null ? null : { place, token };
    return true;
  }

  /** @param {number} token of another STELLAR */
  pressOther(token) {
    this.otherPinned = this.otherPinned === token ? null : token;
  }

  /**
   * Of the model, and of its peer.
   * @param {Subject[]} subjects @param {number | null} pinned in all tabs @returns {(number | null)[]}
   */
  of(subjects, pinned) {
    const { pointed, otherPinned } = this;
    const isShared = Boolean(subjects[1]?.clustered);
    return subjects.map(({ num_tokens: count }, place) => {
      const isPointed = pointed && (pointed.place === place || isShared);
      const token = isPointed ? pointed.token : place && !isShared ? otherPinned : pinned;
      return token !== null && token < count ? token : null;
    });
  }
}
