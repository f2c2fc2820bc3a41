/** Keys of the stage. Arrows belong to a focused panel; the others work wherever nobody is typing. */

const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

function isTyping(target) {
  return target.closest?.("textarea, select, [contenteditable=true], input:not([type=range]):not([type=radio])") !== null;
}

/** Keys of one panel. on: {move(rows, cols), press()} */
export function panelKeys(on) {
  return (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    if (arrow) {
      event.preventDefault();
      on.move(...arrow.map((step) => step * (event.shiftKey ? 4 : 1)));
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      on.press();
    }
  };
}

/** Keys of the whole stage. on: {isShown(), step(by), unpin(), hold(held)} */
export function listenToKeys(on) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (!(event.target instanceof Element) || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]") || !on.isShown()) return;
    if (event.key === "[" || event.key === "]") on.step(event.key === "]" ? 1 : -1);
    else if (event.key === "Escape") on.unpin();
    else if (event.key.toLowerCase() === "s" && !event.repeat) on.hold(true);
  });
  document.addEventListener("keyup", (event) => {
    if (event.key.toLowerCase() === "s") on.hold(false);
  });
  window.addEventListener("blur", () => on.hold(false));
}
