/**
 * What is told of one concept or cluster: a passing card under the pointer, or one that stays, with what can be done.
 */

import { icon, make } from "../shared/elements.js";
import { nameOf, namesInWords } from "../shared/names.js";
import { teachMarks } from "../teach/marks.js";
import { percentOf } from "./fields.js";
import { count } from "./search.js";

export const PICTURE = 240;
const GAP = 16;

/**
 * cluster: as its category; title: of the photo, or null where it is not known.
 * @typedef {import("./map/map.js").Place} Place @typedef {import("./points.js").Points} Points
 * @typedef {import("./fields.js").Category} Category
 * @typedef {{row: number, code: number, points: Points, cluster: Category, title: string | null, isPinned: boolean}}
 *   Shown
 */

export class Card {
  /**
   * @param {import("./crops.js").Crops} crops
   * @param {{retrieve: (row: number) => void, look: (row: number) => void, cluster: (code: number) => void, close: ()
   *   => void,
   *   example: (row: number) => any}} on  example: the concept as an example of a word
   */
  constructor(crops, on) {
    this.crops = crops;
    this.on = on;
    /** @type {Shown | null} */
    this.shown = null;
    /** @type {[string, number][] | null} */
    this.taught = null;
    this.told = "";
    /** @type {Place} */
    this.place = { x: 0, y: 0 };
    this.marks = teachMarks(() => this.shown && on.example(this.shown.row));
    this.element = make("div", { class: "atlas-card", hidden: true });
  }

  /** A concept, or where row is -1 the cluster of the code. @param {Shown} shown @param {Place} place */
  show(shown, place) {
    this.shown = shown;
    this.place = place;
    this.taught = null;
    this.element.hidden = false;
    this.element.toggleAttribute("data-pinned", shown.isPinned);
    this.marks.show(shown.isPinned ? this.on.example(shown.row).key : null);
    if (shown.isPinned) {
      this.element.setAttribute("role", "group");
      this.element.setAttribute("aria-label", "The concept that was chosen");
    } else this.element.setAttribute("aria-hidden", "true"); // the table has it in words
    this.fill();
    this.put();
  }

  /** By the visitor's own words too, which come later. @param {[string, number][]} taught */
  call(taught) {
    this.taught = taught;
    this.fill();
  }

  hide() {
    this.shown = null;
    this.told = "";
    this.element.hidden = true;
  }

  /** Called again when what was missing has arrived. */
  fill() {
    if (!this.shown) return;
    const { row, points, code, isPinned, title } = this.shown;
    const typical = typicalOf(points, code);
    // What only passes under the pointer asks for nothing: until its own crop is there, its cluster's typical one
    // stands in.
    const own = row < 0
        ? null : isPinned ? this.crops.picture(points.id[row], PICTURE) : this.crops.kept(points.id[row], PICTURE);
    const picture = own ?? (isPinned ? null : this.crops.kept(typical, PICTURE));
    const facts = row < 0 ? null : this.crops.facts.get(points.id[row]);
    const told = JSON.stringify([row, code, isPinned, Boolean(own), Boolean(picture), !facts, this.taught, title]);
    if (told === this.told) return; // what has focus keeps it
    this.told = told;
    const canvas = make("canvas", { width: PICTURE, height: PICTURE, "aria-hidden": "true" });
    if (picture) canvas.getContext("2d")?.drawImage(picture, 0, 0);
    const caption = picture && !own
        ? make("span", { class: "atlas-card-caption" }, row < 0 ? "typical" : "typical of its cluster") : null;
    const side = isPinned ? make(
          "button",
          {
            type: "button", class: "atlas-card-picture", "aria-label": "Explore this photo",
            title: "Explore this photo", onclick: () => this.on.look(row),
          },
          canvas,
        ) : make("div", { class: "atlas-card-picture" }, canvas, caption);
    const words = make("div", { class: "atlas-card-words" }, ...(row < 0 ? this.clusterWords() : this.conceptWords()));
    const refocus = isPinned && this.element.contains(document.activeElement)
        ? document.activeElement?.getAttribute("data-do") : null;
    this.element.replaceChildren(
      make("div", { class: "atlas-card-body" }, side, words), ...(isPinned ? this.actions(row, code) : []),
    );
    if (refocus) /** @type {HTMLElement?} */ (this.element.querySelector(`[data-do="${refocus}"]`))?.focus();
  }

