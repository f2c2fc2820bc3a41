/** What moves, what stays: steps, addresses, what is asked for and in which order, what is lit, words and curves. */

import assert from "node:assert/strict";
import test from "node:test";

import { FakeWindow, install, settled } from "../fakes.js";

install(new FakeWindow());
const from = (name) => import(`../../../stellar_explorer/web/${name}.js`);
const { equivarianceAddress } = await from("equivariance/address");
const { findingInWords, linesOf, percentInWords, shareInWords, similarityInWords } = await from("equivariance/answers");
const { Asking } = await from("equivariance/asking");
const { Lit } = await from("equivariance/lit");
const { heaviestFirst, leastOf } = await from("equivariance/stays");
const { amountInWords, nextAmount, stepOf, usualAmount, viewOf } = await from("equivariance/steps");
const { centroidOf, sharesOf, tokenInWords, wordsOfMap } = await from("equivariance/words");
const { Session } = await from("shared/session");

const steps = (least, most, step) => Array.from({ length: (most - least) / step + 1 }, (_, at) => least + step * at);
const SHIFT = { name: "shift", label: "Shift", hint: "", amounts: steps(-56, 56, 8), curve: steps(-48, 48, 16) };
const FLIP = { name: "flip", label: "Flip", hint: "", amounts: [0, 1], curve: [0, 1] };
const CROP = { name: "crop", label: "Crop", hint: "", amounts: steps(0, 50, 5), curve: [0, 5, 10, 20, 30, 40, 50] };
const CHANGES = [SHIFT, FLIP, CROP];

const subject = (more = {}) => ({
  name: "stellar", num_tokens: 3, cosine: [0.9, 0.5, 0.7], nearest: [0.1, 0.2, 0.3], weight: [0.2, 0.005, 0.795],
  cosine_by_mass: 0.93, localization_cosine: 0.8, resting_cosine: 0.4, shares: [0.8, 0.15, 0.05], ...more,
});
const answer = (more = {}) => ({
  model: "nano", label: "Nano", change: "shift", amount: 16, peer: "own", photo: { token: "t", example: "dog" },
  peers: [{ value: "own", label: "Its own patches", note: "" }],
  subjects: [subject(), subject({ name: "own", clustered: true, restarted: 0.6, shares: [0.4, 0.5, 0.1] })], ...more,
});

// ---- steps and addresses ----

test("a view that says nothing is the opening, and the opening says nothing", () => {
  assert.deepEqual(stepOf({}, CHANGES), { change: SHIFT, amount: 32 });
  assert.deepEqual(viewOf(stepOf({}, CHANGES)), { change: undefined, amount: undefined });
});

test("each step comes back from its view, whatever the change", () => {
  for (const change of CHANGES) {
    for (const amount of change.amounts) {
      assert.deepEqual(stepOf(viewOf({ change, amount }), CHANGES), { change, amount });
    }
  }
});

test("what is not offered is as at the opening", () => {
  assert.deepEqual(stepOf({ change: "melt", amount: 16 }, CHANGES), { change: SHIFT, amount: 32 });
  assert.deepEqual(stepOf({ change: "crop", amount: 7 }, CHANGES), { change: CROP, amount: 50 });
  assert.equal(usualAmount({ ...SHIFT, amounts: [-8, 0, 8] }), 8);
});

const read = (query) => equivarianceAddress.read(new URLSearchParams(query));

test("what is written is read back, and nothing comes of what makes no sense", () => {
  const view = { change: "crop", amount: -8, peer: "dino-b16" };
  const written = equivarianceAddress.write({ views: { equivariance: view } });
  assert.deepEqual(read(written), view);
  assert.deepEqual(Object.keys(written), equivarianceAddress.names);
  assert.deepEqual(equivarianceAddress.write({ views: {} }),
    { change: undefined, amount: undefined, peer: undefined });
  for (const query of ["", "change=%3Cb%3E", "amount=1e3", "amount=0.5", "amount=-", "amount=9999", "peer=../x"]) {
    assert.deepEqual(read(query), {}, query);
  }
});

test("a part's view is in the address while its tab is open, and read where a link has it", async () => {
  const settings = {
    default: { model: "nano", resolution: 448, example: "dog" }, resolutions: [224, 448],
    models: [{ name: "nano", available: true }], examples: [{ id: "dog" }],
  };
  const window = install(new FakeWindow({ href: "?tab=edit&change=turn&amount=-10" }));
  const session = new Session(settings, window);
  const said = () => new URL(session.link()).search;
  assert.deepEqual(session.register("equivariance", equivarianceAddress, { tab: "edit" }),
    { change: "turn", amount: -10 });
  assert.equal(said(), "?tab=edit&change=turn&amount=-10");
  session.changeView("equivariance", { amount: 20, peer: "own" });
  assert.equal(said(), "?tab=edit&change=turn&amount=20&peer=own");
  session.change({ tab: "models" });
  assert.equal(said(), "?tab=models");
  window.history.back();
  await settled();
  assert.deepEqual(session.view("equivariance"), { change: "turn", amount: 20, peer: "own" });
  session.changeView("equivariance", { change: undefined, amount: undefined, peer: undefined });
  assert.equal(said(), "?tab=edit");
});

// ---- what is asked for ----

test("the step that is looked at comes first, then the curve's, the nearest first", () => {
  const known = new Set();
  const order = [];
  for (;;) {
    const next = nextAmount({ change: SHIFT, amount: 40 }, (amount) => !known.has(amount));
    if (next === undefined) break;
    known.add(next);
    order.push(next);
  }
  assert.deepEqual(order, [40, 32, 48, 16, 0, -16, -32, -48]);
});

/** An Asking whose requests wait until they are answered. */
function asking(first) {
  const wanted = { photo: { example: "dog" }, model: "nano", change: SHIFT, amount: 32, peer: null, ...first };
  const made = { wanted, asked: [], errors: [] };
  made.asking = new Asking({
    wanted: () => made.wanted, took: () => {},
    failed: ({ amount }, { message }) => made.errors.push([amount, message]),
    request: (one) => new Promise((resolve, reject) => made.asked.push({
      ...one, fail: (sentence) => reject(new Error(sentence)),
      give: () => resolve(answer({ amount: one.amount, peer: one.peer ?? "own" })),
    })),
  });
  return made;
}

test("one request at a time, and what was dragged over is never asked for", async () => {
  const made = asking();
  made.asking.work();
  for (const amount of [40, 56, 24, 8]) {
    made.wanted = { ...made.wanted, amount };
    made.asking.work();
  }
  assert.deepEqual(made.asked.map(({ amount }) => amount), [32]);
  made.asked[0].give();
  await settled();
  assert.deepEqual(made.asked.map(({ amount }) => amount), [32, 8]);
});

test("each step is asked for once, the server's first peer and the same one named are one", async () => {
  const made = asking();
  const done = made.asking.work();
  for (let at = 0; at < SHIFT.curve.length; at += 1) {
    made.asked[at].give();
    await settled();
  }
  await done;
  assert.deepEqual(new Set(made.asked.map(({ amount }) => amount)), new Set(SHIFT.curve));
  made.wanted = { ...made.wanted, peer: "own" };
  await made.asking.work();
  assert.equal(made.asked.length, SHIFT.curve.length);
  assert.deepEqual(made.asking.curveOf(made.wanted).map(([amount]) => amount), SHIFT.curve);
});

test("what is refused is said and not asked for again until it is forgiven", async () => {
  const made = asking({ change: FLIP, amount: 1 });
  const done = made.asking.work();
  made.asked[0].fail("No such thing.");
  await settled();
  made.asked[1].give();
  await done;
  assert.deepEqual(made.errors, [[1, "No such thing."]]);
  assert.equal(made.asked.length, 2);
  made.asking.forgive();
  made.asking.work();
  assert.equal(made.asked[2].amount, 1);
});

test("nothing is asked for where nothing is wanted", async () => {
  const made = asking();
  made.wanted = null;
  await made.asking.work();
  assert.deepEqual(made.asked, []);
});

// ---- what is lit ----

