/** What the section is called and about: in the page at once, so that one can go to it before the rest is brought. */

import { make } from "../shared/elements.js";

export const TITLE = "What moves, what stays";
const INTRODUCTION = "When a photo moves, the same things are in other places: the positions of a model's concepts "
  + "should move along, and their appearance should stay. Move the photo and watch both, beside a model that has no "
  + "concepts.";

export function heading() {
  return make("header", { class: "eq-header" }, make("h2", {}, TITLE),
    make("p", { class: "eq-introduction" }, INTRODUCTION));
}
