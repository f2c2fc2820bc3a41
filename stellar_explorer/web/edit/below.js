/** What moves, what stays: below the editor, brought when one scrolls near. */

import { make } from "../shared/elements.js";
import { askedOf } from "../shared/session.js";
import { tellPhoto } from "./photo.js";

/** @param {import("../shared/session.js").Session} session @returns {HTMLElement} its place */
export function equivarianceBelow(session) {
  const place = make("div", { class: "edit-below", "data-equivariance": "" });
  const observer = new IntersectionObserver(async (entries) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    observer.disconnect();
    const { mountEquivariance } = await import("../equivariance/equivariance.js");
    const tell = () => tellPhoto({ asked: askedOf(session.state.photo), model: session.state.model });
    session.subscribe(tell); // TODO goes with photo.js when the section follows the session by itself
    tell();
    const options = { root: place, element: place, session };
    mountEquivariance(options);
  }, { rootMargin: "300px" });
  observer.observe(place);
  return place;
}
