"""What strangers send: every address of ours and Gradio's, asked with what no client sends, answers in one sentence."""

import json
import logging

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from stellar_explorer.examples import examples
from stellar_explorer.server import request
from tests.addresses import address_of, addresses

PHOTO = next(iter(examples().values())).path
HUGE, DEEP = "1" + "0" * 400, 200_000
# By what is wrong with it. No field of any request may be one of these.
VALUES = {
    "huge": HUGE, "negative": f"-{HUGE}", "endless": "1e999", "NaN": "NaN", "Infinity": "-Infinity", "true": "true",
    "surrogate": '"\\ud800"', "object": "{}", "list": "[[]]", "nested": "[" * 500 + "]" * 500, "an id": "1" * 23,
}
FIELDS = ("example", "photo", "collection", "id", "query", "k", "least_score", "where", "fold", "word", "yes", "no",
          "words", "concepts", "study", "edits", "photos", "model", "change", "amount", "peer", "ids", "version",
          "data", "fn_index", "session_hash", "event_data")
BODIES = {
    "empty": b"", "text": b"hello", "cut short": b'{"example": "chel', "deep": b"[" * DEEP,
    "deep object": b'{"a":' * DEEP,
    "a list": b"[1]", "a number": HUGE.encode(), "not UTF-8": b"\xff\xfe{\x00}\x00",
    "a raw surrogate": b'{"a": "\xed\xa0\x80"}',
    "twice": b'{"example": "a", "example": "b"}', "null": b"null",
    "as a form": b"example=chelsea",
    **{f"{what} everywhere": ("{" + ", ".join(f'"{field}": {value}' for field in FIELDS) + "}").encode()
       for what, value in VALUES.items()},
}
KINDS = {"as a form": "application/x-www-form-urlencoded"}
GRADIOS = ("/gradio_api/queue/join", "/gradio_api/call/{api_name}", "/gradio_api/call/v2/{api_name}",
           "/gradio_api/run/{api_name}", "/gradio_api/cancel", "/gradio_api/upload")
UNREAD = ("/stellar/web", "/stellar/collections/own")
PARTS = {"huge": "9" * 400, "an id": "1" * 23, "negative": "-1", "a letter": "%C2%B2", "a surrogate": "%ED%A0%80",
         "null": "%00"}


@pytest.mark.parametrize(("body", "words"), [
    (b'{"a": 1' + b"0" * 400 + b"}", "401 digits"), (b'{"a": NaN}', "NaN is no number"), (b'{"a": 1e999}', "too large"),
    (b'{"a": "\\ud800"}', "half of a letter"), (b'{"\\udfff": 1}', "half of a letter"),
    (b'{"a": 1, "b": 2, "a": 3}', "The field a is there twice"), (b"[" * DEEP, "nested deeper"),
    (b'{"a":' * 100 + b"1" + b"}" * 100, "nested deeper"), (b"[1]", "JSON object"), (b"", "JSON object")])
def test_json_that_is_not_taken(body, words):
    with pytest.raises(ValueError, match=words):
        request.json_object(body)


def test_json_that_is():
    said = {"a": [1, 2.5, -(2**63 - 1), "\N{GRINNING FACE}", None, True], "b": {"c": {}}}
    assert request.json_object(json.dumps(said).encode()) == said
    assert request.json_object("\ufeff{}".encode()) == {}


@pytest.mark.parametrize("value", [True, 1.0, "1", None, -1, 11, 10**400, [], {}])
def test_whole_numbers_and_choices_are_of_their_type(value):
    with pytest.raises(ValueError, match=r"from 0 to 10.*\.$"):
        request.whole(value, "The number", 0, 10)
    with pytest.raises(ValueError, match=r"one of 3, 4.*\.$"):
        request.choice(value, "The number", (3, 4))
    for text in ("", "²", "1_0", " 1", "+1", "9" * 5000, "11"):
        with pytest.raises(ValueError, match=r"from 0 to 10.*\.$"):
            request.whole_text(text, "The number", 0, 10)


@pytest.mark.parametrize("value", [True, "1", None, float("nan"), float("inf"), 10**400, 0, 2.5])
def test_numbers_are_finite_and_within(value):
    with pytest.raises(ValueError, match=r"above 0 and at most 2"):
        request.number(value, "The number", 0, 2, above=True)
    with pytest.raises(ValueError):
        request.numbers([value, value], 1, "The box")


# Every address


@pytest.fixture(scope="module")
def tested(served):
    """(method, address) of ours, once an address; and what Gradio takes bodies at."""
    found = [(method, path) for method, path in addresses(served.demo.app)
             if path.startswith("/stellar/") and path not in UNREAD or path in GRADIOS]
    assert len(found) > 35
    return found


