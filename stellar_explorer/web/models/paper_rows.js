/** The paper's tables as rows: in which order, and as CSV. Pure. */

/**
 * As stellar_explorer/models/paper_tables.py makes them.
 * @typedef {{name: string, label: string, digits: number}} Column
 * @typedef {{label: string, kind: string, values: Record<string, number>, made: string, commit: string,
 *   command: string, place: string}} Row
 * @typedef {{name: string, label: string, source: string, command: string, columns: Column[], rows: Row[],
 *   without: number, missing: string[]}} Table
 * @typedef {{by: string, isDescending: boolean}} Order
 */

/**
 * What stands beside the figures, as columns too. @type {{name: "label" | "kind" | "made" | "commit", label: string}[]}
 */
export const WORDS = [
  { name: "label", label: "System" }, { name: "kind", label: "Figures" }, { name: "made", label: "Date" },
  { name: "commit", label: "Commit" },
];

/** @param {Row} row @param {Column} column */
export function figure({ values }, { name, digits }) {
  return name in values ? values[name].toFixed(digits) : "";
}

/** @param {Row} row @param {string} name */
function cellOf(row, name) {
  const word = WORDS.find((each) => each.name === name)?.name;
  return word ? row[word] || undefined : row.values[name];
}

/** Rows by a column; what has no value is last either way, and equal ones stay as they were.
 * @param {Row[]} rows @param {Order | null} order null: as published, and under it as measured */
export function sorted(rows, order) {
  if (!order) return [...rows];
  return [...rows].sort((one, other) => {
    const [a, b] = [cellOf(one, order.by), cellOf(other, order.by)];
    if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
    const difference = typeof a === "number" && typeof b === "number" ? a - b
      : String(a).localeCompare(String(b), "en", { numeric: true });
    return order.isDescending ? -difference : difference;
  });
}

/** The order after a press: figures from the highest, words from A; then the other way; then as at first.
 * @param {Order | null} order @param {string} by @returns {Order | null} */
export function pressed(order, by) {
  const isFirstDescending = !WORDS.some(({ name }) => name === by);
  if (order?.by !== by) return { by, isDescending: isFirstDescending };
  return order.isDescending === isFirstDescending ? { by, isDescending: !isFirstDescending } : null;
}

/** A text of a file is no formula in a spreadsheet. @param {string} text */
function quoted(text) {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** RFC 4180, in the order of the rows. @param {Table} table @param {Row[]} rows */
export function csv({ columns }, rows) {
  const heads = ["System", "Figures", ...columns.map(({ label }) => label), "Date", "Commit", "Command", "File"];
  const lines = rows.map((row) => [
    quoted(row.label), row.kind, ...columns.map((column) => figure(row, column)),
    ...[row.made, row.commit, row.command, row.place].map(quoted)]);
  return [heads.map(quoted), ...lines].map((cells) => `${cells.join(",")}\r\n`).join("");
}
