/** Recipes: how each picture is made, in one line and as code, and the ways to take things away. */

import { make, icon } from "./elements.js";
import { resolveAddress } from "./package.js";

/** For a layer the manifest has no recipe for. */
const PLAIN = {
  photo: "the photo, fitted to the patch grid",
  residual: "|x − L s| for each patch, against its spread over the photo",
  entropy: "−Σ L log L for each patch, in nats",
};

/** Fill {threshold}, {kept}, {token}, {basis}; braces that hold anything else stay. */
export function fillRecipe(text, values) {
  return text.replace(/\{(threshold|kept|token|basis)\}/g, (whole, name) => values[name] ?? whole);
}

export function recipeOf(analysis, name, values) {
  return fillRecipe(analysis.recipes?.[name] ?? PLAIN[name] ?? "", values);
}

export function codeOf(analysis, name, values) {
  return fillRecipe(analysis.code?.[name] ?? `# ${analysis.recipes?.[name] ?? PLAIN[name] ?? name}`, values);
}

/** A dialog with text to copy by hand, for browsers that keep the clipboard to themselves. */
export class CopyDialog {
  constructor() {
    this.text = make("textarea", { readonly: true, rows: "8", "aria-label": "Text to copy", spellcheck: "false" });
    this.element = make("dialog", { class: "dialog", "aria-label": "Copy", "data-dialog": "copy" },
      make("p", {}, "Copy this with Ctrl C or ⌘ C."), this.text,
      make("form", { method: "dialog", class: "dialog-actions" }, make("button", { class: "button" }, "Close")));
  }

  /** -> true when the text is on the clipboard; false when the dialog shows it instead. */
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

/** A menu of plain links that carry the threshold. -> {element, update(analysis, threshold)} */
export function downloadsMenu() {
  const links = Object.fromEntries(DOWNLOADS.map(([name, label, what]) => [name,
    make("a", { class: "menu-item", download: "", "data-download": name },
      make("span", {}, label), make("span", { class: "hint" }, what))]));
  const element = make("details", { class: "menu", "data-downloads": "" },
    make("summary", { class: "button", title: "The figure, the masks and the arrays at this threshold" },
      icon("download"), "Downloads"),
    make("div", { class: "menu-items" }, ...Object.values(links)));
  const close = () => element.removeAttribute("open");
  document.addEventListener("pointerdown", (event) => element.contains(event.target) || close());
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !element.open) return;
    event.stopPropagation();
    close();
    element.firstChild.focus();
  });
  return {
    element,
    update(analysis, threshold) {
      for (const [name, link] of Object.entries(links)) {
        const address = analysis?.downloads?.[name];
        link.hidden = !address;
        if (address) link.href = `${resolveAddress(address)}?threshold=${threshold}`;
      }
    },
  };
}
