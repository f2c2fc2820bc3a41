/** Four steps for who is here for the first time: hover, pin, similar, find. Once a browser, and from Help. */

import { make, write } from "../shared/elements.js";

const SEEN = "stellar-tour-seen";
const GAP = 10;
const WIDTH = 320;
const MARGIN = 8;

/** target: where a step points, inside the tab. */
const STEPS = [
  { target: '[data-panel="photo"] .panel-frame', title: "Hover", touchTitle: "Tap",
    words: "Point at a picture: the concept that is there lights up in all four.",
    touch: "Tap a picture: the concept that is there lights up." },
  { target: '[data-panel="photo"] .panel-frame', title: "Pin", touchTitle: "Pin",
    words: "Click to pin a concept, so that it stays while you look around. Click again or press Esc to unpin it.",
    touch: "A tap pins the concept; tap it again, or Unpin, to let the next one light up." },
  { target: '[data-control="mode"]', title: "Similar", touchTitle: "Similar",
    words: "Similar patches shows what looks alike to the model: point at a patch. Holding the S key does the same.",
    touch: "Similar patches shows what looks alike to the model: tap a patch." },
  { target: '[data-action="find"]', title: "Find", touchTitle: "Find",
    words: "Find in other photos looks for the pinned concept elsewhere. That is all: now try a photo of your own.",
    touch: "Find in other photos looks for the pinned concept elsewhere. That is all: now try a photo of your own." },
];

/** Storage may be refused: then the tour comes again after a reload. @template T @param {(store: Storage) => T} use */
function storage(use) {
  try {
    return use(window.localStorage);
  } catch {
    return null;
  }
}

/** Whether this browser has had it. */
export function isTourSeen() {
  return storage((store) => store.getItem(SEEN)) === "yes";
}

export class Tour {
  /** @param {HTMLElement} root  that it lies in; a positioned element */
  constructor(root) {
    this.root = root;
    this.at = -1;
    this.title = make("h2", { class: "tour-title" });
    this.words = make("p", { class: "tour-words" });
    this.count = make("span", { class: "hint" });
    this.next = make("button", { type: "button", class: "button button-first", "data-tour": "next",
      onclick: () => this.go(this.at + 1) }, "Next");
    this.skip = make("button", { type: "button", class: "button", "data-tour": "skip",
      onclick: () => this.end() }, "Skip");
    this.element = make("div", {
      class: "tour", role: "dialog", "aria-label": "A short tour", hidden: true, "data-tour-card": "",
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        this.end();
      },
    }, this.title, this.words, make("div", { class: "tour-foot" }, this.count, this.skip, this.next));
    new ResizeObserver(() => this.place()).observe(root);
  }

  get isOn() {
    return this.at >= 0;
  }

  start() {
    this.go(0);
  }

  end() {
    storage((store) => store.setItem(SEEN, "yes"));
    this.target?.classList.remove("tour-target");
    this.at = -1;
    this.element.hidden = true;
  }

  /** @param {number} at */
  go(at) {
    this.target?.classList.remove("tour-target");
    if (at >= STEPS.length) {
      this.end();
      return;
    }
    this.at = at;
    const { target, title, touchTitle, words, touch } = STEPS[at];
    const isTouch = matchMedia("(hover: none)").matches;
    this.target = this.root.querySelector(target);
    write(this.title, isTouch ? touchTitle : title);
    write(this.words, isTouch ? touch : words);
    write(this.count, `${at + 1} of ${STEPS.length}`);
    write(this.next, at === STEPS.length - 1 ? "Done" : "Next");
    this.skip.hidden = at === STEPS.length - 1;
    this.element.hidden = false;
    this.target?.classList.add("tour-target");
    this.place();
  }

  /** Under what it is about, inside the tab. Narrow screens have it at their foot. */
  place() {
    if (!this.isOn || !this.target) return;
    const [tab, target] = [this.root, this.target].map((one) => one.getBoundingClientRect());
    const left = Math.max(MARGIN, Math.min(target.left - tab.left, tab.width - WIDTH - MARGIN));
    this.element.style.setProperty("--tour-left", `${left}px`);
    this.element.style.setProperty("--tour-top", `${target.bottom - tab.top + GAP}px`);
  }
}
