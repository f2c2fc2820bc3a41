"""Who may ask: no other site's page, under whatever name; and what browsers are told of everything that is served."""

import httpx
import pytest
from starlette.datastructures import Headers

from stellar_explorer.server.guard import SPACES, Names, headers_for, refusal
from tests.addresses import address_of, addresses

HOST = "localhost:7860"


def asked(host=HOST, names=None, **headers) -> str | None:
    said = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return refusal(names or Names(environment={}), Headers(said))


@pytest.mark.parametrize("host", ["localhost:7860", "LOCALHOST", "127.0.0.1:7860", "[::1]:7860", "192.168.1.7",
                                  "[fe80::1%eth0]:80", "app.localhost:80", ""])
def test_numbers_and_localhost_are_nobody_elses(host):
    assert asked(host) is None and asked(host, origin=f"http://{host}" if host else "http://x") is None or not host


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "localhost.evil.example",
                                  "127.0.0.1.evil.example", "xlocalhost", "x.gradio.live", "0x7f.1.example"])
def test_a_name_that_was_made_to_lead_here_is_refused(host):
    assert "--allow-host" in asked(host, origin=f"http://{host}", sec_fetch_site="same-origin")
    assert "--allow-host" in asked(host) and "--allow-host" in asked(host, x_forwarded_host=HOST)


def test_names_that_were_given():
    names = Names(["Photos.Example", "nas.local:8080"], root_path="https://public.example/explorer", shares=True,
                  bound=lambda: "bound.example", environment={"STELLAR_ALLOWED_HOSTS": "a.example, b.example"})
    for name in ("photos.example", "photos.example.:443", "nas.local:80", "public.example", "abc.gradio.live",
                 "bound.example:7860", "a.example", "b.example"):
        assert asked(name, names) is None
    assert asked("gradio.live.example", names) and asked("example", names)
    # A proxy asks by another name than the page has.
    assert asked(HOST, names, origin="https://photos.example") is None and asked(HOST, names, origin="https://x.example")


@pytest.mark.parametrize("origin", [
    "https://evil.example", "null", "http://localhost:3000", "http://localhost", "file://", "http://127.0.0.1:7860",
    "http://[", "", "http://localhost:7860.evil.example"])
def test_another_sites_page_is_refused(origin):
    for site in ("cross-site", ""):
        assert "another site" in asked(origin=origin, sec_fetch_site=site)


@pytest.mark.parametrize(("host", "origin"), [
    ("localhost:7860", "http://localhost:7860"), ("[::1]:7860", "http://[::1]:7860"), ("127.0.0.1", "https://127.0.0.1"),
    ("127.0.0.1:443", "https://127.0.0.1"), ("127.0.0.1:80", "http://127.0.0.1")])
def test_a_page_of_ours_may_ask(host, origin):
    assert asked(host, origin=origin) is None


def test_pictures_are_not_shown_on_another_sites_page_but_links_are_followed():
    for site in ("cross-site", "same-site"):
        assert "another site" in asked(sec_fetch_site=site, sec_fetch_mode="no-cors")
        assert asked(sec_fetch_site=site, sec_fetch_mode="navigate") is None
    assert asked(sec_fetch_site="same-origin", sec_fetch_mode="no-cors") is None
    assert asked(sec_fetch_site="none", sec_fetch_mode="navigate") is None


def test_a_proxys_word_counts_where_one_was_told_of():
    forwarded = {"origin": "https://public.example", "x_forwarded_host": "public.example"}
    assert asked(HOST, Names(root_path="/explorer", environment={}), **forwarded) is None
    assert "another site" in asked(HOST, **forwarded)
    # A browser says by itself whose page asks; a proxy that ends HTTPS may ask by any of the server's names.
    assert asked(HOST, origin="https://public.example", sec_fetch_site="same-origin") is None


def test_a_space_is_shown_in_a_frame_of_the_hub_and_nothing_else_is():
    names = Names(environment={"SPACE_ID": "me/explorer", "SPACE_HOST": "me-explorer.hf.space"})
    assert asked("me-explorer.hf.space", names) is None and asked("10.1.2.3", names) is None
    assert asked("10.1.2.3", names, origin="https://me-explorer.hf.space") is None
    assert "another site" in asked("me-explorer.hf.space", names, origin="https://evil.example")
    policy = headers_for(is_space=True)["Content-Security-Policy"]
    assert f"frame-ancestors 'self' {' '.join(SPACES)}" in policy
    assert "X-Frame-Options" not in headers_for(is_space=True)
    assert headers_for(is_space=False)["Content-Security-Policy"].endswith("frame-ancestors 'self'")


# The server's


@pytest.fixture(scope="module")
def client(served):
    with httpx.Client(base_url=served.url, timeout=60) as client:
        yield client


def everywhere(served) -> list[tuple[str, str]]:
    asked = [(method, address_of(path, "x")) for method, path in addresses(served.demo.app)
             if "heartbeat" not in path and "startup-events" not in path]  # one answers for as long as one listens
    others = ("/nothing", "/stellar/web/explore/explore.js", "/stellar/web/nothing.js", "/assets/nothing")
    return [*asked, *(("GET", path) for path in others), ("HEAD", "/"), ("PUT", "/"), ("OPTIONS", "/")]


def test_everything_that_is_served_has_the_headers(served, client):
    told = headers_for(is_space=False)
    assert len(everywhere(served)) > 80
    for method, address in everywhere(served):
        with client.stream(method, address) as answer:
            for name, value in told.items():
                assert answer.headers.get_list(name) == [value], (method, address, answer.status_code)


def test_another_site_can_neither_write_nor_read(served, client):
    hostile = ({"Origin": "https://evil.example"}, {"Host": "evil.example"}, {"Origin": "null"},
               {"Host": "evil.example", "Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
               {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"})
    for method, address in everywhere(served):
        for headers in hostile:
            answer = client.request(method, address, headers=headers)
            assert answer.status_code == 403 and "access-control-allow-origin" not in answer.headers
            assert answer.headers["content-type"].startswith("text/plain") and "\n" not in answer.text
    preflight = {"Origin": "https://evil.example", "Access-Control-Request-Method": "DELETE",
                 "Access-Control-Request-Headers": "x-forwarded-host"}
    assert client.options("/stellar/collections/own-x", headers=preflight).status_code == 403


def test_gradios_other_doors_are_closed(client):
    for address in ("gradio_api/file=/etc/passwd", "gradio_api/file/etc/passwd", "gradio_api/proxy=https://x.hf.space/",
                    "gradio_api/deep_link", "gradio_api/run-history/records", "monitoring"):
        assert client.get(address).status_code == 404
    for name in ("predict", "nothing"):
        assert "no such endpoint" in client.post(f"gradio_api/run/{name}", json={"data": []}).text
    for address in ("gradio_api/process_recording", "gradio_api/component_server", "gradio_api/vibe-edit/"):
        assert client.post(address, files={"files": ("a.webm", b"x" * 100)}).status_code == 404
