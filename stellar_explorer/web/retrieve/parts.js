/** The parts of the Retrieve tab, each told what to do when something is asked of it, and where they stand. */

import { choice } from "../shared/controls.js";
import { make } from "../shared/elements.js";
import { fetchJson } from "../shared/server.js";
import { conceptExample } from "../teach/examples.js";
import { TeachPanel } from "../teach/panel.js";
import { taughtWords } from "../teach/store.js";
import { Builder } from "./question/builder.js";
import { CollectionMenu } from "./collections/collections.js";
import { dropHalves } from "./collections/drops.js";
import { filtersIn, keptOf } from "./results/narrowing.js";
import { OwnCollection } from "./collections/own_collection.js";
import { collectionAddress } from "./photo.js";
import { Results } from "./results/results.js";
import { vocabularyOf } from "./question/suggestions.js";
import { PhotoView } from "./view.js";
import { WordBox } from "./question/words.js";

const KINDS = [
  { value: "concept", label: "Concept", hint: "Pick one in the photo" },
  { value: "box", label: "Box", hint: "Draw a box to search for its contents" },
  { value: "photo", label: "Whole photo", hint: "Photos with the same set of concepts" },
];

/** @param {import("./retrieve.js").RetrieveTab} tab */
export function partsOf(tab) {
  const { asks, session, root } = tab;
  const during = (/** @type {Promise<any>} */ work) => tab.during(work);
  const own = new OwnCollection(session.settings, {
    choose: (name) => asks.collection(name), searchAgain: () => tab.searchAgain(), during,
    refuse: (sentence) => tab.alert(sentence),
  });
  const menu = new CollectionMenu(own.photos, {
    choose: (name) => asks.collection(name), changed: () => tab.refresh(), browse: () => asks.browse(),
    add: () => own.photos.choose(), removeOwn: () => own.remove(),
  });
  own.menu = menu;
  const kinds = kindsChoice((kind) => asks.kind(kind));
  const words = new WordBox((word) => asks.word(word), { label: "Search by a word", name: "word", hasButton: true });
  const view = new PhotoView({ choose: (token) => asks.concept(token), box: (box) => asks.box(box) });
  const builder = new Builder({ rows: (rows, pick) => asks.rows(rows, pick), pick: (row) => asks.pick(row) });
  const teach = new TeachPanel({
    chosen: () => conceptExample(tab.question.subject), search: (word) => asks.word(word), during,
    taught: (word) => {
      tab.wordsChanged();
      asks.word(word);
    },
    forgotten: () => tab.wordsChanged(),
  });
  const results = new Results(tab.status, tab.progress, {
    open: (result, hit) => asks.open(result.photo, hit), browsed: ({ photo }) => asks.open(photo, null),
    mark: (hit, mark, result, image) => asks.mark(hit, mark, result, image), unmark: () => asks.unmark(),
    light: (pairs) => view.lightTogether(pairs), edit: () => session.change({ tab: "edit" }), during,
    more: () => tab.searchMore(), link: () => tab.links.link(), fail: (error) => tab.fail(error),
    filter: (values) => {
      const kept = keptOf(values);
      session.changeView("retrieve", { filters: Object.keys(kept).length ? kept : undefined });
    },
    least: (least) => session.changeView("retrieve", { least: least || undefined }),
    fold: (isOpen) => session.changeView("retrieve", { isAdjusting: isOpen || undefined }),
  });
  const veil = dropHalves({ isShown: () => tab.isShown, keep: (files) => own.keep(files) });
  root.dataset.retrieve = "";
  root.replaceChildren(
    make("div", { class: "retrieve-toolbar" }, menu.element,
      make("div", { class: "retrieve-kinds" }, make("span", { "aria-hidden": "true" }, "Search by"), kinds.element),
      make("div", { class: "retrieve-word" }, make("span", { "aria-hidden": "true" }, "or a word"), words.element)),
    tab.alertBar, own.photos.element, own.photos.chooser,
    make("div", { class: "retrieve-body" },
      make("aside", { class: "retrieve-ask", "aria-label": "What is asked" }, view.element, builder.element,
        teach.element),
      results.element), veil);
  return { own, menu, kinds, words, view, builder, teach, results };
}

/** Of which none may be chosen: a word is asked with then. @param {(kind: string) => void} onchange */
function kindsChoice(onchange) {
  const kinds = choice({ name: "kind", label: "Search by", hint: "", title: false, options: KINDS, onchange });
  return {
    element: kinds.element,
    /** @param {string | null} kind */
    set(kind) {
      kinds.set(kind);
      if (kind === null) for (const input of kinds.element.querySelectorAll("input")) input.checked = false;
    },
  };
}

/**
 * The words and labels of a collection that is opened; suggestions only: a search says what is wrong.
 * @param {import("./retrieve.js").RetrieveTab} tab @param {import("./collections/collections.js").Facts} collection
 */
export async function offerWords(tab, collection) {
  const { words, builder, results: { filters }, session } = tab;
  const answer = await fetchJson(collectionAddress(collection.name, "words.json")).catch(() => null);
  if (!answer || collection.name !== tab.collection?.name) return;
  const vocabulary = vocabularyOf(answer, taughtWords(collection.identity).map(({ word }) => word));
  words.offer(vocabulary);
  builder.vocabulary = vocabulary;
  filters.offer(answer.labels);
  const values = filtersIn(session.state);
  if (values.label === null || filters.known?.includes(values.label)) return;
  // This collection has no such label.
  session.changeView("retrieve", { filters: keptOf({ ...values, label: null }) });
}
