/** What a person gives: files, folders, addresses, and what is no photo. */

import assert from "node:assert/strict";
import test from "node:test";

import { fitted, megabytes, refusal } from "../../../stellar_explorer/web/shared/uploads.js";
import { filesOf, refusalOfText } from "../../../stellar_explorer/web/shared/drops.js";

const file = (name, size = 1, type = "image/jpeg") => ({ name, size, type });

test("what is no photo is refused by name, in one sentence", () => {
  assert.equal(refusal(file("a.jpg")), null);
  assert.equal(refusal(file("a.heic", 1, "")), null, "browsers do not know every format");
  assert.match(refusal(file("a.jpg", 0)), /^a\.jpg is empty, or a folder/);
  for (const type of ["video/mp4", "audio/mpeg", "text/plain"]) {
    assert.match(refusal(file("b", 1, type)), /^b is not a photo/);
  }
});

test("a folder among what is dropped is said, and the files beside it are taken", () => {
  const entry = (name, isDirectory) => ({ kind: "file", webkitGetAsEntry: () => ({ name, isDirectory }) });
  const transfer = {
    items: [entry("holiday", true), entry("a.jpg", false), { kind: "string" }],
    files: [file("holiday", 4096, ""), file("a.jpg")],
  };
  const { files, refused } = filesOf(transfer);
  assert.deepEqual(files.map(({ name }) => name), ["a.jpg"]);
  assert.deepEqual([refused.length, /^holiday is a folder/.test(refused[0])], [1, true]);
  assert.deepEqual(filesOf(null), { files: [], refused: [] });
});

test("a pasted address of a picture says what to do instead; any other text is nobody's", () => {
  for (const text of ["https://a.test/x.jpg", " http://a.test/x ", "data:image/png;base64,AAAA"]) {
    assert.match(refusalOfText(text), /address of a picture.*Save the picture/);
  }
  for (const text of ["", "a dog", "see https://a.test/x.jpg"]) assert.equal(refusalOfText(text), null);
});

test("what is small enough is sent as it is, what this browser cannot read says so", async () => {
  const small = new File(["abc"], "a.jpg");
  assert.deepEqual(await fitted(small, 3), { file: small, note: null });
  globalThis.createImageBitmap = async () => { throw new Error("no"); };
  const large = new File(["abcd"], "a.heic");
  await assert.rejects(fitted(large, 3), /a\.heic is .* and the limit is .*; this browser cannot/);
  assert.equal(megabytes(12 * 2 ** 20), "12 MB");
});
