/** The card is Markdown that Gradio draws and cleans, outside of our panel; what it leaves out is put in here. */

const CARD = "#models-card";

/** Whenever another card has been drawn: code that scrolls is scrolled by keys too, an empty corner heads nothing. */
export function keepCardReachable() {
  const card = document.querySelector(CARD);
  if (!card) return;
  const mend = () => {
    for (const code of card.querySelectorAll("pre")) code.tabIndex = 0;
    for (const cell of card.querySelectorAll("th")) {
      if (!cell.textContent?.trim()) cell.setAttribute("role", "presentation");
    }
  };
  new MutationObserver(mend).observe(card, { childList: true, subtree: true });
  mend();
}
