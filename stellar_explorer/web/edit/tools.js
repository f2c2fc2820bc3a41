/** What a click takes and how strongly the model sees it, and the list of what was done. */

import { choice, slider } from "../shared/controls.js";
import { icon, make, write } from "../shared/elements.js";
import { isRedrawOnly } from "./cutout/layout.js";
import { wordsOf } from "./edits/words.js";

const PRESS = matchMedia("(hover: none)").matches ? "tap" : "click";
export const TAKES = [
  { value: "together", label: "Everything under the pointer",
    hint: `A thing is mostly shared by two or three concepts: a ${PRESS} takes them all.` },
  { value: "one", label: "One concept", hint: `A ${PRESS} takes the strongest concept alone.` },
  { value: "more", label: "One more", hint: `Each ${PRESS} adds a concept, or lets it go; so does Shift.` },
];
const STRENGTHS = { min: -8, max: 8 };

/** @param {{take: (how: string) => void, strengthen: (by: number) => void}} on */
export function selectionTools(on) {
  const takes = choice({ name: "takes", label: `A ${PRESS} takes`, hint: TAKES[0].hint, options: TAKES,
    onchange: on.take });
  const strength = slider({
    name: "strength", label: "Strength", hint: "How strongly the model sees it, for the model's redraw alone.",
    ...STRENGTHS, step: 0.25, onchange: on.strengthen,
    words: (/** @type {number} */ by) => (by === 0 ? "as it is"
      : `${by > 0 ? "+" : "−"}${Math.abs(by).toFixed(2).replace(/\.?0+$/, "")}`),
  });
  const fields = /** @type {HTMLFieldSetElement} */ (
    make("fieldset", { class: "edit-fields" }, make("legend", { class: "unseen" }, "The chosen concepts"),
    strength.element));
  return {
    element: make("section", { class: "edit-tools", "aria-label": "Choosing" }, make("h2", {}, "Choosing"),
      takes.element, fields),
    /** @param {{tokens: number[], how: string, strength: number}} now */
    update({ tokens, how, strength: by }) {
      fields.disabled = !tokens.length;
      takes.set(how);
      const hint = takes.element.querySelector(".hint");
      if (hint) write(hint, TAKES.find(({ value }) => value === how)?.hint ?? "");
      strength.set(Math.min(STRENGTHS.max, Math.max(STRENGTHS.min, by)));
    },
  };
}

/** @param {{remove: (place: number) => void}} on */
export function editList(on) {
  const list = make("ol", { class: "edit-list", "data-edits": "", "aria-label": "The edits so far" });
  const none = make("p", { class: "hint" }, "No edits yet: drag a concept on the photo.");
  const only = make("p", { class: "hint", hidden: true, "data-redraw-only": "" },
    "Strength, Swap position and Blend show in the model's redraw alone; the photo stays.");
  let shown = "";
  return {
    element: make("section", { class: "edit-done", "aria-label": "Edits" }, make("h2", {}, "Edits so far"), none,
      list, only),
    /**
     * @param {import("./cutout/layout.js").Edit[]} edits
     * @param {{origins: number[], words: string[], palette: string[], titleOf: (photo: string) => string, otherWords:
     * (photo: string) => string[]}} known
     */
    update(edits, known) {
      const lines = edits.map((edit) => wordsOf(edit, known));
      none.hidden = edits.length > 0;
      list.hidden = !edits.length;
      only.hidden = !edits.some(isRedrawOnly);
      if (shown === lines.join("\n")) return;
      shown = lines.join("\n");
      list.replaceChildren(...edits.map((edit, place) => make("li", { "data-edit-kind": edit.edit },
        make("span", { class: "edit-swatches", "aria-hidden": "true" },
          ...(edit.tokens ?? []).slice(0, 4).map((token) =>
            make("i", { class: "swatch", style: `--concept: ${known.palette[known.origins[token]]}` }))),
        make("span", { class: "edit-words" }, lines[place]),
        make("button", {
          type: "button", class: "quiet-button edit-remove", "data-remove": place,
          "aria-label": `Remove this edit: ${lines[place]}`, title: "Remove this edit",
          onclick: () => on.remove(place),
        }, icon("close")))));
    },
  };
}
