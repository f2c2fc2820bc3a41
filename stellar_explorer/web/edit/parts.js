/** What the Edit tab is made of, and who is told of what one does with it. */

import { make, uniqueId } from "../shared/elements.js";
import { equivarianceBelow } from "./below.js";
import { Chips } from "./chips.js";
import { Choosing } from "./choosing.js";
import { Files } from "./edits/files.js";
import { listenToEditKeys } from "./keys.js";
import { OtherPhoto } from "./other.js";
import { PhotoView } from "./cutout/photo_view.js";
import { Redraw } from "./redraw.js";
import { Toolbar } from "./toolbar.js";
import { editList, selectionTools } from "./tools.js";

/** @typedef {import("./work.js").Work} Work */

const KEYS = "Arrow keys move the chosen concepts, with Shift further; plus and minus scale them; Delete removes; "
  + "square brackets step through the concepts; Control Z takes the last edit back, Control Shift Z brings it again; "
  + "Escape lets go.";

/** @param {import("./edit.js").EditTab} tab */
export function partsOf(tab) {
  const help = uniqueId("keys");
  const act = (/** @type {(work: Work) => void} */ todo) => tab.work && todo(tab.work);
  const name = () => other.source?.name ?? "";
  const files = new Files(tab);
  const choosing = new Choosing({ work: () => tab.work, changed: (concept) => tab.chose(concept),
    reveal: (token) => chips.reveal(token) });
  const view = new PhotoView({
    choose: (token, together, isMore) => choosing.choose(token, together, isMore), step: (by) => choosing.step(by),
    drag: (right, down, gesture) => act((work) => work.drag(right, down, gesture)),
    nudge: (right, down) => act((work) => work.nudge(right, down)),
    drop: () => act((work) => (work.dragged = null)),
    scale: (by, gesture) => act((work) => work.scale(work.size * by, gesture)),
    erase: () => act((work) => work.erase()),
  }, { label: "The photo and its concepts", help });
  const redrawn = new Redraw({
    refused: (wanted, error) => tab.refused(wanted, error),
    busy: (isBusy) => Object.assign(tab.root.dataset,
      { decoding: isBusy ? "yes" : "no", answers: redrawn.answers || "" }),
  });
  const chips = new Chips({
    enter: (token) => view.light([token]), leave: () => view.light([]),
    press: (token, isMore) => choosing.choose(token, [token], isMore),
  });
  const toolbar = new Toolbar({
    erase: () => act((work) => work.erase()), clone: () => act((work) => work.clone()),
    scale: (total) => act((work) => work.scale(total)),
    undo: () => act((work) => work.go("undo")), redo: () => act((work) => work.go("redo")),
    clear: () => act((work) => work.commit([])),
    saveCutout: files.cutout, savePhoto: files.photo, saveRedraw: files.redraw, saveRecipe: files.recipe,
    load: (file) => files.load(file),
  });
  const tools = selectionTools({ take: (how) => {
      choosing.how = how;
      tab.redraw();
    }, strengthen: (total) => act((work) => work.strengthen(total)) });
  const list = editList({ remove: (place) => act((work) => work.remove(place)) });
  const other = new OtherPhoto(tab.session, {
    open: (asked, title) => tab.openOther(asked, title),
    swapWhat: (taken) => act((work) => work.swapWhat(name(), taken)),
    swapWhere: () => act((work) => work.swapWhere(name())),
    morph: (what, where) => act((work) => work.morph(name(), what, where)),
  });
  const chosen = make("span", { class: "hint", "data-chosen": "", "aria-live": "polite" });
  const main = make("div", { class: "edit-main" }, toolbar.element,
    make("figure", { class: "panel edit-photo" },
      make("figcaption", { class: "panel-title" }, make("strong", {}, "Photo"), chosen, tab.status), view.frame),
    redrawn.element,
    make("section", { class: "concepts", "aria-label": "Concepts" }, chips.element));
  tab.root.replaceChildren(tab.progress, tab.alertBar, main,
    make("div", { class: "edit-lower" }, tools.element, other.element, list.element),
    make("p", { class: "unseen", id: help }, KEYS), equivarianceBelow(tab.session));
  listenToEditKeys({
    isShown: () => tab.isShown && tab.work !== null, undo: () => act((work) => work.go("undo")),
    redo: () => act((work) => work.go("redo")),
    hold: (isHeld) => tab.hold(isHeld), before: redrawn.before,
  });
  return { view, redrawn, choosing, chips, toolbar, tools, list, other, chosen };
}
