/* Inside the document, before anything is painted: the theme that was chosen, and the tab that the address opens. */
(() => {
  const query = new URLSearchParams(location.search);
  /** Whether the page is to be dark: as chosen here, else as the address or the system says. */
  window.stellarWantsDark = () => {
    const asked = new URLSearchParams(location.search).get("__theme");
    let chosen = asked;
    try {
      chosen ??= localStorage.getItem("stellar-theme");
    } catch {
      // site data is blocked: as the system says
    }
    return chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  };
  document.body.classList.toggle("dark", window.stellarWantsDark());
  document.body.dataset.tab = query.get("tab") ?? "explore";
})();
