/** Light or dark: as the system has it until somebody chooses. Gradio's own class on the body says which. */

const STORED = "stellar-theme";
const DARK = "dark";

/**
 * What was chosen stays: over a reload, and when Gradio puts on its own choice later.
 * @param {HTMLButtonElement} button
 */
export function switchThemes(button) {
  /** In this page, where nothing can be stored. @type {boolean | null} */
  let chosen = null;
  const isDark = () => document.body.classList.contains(DARK);
  const wanted = () => chosen ?? window.stellarWantsDark?.() ?? isDark();
  const keep = () => {
    const dark = wanted();
    if (isDark() !== dark) document.body.classList.toggle(DARK, dark);
    button.setAttribute("aria-pressed", String(dark));
    button.title = dark ? "Switch to the light theme" : "Switch to the dark theme";
  };
  button.addEventListener("click", () => {
    chosen = !isDark();
    remember(chosen);
    keep();
  });
  new MutationObserver(() => isDark() !== wanted() && keep())
    .observe(document.body, { attributes: true, attributeFilter: ["class"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", keep);
  keep();
}

/** An address that asks for a theme would bring it back with the next reload. @param {boolean} dark */
function remember(dark) {
  try {
    localStorage.setItem(STORED, dark ? DARK : "light");
  } catch {
    // chosen for as long as this page is open
  }
  const address = new URL(location.href);
  if (!address.searchParams.has("__theme")) return;
  address.searchParams.delete("__theme");
  history.replaceState(history.state, "", address.href);
}
