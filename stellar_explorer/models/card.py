"""A model's card, Markdown that anyone may have written, made fit for the page."""

from __future__ import annotations

import re


def plain_markdown(text: str) -> str:
    """A card for the page: no front matter, no HTML, no pictures from elsewhere, headings below the page's own.

    Code is left as it is. HTML is shown as the text it is, so what a card says can never run.
    """
    front_matter = re.compile(r"\A\ufeff?---\r?\n.*?^(---|\.\.\.)[ \t]*(\r?\n|\Z)", re.DOTALL | re.MULTILINE)
    text = front_matter.sub("", text, count=1)
    lines, fence = [], None
    for line in text.splitlines():
        mark = re.match(r" {0,3}(`{3,}|~{3,})", line)
        if fence is None and mark:
            fence = mark[1]
        elif fence is not None:
            if mark and mark[1].startswith(fence) and not line.strip(" `~"):
                fence = None
        else:
            heading = re.match(r"(#{1,4})(\s.*)", line)
            line = f"##{heading[1]}{heading[2]}" if heading else line
            # Code spans are every second piece, and stay.
            pieces = re.split(r"(`+[^`]*`+)", line)
            line = "".join(piece if index % 2 else without_html(piece) for index, piece in enumerate(pieces))
        lines.append(line)
    return "\n".join(lines).strip()


def without_html(text: str) -> str:
    text = re.sub(r"!\[", "[", text)  # a picture becomes a link: opening a card asks no other host
    # What lies beside a card in its folder is not beside the page: such a link would lead nowhere.
    text = re.sub(r"\[([^]]*)\]\((?!https?://|mailto:|#)[^)]*\)", r"\1", text)
    return re.sub(r"<(?!https?://|mailto:)", "&lt;", text)
