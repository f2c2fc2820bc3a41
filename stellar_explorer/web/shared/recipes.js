/** Recipes: how each picture is made, in one line and as code, and the ways to take things away. */

import { popover } from "./controls.js";
import { icon, make } from "./elements.js";
import { resolveAddress } from "./requests.js";

/** For a layer the manifest has no formula for. @type {Record<string, string>} */
const PLAIN = {
  photo: "the photo, fitted to the patch grid",
  residual: "|x − L s| for each patch, against its spread over the photo",
  entropy: "−Σ L log L for each patch, in nats",
};

/** @typedef {Record<string, string | number>} Values  what is shown, by these names */

/** Braces that hold anything else stay. @param {string} text @param {Values} values */
export function fillRecipe(text, values) {
  return text.replace(/\{(threshold|kept|token|basis|style|row|col)\}/g, (whole, name) =>
    String(values[name] ?? whole));
}

/** @param {any} analysis @param {string} name @param {Values} values */
export function recipeOf(analysis, name, values) {
  return fillRecipe(analysis.formulas?.[name] ?? PLAIN[name] ?? "", values);
}

/** @param {any} analysis @param {string} name @param {Values} values */
export function codeOf(analysis, name, values) {
  return fillRecipe(analysis.code?.[name] ?? `# ${analysis.formulas?.[name] ?? PLAIN[name] ?? name}`, values);
}

/** A dialog with text to copy by hand, for browsers that keep the clipboard to themselves. */
export class CopyDialog {
  constructor() {
    this.text = make("textarea", { readonly: true, rows: "8", "aria-label": "Text to copy", spellcheck: "false" });
    this.element = make("dialog", { class: "dialog", "aria-label": "Copy", "data-dialog": "copy" },
      make("p", {}, "Copy this with Ctrl C or ⌘ C."), this.text,
      make("form", { method: "dialog", class: "dialog-actions" }, make("button", { class: "button" }, "Close")));
  }

  /** -> true when the text is on the clipboard; false when the dialog shows it instead. @param {string} text */
  async copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      this.text.value = text;
      this.element.showModal();
      this.text.select();
      return false;
    }
  }
}

const DOWNLOADS = [
  ["figure", "Figure", "PNG, the paper's layout"],
  ["masks", "Masks", "a zip of PNGs at the photo's size"],
  ["rle", "Masks as JSON", "COCO run lengths"],
  ["arrays", "L and S", "NumPy .npz"],
];

/**
 * A menu of plain links; the files are of what is seen.
 * @returns {{element: HTMLElement, update: (analysis: any, shown: Record<string, string | number | null>) => void}}
 */
export function downloadsMenu() {
  const links = Object.fromEntries(DOWNLOADS.map(([name, label, what]) => [name,
    make("a", { class: "menu-item", download: "", "data-download": name },
      make("span", {}, label), make("span", { class: "hint" }, what))]));
  const element = popover({ "data-downloads": "" },
    make("summary", { class: "button", title: "The figure, the masks and the arrays, as they are shown" },
      icon("download"), make("span", {}, "Download")), ...Object.values(links));
  return {
    element,
    update(analysis, shown) {
      const said = Object.entries(shown).filter(([, value]) => value !== null);
      const query = new URLSearchParams(said.map(([name, value]) => [name, String(value)]));
      for (const [name, link] of Object.entries(links)) {
        const address = analysis?.downloads?.[name];
        link.hidden = !address;
        if (address) link.href = `${resolveAddress(address)}?${query}`;
      }
    },
  };
}
