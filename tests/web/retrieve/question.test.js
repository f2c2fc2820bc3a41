/** Retrieve's question: as the session has it, as a query, in words, and in an address. */

import assert from "node:assert/strict";
import test from "node:test";

import { FakeWindow, install } from "../fakes.js";

install(new FakeWindow());
const { read, write } = await import("../../../stellar_explorer/web/retrieve/question/address.js");
const { queryOf, relationsFor, sentenceOf, wordOf } =
  await import("../../../stellar_explorer/web/retrieve/question/query.js");
const { CONCEPT_PICKED, askedIn, asking, askingAnew, marked, subjectIn } =
  await import("../../../stellar_explorer/web/retrieve/question/question.js");
const { readText, sourceOf, textOf } = await import("../../../stellar_explorer/web/retrieve/question/references.js");

const HORSES = { example: "horses" };
const OWN = { photo: "T", name: "mine.png" };
const FOUND = { photo: "U", name: "12.jpg", from: { collection: "mine", id: 12 } };
const STATE = {
  tab: "retrieve", photo: HORSES, concept: 3, model: "nano", resolution: 448, collection: null, views: {},
};
const BOX = [0.1, 0.2, 0.5, 0.6];
const with_ = (state, values, more) => ({ ...state, views: asking(state, values, more) });

test("the pinned concept is the question, and what belongs to one photo says nothing of another", () => {
  assert.equal(askedIn(STATE).kind, "concept");
  assert.deepEqual(subjectIn(STATE), { of: HORSES, token: 3 });
  for (const [values, view, kind] of [
    [{ word: "dog" }, {}, "word"], [{ box: BOX }, { by: "box" }, "box"], [{ isBrowsing: true }, {}, "nothing"]]) {
    const asked = with_(STATE, values, { view });
    assert.equal(askedIn(asked).kind, kind);
    assert.equal(askedIn({ ...asked, photo: { example: "kitten" } }).kind, "concept");
    assert.equal(askedIn({ ...asked, photo: HORSES }).kind, kind);
  }
  assert.equal(askedIn(with_(STATE, {}, { view: { by: "box" } })).kind, "concept", "a box is still to be drawn");
  assert.equal(subjectIn({ ...STATE, concept: null }), null);
});

test("another concept keeps the conditions and drops ratings; a new question drops all", () => {
  const rows = [{ relation: "also", of: { of: HORSES, token: 5 } }];
  let state = with_(STATE, { rows, word: "dog" });
  state = with_(state, { marks: marked(state, 7, "good") });
  assert.deepEqual(askedIn(state).good, [7]);
  const picked = with_(state, CONCEPT_PICKED);
  assert.deepEqual([askedIn(picked).rows, askedIn(picked).good, askedIn(picked).kind], [rows, [], "concept"]);
  const anew = { ...state, views: askingAnew(state, { word: "cat" }) };
  assert.deepEqual([askedIn(anew).rows, askedIn(anew).good, askedIn(anew).word], [[], [], "cat"]);
});

test("a rating is of one collection, and the last one counts", () => {
  let state = STATE;
  for (const mark of ["good", "bad", null]) {
    state = with_(state, { marks: marked(state, 7, mark) });
    const { good, bad } = askedIn(state);
    assert.deepEqual([good, bad], [mark === "good" ? [7] : [], mark === "bad" ? [7] : []]);
  }
  state = with_(state, { marks: marked(state, 7, "good") });
  assert.deepEqual(askedIn({ ...state, collection: "other" }).good, []);
});

test("what is written in an address is read again", () => {
  const rows = [
    { relation: "also", of: { of: { example: "kitten" }, token: 2 } }, { relation: "covers", share: 0.2 },
    { relation: "not", of: { word: "dog" } }];
  for (const subject of [{ of: HORSES, token: 3 }, { of: HORSES }, { of: { collection: "mine", id: 12 }, token: 1 },
    { of: HORSES, box: BOX }, { word: "big cat" }]) {
    const text = textOf(subject, rows, "mine");
    assert.deepEqual(readText(text, "mine"), { subject, rows });
  }
  assert.equal(textOf({ of: sourceOf(OWN), token: 3 }, [], "mine"), null, "an upload is in no link");
  assert.equal(textOf({ of: sourceOf(FOUND), token: 3 }, [], "mine"), "12.3");
  assert.equal(textOf({ of: sourceOf(FOUND), token: 3 }, [], "other"), null);
  assert.equal(textOf({ of: { collection: "own-x", id: 1 }, token: 3 }, [], "own-x"), null, "nor are one's own photos");
  assert.equal(textOf({ of: HORSES, token: 3 }, [{ relation: "also", of: { of: sourceOf(OWN), token: 1 } }], "mine"),
    "horses.3");
});

