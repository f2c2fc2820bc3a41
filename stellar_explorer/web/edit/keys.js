/** Keys of the whole Edit tab: undo, redo, and what was before while B or its button is held. */

/** @param {EventTarget | null} target */
const isTyping = (target) => target instanceof Element
  && target.closest("textarea, select, [contenteditable=true], input:not([type=range]):not([type=radio])") !== null;

/**
 * @param {{isShown: () => boolean, undo: () => void, redo: () => void, hold: (isHeld: boolean) => void, before:
 * HTMLElement}} on
 */
export function listenToEditKeys({ isShown, undo, redo, hold, before }) {
  document.addEventListener("keydown", (event) => {
    if (!isShown() || document.querySelector("dialog[open]") || isTyping(event.target) || event.altKey) return;
    const isCommand = event.ctrlKey || event.metaKey;
    const letter = event.key.toLowerCase();
    if (isCommand && letter === "z" && !event.shiftKey) undo();
    else if (isCommand && (letter === "y" || letter === "z")) redo();
    else if (!isCommand && letter === "b" && !event.repeat) {
      hold(true);
      document.addEventListener("keyup", () => hold(false), { once: true });
      return;
    } else return;
    event.preventDefault();
  });
  before.addEventListener("pointerdown", (event) => {
    before.setPointerCapture(event.pointerId);
    hold(true);
  });
  for (const name of ["pointerup", "pointercancel", "blur", "keyup"]) before.addEventListener(name, () => hold(false));
  before.addEventListener("keydown", (event) => [" ", "Enter"].includes(event.key) && !event.repeat && hold(true));
}
