/** The row of concepts by falling mass: each with its mask on a thumbnail of the photo, its mass, peak and colour. */

import { make } from "../shared/elements.js";
import { Overlay } from "./layers.js";

const THUMBNAIL_HEIGHT = 56;
const DIMMED = 0.86;

export class Chips {
  /** on: {enter(token), leave(), press(token)} */
  constructor(on) {
    this.on = on;
    this.overlay = new Overlay();
    this.thumbnail = document.createElement("canvas");
    this.chips = new Map();
    this.painted = "";
    this.element = make("div", { class: "chips", role: "group", "aria-label": "Concepts by mass", "data-chips": "" });
  }

  /** Rebuilt when the photo's concepts change; focus stays on the same token. */
  rebuild(scene, order) {
    const focused = document.activeElement?.dataset?.chip;
    this.chips.clear();
    this.painted = "";
    const aspect = scene.image.naturalWidth / scene.image.naturalHeight;
    const ratio = Math.min(3, window.devicePixelRatio || 1);
    const width = Math.round(Math.min(2.2, Math.max(0.6, aspect)) * THUMBNAIL_HEIGHT);
    this.thumbnail.width = Math.round(width * ratio);
    this.thumbnail.height = Math.round((width / aspect) * ratio) || 1;
    const context = this.thumbnail.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(scene.image, 0, 0, this.thumbnail.width, this.thumbnail.height);
    this.element.style.setProperty("--thumbnail-width", `${width}px`);
    for (const token of order) this.chips.set(token, this.build(token, scene));
    this.element.replaceChildren(...[...this.chips.values()].map((chip) => chip.element));
    if (focused !== undefined) this.chips.get(Number(focused))?.element.focus({ preventScroll: true });
  }

  build(token, { analysis }) {
    const { mass, peak } = analysis.concepts[token];
    const percent = percentOf(mass);
    const canvas = make("canvas", { "aria-hidden": "true" });
    canvas.width = this.thumbnail.width;
    canvas.height = this.thumbnail.height;
    const element = make("button", {
      type: "button", class: "chip", "data-chip": token, "aria-pressed": "false",
      style: `--concept: ${analysis.palette[token]}`,
      "aria-label": `Concept ${token}: ${percent} of the photo, peak ${peak.toFixed(2)}`,
      title: `Concept ${token}: mass ${percent}, the mean of its column of L; peak ${peak.toFixed(2)}, its largest share`,
      onpointerenter: (event) => event.pointerType !== "touch" && this.on.enter(token),
      onpointerleave: (event) => event.pointerType !== "touch" && this.on.leave(),
      onfocus: () => element.matches(":focus-visible") && this.on.enter(token),
      onblur: () => this.on.leave(),
      onclick: () => this.on.press(token),
    },
    make("span", { class: "chip-picture" }, canvas),
    make("span", { class: "chip-name" }, make("i", { class: "swatch" }), `${token}`),
    make("span", { class: "chip-mass" }, percent),
    make("span", { class: "chip-peak" }, `peak ${peak.toFixed(2)}`));
    return { element, context: canvas.getContext("2d", { alpha: false }) };
  }

  /** Masks at the threshold; painted again only when they change. */
  drawMasks(scene, threshold) {
    const key = `${scene.key}/${threshold}/${scene.smooth}`;
    if (key === this.painted) return;
    this.painted = key;
    const { width, height } = this.thumbnail;
    for (const [token, { context }] of this.chips) {
      const lit = { kind: "mask", token, threshold };
      const { canvas } = this.overlay.render(lit, scene, DIMMED, width, height, `${key}/${token}`);
      context.drawImage(this.thumbnail, 0, 0);
      context.drawImage(canvas, 0, 0, width, height);
    }
  }

  mark({ lit, pinned, tokens }) {
    const kept = new Set(tokens);
    for (const [token, { element }] of this.chips) {
      element.toggleAttribute("data-lit", token === lit);
      element.toggleAttribute("data-dropped", !kept.has(token));
      if ((element.getAttribute("aria-pressed") === "true") !== (token === pinned)) {
        element.setAttribute("aria-pressed", String(token === pinned));
      }
    }
  }

  /** Bring a chip into its row's sight, without moving the page. */
  reveal(token) {
    const chip = this.chips.get(token)?.element;
    if (!chip) return;
    const row = this.element;
    if (chip.offsetLeft < row.scrollLeft || chip.offsetLeft + chip.offsetWidth > row.scrollLeft + row.clientWidth) {
      row.scrollTo({ left: chip.offsetLeft - row.clientWidth / 2 + chip.offsetWidth / 2 });
    }
  }
}

export function percentOf(share) {
  const percent = share * 100;
  return `${percent < 9.95 ? percent.toFixed(1) : percent.toFixed(0)} %`;
}
