/** Keys of the page. Arrows belong to what has the focus; the others work wherever nobody is typing. */

/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
const TYPED = "textarea, select, [contenteditable=true], input:not([type=range]):not([type=radio])";

/** @param {EventTarget | null} target */
export function isTyping(target) {
  return target instanceof Element && target.closest(TYPED) !== null;
}

/** @param {KeyboardEvent} event */
const isChord = (event) => event.ctrlKey || event.metaKey || event.altKey;

/** Keys of one panel. @param {{move: (rows: number, cols: number) => void, press: () => void}} on */
export function panelKeys(on) {
  return (/** @type {KeyboardEvent} */ event) => {
    if (isChord(event)) return;
    const arrow = ARROWS[event.key];
    if (arrow) {
      event.preventDefault();
      const by = event.shiftKey ? 4 : 1;
      on.move(arrow[0] * by, arrow[1] * by);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      on.press();
    }
  };
}

/**
 * Left, Right, Home and End in a row of elements: the focus goes there; -> where, or undefined for another key.
 * @param {KeyboardEvent} event
 * @param {HTMLElement[]} elements
 * @param {{isRing?: boolean}} [options] isRing: behind the last comes the first
 */
export function arrowed(event, elements, { isRing = false } = {}) {
  const at = elements.indexOf(/** @type {HTMLElement} */ (event.target));
  const last = elements.length - 1;
  /** @type {Record<string, number>} */
  const places = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last };
  const to = places[event.key];
  if (at < 0 || to === undefined || isChord(event)) return undefined;
  event.preventDefault();
  const element = elements[isRing ? (to + elements.length) % elements.length : Math.min(Math.max(to, 0), last)];
  element.focus();
  return element;
}

/**
 * Keys of a whole tab.
 * @param {{isShown: () => boolean, step: (by: number) => void, unpin: () => void, hold: (held: boolean) => void}} on
 */
export function listenToKeys(on) {
  document.addEventListener("keydown", (event) => {
    if (isChord(event) || event.defaultPrevented || isTyping(event.target)) return;
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
