/** Explore's pure parts: the address, the room, which concept is lit first, shares and words. */

import assert from "node:assert/strict";
import test from "node:test";

import { maskBox, maskShare } from "../../../stellar_explorer/web/drawing/factorization.js";
import { DEFAULTS, THRESHOLDS, exploreAddress } from "../../../stellar_explorer/web/explore/address.js";
import { readout } from "../../../stellar_explorer/web/explore/concepts.js";
import { stepped } from "../../../stellar_explorer/web/explore/pointing.js";
import { arrange } from "../../../stellar_explorer/web/explore/room.js";
import { firstLit, orderOf } from "../../../stellar_explorer/web/explore/scene.js";
import { conceptWords, nameOf, placeInWords } from "../../../stellar_explorer/web/shared/names.js";

// ---- the address ----

const VIEW = { view: "residual", threshold: 2.5, kept: 4, basis: "examples", style: "blocky", show: "heat" };
const stateOf = (explore) => ({ views: { explore } });
const read = (query) => exploreAddress.read(new URLSearchParams(query));

test("what is written is read back, and what a browser keeps to itself is not written", () => {
  const own = { opacity: 0.3, adjust: true, similar: true, front: "features" };
  const written = exploreAddress.write(stateOf({ ...VIEW, ...own }));
  assert.deepEqual(read(written), VIEW);
  assert.deepEqual(Object.keys(written).sort(), [...exploreAddress.names].sort());
});

test("what is as usual is not in the address", () => {
  assert.deepEqual(exploreAddress.write(stateOf(DEFAULTS)), {});
  assert.deepEqual(exploreAddress.write(stateOf(undefined)), {});
});

const REFUSED = [
  "kept=0", "kept=1.5", "kept=-1", "view=all", "view=%3Cscript%3E", "style=round", "show=1", "basis=a%20b",
  "basis=%3Cimg%20src=x%3E", "threshold=0", "threshold=NaN", "threshold=1e9", `threshold=${THRESHOLDS.most + 1}`, "",
];
for (const query of REFUSED) test(`nothing comes of ${query || "nothing"}`, () => assert.deepEqual(read(query), {}));

// ---- the room ----

const SCREEN = { width: 1224, height: 520, aspect: 1.5, count: 16, isLarge: false, isPhone: false };
const HEAD = 34;
const TITLE = 28;

/** Height of all that is drawn. */
function used({ columns, height, chips, chip, chipColumns }, { count }) {
  const rows = Math.ceil(count / chipColumns);
  const chipHeight = chips === "tall" ? chip.height + 44 : 56;
  return (4 / columns) * (height + TITLE) + HEAD + rows * chipHeight;
}

for (const aspect of [0.4, 0.67, 1, 1.33, 1.54, 1.78, 2.3, 3, 6]) {
  test(`pictures ${aspect} as wide as high and all concepts are on the first screen`, () => {
    const room = { ...SCREEN, aspect };
    const made = arrange(room);
    assert.ok(used(made, room) <= room.height, JSON.stringify(made));
    assert.ok(made.columns * made.width + (made.columns - 1) * 16 <= room.width);
    assert.ok(Math.abs(made.width / made.height - aspect) < 0.05 * aspect);
  });
}

test("portraits use the height, four in a row; panoramas stand two by two", () => {
  const portrait = arrange({ ...SCREEN, aspect: 0.67 });
  assert.equal(portrait.columns, 4);
  assert.ok(portrait.height >= 0.6 * SCREEN.height);
  assert.equal(arrange({ ...SCREEN, aspect: 3 }).columns, 2);
  assert.equal(arrange({ ...SCREEN, aspect: 1.5 }).width, 294); // as wide as four may be
});

test("a phone has one picture, as wide as it is; a large view one, larger than four", () => {
  const phone = arrange({ ...SCREEN, width: 362, height: 844, isPhone: true });
  assert.deepEqual([phone.columns, phone.width], [1, 362]);
  const large = arrange({ ...SCREEN, isLarge: true });
  assert.ok(large.columns === 1 && large.width > arrange(SCREEN).width);
});

test("a screen without room, and a photo like a thread, still have pictures", () => {
  for (const room of [{ ...SCREEN, height: -200 }, { ...SCREEN, aspect: 200 }, { ...SCREEN, aspect: 0.005 }]) {
    const { width, height } = arrange(room);
    assert.ok(width >= 1 && height >= 1 && height <= 640);
  }
});

// ---- shares, and what is lit first ----

/** masks: strings of a 4 x 4 grid, a token each; x has a share of 0.5, . of none. */
function gridOf(masks) {
  const codes = Uint8Array.from(masks.join(""), (one) => (one === "x" ? 255 : 0));
  const peak = new Float32Array(masks.length).fill(0.5);
  return { rows: 4, cols: 4, numPatches: 16, numTokens: masks.length, codes, peak };
}

const ALL = "xxxxxxxxxxxxxxxx";
const MIDDLE = ".....xx..xx.....";
const CORNER = "xx..xx..........";
const TOP = "xxxx............";

