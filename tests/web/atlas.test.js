/** The map of concepts, as far as it needs no document: labels, camera, colours, search, address. */

import assert from "node:assert/strict";
import test from "node:test";

import * as address from "../../stellar_explorer/web/atlas/address.js";
import { clamped, fitted, held, toMap, toScreen, viewOf, zoomed } from "../../stellar_explorer/web/atlas/map/camera.js";
import { COLOUR_NAMES, NONE, categories, clusterLabels } from "../../stellar_explorer/web/atlas/fields.js";
import { placeLabels } from "../../stellar_explorer/web/atlas/map/labels.js";
import { Lighting } from "../../stellar_explorer/web/atlas/lighting.js";
import { Points, thickestOf } from "../../stellar_explorer/web/atlas/points.js";
import { matcher, matchingRows } from "../../stellar_explorer/web/atlas/search.js";

const SIZE = { width: 800, height: 500 };

/** The same numbers in 0..1 every time. */
function drawn(seed = 1) {
  let state = seed;
  return () => (state = (state * 16807) % 2147483647) / 2147483647;
}

/** Two clusters far from each other and a lone dot. concepts: a row each, [x, y, cluster, name, label, photo, mass] */
function pointsOf(
  concepts, { clusters, names = ["tabby", "oak"], labels = [], palette = COLOUR_NAMES.map((_, place) => `#${place}`) },
) {
  const columns = {
    id: Float64Array.from(concepts.keys(), (row) => row + 100), photo: Float64Array.from(concepts, (one) => one[5]),
    position: Float32Array.from(concepts.flatMap((one) => one.slice(0, 2))),
    mass: Float32Array.from(concepts, (one) => one[6]), cluster: Uint16Array.from(concepts, (one) => one[2]),
    name: Uint16Array.from(concepts, (one) => one[3]), label: Uint16Array.from(concepts, (one) => one[4]),
    source: new Uint16Array(concepts.length), token: new Uint16Array(concepts.length),
  };
  const dtypes = { Float64Array: "float64", Float32Array: "float32", Uint16Array: "uint16" };
  const arrays = {};
  const parts = [];
  let offset = 0;
  for (const [name, values] of Object.entries(columns)) {
    arrays[name] = { dtype: dtypes[values.constructor.name], shape: [values.length], offset };
    parts.push([offset, values]);
    offset = Math.ceil((offset + values.byteLength) / 8) * 8;
  }
  const buffer = new ArrayBuffer(offset);
  for (const [place, values] of parts) new Uint8Array(buffer).set(new Uint8Array(values.buffer), place);
  return new Points(
    { num_points: concepts.length, arrays, masses: [0.1, 0.5], names, labels, sources: ["a"], palette, clusters },
    buffer,
  );
}

const CLUSTERS = [{ names: [["tabby", 0.6]], colour: 3 }, { names: [], colour: 19 }];
const CONCEPTS = [
  [-0.9, 0.2, 0, 0, 0, 7, 0.05], [-0.85, 0.25, 0, 0, NONE, 7, 0.2], [-0.8, 0.2, 0, NONE, 0, 8, 0.6],
  [0.7, -0.3, 1, 1, 0, 8, 0.3], [0.75, -0.3, 1, NONE, 0, 9, 0.3],
];
const points = () => pointsOf(CONCEPTS, { clusters: CLUSTERS, labels: ["indoor"] });

// --- labels ---

function labels(count, seed, { width, height } = SIZE) {
  const number = drawn(seed);
  return Array.from({ length: count }, (_, code) => ({
    code, text: `${code}`, x: number() * width, y: number() * height, width: 40 + number() * 120, height: 22,
  }));
}

test("no two labels overlap, none leaves the frame, and the first is there", () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const wanted = labels(120, seed);
    const placed = placeLabels(wanted, SIZE);
    assert.equal(placed[0].code, 0);
    for (const [place, one] of placed.entries()) {
      assert.ok(one.x - one.width / 2 >= 0 && one.x + one.width / 2 <= SIZE.width);
      assert.ok(one.y - one.height / 2 >= 0 && one.y + one.height / 2 <= SIZE.height);
      for (const other of placed.slice(place + 1)) {
        const isApart =
          Math.abs(one.x - other.x) >= (one.width + other.width) / 2 ||
          Math.abs(one.y - other.y) >= (one.height + other.height) / 2;
        assert.ok(isApart, `${one.code} and ${other.code} overlap`);
      }
    }
  }
});

