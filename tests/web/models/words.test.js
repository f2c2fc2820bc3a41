/** What the Models tab says of time and numbers, and how its entry stands in an address. */

import assert from "node:assert/strict";
import test from "node:test";

import { ADDRESS } from "../../../stellar_explorer/web/models/address.js";
import { nearest, numberInWords } from "../../../stellar_explorer/web/models/curves.js";
import { ago } from "../../../stellar_explorer/web/models/progress.js";

test("how long ago, in the unit that a person would use", () => {
  const said = [0, 30, 300, 61_200, 600_000].map(ago);
  assert.deepEqual(said, ["just now", "30 s ago", "5 min ago", "17 h ago", "7 days ago"]);
});

test("numbers have four digits, small and large ones a power of ten", () => {
  const said = [0, 1.23456, -12345.6, 0.00012, -3e9].map(numberInWords);
  assert.deepEqual(said, ["0", "1.235", "−12,350", "1.20 × 10⁻⁴", "−3.00 × 10⁹"]);
});

test("the nearest step of a curve", () => {
  const points = [[10, 1], [20, 2], [40, 3]];
  assert.deepEqual([-5, 14, 16, 31, 99].map((step) => nearest(points, step)), [0, 0, 1, 2, 2]);
});

test("an entry goes through an address; what is no key is nobody's", () => {
  const views = { models: { entry: "0123456789abcdef" } };
  const query = new URLSearchParams(Object.entries(ADDRESS.write({ views })));
  assert.deepEqual(ADDRESS.read(query), views.models);
  for (const text of ["", "entry=../x", "entry=0123"]) assert.deepEqual(ADDRESS.read(new URLSearchParams(text)), {});
});
