/** The paper's tables: in which order their rows stand, and what a spreadsheet is given. */

import assert from "node:assert/strict";
import test from "node:test";

import { csv, figure, pressed, sorted } from "../../../stellar_explorer/web/models/paper_rows.js";

const row = (label, values, more = {}) => ({
  label, kind: "published", values, made: "", commit: "", command: "", place: "", ...more,
});
const ROWS = [row("b24", { rfid: 2.5 }), row("b8", { rfid: 10 }), row("dino", {}), row("b16", { rfid: 2.5 })];
const COLUMN = { name: "rfid", label: "rFID", digits: 2 };
const order = (by, isDescending) => sorted(ROWS, by && { by, isDescending }).map(({ label }) => label);

test("rows by a figure: missing last either way, equal ones as they were", () => {
  assert.deepEqual(order("rfid", false), ["b24", "b16", "b8", "dino"]);
  assert.deepEqual(order("rfid", true), ["b8", "b24", "b16", "dino"]);
  assert.deepEqual(order(null), ["b24", "b8", "dino", "b16"]);
});

test("rows by words, numbers in them as numbers; the rows given stay as they are", () => {
  assert.deepEqual(order("label", false), ["b8", "b16", "b24", "dino"]);
  assert.deepEqual(order("made", false), ["b24", "b8", "dino", "b16"]);
  assert.equal(ROWS[0].label, "b24");
});

test("a column is pressed: highest first, lowest first, as at first; words begin with A", () => {
  const first = pressed(null, "rfid");
  assert.deepEqual(first, { by: "rfid", isDescending: true });
  const second = pressed(first, "rfid");
  assert.deepEqual(second, { by: "rfid", isDescending: false });
  assert.equal(pressed(second, "rfid"), null);
  assert.deepEqual(pressed(second, "label"), { by: "label", isDescending: false });
});

test("a figure has its column's digits", () => {
  assert.deepEqual([figure(ROWS[1], COLUMN), figure(ROWS[2], COLUMN)], ["10.00", ""]);
});

test("CSV: quotes, commas and lines are kept, and no text is a formula", () => {
  const measured = row('say "b", b', { rfid: -1 }, {
    kind: "measured", made: "2026-11-26", commit: "abc1234", command: "=1+1", place: "runs/a\nb.json",
  });
  assert.equal(csv({ columns: [COLUMN] }, [ROWS[0], measured]), [
    "System,Figures,rFID,Date,Commit,Command,File",
    "b24,published,2.50,,,,",
    '"say ""b"", b",measured,-1.00,2026-11-26,abc1234,\'=1+1,"runs/a\nb.json"', "",
  ].join("\r\n"));
});
