/** What can be done with the chosen concepts, and the list of what was done. */

import { percentOf } from "../drawing/chips.js";
import { choice, slider } from "../shared/controls.js";
import { namesOf, wordsOf } from "./history.js";
import { icon, make, write } from "../shared/elements.js";

export const TAKES = [
  { value: "together", label: "All that lie there", hint: "A thing is mostly shared by two or three concepts: a click takes them all" },
  { value: "one", label: "One", hint: "A click takes the strongest concept alone" },
  { value: "more", label: "One more", hint: "Each click adds a concept, or lets it go; so does Shift with a click" },
];
const SCALES = { least: -2, most: 2 }; // in doublings
const STRENGTHS = { least: -8, most: 8 };

/** on: {take(how), erase(), clone(), scale(by), strengthen(by)} -> {element, update({tokens, ...})} */
export function selectionTools(on) {
  const takes = choice({ name: "takes", label: "A click takes", hint: TAKES[0].hint, options: TAKES, onchange: on.take });
  const chosen = make("p", { class: "edit-chosen", "data-chosen": "", "aria-live": "polite" });
  const button = (name, glyph, label, title, act) => make("button", { type: "button", class: "button", "data-action": name, title, onclick: act }, icon(glyph), label);
  const erase = button("erase", "erase", "Erase", "Takes what is outlined out of the picture; what lies around it goes on there. Or press Delete", on.erase);
  const clone = button("clone", "clone", "Copy", "A second one beside it, to be dragged further", on.clone);
  const scale = slider({
    name: "scale", label: "Size", hint: "About its middle; or turn the wheel over it, or press + and -.", ...range(SCALES), step: 0.05,
    words: (position) => `${(2 ** position).toFixed(2)} times`, onchange: (position) => on.scale(2 ** position),
  });
  const strength = slider({
    name: "strength", label: "Strength", hint: "Added to its logits: silenced to the left, strengthened to the right.", ...range(STRENGTHS), step: 0.25,
    words: (by) => (by === 0 ? "as it is" : `${by > 0 ? "+" : "−"}${Math.abs(by).toFixed(2).replace(/\.?0+$/, "")}`), onchange: on.strengthen,
  });
  const fields = make("fieldset", { class: "edit-fields" }, make("legend", { class: "unseen" }, "Edit the chosen concepts"),
    make("div", { class: "edit-buttons" }, erase, clone), scale.element, strength.element);
  const element = make("section", { class: "edit-tools", "aria-label": "The chosen concepts" },
    make("h3", {}, "Chosen"), chosen, takes.element, fields);
  return {
    element,
    /** tokens: the chosen; mass: of the picture; scale and strength: what they were given by now. */
    update({ tokens, mass, how, scale: times, strength: by, origins, numTokens }) {
      fields.disabled = !tokens.length;
      write(chosen, tokens.length ? `${namesOf(tokens, origins, numTokens)} · ${percentOf(mass)} of the picture`
        : "Nothing yet: click a concept on the photo, or below it.");
      takes.set(how);
      write(takes.element.querySelector(".hint"), TAKES.find(({ value }) => value === how).hint);
      scale.set(Math.min(SCALES.most, Math.max(SCALES.least, Math.log2(times))));
      strength.set(Math.min(STRENGTHS.most, Math.max(STRENGTHS.least, by)));
    },
  };
}

const range = ({ least, most }) => ({ min: least, max: most });

/** on: {remove(place), undo(), redo(), save(), load(File), clear()} -> {element, update({edits, ...})} */
export function editList(on) {
  const undo = make("button", { type: "button", class: "button", "data-action": "undo", title: "Ctrl Z", onclick: on.undo }, icon("undo"), "Undo");
  const redo = make("button", { type: "button", class: "button", "data-action": "redo", title: "Ctrl Shift Z", onclick: on.redo }, icon("redo"), "Redo");
  const list = make("ol", { class: "edit-list", "data-edits": "", "aria-label": "The edits so far" });
  const none = make("p", { class: "hint" }, "No edits yet. Drag a concept, or use the controls.");
  const save = make("button", { type: "button", class: "button", "data-action": "save", title: "The edits as JSON: load them here again, or replay them with python -m stellar_explorer edit", onclick: on.save }, icon("download"), "Save recipe");
  const chooser = make("input", {
    type: "file", accept: ".json,application/json", class: "unseen", tabindex: "-1", "aria-hidden": "true", "data-control": "recipe",
    onchange: () => {
      if (chooser.files[0]) on.load(chooser.files[0]);
      chooser.value = "";
    },
  });
  const load = make("button", { type: "button", class: "button", "data-action": "load", title: "The edits of a recipe, on this photo", onclick: () => chooser.click() }, icon("open"), "Load recipe");
  const clear = make("button", { type: "button", class: "quiet-button", "data-action": "clear", title: "Back to the photo as it was; Undo brings the edits back", onclick: on.clear }, "Take all back");
  const element = make("section", { class: "edit-done", "aria-label": "Edits" },
    make("div", { class: "edit-done-head" }, make("h3", {}, "Edits so far"), clear),
    make("div", { class: "edit-buttons" }, undo, redo), none, list,
    make("div", { class: "edit-buttons" }, save, load), chooser);
  return {
    element,
    update({ edits, canUndo, canRedo, palette, origins, numTokens, titleOf }) {
      undo.disabled = !canUndo;
      redo.disabled = !canRedo;
      save.disabled = !edits.length;
      clear.hidden = !edits.length;
      none.hidden = edits.length > 0;
      list.hidden = !edits.length;
      list.replaceChildren(...edits.map((edit, place) => {
        const words = wordsOf(edit, { origins, numTokens, titleOf });
        const swatches = (edit.tokens ?? []).map((token) => make("i", { class: "swatch", style: `--concept: ${palette[origins[token]]}` }));
        return make("li", { "data-edit-kind": edit.edit }, make("span", { class: "edit-swatches", "aria-hidden": "true" }, ...swatches.slice(0, 4)),
          make("span", { class: "edit-words" }, words),
          make("button", { type: "button", class: "quiet-button", "data-remove": place, "aria-label": `Take back: ${words}`, title: "Take this one back", onclick: () => on.remove(place) }, icon("close")));
      }));
    },
  };
}
