/** The fakes keep to the laws that the page's own tests lean on. */

import assert from "node:assert/strict";
import test from "node:test";

import { FakeStorage, FakeWindow, install, settled } from "./fakes.js";

test("Back and Forward go through what was pushed, later, and say which state they came to", async () => {
  const window = install(new FakeWindow({ href: "?photo=dog" }));
  const heard = [];
  window.addEventListener("popstate", (event) => heard.push(event.state));
  history.pushState({ step: 1 }, "", "?photo=cat");
  history.replaceState({ step: 2 }, "", "?photo=owl");
  assert.equal(location.search, "?photo=owl");

  history.back();
  assert.equal(location.search, "?photo=owl", "a step is taken later");
  await settled();
  assert.equal(location.search, "?photo=dog");
  history.forward();
  await settled();
  assert.deepEqual([location.search, history.state], ["?photo=owl", { step: 2 }]);
  assert.deepEqual(heard, [null, { step: 2 }]);

  history.forward();
  await settled();
  assert.deepEqual([heard.length, window.history.hasLeft], [2, false]);
  history.go(-2);
  await settled();
  assert.deepEqual([location.search, window.history.hasLeft], ["?photo=owl", true]);
});

test("a push takes away what was ahead, and states are copies", async () => {
  install(new FakeWindow());
  const state = { seen: ["dog"] };
  history.pushState(state, "", "?photo=cat");
  state.seen.push("cat");
  assert.deepEqual(history.state, { seen: ["dog"] });
  history.back();
  await settled();
  history.pushState(null, "", "?photo=owl");
  assert.deepEqual(window.history.entries.map((entry) => new URL(entry.href).search), ["", "?photo=owl"]);
  assert.throws(() => history.pushState(null, "", "https://elsewhere.test/"), { name: "SecurityError" });
  assert.throws(() => history.pushState({ call: () => 1 }, ""), { name: "DataCloneError" });
});

test("storage can be switched off and be full", () => {
  const window = install(new FakeWindow());
  sessionStorage.setItem("photo", 7);
  assert.equal(window.sessionStorage.getItem("photo"), "7");
  assert.equal(localStorage.getItem("photo"), null);
  window.storages.session.state = "full";
  assert.throws(() => sessionStorage.setItem("photo", 8), { name: "QuotaExceededError" });
  window.storages.session.state = "off";
  assert.throws(() => window.sessionStorage, { name: "SecurityError" });
  assert.throws(() => sessionStorage.getItem("photo"), { name: "SecurityError" });
});

test("a reload keeps storage and history, and a duplicated tab has copies", () => {
  const before = install(new FakeWindow());
  history.pushState({ step: 1 }, "", "?photo=cat");
  sessionStorage.setItem("photo", "cat");
  const after = install(before.reloaded());
  assert.deepEqual([location.search, history.state], ["?photo=cat", { step: 1 }]);
  assert.equal(sessionStorage.getItem("photo"), "cat");
  const twin = new FakeWindow({ sessionStorage: new FakeStorage(after.storages.session.entries()) });
  twin.sessionStorage.setItem("photo", "owl");
  assert.equal(sessionStorage.getItem("photo"), "cat");
});

test("fetch answers from its table and keeps what was asked", async () => {
  const window = install(new FakeWindow({
    answers: {
      "stellar/settings.json": { models: ["nano"] },
      "POST stellar/study": async (request) => ({ name: (await request.json()).example }),
      "stellar/bytes": new Uint8Array([1, 2]),
      "stellar/busy": new Response("No room.", { status: 503 }),
      "stellar/down": new TypeError("fetch failed"),
    },
  }));
  const read = async (...ask) => (await fetch(...ask)).json();
  assert.deepEqual(await read("http://stellar.test/stellar/settings.json?new=1"), { models: ["nano"] });
  assert.deepEqual(await read("stellar/study", { method: "POST", body: '{"example": "dog"}' }), { name: "dog" });
  assert.equal((await (await fetch("stellar/bytes")).arrayBuffer()).byteLength, 2);
  for (let times = 0; times < 2; times += 1) assert.equal(await (await fetch("stellar/busy")).text(), "No room.");
  await assert.rejects(fetch("stellar/down"), TypeError);
  assert.equal((await fetch("stellar/study")).status, 404, "a GET where only a POST is answered");
  assert.equal(await window.fetch.asked[1].text(), '{"example": "dog"}');
  assert.equal(window.fetch.asked.length, 7);
});

test("a request that is given up fails, whatever is answered later", async () => {
  let answer;
  install(new FakeWindow({ answers: { slow: () => new Promise((resolve) => { answer = resolve; }) } }));
  const given = new AbortController();
  const asked = fetch("slow", { signal: given.signal });
  given.abort();
  await assert.rejects(asked, { name: "AbortError" });
  answer({});
  await settled();
});

test("a frame draws once what asked for it", () => {
  const window = install(new FakeWindow());
  const drawn = [];
  requestAnimationFrame(() => {
    drawn.push("first");
    requestAnimationFrame(() => drawn.push("next"));
  });
  cancelAnimationFrame(requestAnimationFrame(() => drawn.push("never")));
  assert.equal(window.frame(), 1);
  assert.deepEqual(drawn, ["first"]);
  assert.deepEqual([window.frame(), window.frame()], [1, 0]);
});
