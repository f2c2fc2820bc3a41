/** One photo everywhere, one step back, a link that says what it shows: the laws of the session. */

import assert from "node:assert/strict";
import test from "node:test";

import { Gone } from "../../../stellar_explorer/web/shared/server.js";
import { Session } from "../../../stellar_explorer/web/shared/session.js";
import { FakeStorage, FakeWindow, settled } from "../fakes.js";

const SETTINGS = {
  examples: [{ id: "dog" }, { id: "owl" }, { id: "cat" }],
  models: [{ name: "nano", available: true }, { name: "large", available: true }],
  resolutions: [224, 448, 1024],
  default: { example: "dog", model: "nano", resolution: 448 },
};
/** Of Retrieve: a query and a threshold; the first is a step. */
const ADDRESS = {
  names: ["query", "threshold"],
  write: ({ views: { retrieve = {} } }) => ({ query: retrieve.query, threshold: retrieve.threshold }),
  read: (query) => ({
    ...query.has("query") && { query: query.get("query") },
    ...query.has("threshold") && { threshold: Number(query.get("threshold")) },
  }),
};

/** The page opened at an address: its window, its session, and what was said. */
function opened(href = "", window = new FakeWindow({ href })) {
  const session = new Session(SETTINGS, window);
  const said = [];
  session.tell = (sentence) => said.push(sentence);
  return { window, session, said };
}

function facts(token, name = `${token}.jpg`) {
  const sizes = { width: 64, height: 48 };
  return { token, name, ...sizes, thumbnail: `t/${token}`, notes: [], example: null, address: "", alt: "" };
}

const query = (window) => Object.fromEntries(new URL(window.location.href).searchParams);

async function back(window, steps = -1) {
  window.history.go(steps);
  await settled();
}

test("a photo that is given anywhere is the photo of all that subscribe, and keeps model and resolution", () => {
  const { session } = opened("?resolution=1024");
  const seen = { explore: [], edit: [] };
  for (const tab of ["explore", "edit"]) session.subscribe(({ photo }) => seen[tab].push(photo));
  session.change({ photo: { example: "owl" }, concept: 3 });
  session.show(facts("p1"));
  assert.deepEqual(seen.edit, seen.explore);
  assert.deepEqual(seen.edit.at(-1), { photo: "p1", name: "p1.jpg" });
  const { concept, resolution, model } = session.state;
  assert.deepEqual([concept, resolution, model], [null, 1024, "nano"], "another photo has other concepts");
});

test("one that fails keeps no other from hearing, and is reported", () => {
  const { window, session } = opened();
  const heard = [];
  session.subscribe(() => { throw new Error("broken"); });
  session.subscribe(({ tab }) => heard.push(tab));
  const errors = [];
  window.reportError = ({ message }) => errors.push(message);
  session.change({ tab: "edit" });
  assert.deepEqual([heard, errors], [["edit"], ["broken"]]);
});

test("Back undoes exactly one step of any kind, Forward does it again", async () => {
  const { window, session } = opened();
  session.register("retrieve", ADDRESS);
  const steps = [{ tab: "retrieve" }, { photo: { example: "owl" } }, { concept: 5 }, { resolution: 1024 },
    { model: "large", concept: 2 }, { collection: "birds" }];
  const states = [session.state];
  for (const step of steps) {
    session.change(step);
    states.push(session.state);
  }
  session.changeView("retrieve", { query: "dog" }, { isStep: true });
  states.push(session.state);
  for (const expected of states.toReversed().slice(1)) {
    await back(window);
    assert.deepEqual(session.state, expected);
  }
  for (const expected of states.slice(1)) {
    await back(window, 1);
    assert.deepEqual(session.state, expected);
  }
  assert.equal(window.history.length, states.length);
});

test("what is no step makes no entry, and is there again after Back and Forward", async () => {
  const { window, session } = opened("?tab=retrieve");
  session.register("retrieve", ADDRESS);
  for (const threshold of [1, 2, 3]) session.changeView("retrieve", { threshold });
  assert.equal(window.history.length, 1);
  session.change({ concept: 4 });
  assert.deepEqual(window.history.entries[0].state.stellar.views.retrieve, { threshold: 3 }, "what waited is written");
  session.changeView("retrieve", { threshold: 9 });
  await back(window);
  assert.deepEqual([session.view("retrieve"), session.state.concept], [{ threshold: 3 }, null]);
  session.changeView("retrieve", { threshold: undefined });
  session.history.flush();
  assert.deepEqual(query(window), { tab: "retrieve" });
});

