/** The list of edits: its past, what it means for the photo, and its words. */

import assert from "node:assert/strict";
import test from "node:test";

import { layoutOf } from "../../../stellar_explorer/web/edit/cutout/layout.js";
import {
  History, totalOf, withMorph, withMove, withTotal, without,
} from "../../../stellar_explorer/web/edit/edits/history.js";
import { namesOf, slugOf, wordsOf } from "../../../stellar_explorer/web/edit/edits/words.js";

const CONCEPTS = [[0.2, 0.5], [0.8, 0.5], [0.5, 0.9]].map((centroid) => ({ mass: 1 / 3, centroid }));
const lay = (edits) => layoutOf(edits, CONCEPTS);
const erase = (...tokens) => ({ edit: "erase", tokens });
const clone = (...tokens) => ({ edit: "clone", tokens, dx: 0.15, dy: 0 });

test("undo undoes exactly one, redo brings it again, and a gesture is one", () => {
  const history = new History();
  const states = [[erase(0)], [erase(0), erase(1)]];
  history.commit(states[0]);
  for (const dx of [0.1, 0.2, 0.3]) history.commit(withMove(states[0], [1], dx, 0), "drag/1");
  assert.equal(history.edits.length, 2);
  history.undo();
  assert.deepEqual(history.edits, states[0]);
  history.redo();
  assert.equal(history.edits[1].dx, 0.3);
  history.undo();
  history.undo();
  assert.deepEqual([history.edits, history.canUndo, history.canRedo], [[], false, true]);
  history.undo();
  assert.deepEqual(history.edits, []);
  history.commit(states[1]);
  assert.equal(history.canRedo, false);
});

test("what the server refuses never was", () => {
  const history = new History([erase(0)]);
  history.commit([erase(0), erase(1)]);
  history.reject();
  assert.deepEqual([history.edits, history.canRedo], [[erase(0)], false]);
});

test("a move and its inverse leave the photo as it was", () => {
  const there = withMove([], [0, 1], 0.31, -0.2);
  assert.equal(lay(there).pieces.length, 1);
  assert.deepEqual(withMove(there, [1, 0], -0.31, 0.2), []);
  const apart = lay([...there, erase(2), { edit: "move", tokens: [0, 1], dx: -0.31, dy: 0.2 }]);
  assert.deepEqual([apart.pieces, apart.lifted], [[], [[2]]]);
});

test("a scale and its inverse too, and about the middle", () => {
  const larger = lay([{ edit: "scale", tokens: [0], by: 2 }]).pieces[0].place;
  assert.ok(Math.abs(larger.scale * 0.2 + larger.right - 0.2) < 1e-9);
  assert.deepEqual(withTotal(withTotal([], "scale", [0], 1.7), "scale", [0], 1), []);
  const back = lay([{ edit: "scale", tokens: [0], by: 2 }, erase(1), { edit: "scale", tokens: [0], by: 0.5 }]);
  assert.deepEqual([back.pieces, back.lifted], [[], [[1]]]);
});

test("what was moved together is one piece, until one of it goes on alone", () => {
  const together = [{ edit: "move", tokens: [0, 1], dx: 0.1, dy: 0 }];
  assert.deepEqual(lay(together).pieces.map(({ tokens }) => tokens), [[0, 1]]);
  const apart = lay([...together, { edit: "move", tokens: [1], dx: 0.1, dy: 0 }]);
  assert.deepEqual(apart.pieces.map(({ tokens }) => tokens), [[0], [1]]);
  assert.deepEqual(apart.lifted, [[0, 1]]);
});

test("a copy is a piece and leaves no hole; the foremost is what was touched last", () => {
  const { pieces, lifted, origins } = lay([clone(0), { edit: "move", tokens: [1], dx: 0.1, dy: 0 },
    { edit: "move", tokens: [3], dx: 0.1, dy: 0 }]);
  assert.deepEqual([pieces.map(({ tokens }) => tokens), lifted, origins], [[[1], [3]], [[1]], [0, 1, 2, 0]]);
  assert.ok(Math.abs(pieces[1].place.right - 0.25) < 1e-9);
});

test("what is removed is a hole without a piece", () => {
  const { pieces, lifted, gone } = lay([{ edit: "move", tokens: [0], dx: 0.1, dy: 0 }, erase(0)]);
  assert.deepEqual([pieces, lifted, [...gone]], [[], [[0]], [0]]);
});

test("edits of the redraw alone change nothing on the photo", () => {
  const { pieces, lifted } = lay([{ edit: "strengthen", tokens: [0], by: 3 }, { edit: "swap_where", photo: "p" },
    { edit: "morph", photo: "p", what: 1, where: 1 }]);
  assert.deepEqual([pieces, lifted], [[], []]);
});

test("another appearance lies in the old one's place", () => {
  const { pieces: [piece], lifted } = lay([{ edit: "swap_what", tokens: [0], others: [4, 5], photo: "p" }]);
  assert.deepEqual([piece.look, lifted], [{ photo: "p", tokens: [4, 5] }, [[0]]]);
});

test("without one edit the copies that it made are gone, and the others are renumbered", () => {
  const edits = [clone(0), clone(1), { edit: "move", tokens: [3], dx: 0.1, dy: 0 },
    { edit: "move", tokens: [4], dx: 0.2, dy: 0 }];
  assert.deepEqual(without(edits, 0, 3), [clone(1), { edit: "move", tokens: [3], dx: 0.2, dy: 0 }]);
});

test("totals are of just these concepts", () => {
  const edits = withTotal(withTotal([erase(2)], "strengthen", [0], 2), "strengthen", [0], -1);
  assert.deepEqual([totalOf(edits, "strengthen", [0]), totalOf(edits, "strengthen", [1]), edits.length], [-1, 0, 2]);
  assert.deepEqual(withMorph(withMorph([], "p", 0.5, 0), "p", 0, 0), []);
});

test("concepts have words, never numbers", () => {
  const words = ["dog", "sky", "ground"];
  assert.equal(namesOf([0], [0, 1, 2], words), "dog");
  assert.equal(namesOf([3, 4], [0, 1, 2, 0, 1], words), "copies of dog and sky");
  assert.equal(namesOf([0, 3], [0, 1, 2, 1], words), "dog and a copy of sky");
  assert.equal(namesOf([0, 1, 2], [0, 1, 2], words), "dog and 2 more");
  const known = { origins: [0, 1, 2], words, titleOf: () => "Owl", otherWords: () => ["owl"] };
  assert.equal(wordsOf({ edit: "move", tokens: [0], dx: 0.3, dy: -0.1 }, known), "Dog: moved 30 % right, 10 % up");
  assert.equal(wordsOf({ edit: "swap_what", tokens: [0], others: [0], photo: "p" }, known),
    "Dog: appearance of owl in Owl");
});

test("files are called after the photo", () => {
  for (const [name, slug] of [["My dog (2).JPG", "My-dog-2"], ["../a/ Über uns.png", "Über-uns"], ["<>", "photo"],
    ["v1.5", "v1"], ["Nokota horses", "Nokota-horses"]]) {
    assert.equal(slugOf(name), slug);
  }
});
