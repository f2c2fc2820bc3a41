/** What moves, what stays: below the editor, brought when one scrolls near. */

import { make } from "../shared/elements.js";

/** @param {import("../shared/session.js").Session} session @returns {HTMLElement} its place */
export function equivarianceBelow(session) {
  const place = make("div", { class: "edit-below", "data-equivariance": "" });
  const observer = new IntersectionObserver(async (entries) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    observer.disconnect();
    const { mountEquivariance } = await import("../equivariance/equivariance.js");
    mountEquivariance({ root: place, session });
  }, { rootMargin: "300px" });
  observer.observe(place);
  return place;
}
