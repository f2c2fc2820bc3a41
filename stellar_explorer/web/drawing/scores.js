/** Scores as bars, each model beside its peers, and the same numbers as tables. */

import { make } from "../shared/elements.js";

/** record.scores (or null) -> a section, or null where none is to be expected. */
export function scoresSection(scores, kind) {
  if (!scores) {
    const how = kind === "run" ? null : make("p", { class: "hint" }, "No scores lie beside this model (evaluation.json). "
      + "Take them with python -m train.evaluate.");
    return how && make("section", { class: "models-section" }, make("div", { class: "section-head" }, make("h3", {}, "How good it is")), how);
  }
  const made = [scores.made ? `Measured ${scores.made}.` : "", "All bars begin at 0."].filter(Boolean).join(" ");
  return make("section", { class: "models-section", "data-scores": "" },
    make("div", { class: "section-head" }, make("h3", {}, "How good it is"), make("span", { class: "hint" }, made)),
    ...scores.groups.map((group) => make("section", { class: "scores-group" },
      make("h4", {}, group.title), hint(group.words),
      make("div", { class: "scores" }, ...group.measures.slice(0, group.measures.length - group.more).map(measure)),
      group.more ? make("details", { class: "models-details" }, make("summary", {}, `${group.more} more measure${group.more > 1 ? "s" : ""}`),
        make("div", { class: "scores" }, ...group.measures.slice(-group.more).map(measure))) : null)),
    make("details", { class: "models-details" }, make("summary", {}, "The same numbers as a table"),
      scoresTable(scores), hint(scores.command, "scores-command")));
}

/** Small print, or nothing where there is nothing to say. */
function hint(words, more = "") {
  return words ? make("p", { class: `hint ${more}` }, words) : null;
}

function measure({ name, title, words, better, unit, bars, missing, span }) {
  return make("figure", { class: "score", "data-measure": name },
    make("figcaption", {}, make("div", { class: "score-title" }, make("h5", {}, title),
      make("span", { class: "score-better" }, better)), hint(words)),
    bars.length ? make("ul", { class: "bars" }, ...bars.map(bar)) : null,
    bars.length ? make("div", { class: "score-axis", "aria-hidden": "true" },
      make("span", {}, span[0]), make("span", {}, unit), make("span", {}, span[1])) : null,
    ...missing.map(({ note, names }) => hint(`${note[0].toUpperCase()}${note.slice(1)} (${names.join("; ")})`)));
}

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
    make("span", { class: "bar-name" }, make("span", {}, name), own ? make("span", { class: "bar-own" }, "this one") : null), track,
    make("span", { class: "bar-value" }, value, best ? make("span", { class: "bar-best" }, "best") : null),
    bounds ? make("span", { class: "hint bar-bounds" }, bounds) : null);
}

function scroller(label, table) {
  return make("div", { class: "models-scroll", tabindex: "0", role: "region", "aria-label": label }, table);
}

function scoresTable({ table }) {
  return scroller("Scores", make("table", { class: "models-table" },
    make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Measure"),
      ...table.columns.map(({ name, own }) => make("th", { scope: "col", "data-own": own }, name)))),
    make("tbody", {}, ...table.rows.map(({ name, better, cells }) => make("tr", {},
      make("th", { scope: "row" }, name, make("span", { class: "hint" }, ` ${better}`)),
      ...cells.map((cell, place) => make("td", { "data-own": table.columns[place].own }, cell)))))));
}

/** The curves' numbers, for whoever does not see curves. */
export function numbersTable(sections) {
  const columns = [["first", "First"], ["lowest", "Lowest"], ["highest", "Highest"], ["now", "Now"]];
  return make("details", { class: "models-details" }, make("summary", {}, "The curves as a table"),
    scroller("Curves in numbers", make("table", { class: "models-table" },
      make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Curve"),
        ...columns.map(([, title]) => make("th", { scope: "col" }, title)))),
      make("tbody", {}, ...sections.flatMap(({ charts }) => charts.map((chart) => make("tr", {},
        make("th", { scope: "row" }, chart.title, make("span", { class: "hint" }, ` ${chart.unit}`)),
        ...columns.map(([key]) => make("td", {}, chart.numbers[key])))))))),
    make("p", { class: "hint" }, "First and now are medians, as the lines; lowest and highest are single logged values."));
}
