/**
 * The controls over and on the map: collection, colours, search, what is drawn, tools, zoom, and the menu to save it.
 */

import { choice } from "../shared/controls.js";
import { icon, make, uniqueId, write } from "../shared/elements.js";
import { FIELDS } from "./fields.js";
import { SearchBox, count } from "./search.js";

const KINDS = [
  ["png", "PNG", "What is in view, with its legend, twice the size"],
  ["svg", "SVG", "The same as lines and text, for print"],
];

/** @param {string[]} fields */
const optionsOf = (fields) => fields.map((value) => ({ value, label: FIELDS[value].label, hint: FIELDS[value].hint }));

/** The sign of "all of it": corners. */
function corners() {
  const svg = icon("close");
  const [one, other] = svg.children;
  one.setAttribute("d", "M4 8V4h4M12 4h4v4");
  other.setAttribute("d", "M16 12v4h-4M8 16H4v-4");
  return svg;
}

export class Toolbar {
  /**
   * @param {{collection: (name: string) => void, colour: (field: string) => void, search: (text: string) => void,
   *   thumbnails: (isOn: boolean) => void, save: (kind: string) => void}} on
   */
  constructor(on) {
    const id = uniqueId("collection");
    this.fresh = make("p", { class: "hint", role: "status" });
    this.facts = make("p", { class: "hint", "data-facts": "" });
    this.chooser = make("select", { id, "data-collection": "", onchange: () => on.collection(this.chooser.value) });
    this.colours = choice({
      name: "colour", label: "Colour by", hint: FIELDS.cluster.hint, options: optionsOf(Object.keys(FIELDS)),
      onchange: on.colour,
    });
    this.search = new SearchBox(on.search);
    const thumbnails = make("button", {
      type: "button", class: "button", "aria-pressed": "true",
      title: "Crops of the concepts instead of dots, once few enough are in view",
      onclick: () => {
        const isOn = thumbnails.getAttribute("aria-pressed") !== "true";
        thumbnails.setAttribute("aria-pressed", String(isOn));
        on.thumbnails(isOn);
      },
    }, "Show thumbnails when zoomed in");
    this.element = make("div", { class: "toolbar atlas-toolbar" },
      make("div", { class: "control" }, make("label", { for: id }, "Collection"), this.chooser, this.facts, this.fresh),
      this.search.element, this.colours.element,
      make("div", { class: "actions atlas-actions" }, thumbnails, saveMenu(on.save)));
  }

  /** @param {import("./server.js").Collection[]} collections @param {string} chosen */
  offer(collections, chosen) {
    this.chooser.replaceChildren(...collections.map(({ name, title }) =>
        make("option", { value: name, selected: name === chosen }, title ?? name),
      ));
  }

  /** @param {import("./points.js").Points} points @param {string} field */
  open(points, field) {
    const { num_photos: photos, num_concepts: concepts, num_points: shown, clusters } = points.manifest;
    const part = shown < concepts ? `; every ${Math.round(concepts / shown)}th is shown` : "";
    write(this.facts,
      `${count(concepts, "concept")} of ${count(photos, "photo")} in ${count(clusters.length, "cluster")}${part}`);
    this.colours.offer(optionsOf(points.telling(Object.keys(FIELDS))));
    this.colour(field);
  }

  /** @param {string} field */
  colour(field) {
    this.colours.set(field);
    write(/** @type {Node} */ (this.colours.element.querySelector(".hint")), FIELDS[field].hint);
  }
}

/** @param {(kind: string) => void} onsave */
function saveMenu(onsave) {
  const item = (/** @type {string[]} */ [kind, words, hint]) =>
    make("button", {
      type: "button", class: "menu-item atlas-menu-item",
      onclick: () => {
        menu.open = false;
        onsave(kind);
      },
    }, make("strong", {}, words), make("span", { class: "hint" }, hint));
  const menu = make("details", { class: "menu" }, make("summary", { class: "button" }, icon("download"), "Save map"),
    make("div", { class: "menu-items" }, ...KINDS.map(item)));
  document.addEventListener("pointerdown", (event) => {
    if (!menu.contains(/** @type {Node} */ (event.target))) menu.open = false;
  });
  menu.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape" || !menu.open) return;
    event.stopPropagation();
    menu.open = false;
    /** @type {HTMLElement?} */ (menu.firstElementChild)?.focus();
  });
  return menu;
}

/** What is below the map, for nothing lies on it that could hide a dot. @param {import("./map/map.js").AtlasMap} map */
export function mapTools(map) {
  const isTouch = matchMedia("(hover: none)").matches;
  const tools = choice({
    name: "tool", label: "Tool", title: false, hint: "",
    options: [
      {
        value: "move", label: "Move",
        hint: isTouch
          ? "Drag to move, pinch to zoom, tap a concept for more"
          : "Drag to move, scroll to zoom, click a concept for more",
      },
      { value: "lasso", label: "Lasso", hint: "Draw around dots to select them; in Move, hold Shift and draw" },
    ],
    onchange: (/** @type {string} */ tool) => map.setTool(tool),
  });
  tools.set("move");
  const zoom = (/** @type {any} */ words, /** @type {string} */ label, /** @type {() => void} */ onclick) =>
    make("button", { type: "button", class: "atlas-zoom", "aria-label": label, title: label, onclick }, words);
  const done = make("button", {
    type: "button", class: "button atlas-done", hidden: true, onclick: () => map.gestures.activate(false),
  }, "Done: scroll the page again");
  const zooms = make("div", { class: "atlas-zooms", role: "group", "aria-label": "Zoom" },
    zoom("+", "Zoom in", () => map.view.zoom(1.5)), zoom("−", "Zoom out", () => map.view.zoom(1 / 1.5)),
    zoom(corners(), "Fit", () => map.view.fit()));
  const help = make("p", { class: "hint atlas-help" },
    isTouch ? "Tap the map to work on it: then one finger moves it. Two fingers zoom. " +
          "Draw around dots with the lasso to select them; tap one for more."
      : "Scroll to zoom, drag to move. Hold Shift and draw around dots to select them. " +
          "Click one for more, twice to find it in other photos.");
  const bar = make("div", { class: "atlas-under" }, tools.element, zooms, done, help);
  return {
    bar,
    showActive: (/** @type {boolean} */ isActive) => {
      done.hidden = !isActive;
    },
  };
}
