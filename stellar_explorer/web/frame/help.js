/** Two dialogs, fetched when they are first asked for: what each tab does and what happens to photos; and the keys. */

import { make } from "../shared/elements.js";

/** @typedef {import("../shared/session.js").Session} Session @typedef {(tab: string) => Promise<void>} Mounted */

const VIEWS = [
  ["Explore", "Shows a photo's concepts, each a thing and its place. Point at one, pin it, compare."],
  ["Retrieve", "Finds the pinned concept, a whole photo or a word in other photos, the examples or your own."],
  ["Atlas", "Lays out all concepts of a collection as a map, the alike side by side."],
  ["Reconstruct", "Draws the photo again from its concepts alone, beside other models with as many tokens."],
  ["Edit", "Moves, copies, scales and removes what is in a photo; beside it, what the model makes of that."],
  ["Models", "Lists the models at hand with their scores, how they were trained, and trainings that run now."],
];
const PHOTOS = "Photos that you add are kept in the server's memory while this page shows them, and are then "
  + "forgotten. They are never in a link, and no other visitor can reach them. Photos that you add in Retrieve to "
  + "search among lie in a private folder of the server until this page is closed.";

/** @type {[string, [string, string][]][]} */
const KEYS = [
  ["Everywhere", [["← →", "from tab to tab or from photo to photo, where one has the focus"], ["Enter", "open it"],
    ["Delete", "take the photo in focus out of yours"], ["Alt ←", "back: the photo, concept or tab before"],
    ["?", "this list"]]],
  ["Explore", [["← → ↑ ↓", "move over the picture in focus; with Shift four patches at a time"],
    ["Enter", "pin or unpin the concept there"], ["[ ]", "previous and next concept"], ["Esc", "unpin"],
    ["S", "held: patches similar to the one under the pointer"]]],
  ["Retrieve", [["← → ↑ ↓", "from match to match"], ["[ ]", "previous and next concept"], ["Esc", "unpin"]]],
  ["Atlas", [["← → ↑ ↓", "move the map"], ["+ −", "zoom"], ["0", "fit all in"],
    ["Enter", "pick what is in the middle"], ["Esc", "cancel a selection"]]],
  ["Reconstruct", [["← →", "fewer or more concepts, on the curve in focus"],
    ["Enter", "pin or unpin the concept in focus"]]],
  ["Edit", [["← → ↑ ↓", "move what is selected; with Shift four times as far"], ["+ −", "grow and shrink it"],
    ["Delete", "erase it"], ["Ctrl wheel", "grow and shrink it"], ["Ctrl Z", "undo"], ["Ctrl Y", "redo"],
    ["B", "held: the photo before editing"]]],
  ["Models", [["← →", "from step to step, on the curve in focus"]]],
];

/** @param {string} name @param {string} label @param {...import("../shared/elements.js").Child} content */
function dialog(name, label, ...content) {
  const found = document.querySelector(`dialog[data-dialog=${name}]`);
  if (found instanceof HTMLDialogElement) return found;
  const title = make("h2", { id: `${name}-title`, tabindex: -1, autofocus: true }, label); // read from the top
  const element = make("dialog", { class: "dialog help-dialog", "aria-labelledby": title.id, "data-dialog": name },
    title, ...content);
  element.addEventListener("click", (event) => event.target === element && element.close()); // beside it
  return element;
}

/** @param {[string | Node, string][]} rows */
function list(rows) {
  return make("dl", { class: "help-list" },
    ...rows.flatMap(([name, words]) => [make("dt", {}, name), make("dd", {}, words)]));
}

/** @param {...Node} more beside Close */
function foot(...more) {
  const close = make("button", { class: "button" }, "Close");
  return make("form", { method: "dialog", class: "dialog-actions" }, ...more, close);
}

/** @param {Element} frame @param {Session} session @param {Mounted} mounted */
export function openHelp(frame, session, mounted) {
  const tour = make("button", {
    class: "button button-first", "data-action": "tour", onclick: async () => {
      session.change({ tab: "explore" });
      await mounted("explore");
      document.dispatchEvent(new CustomEvent("stellar-tour"));
    },
  }, "Start the tour");
  const element = dialog("help", "Help",
    make("p", {}, "A STELLAR model sees a photo as a few concepts, each a thing and its place. Each tab is another way "
      + "to look at them; the photo, the pinned concept and the model go along from tab to tab."),
    list(VIEWS.map(([name, words]) => [name, words])),
    make("h3", {}, "Your photos"), make("p", {}, PHOTOS), foot(tour));
  frame.append(element);
  element.showModal();
}

/** @param {Element} frame */
export function openKeyboard(frame) {
  const sections = KEYS.map(([where, keys]) => make("section", {}, make("h3", {}, where),
    list(keys.map(([key, words]) => [make("kbd", {}, key), words]))));
  const element = dialog("keyboard", "Keyboard", make("div", { class: "help-keys" }, ...sections), foot());
  frame.append(element);
  element.showModal();
}
