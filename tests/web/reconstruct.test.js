// How Reconstruct's view stands in an address, and where its pictures are.

import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULTS, reconstructAddress, subjectOf } from "../../stellar_explorer/web/reconstruct/address.js";

const state = (view, photo = { example: "dog" }) => ({ photo, model: "nano", views: { reconstruct: view } });
const read = (query) => reconstructAddress.read(new URLSearchParams(query));

test("what differs from the default is written, and read again as it was", () => {
  const view = { compare: "slider", mae: "mae-b16", visible: 64, pattern: "grid" };
  const said = reconstructAddress.write(state(view));
  assert.deepEqual(said, view);
  assert.deepEqual(read(new URLSearchParams(said)), view);
  assert.deepEqual(reconstructAddress.write(state({ ...DEFAULTS })), {});
});

test("removed concepts stand in the link to the example that they were removed from, and in no other", () => {
  const of = subjectOf(state({}));
  assert.equal(reconstructAddress.write(state({ without: [2, 3], of })).without, "2.3");
  assert.equal(reconstructAddress.write(state({ without: [2, 3], of }, { example: "cat" })).without, undefined);
  const upload = { photo: "t0ken", name: "mine.jpg" };
  const mine = subjectOf(state({}, upload));
  assert.equal(reconstructAddress.write(state({ without: [2, 3], of: mine }, upload)).without, undefined);
  assert.deepEqual(read("without=2.3").without, [2, 3]);
});

test("what makes no sense is left out", () => {
  assert.deepEqual(read("compare=upside&mae=../../etc&visible=1e9&pattern=dots&without=1..x"), {});
});