@pytest.fixture
def asked(served, caplog, capfd):
    """-> a function that asks and expects one sentence; at the end no traceback was logged, and the server goes on."""
    client = httpx.Client(base_url=served.url, timeout=60)

    def ask(method, address, body=None, kind="application/json", within=(400, 404, 413)):
        headers = {} if body is None else {"Content-Type": kind}
        answer = client.request(method, address, content=body, headers=headers)
        assert answer.status_code in within, (method, address[:80], body and body[:60], answer.status_code, answer.text)
        if answer.status_code >= 400:
            said = answer.text
            assert said and "\n" not in said.strip() and len(said) < 500 and "Traceback" not in said
        return answer

    with caplog.at_level(logging.WARNING), client:
        yield ask
        study = client.post("stellar/studies", json={"example": "chelsea", "model": "nano", "resolution": 224})
        assert study.status_code == 200
    said = capfd.readouterr()
    assert "Traceback" not in said.out + said.err + caplog.text, (said.err + caplog.text)[-3000:]


@pytest.mark.parametrize("what", BODIES)
def test_no_body_is_too_hostile(tested, asked, what):
    for method, path in tested:
        if method != "POST" or path.endswith("/left"):  # which reads no body
            continue
        for part in ("examples", "localize"):
            asked(method, address_of(path, part), BODIES[what], KINDS.get(what, "application/json"))


@pytest.mark.parametrize("what", PARTS)
def test_no_address_is_too_hostile(tested, asked, what):
    part = PARTS[what]
    for method, path in tested:
        address = address_of(path.replace("/collections/{name}", "/collections/examples"), part)
        for query in ("", f"?offset={part}&limit={part}&threshold={part}&ids={part}&own={part}&map={part}&kept={part}"
                          f"&visible={part}&model={part}&resolution={part}&order={part}&name={part}"):
            if "{" not in path and not query:
                continue  # what it answers when nothing is wrong
            # An address that reads nothing of this answers as ever.
            asked(method, address + query, b"{}" if method == "POST" else None, within=(200, 204, 400, 404))


@pytest.mark.parametrize("number", ["1" * 23, "9" * 5000, "-1", "1.5", "²", "x"])
@pytest.mark.parametrize("address", ["photos/{}.json", "concepts/{}.json", "thumbnails/{}.jpg", "pictures/{}.jpg"])
def test_an_id_is_a_number(asked, address, number):
    said = asked("GET", f"stellar/collections/examples/{address.format(number)}", within=(400,)).text
    assert "is a whole number from 0" in said or "being prepared" in said


@pytest.mark.parametrize("body", ['{"example": {}}', '{"example": []}', '{"photo": {}}', '{"photo": null}', "{}",
                                  '{"example": "\\ud800"}', f'{{"example": {HUGE}}}', '{"example": "a", "photo": "b"}'])
@pytest.mark.parametrize("address", ["stellar/photos", "stellar/studies", "stellar/equivariance"])
def test_a_photo_is_named_by_a_text(asked, address, body):
    asked("POST", address, body.encode(), within=(400,))


# The endpoints for programs


@pytest.mark.parametrize("api_name", ["/localize", "/features"])
@pytest.mark.parametrize("resolution", [10**400, True, 448.0, "448", None, {}, [224], -1])
def test_an_endpoints_numbers_are_read_as_strictly(served, api_name, resolution):
    client = Client(served.url, verbose=False)
    with pytest.raises(Exception) as refused:
        client.predict(photo=handle_file(str(PHOTO)), resolution=resolution, api_name=api_name)
    if isinstance(refused.value, AppError):
        assert "from 224 to 1024" in str(refused.value)


@pytest.mark.parametrize(("photo", "words"), [
    ({"path": "data:image/png;base64,AAAA"}, "data:"), ({"url": "DATA:image/png;base64,AAAA"}, "data:"),
    ({"path": "http://nowhere.invalid/cat.png"}, "cannot be fetched"),
    ({"url": "https://127.0.0.1:9/x"}, "cannot be fetched"),
    ({"path": "http://[::1"}, "cannot be fetched"), ({"path": "/etc/passwd"}, "no longer on the server"),
    ({"path": {}}, "No photo was given"), ("photo.png", "No photo was given"), (None, "No photo was given")])
def test_a_photo_that_cannot_be_had(served, asked, photo, words):
    if isinstance(photo, dict):
        photo = {**photo, "meta": {"_type": "gradio.FileData"}}
    started = httpx.post(f"{served.url}gradio_api/call/features", json={"data": [photo, "nano", 224]})
    assert started.status_code == 200, started.text
    said = httpx.get(f"{served.url}gradio_api/call/features/{started.json()['event_id']}", timeout=60).text
    assert "event: error" in said and words in said, said
    asked("POST", "gradio_api/call/nothing", b'{"data": []}', within=(404,))


@pytest.mark.parametrize("data", [[], [None], [None] * 40])
def test_too_few_and_too_many_values(served, asked, data):
    started = httpx.post(f"{served.url}gradio_api/call/features", json={"data": data})
    said = httpx.get(f"{served.url}gradio_api/call/features/{started.json()['event_id']}", timeout=60).text
    assert "takes 3 values" in said
