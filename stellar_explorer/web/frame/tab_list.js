/** The page's tabs, all reachable at once at any width; arrow keys go from one to the next, Enter opens it. */

import { arrowed } from "../shared/keyboard.js";

/**
 * @param {HTMLElement} element the list that the page was sent with
 * @param {import("../shared/session.js").Session} session
 */
export function tabList(element, session) {
  const buttons = /** @type {HTMLElement[]} */ ([...element.querySelectorAll("[role=tab]")]);
  for (const button of buttons) {
    button.addEventListener("click", () => session.change({ tab: button.dataset.tab ?? "" }));
  }
  element.addEventListener("keydown", (event) => {
    const to = arrowed(event, buttons, { isRing: true });
    if (to) reachable(buttons, to);
  });
  const update = () => {
    const { tab } = session.state;
    for (const button of buttons) button.setAttribute("aria-selected", String(button.dataset.tab === tab));
    reachable(buttons, buttons.find((button) => button.dataset.tab === tab));
    document.body.dataset.tab = tab;
  };
  session.subscribe(update);
  update();
}

/** The Tab key comes to one of them, and from there on to what follows. @param {HTMLElement[]} all
 * @param {HTMLElement} [one] */
export function reachable(all, one) {
  for (const element of all) element.tabIndex = element === one ? 0 : -1;
}
