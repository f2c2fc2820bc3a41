/** Controls with a one-line hint each: sliders, choices and menus. */

import { make, uniqueId, write } from "./elements.js";

/**
 * words(value): what is written beside the slider.
 * @param {{name: string, label: string, hint: string, min: number, max: number, step: number,
 *   words: (value: number) => string, onchange: (value: number) => void}} options
 */
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
  /** @param {number} position */
  function show(position) {
    const text = words(position);
    write(value, text);
    input.setAttribute("aria-valuetext", text);
    const share = (position - Number(input.min)) / (Number(input.max) - Number(input.min) || 1);
    input.style.setProperty("--filled", `${(share * 100).toFixed(1)}%`);
  }
  const element = make("div", { class: "control" },
    make("div", { class: "control-head" }, make("label", { for: id }, label), value), input, hintLine);
  return {
    element,
    /** @param {number} position */
    set(position, most = max) {
      input.max = String(most);
      input.value = String(position);
      show(Number(input.value));
    },
    explain: (/** @type {string} */ text) => write(hintLine, text),
  };
}

/**
 * One of a few, as joined buttons (radio inputs underneath).
 * @typedef {{value: any, label: string, hint?: string, diagnostic?: boolean}} Option
 * @param {{name: string, label: string, hint?: string, options: Option[], onchange: (value: any) => void, title?:
 *   boolean}} options
 */
export function choice({ name, label, hint, options, onchange, title = true }) {
  const hintId = uniqueId("hint");
  const group = uniqueId(name);
  const row = make("div", { class: "segments" });
  /** @type {Map<any, HTMLInputElement>} */
  const inputs = new Map();
  const fieldset = make("fieldset", { class: "control", "data-control": name, "aria-describedby": hintId },
    make("legend", { class: title ? "" : "unseen" }, label), row,
    make("p", { class: hint ? "hint" : "unseen", id: hintId }, hint ?? label));
  /** @type {any} */
  let chosen = null;
  /** @param {Option[]} offered */
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
      const kind = diagnostic ? "segment segment-quiet" : "segment";
      return make("label", { class: kind, title: more, "data-option": value }, input, make("span", {}, words));
    }));
    check();
  }
  const check = () => {
    const input = inputs.get(chosen);
    if (input) input.checked = true;
  };
  build(options);
  return {
    element: fieldset,
    offer: build,
    /** @param {any} value */
    set(value) {
      chosen = value;
      check();
    },
  };
}

/**
 * One of several named things, with the chosen one's note as the hint.
 * @param {{name: string, label: string, options: {value: string, label: string, note?: string, disabled?: boolean}[],
 *   onchange: (value: string) => void}} options
 */
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
    /** @param {string} value */
    set(value) {
      select.value = value;
      note();
    },
  };
}

/**
 * What opens under a button, and closes with Escape or a press beside it.
 * @param {Record<string, any>} attributes @param {HTMLElement} summary @param {...(HTMLElement | null)} items
 * @returns {HTMLDetailsElement}
 */
export function popover({ class: name = "", ...attributes }, summary, ...items) {
  const element = make("details", { class: `menu ${name}`, ...attributes }, summary,
    make("div", { class: "menu-items" }, ...items));
  const outside = (/** @type {PointerEvent} */ event) => element.contains(/** @type {Node} */ (event.target))
    || close();
  const close = () => element.removeAttribute("open");
  element.addEventListener("toggle", () => {
    if (element.open) document.addEventListener("pointerdown", outside);
    else document.removeEventListener("pointerdown", outside);
  });
  element.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape" || !element.open) return;
    event.stopPropagation();
    close();
    summary.focus();
  });
  return element;
}
