/** What stands where in "What moves, what stays", and its words that never change. */

import { choice, slider } from "../shared/controls.js";
import { make } from "../shared/elements.js";
import { AmountCurve } from "./curve.js";
import { ConceptPicture, MovingPhoto } from "./maps.js";
import { Numbers } from "./numbers.js";

/** @typedef {import("./maps.js").TokenEvents} TokenEvents @typedef {import("./maps.js").Which} Which */
/**
 * tokens: of the model's and of the peer's. words: of an amount of the change that is looked at.
 * @typedef {{change: (name: string) => void, amount: (amount: number) => void, peer: (name: string) => void,
 *   words: (amount: number) => string, tokens: [TokenEvents, TokenEvents], resize: () => void}} Events
 */

const isTouch = matchMedia("(hover: none)").matches;
export const POINT = isTouch ? "Tap" : "Point at";
const UNKNOWN = "\u00a0"; // as high as the words that come with the first answer; not shown until then
const MEASURED = [
  ["In one line",
    "Features are positions times appearance, X ≈ L S. Moved by θ: dZ/dθ = (dL/dθ) S + L (dS/dθ), Z = L S; L should "
    + "move along (equivariant), S should stay (invariant)."],
  ["How it is measured",
    "The photo is encoded before and after, at 224 px. The two sets of tokens are matched one to one so that the "
    + "sum of the cosine similarities of their semantics S is largest; which token went to which place is not used. "
    + "Weighted by share is weighted by a token's mean of L, before and after. "
    + "The split is of the change of Z at the same places of the grid: dZ = dL S + L dS + dL dS; a part's "
    + "percentage is its projection on dZ, so the three add up to 100 % and one may lie below 0."],
  ["What is predicted",
    "L (and X) before, moved as the photo was, bilinearly between patches. Compared only where a patch lies wholly "
    + "in the photo before; in the pictures the rest is darkened. The share is 1 − |found − predicted|² / |found − "
    + "before|². Steps of half a patch, turns and crops fall between patches, so nothing can be predicted to 100 % "
    + "there. Shift, flip and turn move the photo as the model sees it, and what comes in over the border is its "
    + "mirror image; a crop is taken from the file's own pixels."],
  ["Why this peer",
    "A model without tokens has its patch features X alone. They move with the photo nearly as well as a STELLAR's "
    + "do, as the row X says: for a convolutional network that is built in. What X lacks is a division into "
    + "position and appearance, so K-means over the patches of each photo, as many centroids as there are concepts, "
    + "stands in for it: its centroids are S, its one-hot patches L."],
  ["What this does not show",
    "K-means starts anew for each photo, and its clusters would differ even if the photo had not moved and only the "
    + "start were another: the dotted line of the first curve says by how much. Its L is one-hot, where a STELLAR's "
    + "is soft, which makes its changes harder to predict. The peer was trained on other data, for another purpose. "
    + "One photo is one photo; python -m train.evaluate nano --data equivariance=DIR takes the same numbers over "
    + "many."],
];

/** @param {"model" | "peer"} subject @param {TokenEvents} on @param {() => void} onresize */
function row(subject, on, onresize) {
  const title = make("h3", {}, UNKNOWN);
  const note = make("p", { class: "hint" }, UNKNOWN);
  const picture = (/** @type {Which} */ which, /** @type {string} */ name, /** @type {string} */ hint) =>
    new ConceptPicture(`${subject}-${which}`, name, hint, on, onresize);
  const pictures = {
    before: picture("before", "Before", "the concept map of the photo"),
    predicted: picture("predicted", "Predicted", "that map, moved along"),
    found: picture("found", "Found", "the map of the moved photo"),
  };
  const name = make("div", { class: "eq-row-name", "data-row": subject }, title, note);
  return { title, note, pictures, parts: [name, ...Object.values(pictures).map(({ element }) => element)] };
}

function details() {
  return make("details", { class: "eq-details" },
    make("summary", {}, "How this is measured, and what it does not show"),
    make("dl", {}, ...MEASURED.flatMap(([title, words]) => [make("dt", {}, title), make("dd", {}, words)])));
}

/** @param {import("./steps.js").Change[]} changes @param {Events} on */
export function layout(changes, on) {
  const change = choice({
    name: "change", label: "Change the photo", hint: changes[0].hint, onchange: on.change,
    options: changes.map(({ name, label, hint }) => ({ value: name, label, hint })),
  });
  const amount = slider({
    name: "amount", label: "How far", min: 0, max: 1, step: 1,
    hint: isTouch ? "Drag to move the photo." : "Drag, or use the arrow keys.", words: on.words, onchange: on.amount,
  });
  const peer = choice({ name: "peer", label: "Beside", hint: " ", options: [], onchange: on.peer });
  const photo = new MovingPhoto(on.resize);
  const rows = [row("model", on.tokens[0], on.resize), row("peer", on.tokens[1], on.resize)];
  const numbers = new Numbers(on.tokens);
  const curves = {
    stays: new AmountCurve("stays", "Appearance stays",
      "Similarity of matched concepts, weighted by share (1 = identical)."),
    moves: new AmountCurve("moves", "Position moves along",
      "Similarity of the predicted L with the L found; dotted: had L stayed where it was."),
  };
  const side = make("div", { class: "eq-side" }, photo.element, amount.element, change.element, peer.element);
  const elements = [
    make("div", { class: "eq-figure" }, side, ...rows.flatMap(({ parts }) => parts)), numbers.element,
    make("div", { class: "eq-curves" }, curves.stays.element, curves.moves.element), details(),
  ];
  return { elements, change, amount, peer, photo, rows, numbers, curves };
}
