/** Where the parts of the tab stand. On a phone the map comes first (atlas.css). */

import { make } from "../shared/elements.js";
import { introduction } from "../shared/introduction.js";

const INTRODUCTION =
  "Each dot is one concept that the model found in one photo; dots lie close together where the model sees things " +
  "alike. Labels name the clusters: point at one for a typical example, click it to see it alone.";

/** @param {import("./atlas.js").AtlasTab} tab @returns {HTMLElement} all that there is once a map has come */
export function layOut(tab) {
  const { root, map, concepts, tools, legend, selected, clusters, toolbar, alertBar, waiting } = tab;
  map.frame.append(concepts.hoverCard.element, concepts.card.element);
  const side = make("div", { class: "atlas-map-side" }, map.frame, tools.bar);
  const top = make("div", { class: "atlas-top" }, side, legend.element);
  const content = make("div", { class: "atlas-content", hidden: true }, top, selected.element, clusters.element);
  const about = introduction(INTRODUCTION, "stellar-introduction-atlas");
  root.append(about, toolbar.element, alertBar, waiting.element, content);
  root.dataset.state = "loading";
  return content;
}

/** Colours and crops are the theme's: they are drawn anew with it. @param {import("./atlas.js").AtlasTab} tab */
export function watchTheme(tab) {
  let wasDark = tab.isDark;
  new MutationObserver(() => {
    if (tab.isDark === wasDark) return;
    wasDark = tab.isDark;
    tab.repaint();
  }).observe(document.body, { attributes: true, attributeFilter: ["class"] });
}
