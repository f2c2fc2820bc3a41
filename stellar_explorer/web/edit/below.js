/** What moves, what stays, below the editor: its heading is there at once, the rest comes when one scrolls near. */

import { heading } from "../equivariance/heading.js";
import { make } from "../shared/elements.js";

/** @param {import("../shared/session.js").Session} session @returns {HTMLElement} its place */
export function equivarianceBelow(session) {
  const place = make("div", { class: "edit-below stellar-equivariance", "data-equivariance": "" }, heading());
  const observer = new IntersectionObserver(async (entries) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    observer.disconnect();
    const { mountEquivariance } = await import("../equivariance/equivariance.js");
    mountEquivariance({ root: place, session });
  }, { rootMargin: "300px" });
  observer.observe(place);
  return place;
}