test("Back while a change waits drops it, and writes nothing over the entry that was come to", async () => {
  const { window, session } = opened("?tab=retrieve");
  session.register("retrieve", ADDRESS);
  session.changeView("retrieve", { threshold: 2 });
  session.change({ concept: 4 });
  session.changeView("retrieve", { threshold: 5 });
  session.changeView("retrieve", { threshold: 6 });
  await back(window);
  session.history.flush();
  assert.deepEqual(query(window), { tab: "retrieve", threshold: "2" });
});

test("nothing new makes no step: the same photo under another name, what is there already", () => {
  const { window, session } = opened();
  session.show(facts("p1"));
  const { length } = window.history;
  session.show(facts("p1", "other.jpg"));
  session.change({ tab: "explore", concept: null });
  assert.equal(window.history.length, length);
});

test("a link restores what it says, in another browser", () => {
  const { session } = opened();
  session.register("retrieve", ADDRESS);
  session.change({ tab: "retrieve", photo: { example: "cat" }, concept: 7, model: "large", resolution: 224,
    collection: "birds" });
  session.changeView("retrieve", { query: "a beak", threshold: 0.5 });
  const href = new URL(session.link());
  const other = opened(href.search).session;
  assert.deepEqual(other.register("retrieve", ADDRESS), { query: "a beak", threshold: 0.5 });
  assert.deepEqual(other.state, session.state);
});

test("what makes no sense here is left out of a link", () => {
  const { session } = opened("?tab=nowhere&photo=../x&model=gpt&resolution=5&concept=-1");
  assert.deepEqual(session.state, session.defaults);
});

test("a link at another tab is no view of a tab that comes later", () => {
  const { session } = opened("?query=dog");
  session.change({ tab: "retrieve" });
  assert.deepEqual(session.register("retrieve", ADDRESS), {});
});

test("an upload and its concept, and one's own collection, are in no link; parameters of others stay", () => {
  const { window, session } = opened("?utm=1&photo=owl&__theme=dark#top");
  session.show(facts("secret"));
  session.change({ concept: 4, collection: "own-0123", tab: "atlas" });
  assert.deepEqual(query(window), { utm: "1", __theme: "dark", tab: "atlas" });
  assert.ok(!session.link().includes("secret") && !session.link().includes("#"));
});

test("a collection may be named by a tab's own address as well, but never one's own", () => {
  const { window, session } = opened("?tab=atlas");
  session.register("atlas", { names: ["collection"], read: () => ({}), write: ({ collection }) => ({ collection }) });
  session.change({ collection: "birds" });
  assert.equal(query(window).collection, "birds");
  session.change({ collection: "own-1" });
  assert.equal(query(window).collection, undefined);
});

test("a link that names somebody's own collection is read: its tab says it is gone", () => {
  const { window, session } = opened("?collection=own-abc");
  assert.equal(session.state.collection, "own-abc");
  assert.deepEqual(query(window), {});
});

test("a reload keeps where in a collection a photo was found", () => {
  const { window, session } = opened();
  session.list(facts("p1"));
  session.change({ photo: { photo: "p1", name: "p1.jpg", from: { collection: "own-abc", id: 3 } } });
  assert.deepEqual(opened("", window.reloaded()).session.state, session.state);
});

test("a reload keeps the upload, its concept and the list; a new visit has none of it", () => {
  const { window, session } = opened();
  session.show(facts("p1"));
  session.change({ concept: 6 });
  const after = opened("", window.reloaded()).session;
  assert.deepEqual(after.state, session.state);
  assert.deepEqual(after.photos.map(({ name }) => name), ["p1.jpg"]);
  assert.deepEqual(opened().session.photos, []);
});

test("two browser tabs do not disturb each other, also when one is a copy of the other", () => {
  const first = opened();
  first.session.show(facts("p1"));
  const copy = new FakeStorage(first.window.storages.session.entries());
  const second = opened("", new FakeWindow({ sessionStorage: copy })).session;
  assert.deepEqual(second.photos.length, 1);
  second.remove("p1");
  first.session.change({ concept: 2 });
  assert.deepEqual(first.session.photos.map(({ photo }) => photo), ["p1"]);
  assert.deepEqual(second.state.photo, { example: "dog" });
});

for (const state of ["off", "full"]) {
  test(`with storage ${state} all works but the list after a reload`, () => {
    const window = new FakeWindow();
    window.storages.session.state = state;
    const { session } = opened("", window);
    session.show(facts("p1"));
    session.list(facts("p2"));
    assert.deepEqual(session.photos.map(({ photo }) => photo), ["p2", "p1"]);
    session.remove("p1");
    assert.deepEqual(session.state.photo, { photo: "p2", name: "p2.jpg" });
    assert.deepEqual(opened("", window.reloaded()).session.photos, []);
  });
}