  conceptWords() {
    const { row, points, cluster, title } = /** @type {Shown} */ (this.shown);
    const facts = this.crops.facts.get(points.id[row]);
    const taught = this.taught ?? facts?.taught ?? [];
    const names = facts?.names ?? [];
    const photo = facts?.name ?? title ?? "";
    const name = nameOf(names, taught) ?? points.nameOf(row);
    return [
      make("strong", {}, name ?? "unnamed"), make("p", { class: "hint" }, namesInWords(names, taught)),
      make("dl", {}, line("Cluster", swatch(cluster), cluster.label),
        line("Share", `${percentOf(points.mass[row])} of the photo`), facts?.label ? line("Label", facts.label) : null,
        line("Photo", make("span", { title: photo }, photo || " "))),
    ];
  }

  clusterWords() {
    const { code, points, cluster } = /** @type {Shown} */ (this.shown);
    const { count: concepts, num_photos: photos, mass } = points.manifest.clusters[code];
    return [
      make("strong", {}, cluster.label), make("p", { class: "hint" }, "A cluster"),
      make("dl", {}, line("Colour", swatch(cluster), cluster.colourName),
        line("Holds", `${count(concepts, "concept")} from ${count(photos, "photo")}`),
        line("Share", `${percentOf(mass)} of its photos`)),
    ];
  }

  /** @param {number} row @param {number} code */
  actions(row, code) {
    const act = (
      /** @type {string} */ name,
      /** @type {string} */ words,
      /** @type {() => void} */ onclick,
      isFirst = false,
    ) =>
      make("button", { type: "button", class: isFirst ? "button button-first" : "button", "data-do": name, onclick },
        words);
    return [
      make("div", { class: "atlas-card-actions" },
        act("retrieve", "Find in other photos", () => this.on.retrieve(row), true),
        act("look", "Explore this photo", () => this.on.look(row)),
        act("cluster", "Show its cluster", () => this.on.cluster(code)), this.marks.element),
      make("button", {
        type: "button", class: "quiet-button atlas-card-close", "aria-label": "Close", title: "Close",
        "data-do": "close", onclick: () => this.on.close(),
      }, icon("close")),
    ];
  }

  /** Beside the concept, on the side with more room. */
  put() {
    const frame = this.element.parentElement;
    if (!frame || !this.shown) return;
    const { clientWidth: width, clientHeight: height } = frame;
    const { offsetWidth, offsetHeight } = this.element;
    const x = this.place.x < width / 2 ? this.place.x + GAP : this.place.x - GAP - offsetWidth;
    const y = Math.max(8, Math.min(this.place.y - offsetHeight / 2, height - offsetHeight - 8));
    const left = Math.min(Math.max(8, x), Math.max(8, width - offsetWidth - 8));
    this.element.style.transform = `translate(${Math.round(left)}px, ${Math.round(y)}px)`;
  }
}

/** @param {string} term @param {...any} words */
const line = (term, ...words) => make("div", {}, make("dt", {}, term), make("dd", {}, ...words));

/** @param {Category} category */
export const swatch = ({ colour, colourName }) =>
  make("i", { class: "swatch", style: `--concept: ${colour}`, title: colourName });

/** @param {Points} points @param {number} code @returns {number} the concept that stands for a cluster */
function typicalOf(points, code) {
  const { crop, typical } = points.manifest.clusters[code];
  return crop?.concept ?? typical[0];
}