test("nonsense in an address is nothing", () => {
  for (const text of [null, "", "~~", '""', "horses@.9,.9,.1,.1", "horses.12345", "<b>.1", "horses@1,2"]) {
    assert.equal(readText(text, "mine"), null, String(text));
  }
  const { rows } = readText(`horses.1~sum:horses.2~covers:7~also:horses~__proto__:horses.1${"~also:x.1".repeat(40)}`,
    "mine");
  assert.ok(rows.length <= 12 && rows.every(({ relation }) => relation === "also"));
});

test("the view stands in the address where it differs from the default", () => {
  assert.deepEqual(Object.entries(write(STATE)).filter(([, value]) => value !== null), [["find", "horses.3"]]);
  const query = new URLSearchParams("find=horses.3&least=0.30&size=large&alike=folded&label=dog&place=nowhere");
  const view = read(query);
  assert.deepEqual(view, { find: "horses.3", least: 0.3, filters: { label: "dog", size: "large", fold: true } });
  const said = write({ ...STATE, views: { retrieve: view } });
  assert.deepEqual([said.find, said.least, said.label, said.size, said.place, said.alike, said.photo],
    ["horses.3", "0.30", "dog", "large", null, "folded", null]);
  assert.deepEqual(read(new URLSearchParams("least=9&size=constructor&find=%22%22")), {});
  const word = write(with_({ ...STATE, photo: { example: "kitten" } }, { word: "dog" }));
  assert.ok(word.find === '"dog"' && !("photo" in word), "a word says nothing of the photo: the session does");
});

test("rows become the index's query", () => {
  const concept = (token) => ({ kind: "study", study: "S", token, label: `the ${token}` });
  const said = (token) => ({ kind: "concept", study: "S", token });
  const ask = (...rows) => queryOf({ subject: concept(0), rows });
  assert.deepEqual(ask(), said(0));
  assert.deepEqual(ask({ relation: "also", concept: concept(1) }, { relation: "not", concept: wordOf("dog") }),
    { kind: "and", of: [said(0), said(1), { kind: "not", of: { kind: "name", word: "dog" } }] });
  assert.deepEqual(ask({ relation: "or", concept: concept(1) }), { kind: "or", of: [said(0), said(1)] });
  assert.deepEqual(ask({ relation: "minus", concept: concept(1) }),
    { kind: "sum", terms: [[1, said(0)], [-1, said(1)]] });
  assert.deepEqual(ask({ relation: "covers", share: 0.2 }),
    { kind: "layout", a: said(0), relation: "covers", share: 0.2 });
  assert.deepEqual(ask({ relation: "also", concept: null }), said(0), "a row that waits asks nothing");
  assert.deepEqual(queryOf({ subject: concept(0), rows: [], good: [7], bad: [] }),
    { kind: "refined", query: said(0), good: [7], bad: [] });
  assert.equal(queryOf({ subject: null, rows: [] }), null);
  assert.ok(!relationsFor({ ...concept(0), what: "photo" }).includes("left_of")
    && relationsFor(wordOf("dog")).includes("left_of"));
});

test("the question in words names a photo once, and an unnamed concept by what it is", () => {
  const ground = { kind: "study", study: "S", token: 0, label: "ground", of: "Horses" };
  const rows = [{ relation: "also", concept: { ...ground, label: "sky" } },
    { relation: "not", concept: wordOf("dog") }];
  assert.equal(sentenceOf({ subject: ground, rows }),
    "Photos with the ground of Horses, also with the sky, but not “dog”.");
  assert.equal(sentenceOf({ subject: wordOf("dog"), rows: [], good: [1], bad: [2, 3] }),
    "Photos with “dog” (refined by 1 liked, 2 disliked).");
});
