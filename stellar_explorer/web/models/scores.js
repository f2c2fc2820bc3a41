/** Scores as bars, each model beside its peers, and the same numbers as tables. */

import { fold, hasRoom } from "./fold.js";
import { make } from "../shared/elements.js";

/**
 * As stellar_explorer/views/scores.py makes them.
 * @typedef {{name: string, own: boolean, best: boolean, value: string, share: number, zero: number,
 *   marks: {bound: string, share: number, label: string}[]}} Bar
 * @typedef {{name: string, title: string, words: string, better: string, unit: string, bars: Bar[],
 *   missing: {note: string, names: string[]}[], span: [string, string]}} Measure
 * @typedef {{title: string, words: string, measures: Measure[], more: number}} Group
 * @typedef {{columns: {name: string, own: boolean}[], rows: {name: string, better: string, cells: string[]}[]}} Table
 * @typedef {{made: string, groups: Group[], table: Table, command: string}} Scores
 */

/** A section, or null where none is to be expected. @param {Scores | null} scores @param {string} kind */
export function scoresSection(scores, kind) {
  if (!scores) {
    if (kind === "run") return null;
    return make("section", { class: "models-section" }, head(""), hint("No scores lie beside this model "
      + "(evaluation.json). Take them with python -m train.evaluate."));
  }
  const made = [scores.made ? `Measured ${scores.made}.` : "", "All bars begin at 0."].filter(Boolean).join(" ");
  return make("section", { class: "models-section", "data-scores": "" }, head(made), ...scores.groups.map(group),
    fold(make("h4", {}, "The same numbers as a table"), "",
      [scoresTable(scores), hint(scores.command, "scores-command")], { isOpen: false, name: "table" }));
}

/** @param {string} made */
function head(made) {
  return make("div", { class: "section-head" },
    make("h3", {}, "How good it is"), make("span", { class: "hint" }, made));
}

/** Folded it still says what the model has in the first measure. @param {Group} group */
function group({ title, words, measures, more }) {
  const [first] = measures;
  const own = first?.bars.find((bar) => bar.own);
  const summary = own ? `${first.title} ${own.value}${own.best ? ", the best here" : ""}` : "";
  const shown = measures.slice(0, measures.length - more);
  const rest = more ? fold(make("h4", {}, `${more} more measure${more > 1 ? "s" : ""}`), "",
    [make("div", { class: "scores" }, ...measures.slice(-more).map(measure))], { isOpen: false }) : null;
  return fold(make("h4", {}, title), summary,
    [hint(words), make("div", { class: "scores" }, ...shown.map(measure)), rest], { isOpen: hasRoom(), name: "group" });
}

/** Small print, or nothing where there is nothing to say. @param {string} words */
function hint(words, more = "") {
  return words ? make("p", { class: `hint ${more}` }, words) : null;
}

/** @param {Measure} measure */
function measure({ name, title, words, better, unit, bars, missing, span }) {
  return make("figure", { class: "score", "data-measure": name },
    make("figcaption", {}, make("div", { class: "score-title" }, make("h5", {}, title),
      make("span", { class: "score-better" }, better)), hint(words)),
    bars.length ? make("ul", { class: "bars" }, ...bars.map(bar)) : null,
    bars.length ? make("div", { class: "score-axis", "aria-hidden": "true" },
      make("span", {}, span[0]), make("span", {}, unit), make("span", {}, span[1])) : null,
    ...missing.map(({ note, names }) => hint(`${note[0].toUpperCase()}${note.slice(1)} (${names.join("; ")})`)));
}

/** @param {Bar} bar */
function bar({ name, own, best, value, share, zero, marks }) {
  const fill = make("span", { class: "bar-fill" });
  fill.style.insetInlineStart = `${Math.min(share, zero) * 100}%`;
  fill.style.width = `${Math.abs(share - zero) * 100}%`;
  const track = make("span", { class: "bar-track", "aria-hidden": "true" }, fill);
  for (const mark of marks) {
    const line = make("span", { class: "bar-mark", "data-bound": mark.bound, title: mark.label });
    line.style.insetInlineStart = `${mark.share * 100}%`;
    track.append(line);
  }
  const bounds = marks.map(({ label }) => label).join(", ");
  return make("li", { class: "bar", "data-own": own, "data-best": best },
    make("span", { class: "bar-name" }, make("span", {}, name),
      own ? make("span", { class: "bar-own" }, "this one") : null), track,
    make("span", { class: "bar-value" }, value, best ? make("span", { class: "bar-best" }, "best") : null),
    bounds ? make("span", { class: "hint bar-bounds" }, bounds) : null);
}

/** @param {string} label @param {Node} table */
function scroller(label, table) {
  return make("div", { class: "models-scroll", tabindex: "0", role: "region", "aria-label": label }, table);
}

/** @param {Scores} scores */
function scoresTable({ table }) {
  return scroller("Scores", make("table", { class: "models-table" },
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Measure"),
      ...table.columns.map(({ name, own }) => make("th", { scope: "col", "data-own": own }, name)))),
    make("tbody", {}, ...table.rows.map(({ name, better, cells }) => make("tr", {},
      make("th", { scope: "row" }, name, make("span", { class: "hint" }, ` ${better}`)),
      ...cells.map((cell, place) => make("td", { "data-own": table.columns[place].own }, cell)))))));
}

/** The curves' numbers, for whoever does not see curves. @param {import("./curves.js").Section[]} sections */
export function numbersTable(sections) {
  const columns = [["first", "First"], ["lowest", "Lowest"], ["highest", "Highest"], ["now", "Now"]];
  return fold(make("h4", {}, "The curves as a table"), "", [
    scroller("Curves in numbers", make("table", { class: "models-table" },
      make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Curve"),
        ...columns.map(([, title]) => make("th", { scope: "col" }, title)))),
      make("tbody", {}, ...sections.flatMap(({ charts }) => charts.map((chart) => make("tr", {},
        make("th", { scope: "row" }, chart.title, make("span", { class: "hint" }, ` ${chart.unit}`)),
        ...columns.map(([key]) => make("td", {}, chart.numbers[key])))))))),
    hint("First and now are medians, as the lines; lowest and highest are single logged values."),
  ], { isOpen: false, name: "numbers" });
}
