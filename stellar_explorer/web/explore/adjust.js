/**
 * Everything that is set rather seldom, folded away behind one row: view, resolution, model, how it is drawn, numbers.
 */

import { LAYERS } from "../drawing/layers.js";
import { choice, menu, slider } from "../shared/controls.js";
import { icon, make, uniqueId, write } from "../shared/elements.js";
import { numbersStrip } from "../shared/numbers.js";
import { THRESHOLDS } from "./address.js";

/** @typedef {import("./address.js").View} View @typedef {import("./scene.js").Scene} Scene */
/**
 * @typedef {{view: (values: Partial<View>) => void, step: (values: Partial<View>) => void,
 *   session: (values: {model?: string, resolution?: number}) => void}} Events
 */

/** The threshold's slider is even in doublings: 0.25 to 8 with 1 at two fifths. @param {number} threshold */
const doublings = (threshold) => Math.log2(threshold);
const thresholdAt = (/** @type {number} */ position) => Number((2 ** position).toPrecision(4));

export class Adjust {
  /** @param {any} settings @param {Events} on */
  constructor(settings, on) {
    this.on = on;
    this.numTokens = 16;
    this.offered = "";
    const id = uniqueId("adjust");
    this.summary = make("span", { class: "adjust-summary" });
    this.button = make("button", {
      type: "button", class: "button adjust-button", "data-control": "adjust",
      "aria-expanded": "false", "aria-controls": id,
      title: "View, resolution, model, threshold and more",
      onclick: () => on.view({ adjust: this.button.getAttribute("aria-expanded") !== "true" }),
    }, icon("adjust"), make("span", {}, "Adjust"), this.summary);
    this.numbers = numbersStrip();
    this.asks = this.whatIsAsked(settings);
    this.looks = this.howItLooks();
    const { basis, ...looks } = this.looks;
    const parts = [...Object.values(this.asks), ...Object.values(looks)];
    this.element = make("section", { class: "adjust", id, hidden: true, "aria-label": "Adjust", "data-adjust": "" },
      make("div", { class: "controls" }, ...parts.map(({ element }) => element)),
      make("div", { class: "adjust-foot" }, basis.element, this.numbers.element));
  }

  /** @param {any} settings */
  whatIsAsked(settings) {
    const { on } = this;
    const views = choice({
      name: "view", label: "View",
      hint: "Four linked pictures, or one of them large. Residual and entropy are diagnostics.",
      options: [{ value: "side", label: "Side by side" },
        ...Object.entries(LAYERS).map(([value, { title, hint, diagnostic }]) =>
          ({ value, label: title, hint, diagnostic })),
        { value: "compare", label: "224 / sharp", hint: "A slider between the 224 px picture and the sharp one" }],
      onchange: (view) => on.step({ view }),
    });
    views.element.classList.add("control-wide");
    const resolutions = choice({
      name: "resolution", label: "Resolution", hint: "Long side in pixels; 224 comes first, then the sharper one.",
      options: settings.resolutions.map((/** @type {number} */ value) => ({ value, label: `${value}` })),
      onchange: (resolution) => on.session({ resolution }),
    });
    const models = menu({
      name: "model", label: "Model",
      options: settings.models.map((/** @type {any} */ { name, label, available, note }) => 
        ({ value: name, label, note, disabled: !available })),
      onchange: (model) => on.session({ model }),
    });
    return { views, resolutions, models };
  }

  /** What only changes the picture, in the browser alone. */
  howItLooks() {
    const { on } = this;
    const threshold = slider({
      name: "threshold", label: "Threshold", hint: "",
      min: doublings(THRESHOLDS.least), max: doublings(THRESHOLDS.most), step: 0.05,
      words: (position) => {
        const t = thresholdAt(position);
        return `${t.toFixed(2)} × 1/${this.numTokens} = ${(t / this.numTokens).toFixed(3)}`;
      },
      onchange: (position) => on.view({ threshold: thresholdAt(position) }),
    });
    const kept = slider({
      name: "kept", label: "Concepts kept",
      hint: "The heaviest ones; the low-rank picture and the concept map are made of these alone.",
      min: 1, max: this.numTokens, step: 1, words: (count) => `${count} of ${this.numTokens}`,
      onchange: (kept) => on.view({ kept: kept >= this.numTokens ? null : kept }),
    });
    const opacity = slider({
      name: "opacity", label: "Opacity", hint: "How strongly the mask or the heat covers the picture.",
      min: 0, max: 1, step: 0.05, words: (value) => `${Math.round(value * 100)} %`,
      onchange: (opacity) => on.view({ opacity }),
    });
    const show = choice({
      name: "show", label: "Concept as",
      hint: "Mask: where its share is above the threshold. Heat: its share everywhere.",
      options: [{ value: "mask", label: "Mask" }, { value: "heat", label: "Heat" }],
      onchange: (show) => on.view({ show }),
    });
    const style = choice({
      name: "style", label: "Edges", hint: "Interpolated between patches, or the patches themselves.",
      options: [{ value: "smooth", label: "Smooth" }, { value: "blocky", label: "Blocky" }],
      onchange: (style) => on.view({ style }),
    });
    const basis = choice({
      name: "basis", label: "Colour basis", hint: "Whose principal components are red, green and blue.",
      options: [], onchange: (basis) => on.view({ basis }),
    });
    return { threshold, kept, opacity, show, style, basis };
  }

  /** @param {{model: string, resolution: number}} state @param {View} view @param {Scene | null} scene */
  update({ model, resolution }, view, scene) {
    this.button.setAttribute("aria-expanded", String(view.adjust));
    this.element.hidden = !view.adjust;
    write(this.summary, `${resolution} px`);
    this.asks.views.set(view.view);
    this.asks.models.set(model);
    this.asks.resolutions.set(resolution);
    if (scene) this.offer(scene);
    this.looks.threshold.explain("A patch belongs to a concept where the concept's share of it is above "
      + `t × 1/K: with ${this.numTokens} concepts an even share is 1/${this.numTokens}.`);
    this.looks.threshold.set(doublings(view.threshold));
    this.looks.kept.set(Math.min(view.kept ?? this.numTokens, this.numTokens), this.numTokens);
    this.looks.opacity.set(view.opacity);
    this.looks.show.set(view.show);
    this.looks.style.set(view.style);
    this.looks.basis.set(scene ? scene.drawn(view).basis : view.basis);
  }

  /** @param {Scene} scene */
  offer(scene) {
    const { analysis, received } = scene;
    this.numTokens = analysis.num_tokens;
    this.numbers.update(analysis, received);
    const names = analysis.bases.map((/** @type {any} */ { name }) => name).join();
    if (names === this.offered) return;
    this.offered = names;
    this.looks.basis.offer(analysis.bases.map((/** @type {any} */ { name, label, hint }) =>
      ({ value: name, label, hint })));
  }
}