test("storage and history that hold nonsense are read as far as they make sense", () => {
  const window = new FakeWindow();
  const photos = '[{"photo": 3}, null, {"photo": "p", "name": "n", "thumbnail": "t"}]';
  window.sessionStorage.setItem("stellar-photos", photos);
  window.history.replaceState({ stellar: { tab: "nowhere", photo: { example: "gone" }, concept: "3", views: [] } }, "");
  const { session } = opened("", window);
  assert.deepEqual(session.state, session.defaults);
  assert.deepEqual(session.photos.map(({ photo }) => photo), ["p"]);
});

test("several photos at once stand in the order they were given in, before older ones", () => {
  const { session } = opened();
  session.show(facts("old"));
  session.show(facts("a"));
  session.list(facts("b"), undefined, "a");
  session.list(facts("c"), undefined, "b");
  assert.deepEqual(session.photos.map(({ photo }) => photo), ["a", "b", "c", "old"]);
  assert.equal(session.state.photo.photo, "a");
});

test("a photo that is taken out makes room for the next, and Back lists it again", async () => {
  const { window, session } = opened();
  for (const token of ["a", "b"]) session.show(facts(token));
  session.remove("b");
  assert.deepEqual(session.state.photo, { photo: "a", name: "a.jpg" });
  await back(window);
  assert.deepEqual([session.state.photo.photo, session.photos.length], ["b", 2]);
  session.remove("b");
  session.remove("a");
  assert.deepEqual([session.state.photo, session.photos], [{ example: "dog" }, []]);
});

test("a jump inside the document changes nothing, and Back goes over it", async () => {
  const { window, session } = opened();
  session.show(facts("p1"));
  const { state } = session;
  window.history.pushState(null, "", "#stellar-panels"); // as a browser does for a link to a place
  window.dispatchEvent(Object.assign(new Event("popstate"), { state: null }));
  assert.equal(session.state, state);
  await back(window);
  assert.deepEqual(session.state, state);
});

test("too many writes are no error, and the page goes on", () => {
  const { window, session } = opened();
  window.history.pushState = () => { throw new DOMException("Too many calls", "SecurityError"); };
  session.change({ concept: 3 });
  assert.equal(session.state.concept, 3);
});

/** A server that has some uploads. */
function server(...tokens) {
  const has = new Set(tokens);
  return {
    has,
    asked: [],
    request: async (photo) => {
      if ("photo" in photo && !has.has(photo.photo)) throw new Gone("This photo is no longer on the server.");
      return photo;
    },
    upload: async (file, name) => {
      const token = `again-${file.name}`;
      has.add(token);
      return facts(token, name);
    },
  };
}

test("an upload that the server has lost is sent again from this page, once for all that ask", async () => {
  const { session, window } = opened();
  const { request, upload } = server();
  let sent = 0;
  const counted = (...given) => upload(...given, sent += 1);
  session.show(facts("p1", "me.jpg"), new File(["x"], "file"));
  session.change({ concept: 3 });
  const { length } = window.history;
  const found = await Promise.all([session.about(request, counted), session.about(request, counted)]);
  assert.deepEqual(found.map(({ photo }) => photo), ["again-file", "again-file"]);
  assert.deepEqual([sent, session.photos.length, session.state.concept], [1, 1, 3]);
  assert.deepEqual([session.state.photo, window.history.length], [{ photo: "again-file", name: "me.jpg" }, length]);
});

test("an upload that is gone for good is said once, and the example is looked at", async () => {
  const { session, said } = opened();
  const { request, upload } = server();
  session.show(facts("p1", "me.jpg"));
  await Promise.allSettled([session.about(request, upload), session.about(request, upload)]);
  assert.deepEqual([session.state.photo, session.photos], [{ example: "dog" }, []]);
  assert.equal(said.length, 1);
  assert.match(said[0], /^me\.jpg is no longer on the server; add it again\. An example is shown meanwhile\.$/);
});

test("what failed for another reason is the caller's, and nothing is lost", async () => {
  const { session, said } = opened();
  session.show(facts("p1"));
  await assert.rejects(session.about(async () => { throw new Error("no room"); }, server().upload), /no room/);
  assert.deepEqual([session.photos.length, said], [1, []]);
});

test("after a reload the photos that are gone are taken out and said once, the others stay", async () => {
  const { session, said } = opened();
  for (const token of ["a", "b", "c"]) session.show(facts(token));
  const { request } = server("b");
  await session.check(request);
  assert.deepEqual(session.photos.map(({ photo }) => photo), ["b"]);
  assert.deepEqual([session.state.photo, said.length], [{ example: "dog" }, 1]);
  assert.match(said[0], /c\.jpg, a\.jpg are no longer on the server; add them again/);
  await session.check(async () => { throw new Error("The server does not answer."); });
  assert.equal(session.photos.length, 1);
});