test("clusters are lit with the concepts they are matched to; another STELLAR's concepts are its own", () => {
  const lit = new Lit();
  const clusters = [subject(), subject({ clustered: true })];
  const other = [subject(), subject({ clustered: false, num_tokens: 2 })];
  assert.deepEqual(lit.of(clusters, 1), [1, 1]);
  assert.deepEqual(lit.of(other, 1), [1, null]);
  assert.deepEqual(lit.of(clusters, 7), [null, null], "a concept that the model lacks");
  assert.ok(lit.point(1, 0) && !lit.point(1, 0));
  assert.deepEqual([lit.of(clusters, 1), lit.of(other, 1)], [[0, 0], [1, 0]]);
  assert.ok(lit.point(1, null) && !lit.point(0, null));
  lit.pressOther(1);
  assert.deepEqual(lit.of(other, null), [null, 1]);
  lit.pressOther(1);
  assert.deepEqual(lit.of(other, null), [null, null]);
});

// ---- words and numbers ----

test("numbers in words", () => {
  assert.deepEqual([0.934, 0.9962, 1, -0.2, null].map(similarityInWords), ["0.93", "0.996", "1.00", "−0.20", "none"]);
  assert.deepEqual([0.126, -0.04, null].map(percentInWords), ["13 %", "−4 %", "none"]);
  assert.deepEqual([0.5, -3, null].map(shareInWords), ["50 %", "none", "–"]);
  assert.deepEqual([["shift", -8], ["flip", 1], ["turn", -5], ["crop", 30]].map((step) => amountInWords(...step)),
    ["8 px left", "flipped", "−5°", "the middle 70 %"]);
});

test("the finding is told of the model and of its peer", () => {
  assert.equal(findingInWords(answer()), "Shifted 16 px to the right. Nano: 80 % of the change is in the concepts' "
    + "positions, and the similarity of their appearance before and after is 0.93. Its own patches in clusters: 40 %, "
    + "and 0.93.");
  const still = answer({ subjects: [subject({ shares: [null, null, null] }), subject()] });
  assert.match(findingInWords(still), /^Nothing is moved yet/);
});

test("concepts are told by word, never by number", () => {
  const codes = Uint8Array.from([255, 255, 0, 0, 0, 0, 255, 255]);
  const grid = { rows: 2, cols: 2, numPatches: 4, numTokens: 2, codes, peak: Float32Array.from([1, 1]) };
  assert.deepEqual(centroidOf(grid, 0), [0.5, 0.25]);
  const words = wordsOfMap(grid);
  assert.equal(new Set(words).size, 2);
  const own = subject();
  const told = { words: ["dog"], shares: sharesOf(grid) };
  assert.equal(tokenInWords(own, 0, told),
    "Dog: similarity 0.90, to its most similar other 0.10, 50 % of the photo");
  assert.match(tokenInWords(subject({ clustered: true }), 0, told), /^Cluster matched to dog: /);
  assert.doesNotMatch(tokenInWords(own, 2, { words: [], shares: [0, 0, 0.5] }), /\b2\b/);
});

test("bars stand by share, and a speck is not the least", () => {
  assert.deepEqual(heaviestFirst([0.2, 0.5, 0.2]), [1, 0, 2]);
  assert.equal(leastOf(subject(), { words: [], shares: [0.2, 0.005, 0.8] }), 0.7);
});

test("a curve has what is known, and the start's own line once there is a curve", () => {
  const nothing = [subject({ localization_cosine: null }), answer().subjects[1]];
  const known = [[0, answer({ subjects: nothing })], [16, answer()]];
  const { stays, moves } = linesOf(known, [-56, 56]);
  const points = (lines, wanted) => lines.find(({ kind }) => kind === wanted).points;
  assert.deepEqual(points(stays, "model"), [[0, 0.93], [16, 0.93]]);
  assert.deepEqual(points(stays, "peer-still"), [[-56, 0.6], [56, 0.6]]);
  assert.deepEqual(points(moves, "model"), [[16, 0.8]]);
  assert.deepEqual(points(linesOf(known.slice(0, 1), [-56, 56]).stays, "peer-still"), []);
});
