"""Names of files that are saved: of the photo, in any script, and nothing else gets into the header."""

from urllib.parse import unquote

import pytest

from stellar_explorer.server.attachment import attachment, slug


@pytest.mark.parametrize(("name", "expected"), [
    ("Grandma & Rex.JPG", "Grandma-Rex"), ("C:\\photos\\a.b.c.png", "a-b-c"), ("/etc/passwd", "passwd"),
    ("猫 の写真.jpeg", "猫-の写真"), ("Žluťoučký kůň.png", "Žluťoučký-kůň"), ("", "photo"), ("...", "photo"),
    ('a"; filename="b.exe', "a-filename-b"), ("a\r\nSet-Cookie: x=1", "a-Set-Cookie-x-1"), ("\ud800\u202ecat", "cat"),
    (".hidden", "hidden"), ("no suffix. Really", "no-suffix-Really"), ("x" * 300, "x" * 60)])
def test_a_slug_is_letters_and_digits(name, expected):
    assert slug(name) == expected


@pytest.mark.parametrize("name", ["cat", "猫", "Žluťoučký kůň", 'a"b\r\nc', "\ud800"])
def test_the_name_is_said_in_both_ways(name):
    headers = attachment(slug(name), "224", kind="figure.png")
    said = headers["Content-Disposition"]
    plain, _, full = said.partition("; filename*=UTF-8''")
    assert said.isascii() and "\n" not in said and said.count('"') == 2
    assert unquote(full) == f"stellar-{slug(name)}-224-figure.png"
    assert plain.startswith('attachment; filename="stellar-') and plain.endswith('224-figure.png"')
