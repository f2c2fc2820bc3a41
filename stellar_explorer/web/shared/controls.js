/** Controls with a one-line hint each: sliders, choices and menus, and the groups the stage shows. */

import { make, uniqueId, write } from "./elements.js";
import { THRESHOLDS } from "./address.js";

/** -> {element, set(value), explain(hint)}; `words(value)` is what is written beside the slider. */
export function slider({ name, label, hint, min, max, step, words, onchange }) {
  const id = uniqueId(name);
  const hintId = uniqueId("hint");
  const input = make("input", {
    type: "range", id, min, max, step, "data-control": name, "aria-describedby": hintId,
    oninput: () => {
      show(Number(input.value));
      onchange(Number(input.value));
    },
  });
  const value = make("output", { class: "control-value", for: id, "data-value": name });
  const hintLine = make("p", { class: "hint", id: hintId }, hint);
  function show(position) {
    const text = words(position);
    write(value, text);
    input.setAttribute("aria-valuetext", text);
    const share = (position - input.min) / (input.max - input.min || 1);
    input.style.setProperty("--filled", `${(share * 100).toFixed(1)}%`);
  }
  const element = make("div", { class: "control" },
    make("div", { class: "control-head" }, make("label", { for: id }, label), value), input, hintLine);
  return {
    element,
    set(position, most = max) {
      input.max = most;
      input.value = position;
      show(Number(input.value));
    },
    explain: (text) => write(hintLine, text),
  };
}

/** One of a few, as joined buttons (radio inputs underneath). options: [{value, label, hint?}] */
export function choice({ name, label, hint, options, onchange, title = true }) {
  const hintId = uniqueId("hint");
  const group = uniqueId(name);
  const row = make("div", { class: "segments" });
  const inputs = new Map();
  const fieldset = make("fieldset", { class: "control", "data-control": name, "aria-describedby": hintId },
    make("legend", { class: title ? "" : "unseen" }, label), row,
    make("p", { class: hint ? "hint" : "unseen", id: hintId }, hint ?? label));
  let chosen = null;
  function build(offered) {
    inputs.clear();
    row.replaceChildren(...offered.map(({ value, label: words, hint: more, diagnostic }) => {
      const input = make("input", {
        type: "radio", name: group, value, class: "unseen", onchange: () => {
          chosen = value;
          onchange(value);
        },
      });
      inputs.set(value, input);
      return make("label", { class: diagnostic ? "segment segment-quiet" : "segment", title: more, "data-option": value },
        input, make("span", {}, words));
    }));
    if (inputs.has(chosen)) inputs.get(chosen).checked = true;
  }
  build(options);
  return {
    element: fieldset,
    offer: build,
    set(value) {
      chosen = value;
      if (inputs.has(value)) inputs.get(value).checked = true;
    },
  };
}

/** One of several named things, with the chosen one's note as the hint. options: [{value, label, note?, disabled?}] */
export function menu({ name, label, options, onchange }) {
  const id = uniqueId(name);
  const hintId = uniqueId("hint");
  const select = make("select", {
    id, "data-control": name, "aria-describedby": hintId, onchange: () => {
      note();
      onchange(select.value);
    },
  }, ...options.map(({ value, label: words, disabled, note: more }) =>
    make("option", { value, disabled, title: more }, words)));
  const hintLine = make("p", { class: "hint", id: hintId });
  const note = () => write(hintLine, options.find(({ value }) => value === select.value)?.note ?? "");
  return {
    element: make("div", { class: "control" }, make("label", { for: id }, label), select, hintLine),
    set(value) {
      select.value = value;
      note();
    },
  };
}

/** The threshold's slider is even in doublings: 0.25 to 8 with 1 at two fifths. */
const doublings = (threshold) => Math.log2(threshold);
const thresholdAt = (position) => Number((2 ** position).toPrecision(4));

/**
 * Everything that only changes the picture. on: {threshold, kept, opacity, show, style, basis, similarity}(value)
 * -> {element, update(state, analysis)}
 */
export function pictureControls(on) {
  let numTokens = 16;
  const threshold = slider({
    name: "threshold", label: "Threshold", hint: "A patch holds a concept when its share is above t × 1/r.",
    min: doublings(THRESHOLDS.least), max: doublings(THRESHOLDS.most), step: 0.05,
    words: (position) => {
      const t = thresholdAt(position);
      return `${t.toFixed(2)} × 1/${numTokens} = ${(t / numTokens).toFixed(3)}`;
    },
    onchange: (position) => on.threshold(thresholdAt(position)),
  });
  const kept = slider({
    name: "kept", label: "Concepts kept", hint: "The largest by mass; the low-rank picture is made of these alone.",
    min: 1, max: numTokens, step: 1, words: (count) => `${count} of ${numTokens}`, onchange: on.kept,
  });
  const opacity = slider({
    name: "opacity", label: "Opacity", hint: "How strongly the mask or heat covers the picture.",
    min: 0, max: 1, step: 0.05, words: (value) => `${Math.round(value * 100)} %`, onchange: on.opacity,
  });
  const show = choice({
    name: "show", label: "Concept as", hint: "Mask: above the threshold. Heat: its share everywhere.",
    options: [{ value: "mask", label: "Mask" }, { value: "heat", label: "Heat" }], onchange: on.show,
  });
  const style = choice({
    name: "style", label: "Edges", hint: "Interpolated between patches, or the patches themselves.",
    options: [{ value: "smooth", label: "Smooth" }, { value: "blocky", label: "Blocky" }], onchange: on.style,
  });
  const basis = choice({
    name: "basis", label: "Colour basis", hint: "Whose principal components are red, green, blue.",
    options: [], onchange: on.basis,
  });
  const parts = { threshold, kept, opacity, show, style, basis };
  const element = make("div", { class: "controls", role: "group", "aria-label": "How the pictures are drawn" },
    ...Object.values(parts).map((part) => part.element));
  let offered = "";
  return {
    element,
    update(state, analysis) {
      numTokens = analysis?.num_tokens ?? numTokens;
      const bases = analysis?.bases ?? [];
      const names = bases.map(({ name }) => name).join();
      if (names !== offered) {
        offered = names;
        basis.offer(bases.map(({ name, label, hint }) => ({ value: name, label, hint })));
      }
      threshold.set(doublings(state.threshold));
      kept.set(state.kept ?? numTokens, numTokens);
      opacity.set(state.opacity);
      show.set(state.show);
      style.set(state.style);
      basis.set(state.basis);
    },
  };
}