test("zooming in shows more of the labels that stay in view", () => {
  const far = labels(80, 5).map((label) => ({ ...label, x: 350 + label.x / 8, y: 220 + label.y / 8 }));
  const near = far.map((label) => ({ ...label, x: 400 + (label.x - 400) * 6, y: 250 + (label.y - 250) * 6 }));
  assert.ok(placeLabels(near, SIZE).length > placeLabels(far, SIZE).length);
});

test("labels keep clear of what is in the way, and of places out of view", () => {
  const label = { code: 0, text: "cat", x: 60, y: 30, width: 60, height: 22 };
  assert.equal(placeLabels([label], SIZE, [{ x: 70, y: 30, width: 100, height: 40 }]).length, 0);
  assert.equal(placeLabels(
      [{ ...label, x: -5 }, { ...label, y: 501 }], SIZE,
    ).length,
    0);
});

test("a cluster of several parts has its label where most of it lies", () => {
  const position = Float32Array.from([-0.5, 0, 0.5, 0.5, 0.51, 0.5, 0.52, 0.5]);
  const [x, y] = thickestOf(position, Uint32Array.from([0, 1, 2, 3]));
  assert.ok(Math.abs(x - 0.51) < 1e-6 && Math.abs(y - 0.5) < 1e-6);
});

// --- the camera ---

test("what is fitted shows all, and is where the clamp leaves it", () => {
  const { bounds } = points();
  const whole = fitted(bounds, SIZE);
  const view = viewOf(whole, SIZE);
  assert.ok(
    view.left < bounds.left && view.right > bounds.right && view.bottom < bounds.bottom && view.top > bounds.top,
  );
  assert.deepEqual(clamped(whole, bounds, SIZE), whole);
});

test("wherever one goes, some of the data stays on the screen", () => {
  const known = points();
  const number = drawn(3);
  const hasAny = (bounds) => known.rowsIn(bounds).length > 0;
  for (let turn = 0; turn < 500; turn += 1) {
    const wish = { x: 8 * number() - 4, y: 8 * number() - 4, scale: 10 ** (6 * number()) };
    const camera = held(clamped(wish, known.bounds, SIZE), SIZE, known.position, hasAny);
    assert.ok(hasAny(viewOf(camera, SIZE)), JSON.stringify(wish));
    assert.ok(camera.scale >= fitted(known.bounds, SIZE).scale);
    const again = held(clamped(camera, known.bounds, SIZE), SIZE, known.position, hasAny);
    for (const name of ["x", "y", "scale"]) assert.ok(Math.abs(again[name] - camera[name]) < 1e-9);
  }
});

test("zooming holds what is under the pointer, and there and back is the same place", () => {
  const camera = { x: 0.1, y: -0.2, scale: 300 };
  const before = toMap(camera, SIZE, 600, 100);
  const after = toMap(zoomed(camera, SIZE, 2, 600, 100), SIZE, 600, 100);
  before.forEach((value, place) => assert.ok(Math.abs(value - after[place]) < 1e-12));
  const { x, y } = toScreen(camera, SIZE, ...before);
  assert.ok(Math.abs(x - 600) < 1e-9 && Math.abs(y - 100) < 1e-9);
});

test("a map of one dot can be looked at", () => {
  const bounds = { left: 0.3, right: 0.3, bottom: 0.1, top: 0.1 };
  const camera = fitted(bounds, SIZE);
  assert.ok(Number.isFinite(camera.scale) && camera.x === 0.3);
});

// --- colours and names ---

