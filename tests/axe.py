"""axe-core in a page of Playwright's: what keeps people from using it, a sentence each."""

from __future__ import annotations

from typing import Any

from tests.node import package_file

# Only what is violated is computed in full: the passes of a whole page are megabytes.
CHECK = """async ([within, without]) => {
    const found = await window.axe.run(within ?? document, {
        resultTypes: ["violations"],
        rules: Object.fromEntries(without.map((rule) => [rule, { enabled: false }])),
    });
    return found.violations.flatMap(({ id, impact, help, nodes }) => nodes.map(({ target, html, failureSummary }) =>
        ({ rule: id, impact, help, target: target.flat().join(" "), html, summary: failureSummary ?? "" })));
}"""
MOST_HTML = 160


def sentence(found: dict[str, str]) -> str:
    """One line: where, what is asked for, what is wrong with it, its markup, and axe's name of the rule."""
    _, *wrong = (line.strip() for line in found["summary"].splitlines() if line.strip())
    html = " ".join(found["html"].split())
    html = html if len(html) <= MOST_HTML else html[:MOST_HTML] + "..."
    return f"{found['target']}: {found['help']}: {'; '.join(wrong)} - {html} ({found['impact']}, {found['rule']})"


def violations(page: Any, within: str | None = None, *, without: tuple[str, ...] = ()) -> list[str]:
    """What axe finds on a Playwright page as it is now, best when nothing moves.

    within: a CSS selector, or the whole document. without: rules that are not asked, by axe's names.
    The test is skipped where axe is not installed.
    """
    file = package_file("axe-core/axe.min.js")
    if not page.evaluate("'axe' in window"):
        page.add_script_tag(path=file)
    return [sentence(found) for found in page.evaluate(CHECK, [within, list(without)])]
