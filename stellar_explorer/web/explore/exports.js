/** The way on from a photo: other tabs, a link, files and code, of what is seen. */

import { LAYERS } from "../drawing/layers.js";
import { icon, make, write } from "../shared/elements.js";
import { CopyDialog, codeOf, downloadsMenu, recipeOf } from "../shared/recipes.js";

/** @typedef {import("./scene.js").Scene} Scene @typedef {import("./address.js").View} View */

const CONFIRMED = 1600; // milliseconds that a button says so

export class Exports {
  /**
   * @param {import("../shared/session.js").Session} session
   * @param {(words: string) => void} tell
   */
  constructor(session, tell) {
    this.session = session;
    this.tell = tell;
    this.dialog = new CopyDialog();
    this.downloads = downloadsMenu();
    this.findButton = action("find", "search", "Find in other photos", () => this.find());
    this.findButton.classList.add("button-first");
    this.link = action("link", "link", "Copy link", () => this.copyLink());
    const edit = action("edit", "edit", "Edit", () => session.change({ tab: "edit" }));
    edit.title = "Move, erase and copy what is on this photo";
    const rebuild = action("rebuild", "rebuild", "Reconstruct", () => session.change({ tab: "reconstruct" }));
    rebuild.title = "What can be drawn from its concepts alone";
    this.element = make("div", { class: "actions" }, this.findButton, edit, rebuild, this.link, this.downloads.element);
  }

  find() {
    this.session.change({ tab: "retrieve" });
  }

  /** @param {Scene | null} scene @param {View} view @param {number | null} pinned */
  update(scene, view, pinned) {
    const isExample = "example" in this.session.state.photo;
    this.findButton.title = pinned === null || !scene
      ? "Photos with the same concepts; pin a concept first to find that one"
      : `Photos with this concept (${scene.words[pinned]}), and where`;
    this.link.title = isExample ? "A link to this example as it is shown now"
      : "Uploads are never in a link: the link has the settings, without the photo";
    if (!scene) return;
    this.downloads.update(scene.analysis, {
      threshold: view.threshold, style: view.style, basis: scene.drawn(view).basis, kept: keptOf(scene, view),
      view: view.view, name: scene.photo.name,
    });
  }

  async copyLink() {
    const isExample = "example" in this.session.state.photo;
    if (!(await this.dialog.copy(this.session.link()))) return;
    confirm(this.link);
    this.tell(isExample ? "Link copied." : "Link copied, without the photo: uploads are never in a link.");
  }

  /**
   * The photo's recipe is that of what is lit on it.
   * @param {Scene} scene @param {View} view @param {import("../drawing/layers.js").Layer} layer
   * @param {{token: number | null, isSimilar: boolean, pointed: {row: number, col: number} | null}} what
   * @returns {{text: string, code: string}}
   */
  recipe(scene, view, layer, { token, isSimilar, pointed }) {
    const name = layer !== "photo" ? layer : isSimilar ? "similarity" : token === null ? "photo" : "concept";
    const values = {
      threshold: view.threshold, kept: keptOf(scene, view) ?? scene.numTokens, basis: scene.drawn(view).basis,
      style: view.style, row: pointed?.row ?? 0, col: pointed?.col ?? 0, token: token ?? scene.order[0],
    };
    return { text: recipeOf(scene.analysis, name, values), code: codeOf(scene.analysis, name, values) };
  }

  /**
   * @param {Scene} scene @param {View} view @param {import("../drawing/layers.js").Layer} layer
   * @param {{token: number | null, isSimilar: boolean, pointed: {row: number, col: number} | null}} what
   * @param {HTMLElement} button
   */
  async copyCode(scene, view, layer, what, button) {
    if (!(await this.dialog.copy(this.recipe(scene, view, layer, what).code))) return;
    confirm(button);
    this.tell(`${LAYERS[layer].title}: code copied.`);
  }
}

/** @param {string} name @param {string} picture @param {string} label @param {() => void} onclick */
function action(name, picture, label, onclick) {
  return make("button", { type: "button", class: "button", "data-action": name, onclick },
    icon(picture), make("span", {}, label));
}

/** null for all. @param {Scene} scene @param {View} view */
function keptOf(scene, { kept }) {
  return kept === null || kept >= scene.numTokens ? null : kept;
}

/** @type {WeakMap<HTMLElement, {label: string, timer: ReturnType<typeof setTimeout>}>} */
const confirming = new WeakMap();

/** A button says for a moment that it was done. @param {HTMLElement} button */
function confirm(button) {
  const words = /** @type {HTMLElement} */ (button.lastChild);
  const before = confirming.get(button);
  if (before) clearTimeout(before.timer);
  const label = before?.label ?? words.textContent ?? "";
  write(words, "Copied");
  const timer = setTimeout(() => {
    write(words, label);
    confirming.delete(button);
  }, CONFIRMED);
  confirming.set(button, { label, timer });
}
