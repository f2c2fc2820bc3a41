/** Which concepts the photo is rebuilt from: chips that are pressed while theirs is kept, and how many are. */

import { Chips, percentOf } from "../drawing/chips.js";
import { tokensByMass } from "../drawing/factorization.js";
import { make, write } from "../shared/elements.js";
import { conceptWords } from "../shared/names.js";

/**
 * @typedef {import("../shared/server.js").Study} Study @typedef {import("../drawing/chips.js").NamedScene} NamedScene
 */

/** Pressed while kept, and not while pinned: nothing is pinned here. */
class KeptChips extends Chips {
  /** @override @param {{lit: number | null, pinned: number | null, tokens: number[]}} which */
  mark({ lit, tokens }) {
    super.mark({ lit, pinned: null, tokens });
    const kept = new Set(tokens);
    for (const [token, { element }] of this.chips) element.setAttribute("aria-pressed", String(kept.has(token)));
  }
}

export class KeptConcepts {
  /**
   * on: remove(the tokens to do without), light(a token or null), say(words).
   * @param {{remove: (tokens: number[]) => void, light: (token: number | null) => void, say: (words: string) => void,
   *   refuse: (sentence: string) => void}} on
   */
  constructor(on) {
    this.on = on;
    /** @type {NamedScene | null} */
    this.scene = null;
    /** @type {number[]} */
    this.without = [];
    this.chips = new KeptChips({
      enter: (token) => this.light(token), leave: () => this.light(null), press: (token) => this.toggle(token),
    });
    this.reset = make("button", {
      type: "button", class: "quiet-button", "data-action": "keep-all", hidden: true, onclick: () => on.remove([]),
    }, "Reset");
    this.readout = make("span", { class: "readout", "data-kept": "" });
    this.element = make("section", { class: "concepts", "aria-label": "Concepts" },
      make("div", { class: "section-head" }, make("h2", {}, "Concepts"),
        make("span", { class: "hint" }, "choose one to remove it, and again to bring it back"), this.readout,
          this.reset),
      this.chips.element);
  }

  get numTokens() {
    return this.scene?.analysis.num_tokens ?? 16;
  }

  get kept() {
    const without = new Set(this.without);
    return Array.from({ length: this.numTokens }, (_, token) => token).filter((token) => !without.has(token));
  }

  /** As the server takes it: null for all. */
  get asked() {
    return this.without.length ? this.kept : null;
  }

  /** @param {NamedScene} scene */
  show(scene) {
    this.scene = scene;
    this.chips.rebuild(scene, tokensByMass(scene.analysis.concepts));
    this.chips.drawMasks(scene, 1);
  }

  /** The words of the scene have changed. @param {number[]} without */
  rename(without) {
    if (this.scene) this.show(this.scene);
    this.update(without);
  }

  /** @param {number[]} without */
  update(without) {
    this.without = without;
    this.chips.mark({ lit: null, pinned: null, tokens: this.kept });
    this.reset.hidden = !without.length;
    if (!this.scene) return;
    const { concepts } = this.scene.analysis;
    const share = this.kept.reduce((sum, token) => sum + concepts[token].mass, 0);
    write(this.readout, without.length
      ? `${this.kept.length} of ${this.numTokens} kept, ${percentOf(share)} of the photo` : "");
  }

  /** @param {number} token */
  toggle(token) {
    if (!this.scene) return;
    const isKept = !this.without.includes(token);
    if (isKept && this.kept.length === 1) {
      this.on.refuse("One concept has to stay: without any there is nothing to draw.");
      return;
    }
    const without = isKept ? [...this.without, token] : this.without.filter((one) => one !== token);
    this.on.remove(without.sort((a, b) => a - b));
    const word = (this.scene.words ?? conceptWords(this.scene.analysis.concepts))[token];
    this.on.say(isKept ? `Removed: ${word}` : `Back: ${word}`);
  }

  /** The first of an order alone. @param {number[]} tokens  all, in order @param {number} count */
  keepFirst(tokens, count) {
    this.on.remove(tokens.slice(count).sort((a, b) => a - b));
  }

  /** @param {number | null} token */
  light(token) {
    this.on.light(token);
    this.chips.mark({ lit: token, pinned: null, tokens: this.kept });
  }
}
