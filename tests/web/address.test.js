/** What is looked at, in the address. */

import assert from "node:assert/strict";
import test from "node:test";

import { THRESHOLDS, readAddress, writeAddress } from "../../stellar_explorer/web/shared/address.js";

const SITE = "http://stellar.test/";
const SETTINGS = {
  examples: [{ id: "dog" }, { id: "owl" }],
  models: [{ name: "nano", available: true }, { name: "large", available: false }],
  resolutions: [224, 448],
};
const DEFAULTS = {
  photo: "dog", model: "nano", resolution: 448, view: "side", threshold: 1, style: "smooth", show: "mask",
};
const LOOKING = {
  photo: "owl", concept: 3, resolution: 224, view: "residual", threshold: 2.5, kept: 4, basis: "own_2",
  style: "blocky", show: "heat",
};

const read = (href) => readAddress(new URL(href).search, SETTINGS);

test("what is written is read back", () => {
  assert.deepEqual(read(writeAddress(SITE, LOOKING, DEFAULTS)), LOOKING);
});

test("what is as usual is not in the address, and concept 0 is", () => {
  assert.equal(writeAddress(`${SITE}?view=residual&concept=3`, { ...DEFAULTS, concept: null }, DEFAULTS), SITE);
  assert.equal(writeAddress(SITE, { ...DEFAULTS, concept: 0 }, DEFAULTS), `${SITE}?concept=0`);
});

test("parameters that are not ours stay, and the hash", () => {
  const href = writeAddress(`${SITE}?__theme=dark&photo=dog#top`, LOOKING, DEFAULTS);
  assert.equal(new URL(href).searchParams.get("__theme"), "dark");
  assert.equal(new URL(href).hash, "#top");
});

test("to write twice is to write once", () => {
  const once = writeAddress(`${SITE}?tab=retrieve`, LOOKING, DEFAULTS);
  assert.equal(writeAddress(once, LOOKING, DEFAULTS), once);
});

const REFUSED = [
  "photo=cat", "model=large", "resolution=300", "resolution=4e2", "concept=-1", "concept=1.5", "concept=", "kept=0",
  "view=all", "style=round", "show=1", "basis=a%20b", "basis=<img src=x>", "threshold=0", "threshold=NaN",
  `threshold=${THRESHOLDS.most + 1}`,
];

for (const query of REFUSED) {
  test(`nothing comes of ${query}`, () => assert.deepEqual(read(`${SITE}?${query}`), {}));
}
