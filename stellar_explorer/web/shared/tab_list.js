/** The page's tabs, all reachable at once at any width; arrow keys go from one to the next. */

import { make } from "./elements.js";

const TABS = [
  { name: "explore", label: "Explore", hint: "A photo's concepts, and where each is" },
  { name: "retrieve", label: "Retrieve", hint: "Find a concept in other photos" },
  { name: "atlas", label: "Atlas", hint: "All concepts of a collection as a map" },
  { name: "reconstruct", label: "Reconstruct", hint: "A photo drawn again from few tokens, beside the baselines" },
  { name: "edit", label: "Edit", hint: "Move, copy and remove what is on a photo" },
  { name: "models", label: "Models", hint: "Checkpoints, their scores and how they were trained" },
];

export class TabList {
  /** @param {import("./session.js").Session} session */
  constructor(session) {
    this.session = session;
    this.buttons = TABS.map(({ name, label, hint }) => make("button", {
      type: "button", role: "tab", class: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}`, "data-tab": name, title: hint,
      onclick: () => session.change({ tab: name }),
    }, label));
    this.element = make("div", { class: "tab-list", role: "tablist", "aria-label": "Views", onkeydown: (/** @type {KeyboardEvent} */ event) => this.key(event) }, ...this.buttons);
    session.subscribe(() => this.update());
    this.update();
  }

  update() {
    const { tab } = this.session.state;
    for (const button of this.buttons) {
      const isOpen = button.dataset.tab === tab;
      button.setAttribute("aria-selected", String(isOpen));
      button.tabIndex = isOpen ? 0 : -1;
    }
    document.body.dataset.tab = tab;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const at = this.buttons.indexOf(/** @type {any} */ (event.target));
    const to = /** @type {Record<string, number>} */ ({
      ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: this.buttons.length - 1,
    })[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const button = this.buttons[(to + this.buttons.length) % this.buttons.length];
    button.focus();
    button.click();
  }
}
