/** What is in reach right above the photo: remove, copy, size, undo and redo, save. */

import { icon, make } from "../shared/elements.js";
import { slider } from "../shared/controls.js";

const SIZES = { min: -2, max: 2 }; // in doublings

/** @param {string} name @param {string} glyph @param {string} label @param {string} title @param {() => void} act */
export function toolButton(name, glyph, label, title, act) {
  return /** @type {HTMLButtonElement} */ (make("button",
    { type: "button", class: "button", "data-action": name, "aria-label": label, title, onclick: act },
    icon(glyph), make("span", {}, label)));
}

/**
 * @typedef {Object} ToolbarActions
 * @property {() => void} erase
 * @property {() => void} clone
 * @property {(total: number) => void} scale
 * @property {() => void} undo
 * @property {() => void} redo
 * @property {() => void} clear
 * @property {() => void} saveCutout
 * @property {() => void} savePhoto
 * @property {() => void} saveRedraw
 * @property {() => void} saveRecipe
 * @property {(file: File) => void} load
 */

export class Toolbar {
  /** @param {ToolbarActions} on */
  constructor(on) {
    this.erase = toolButton("erase", "erase", "Remove",
      "Takes what is outlined off the photo and fills its place. Or press Delete", on.erase);
    this.clone = toolButton("clone", "clone", "Copy", "A second one beside it, to be dragged further", on.clone);
    this.undo = toolButton("undo", "undo", "Undo", "Ctrl Z", on.undo);
    this.redo = toolButton("redo", "redo", "Redo", "Ctrl Shift Z", on.redo);
    this.clear = toolButton("clear", "close", "Reset", "Back to the photo as it was; Undo brings the edits back",
      on.clear);
    this.size = slider({
      name: "scale", label: "Size", hint: "Of the chosen. Or Ctrl and the wheel, a pinch, + and −", ...SIZES,
      step: 0.05,
      words: (/** @type {number} */ position) => `${(2 ** position).toFixed(2)} ×`,
      onchange: (/** @type {number} */ position) => on.scale(2 ** position),
    });
    this.range = /** @type {HTMLInputElement} */ (this.size.element.querySelector("input"));
    this.menu = this.saveMenu(on);
    this.element = make("div", { class: "edit-toolbar", role: "toolbar", "aria-label": "Edit the chosen concepts" },
      this.erase, this.clone, this.size.element, make("span", { class: "edit-apart" }), this.undo, this.redo,
        this.clear, this.menu);
  }

  /** @param {ToolbarActions} on */
  saveMenu(on) {
    const chooser = /** @type {HTMLInputElement} */ (make("input", {
      type: "file", accept: ".json,application/json", class: "unseen", tabindex: "-1", "aria-hidden": "true",
      "data-control": "recipe",
      onchange: () => {
        if (chooser.files?.[0]) on.load(chooser.files[0]);
        chooser.value = "";
      },
    }));
    const item = (/** @type {string} */ name, /** @type {string} */ label, /** @type {string} */ what,
      /** @type {() => void} */ act) =>
      make("button", { type: "button", class: "menu-item", "data-action": name, onclick: () => {
        menu.removeAttribute("open");
        act();
      } }, make("span", {}, label), make("span", { class: "hint" }, what));
    this.items = {
      cutout: item("cutout", "Cut-out", "what is chosen, as PNG, transparent around it", on.saveCutout),
      photo: item("photo", "Edited photo", "PNG, at the size of the photo here", on.savePhoto),
      picture: item("picture", "The model's redraw", "PNG", on.saveRedraw),
      save: item("save", "Edits", "a recipe, JSON; python -m stellar_explorer edit replays it", on.saveRecipe),
    };
    const menu = make("details", { class: "menu edit-save" },
      make("summary", { class: "button", "aria-label": "Save", title: "Pictures and edits as files" },
        icon("download"), make("span", {}, "Save")),
      make("div", { class: "menu-items" }, ...Object.values(this.items),
        item("load", "Load edits", "of a recipe, on this photo", () => chooser.click())));
    document.addEventListener("pointerdown", (event) =>
      menu.contains(/** @type {Node} */ (event.target)) || menu.removeAttribute("open"));
    menu.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Escape" || !menu.hasAttribute("open")) return;
      event.stopPropagation();
      menu.removeAttribute("open");
      menu.querySelector("summary")?.focus();
    });
    return make("div", { class: "edit-save-place" }, menu, chooser);
  }

  /**
   * @param {{tokens: number[], size: number, canUndo: boolean, canRedo: boolean, hasEdits: boolean, canDraw:
   * boolean}} now
   */
  update({ tokens, size, canUndo, canRedo, hasEdits, canDraw }) {
    this.erase.disabled = this.clone.disabled = this.range.disabled = !tokens.length;
    this.undo.disabled = !canUndo;
    this.redo.disabled = !canRedo;
    this.clear.disabled = !hasEdits;
    const { cutout, photo, picture, save } = /** @type {Record<string, HTMLButtonElement>} */ (this.items);
    cutout.disabled = !tokens.length;
    photo.disabled = save.disabled = !hasEdits;
    picture.disabled = !canDraw;
    this.size.set(Math.min(SIZES.max, Math.max(SIZES.min, Math.log2(size))));
  }
}
