/** Light or dark: as the system has it until somebody chooses; Gradio's own class says which. */

import { make } from "./elements.js";

const STORED = "stellar-theme";
const DARK = "dark";

function stored() {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}

/** A button; what was chosen before is put on at once, and again when Gradio has put on its own. */
export function themeSwitch() {
  const button = make("button", { type: "button", class: "quiet-button theme-switch", "data-action": "theme", onclick: () => choose(!isDark()) });
  const isDark = () => document.body.classList.contains(DARK);
  const wanted = () => {
    const asked = new URLSearchParams(location.search).get("__theme");
    const chosen = asked ?? stored();
    return chosen === DARK || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  };
  /** @param {boolean} dark */
  const put = (dark) => {
    if (isDark() !== dark) document.body.classList.toggle(DARK, dark);
    button.textContent = dark ? "Light" : "Dark";
    button.title = dark ? "Switch to the light theme" : "Switch to the dark theme";
  };
  /** @param {boolean} dark */
  const choose = (dark) => {
    try {
      localStorage.setItem(STORED, dark ? DARK : "light");
    } catch {
      // chosen for as long as this page is open
    }
    chosen = dark;
    put(dark);
  };
  /** @type {boolean | null} */
  let chosen = null;
  const keep = () => put(chosen ?? wanted());
  new MutationObserver(() => isDark() !== (chosen ?? wanted()) && keep()).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", keep);
  keep();
  return button;
}
