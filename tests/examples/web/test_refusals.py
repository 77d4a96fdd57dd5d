"""What is refused, and what it says: mistakes, other sites, unknown hosts."""

from __future__ import annotations

from itertools import product

import pytest

from tests.examples.web.site import NAME, Site

CHANGES = ["/clear", "/flush", "/config?limit=5", "/cfg?limit=5", "/add?sender=x", "/remove", "/rem"]
READS = ["/", "/?fmt=plain", "/regs", "/config", "/events"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/?fmt=xml", "fmt 'xml': must be html or plain"),
        ("/regs?fmt=", "fmt '': must be html or plain"),
        ("/?colour=red", "parameter 'colour' is unknown: there are fmt, sender, event"),
        ("/clear?all=1", "parameter 'all' is unknown: there are none"),
        ("/?sender=a&sender=b", "parameter 'sender' is given twice: once is enough"),
        ("/config?limit=0", "limit '0': must be an integer from 1 to 100000"),
        ("/config?limit=100001", "limit '100001': must be an integer from 1 to 100000"),
        ("/config?limit=-1", "limit '-1': must be an integer from 1 to 100000"),
        ("/config?limit=5.0", "limit '5.0': must be an integer from 1 to 100000"),
        ("/config?limit=%D9%A5", "limit '\u0665': must be an integer from 1 to 100000"),
        ("/config?limit=", "limit '': must be an integer from 1 to 100000"),
        ("/add?sender=" + "x" * 256, "256 bytes of UTF-8, at most 255 are allowed"),
        ("/add?event=" + "%C3%A9" * 128, "256 bytes of UTF-8, at most 255 are allowed"),
        ("/add?sender=18446744073709551616", "must fit 64 bits"),
        ("/add?sender=1e999", "must be finite"),
        ("/add?sender=%22a", "is a JSON string"),
        ("/add?sender=%22%22", "a name can't be empty"),
        ("/add?sender=%FF", "parameters must be UTF-8"),
        ("/add?" + "&".join(f"p{n}=1" for n in range(20)), "Max number of fields exceeded"),
        ("/entry", "must be that of an entry"),
        ("/entry?number=x", "must be that of an entry"),
    ],
)
def test_wrong_parameters_are_400_with_the_reason(site: Site, path: str, reason: str) -> None:
    answer = site.ask(path)
    assert answer.status == 400
    assert reason in answer.text
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert site.journal.limit == 200
    assert site.subscriber.registrations == []


def test_forms_are_bounded_and_of_one_type(site: Site) -> None:
    assert site.ask("/add", "POST", "sender=" + "x" * 9000).status == 413
    assert site.ask("/add", "POST", '{"sender": "x"}', Content_Type="application/json").status == 415
    assert site.subscriber.registrations == []


@pytest.mark.parametrize("path", ["/nope", "/add/", "//", "/static/", "/static/../rest.py", "/static/%2e%2e/rest.py"])
def test_unknown_paths_are_404(site: Site, path: str) -> None:
    assert site.ask(path).status == 404
    assert "there are /, /regs" in site.ask("/nope").text


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/add"), ("DELETE", "/"), ("HEAD", "/clear"), ("HEAD", "/add?sender=x")]
)
def test_other_methods_are_405(site: Site, method: str, path: str) -> None:
    answer = site.ask(path, method)
    assert answer.status == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "POST"}
    assert site.subscriber.registrations == []


# -- other sites


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://[", "Sec_Fetch_Site": "same-origin"},
        {"Referer": "http://evil.example/page"},
        {"Referer": "http://127.0.0.1:1/", "Sec_Fetch_Site": "none"},
    ],
    ids=str,
)
def test_other_sites_change_nothing(site: Site, headers: dict[str, str]) -> None:
    site.listen()
    site.journal.add("timer", "tick", "1")
    for path, method in product(CHANGES, ("GET", "POST")):
        answer = site.ask(path, method, **headers)
        assert answer.status == 403, path
        assert answer.text.startswith("this request comes from another site")
    assert (len(site.journal), site.journal.limit) == (1, 200)
    assert [each.pattern for each in site.subscriber.registrations] == [(None, None)]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_page_itself_and_what_is_typed_change_things(site: Site, method: str) -> None:
    own = f"http://{site.address}"
    for headers in (
        {"Sec_Fetch_Site": "same-origin", "Origin": own, "Referer": own + "/?fmt=html"},
        {"Sec_Fetch_Site": "none"},
        {},
    ):
        assert site.ask("/clear", method, **headers).status == 200


def test_under_other_names_than_localhost_only_post_changes_things(site: Site) -> None:
    assert site.ask("/config", Host=NAME).status == 200
    assert site.ask("/clear", "POST", Host=f"{NAME}:80").status == 200
    refused = site.ask("/clear", Host=NAME)
    assert refused.status == 403
    assert "POST" in refused.text


# -- other hosts


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "localhost.evil.example", "10.0.0.1", "", "[::"])
def test_unknown_hosts_get_nothing(site: Site, host: str) -> None:
    for path in [*READS, *CHANGES, "/static/page.js", "/nope"]:
        answer = site.ask(path, Host=host)
        assert answer.status == 403, path
        assert "is not known here: add it with --allowed-host" in answer.text


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8080", NAME.upper()])
def test_names_of_this_machine_are_taken(site: Site, host: str) -> None:
    assert site.ask("/", Host=host).status == 200


@pytest.mark.parametrize("path", ["/", "/?fmt=xml", "/nope", "/regs", "/config", "/static/page.css", "/entry?number=0"])
def test_every_answer_tells_the_browser_to_be_strict(site: Site, path: str) -> None:
    for host in ("localhost", "evil.example"):
        headers = site.ask(path, Host=host).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers
