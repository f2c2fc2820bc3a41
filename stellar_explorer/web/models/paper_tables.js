/** The paper's tables: figures as published, and under them those measured here; sorted by any column, and as CSV. */

import { icon, make } from "../shared/elements.js";
import { fold } from "./fold.js";
import { csv, figure, pressed, sorted, WORDS } from "./paper_rows.js";

/**
 * @typedef {import("./paper_rows.js").Table} Table @typedef {import("./paper_rows.js").Row} Row
 * @typedef {import("./paper_rows.js").Order} Order
 */

const INTRODUCTION = "The figures that the paper's authors published, and under them those measured on this machine. "
  + "Ours come from this program's own protocols and another split of the photos, so a small difference says little.";

export class PaperTables {
  constructor() {
    this.body = make("div", { class: "models-body" });
    this.element = make("div", { class: "models-main", "data-paper-tables": "", hidden: true }, this.body);
    this.drawn = "";
  }

  /** What has not changed is left alone, with its order. @param {{tables: Table[], problems: string[]}} found */
  show(found) {
    const drawn = JSON.stringify(found);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.body.replaceChildren(
      make("div", { class: "models-head" }, make("h2", {}, "The paper's tables")),
      make("p", {}, INTRODUCTION),
      ...found.problems.length
        ? [make("ul", { class: "models-problems" }, ...found.problems.map((problem) => make("li", {}, problem)))] : [],
      ...found.tables.map((table) => new PaperTable(table).element));
  }
}

/** One table; its state is the order of its rows. */
class PaperTable {
  /** @param {Table} table */
  constructor(table) {
    this.table = table;
    /** @type {Order | null} */
    this.order = null;
    /** @type {Map<string, HTMLElement>} */
    this.heads = new Map();
    const measured = table.rows.filter(({ kind }) => kind === "measured");
    this.rows = new Map(table.rows.map((row) => [row, this.row(row)]));
    this.rowsElement = make("tbody", {});
    this.download = make("a", { class: "quiet-button", download: `stellar-table-${table.name}.csv` },
      icon("download"), "CSV", make("span", { class: "unseen" }, ` of ${table.label}`));
    this.element = make("section", { class: "models-section paper-table", "data-table": table.name },
      make("div", { class: "section-head" }, make("h3", {}, table.label), table.rows.length > 0 && this.download),
      table.rows.length > 0 && make("div", {
        class: "models-scroll", tabindex: 0, role: "region", "aria-label": table.label,
      }, make("table", { class: "models-table" }, make("thead", {}, this.headRow()), this.rowsElement)),
      this.hints(), measured.length > 0 && commands(measured));
    this.draw();
  }

  headRow() {
    const [system, kind, made, commit] = WORDS;
    const isDated = this.isDated();
    return make("tr", {}, this.head(system), this.head(kind),
      ...this.table.columns.map((column) => this.head(column, true)),
      isDated && this.head(made), isDated && this.head(commit));
  }

  /** Only measured figures have a date. */
  isDated() {
    return this.table.rows.some(({ made }) => made);
  }

  /** @param {{name: string, label: string}} column */
  head({ name, label }, isNumber = false) {
    const button = make("button", {
      type: "button", class: "paper-sort", onclick: () => {
        this.order = pressed(this.order, name);
        this.draw();
      },
    }, label);
    const head = make("th", { scope: "col", "data-column": name, "data-number": isNumber }, button);
    this.heads.set(name, head);
    return head;
  }

  /** @param {Row} row */
  row(row) {
    const isDated = this.isDated();
    return make("tr", { "data-kind": row.kind }, make("th", { scope: "row" }, row.label),
      make("td", {}, row.kind),
      ...this.table.columns.map((column) => make("td", { "data-number": "" }, figure(row, column))),
      isDated && make("td", {}, row.made), isDated && make("td", {}, row.commit));
  }

  /** What the table does not show, and how to measure. */
  hints() {
    const { rows, columns, source, without, missing, command } = this.table;
    const isPublished = rows.some(({ kind }) => kind === "published");
    const systems = `${without} more system${without === 1 ? "" : "s"}`;
    return make("div", {},
      make("p", { class: "hint" }, [
        isPublished ? `Published: ${source}.` : "No figure of this table was published as text.",
        without ? `${systems} of this table ${without === 1 ? "has" : "have"} no figure yet.` : "",
        rows.some(({ values }) => columns.some(({ name }) => !(name in values)))
          && "An empty cell was neither published as text nor measured here.",
      ].filter(Boolean).join(" ")),
      make("p", { class: "hint" }, "To measure: ", make("code", { class: "scores-command" }, command)),
      ...missing.map((reason) => make("p", { class: "hint" }, reason)));
  }

  draw() {
    const { order, table } = this;
    const rows = sorted(table.rows, order);
    this.rowsElement.replaceChildren(...rows.map((row) => /** @type {Node} */ (this.rows.get(row))));
    for (const [name, head] of this.heads) {
      if (order?.by === name) head.setAttribute("aria-sort", order.isDescending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    this.download.href = `data:text/csv;charset=utf-8,${encodeURIComponent(csv(table, rows))}`;
  }
}

/** By which command each measured row was made. @param {Row[]} rows */
function commands(rows) {
  return fold(make("h4", {}, "How ours were measured"), "", rows.map(({ label, made, commit, command, place }) =>
    make("p", { class: "hint" }, `${[label, made, commit && `commit ${commit}`, place].filter(Boolean).join(", ")}: `,
      make("code", { class: "scores-command" }, command || "the file does not say"))),
  { isOpen: false, name: "commands" });
}