test("at most sixteen colours, each with a name of its own; more values are grey", () => {
  assert.ok(COLOUR_NAMES.length <= 20 && new Set(COLOUR_NAMES).size === COLOUR_NAMES.length);
  const many = pointsOf(CONCEPTS, {
    clusters: CLUSTERS, labels: Array.from({ length: 30 }, (_, place) => `label ${place}`),
  });
  const shown = categories(many, "label", false);
  const coloured = shown.filter(({ colourName }) => colourName !== "grey");
  assert.equal(coloured.length, COLOUR_NAMES.length);
  assert.equal(new Set(coloured.map(({ colour }) => colour)).size, coloured.length);
  assert.equal(shown.at(-1).label, "none");
  for (const field of ["cluster", "mass", "name"])
    for (const { colour, colourName } of categories(many, field, true)) assert.ok(colour && colourName);
});

test("no two clusters have the same label, and none has none", () => {
  const named = clusterLabels([
    { names: [["sky", 0.9]] }, { names: [["sky", 0.5], ["sea", 0.01]] },
    { names: [] }, { names: [] }, { names: [], label: "grass" },
  ]);
  assert.deepEqual(named, ["sky", "sky (2)", "unnamed", "unnamed (2)", "grass"]);
});

// --- the search ---

test("every word has to be there, without regard to case and accents", () => {
  const matches = matcher(" CAFE  terrace");
  assert.ok(matches("Terrace of a Café") && !matches("A café"));
  assert.equal(matcher("  "), null);
});

test("a search finds clusters, names and photos' titles", () => {
  const known = points();
  const titles = new Map([[7, "one.jpg"], [9, "Oak park.jpg"]]);
  const rows = (text) => [...matchingRows(known, titles, text)];
  assert.deepEqual(rows("tabby"), [0, 1, 2]); // the third has no name, but its cluster has
  assert.deepEqual(rows("oak"), [3, 4]); // by name, and by title
  assert.deepEqual(rows("one"), [0, 1]);
  assert.deepEqual(rows("zebra"), []);
  assert.equal(matchingRows(known, titles, " "), null);
});

// --- what is lit ---

test("a choice, a lasso and a search light what all of them hold", () => {
  const lighting = new Lighting();
  lighting.open(points(), {});
  assert.equal(lighting.lit, null);
  lighting.take({ cluster: 0 });
  assert.deepEqual([...lighting.lit], [0, 1, 2]);
  assert.equal(lighting.counted, null); // the legend still tells of its other lines
  lighting.selection = Uint32Array.from([1, 2, 3]);
  assert.deepEqual([...lighting.lit], [1, 2]);
  lighting.take({ cluster: 0, search: "tabby", colour: "mass" });
  lighting.value = { field: "mass", code: 2 };
  assert.deepEqual([...lighting.lit], [2]);
  assert.deepEqual([...lighting.counted], [1, 2]);
  const { lit, litClusters } = lighting.painting(lighting.categories(false), false);
  assert.deepEqual([...lit], [0, 0, 1, 0, 0]);
  assert.deepEqual([...litClusters], [1, 0]);
});

test("what this map does not have is not chosen", () => {
  const lighting = new Lighting();
  lighting.open(points(), { cluster: 5, colour: "source" });
  assert.deepEqual([lighting.cluster, lighting.field], [-1, "cluster"]);
});

// --- the address ---

const said = (view, collection = "known") => {
  const written = address.write({ collection, views: { atlas: view } });
  return new URLSearchParams(Object.entries(written).filter(([, value]) => value !== null && value !== undefined));
};

test("a view that is written is read back, with clusters counted from 1", () => {
  const view = { colour: "mass", cluster: 2, search: "tabby cat" };
  assert.deepEqual(address.read(said(view)), view);
  assert.equal(said(view).get("cluster"), "3");
  assert.deepEqual([...said({})], []);
});

test("of a visitor's own photos neither cluster nor text is told", () => {
  assert.deepEqual([...said({ colour: "name", cluster: 2, search: "home" }, "own-abc").keys()], ["colour"]);
});

for (const query of [
  "colour=rainbow", "colour=cluster", "cluster=0", "cluster=-1", "cluster=1e3", "search=%20", "colour=__proto__",
]) {
  test(`nothing comes of ${query}`, () => assert.deepEqual(address.read(new URLSearchParams(query)), {}));
}