test("a concept's share is its mask's at the threshold", () => {
  const grid = gridOf([MIDDLE, ALL]);
  assert.equal(maskShare(grid, 0, 0.9), 4 / 16);
  assert.equal(maskShare(grid, 0), 0, "0.5 is not above 1/2");
  assert.equal(maskShare(grid, 1, 0.9), 1);
  assert.equal(maskShare(grid, 1, 1.1), 0);
});

test("the box of a mask, and the whole photo where there is none", () => {
  const grid = gridOf([MIDDLE, TOP]);
  assert.deepEqual(maskBox(grid, 0, 0.5), [0.25, 0.25, 0.75, 0.75]);
  assert.deepEqual(maskBox(grid, 1, 0.5), [0, 0, 1, 0.25]);
  assert.deepEqual(maskBox(grid, 1, 8), [0, 0, 1, 1]);
});

const masses = (...all) => all.map((mass) => ({ mass }));

test("the most object-like is lit first", () => {
  const grid = gridOf([ALL, TOP, MIDDLE]);
  assert.equal(firstLit([{ mass: 0.5, salience: 1 }, { mass: 0.3, salience: 0 }, { mass: 0.2, salience: 2 }], grid), 1);
  assert.equal(firstLit(masses(0.5, 0.3, 0.2), grid), 2, "all and an edge are heavier, but no things in the photo");
  assert.equal(firstLit(masses(0.5, 0.3), gridOf([ALL, TOP])), 0, "where nothing lies inside, the heaviest");
});

test("concepts stand by salience, or by mass where nothing has ranked them", () => {
  assert.deepEqual(orderOf(masses(0.1, 0.5, 0.4)), [1, 2, 0]);
  const ranked = [{ mass: 0.1, salience: 1 }, { mass: 0.5, salience: 2 }, { mass: 0.4, salience: 0 }];
  assert.deepEqual(orderOf(ranked), [2, 0, 1]);
});

test("steps go round", () => {
  assert.equal(stepped([3, 1, 2], 2, 1), 3);
  assert.equal(stepped([3, 1, 2], 3, -1), 2);
  assert.equal(stepped([3, 1, 2], null, 1), 3);
  assert.equal(stepped([3, 1, 2], 7, -1), 2);
});

// ---- words ----

const ROLES = [
  { role: "main thing", place: "centre", mass: 0.3 }, { role: "background", place: "left", mass: 0.1 },
  { role: "background", place: "top right", mass: 0.2 }, { role: "background", place: "left", mass: 0.15 },
];

test("a concept has a role, with a place where two have the same, and a number where the place is the same too", () => {
  assert.deepEqual(conceptWords(ROLES),
    ["main thing", "background, left 2", "background, top right", "background, left"]);
});

test("a taught or a certain name is said before one with doubt, and that before a role", () => {
  const names = [[["dog", 0.9, true]], [["wall", 0.3, false]], [], [["dog", 0.8, true]]];
  const words = conceptWords(ROLES, names, [[], [], [["mug", 1]]]);
  assert.deepEqual(words, ["dog, centre", "wall?", "mug", "dog, left"]);
  assert.equal(nameOf([], []), null);
});

test("no concept is a bare number, whatever the analysis says, and no two are called alike", () => {
  const bare = Array.from({ length: 24 }, (_, token) =>
    ({ mass: 1 / 24, centroid: [(token % 5) / 5, 0.5], share: token / 24 }));
  for (const concepts of [bare, bare.map(() => ({})), ROLES]) {
    const words = conceptWords(concepts);
    assert.equal(new Set(words).size, words.length);
    assert.ok(words.every((word) => /^[a-z]/.test(word)));
  }
});

test("places", () => {
  assert.deepEqual([[0, 0], [0.5, 0.5], [1, 1], [0.5, 0.9]].map(placeInWords),
    ["top left", "centre", "bottom right", "bottom"]);
});

test("what is lit is said with the mask's share, at the threshold", () => {
  globalThis.matchMedia = () => ({ matches: false });
  const scene = { grid: gridOf([MIDDLE, CORNER]), words: ["dog", "wall"], shareAt: () => 0.5 };
  const pointed = { row: 1, col: 2, patch: 6 };
  const nothing = { token: null, pointed: null, isSimilar: false };
  const said = (view, what) => readout(scene, { ...DEFAULTS, ...view }, { ...nothing, ...what });
  assert.deepEqual(said({ threshold: 0.5 }, { token: 0 }), ["dog", "25 % of the photo"]);
  assert.deepEqual(said({ threshold: 0.5 }, { token: 0, pointed }),
    ["dog", "25 % of the photo · 50 % of the patch in row 2, column 3"]);
  assert.deepEqual(said({ threshold: 4 }, { token: 0 }), ["dog", "0.0 % of the photo"]);
  assert.deepEqual(said({}, { isSimilar: true, pointed }), ["Similarity", "to the patch in row 2, column 3"]);
  assert.match(said({}, {}).join(""), /Point at a picture/);
});
