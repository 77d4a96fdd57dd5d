"""The REST interface over real HTTP: every path, in both formats."""

from __future__ import annotations

import json
import re
import socket

import pytest

import sig_core as sig
from tests.examples.web.site import HOSTILE, INVISIBLE, Site, all_of, running
from tests.support import eventually, within

# -- the log


def test_log_as_lines_has_time_sender_event_and_data_the_newest_last(site: Site) -> None:
    site.listen()
    site.fire("timer", "tick", {"a": [1, None, "é"]})
    site.fire("timer", "tick")
    first, second = site.plain()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", first[0])
    assert first[1:] == ["timer", "tick", '{"a": [1, null, "é"]}']
    assert second[1:] == ["timer", "tick", "null"]


def test_log_as_html_is_the_default_the_newest_first(site: Site) -> None:
    site.listen()
    site.fire("timer", "tick", "the first")
    site.fire("timer", "tick", "the second")
    for path in ("/", "/?fmt=html"):
        answer = site.ask(path)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert 0 < answer.text.index("the second") < answer.text.index("the first")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sender=a", ["1", "2"]),
        ("event=tick", ["1", "3", "5"]),
        ("sender=a&event=tock", ["2"]),
        ("sender=7", ["4"]),  # the number
        ("sender=%227%22", ["5"]),  # the text
        ("sender=none+such", []),
        ("sender=&event=None", ["1", "2", "3", "4", "5"]),
    ],
)
def test_log_is_filtered_exactly(site: Site, query: str, expected: list[str]) -> None:
    site.listen()
    names: list[tuple[sig.Name, sig.Name]] = [("a", "tick"), ("a", "tock"), ("aa", "tick"), (7, "tock"), ("7", "tick")]
    for number, (sender, event) in enumerate(names, 1):
        site.fire(sender, event, number)
    assert [fields[3] for fields in site.plain(f"/?fmt=plain&{query}")] == expected
    rows = re.findall(r'class="data" role="cell">(\d)<', site.ask(f"/?{query}").text)
    assert rows == expected[::-1]


def test_html_escapes_names_data_and_filters(site: Site) -> None:
    site.listen(HOSTILE, HOSTILE)
    site.fire(HOSTILE, HOSTILE, HOSTILE)
    quoted = "sender=%3Cscript%3Ealert(%221%22)%3C/script%3E%26%27"
    for path in ("/", f"/?{quoted}", "/regs"):
        text = site.ask(path).text
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#x27;" in text


def test_what_can_not_be_seen_or_turns_text_around_is_written_as_escapes(site: Site) -> None:
    site.listen()
    site.fire(INVISIBLE, "tick", "x\u2028y\u202e\x7f")
    ((_, sender, _, data),) = site.plain()
    assert sender == r'"a\tb\nc\u202ed\u001b[31m"'
    assert data == r'"x\u2028y\u202e\u007f"'
    assert "\u202e" not in site.ask("/").text


def test_long_data_are_shortened_with_a_link_to_all_of_it(site: Site) -> None:
    site.listen()
    site.fire("timer", "tick", "x" * 100_000)
    number = all_of(site.journal)[-1].number
    page = site.ask("/").text
    assert len(page) < 20_000
    assert f'<a href="/entry?number={number}">all 100,002 characters</a>' in page
    assert site.ask(f"/entry?number={number}").text == '"' + "x" * 100_000 + '"\n'
    site.journal.clear()
    assert site.ask(f"/entry?number={number}").status == 404


def test_event_that_two_registrations_hear_is_logged_once(site: Site) -> None:
    site.listen("timer", "tick")
    site.listen("timer")
    site.listen()
    site.fire("timer", "tick", 1)
    site.fire("timer", "tick", 2)
    assert [entry.data for entry in all_of(site.journal)] == ["1", "2"]


# -- configuration


@pytest.mark.parametrize("path", ["/config", "/cfg"])
def test_config_gives_and_changes_the_limit(site: Site, path: str) -> None:
    site.listen(None, "#notify")
    site.listen(7, 'a "b"')
    for number in range(5):
        site.journal.add("timer", "tick", str(number))
    answer = site.ask(path)
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.text) == {
        "url": site.server.addresses[0],
        "codec": "json",
        "state": "connected",
        "limit": 200,
        "registrations": [{"sender": None, "event": "#notify"}, {"sender": 7, "event": 'a "b"'}],
    }
    assert json.loads(site.ask(f"{path}?limit=3").text)["limit"] == 3
    site.journal.add("timer", "tick", "5")
    assert [fields[3] for fields in site.plain()] == ["3", "4", "5"]


@pytest.mark.parametrize("path", ["/clear", "/flush"])
def test_clear_empties_the_log(site: Site, path: str) -> None:
    for number in range(3):
        site.journal.add("timer", "tick", str(number))
    assert site.ask(path).text == "cleared 3 entries\n"
    assert site.plain() == []


# -- registrations


@pytest.mark.parametrize("path", ["/regs", "/registrations"])
def test_registrations_in_both_formats(site: Site, path: str) -> None:
    site.listen("ifttt")
    site.listen("a:b", "ir")
    site.listen(None, "#notify")
    assert site.plain(f"{path}?fmt=plain") == [
        ["ifttt:None", "registered"],
        ['"a:b":ir', "registered"],
        ["None:#notify", "registered"],
    ]
    cells = re.findall(r"<bdi>(.*?)</bdi>", site.ask(path).text)
    assert cells == ["ifttt", "None", "a:b", "ir", "None", "#notify"]


@pytest.mark.parametrize("remove", ["/remove", "/rem"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_added_is_heard_until_it_is_removed(site: Site, method: str, remove: str) -> None:
    assert site.ask("/add?sender=timer&event=tick", method).text == "timer:tick: registered\n"
    site.fire("timer", "tick")
    site.send("timer", "tock")
    assert site.ask(f"{remove}?sender=timer&event=tick", method).text == "timer:tick: removed\n"
    site.send("timer", "tick")
    site.listen("a")
    site.fire("a", "tock")
    assert [(entry.sender, entry.event) for entry in all_of(site.journal)] == [("timer", "tick"), ("a", "tock")]


@pytest.mark.parametrize(
    ("query", "pattern"),
    [("", (None, None)), ("?sender=timer", ("timer", None)), ("?event=%23x", (None, "#x")), ("?event=7", (None, 7))],
)
def test_what_is_omitted_is_any(site: Site, query: str, pattern: tuple[object, object]) -> None:
    assert site.ask("/add" + query).status == 200
    assert [each.pattern for each in site.subscriber.registrations] == [pattern]
    assert site.ask("/remove" + query).status == 200
    assert site.subscriber.registrations == []


def test_parameters_may_come_in_a_form(site: Site) -> None:
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    assert site.ask("/add?sender=timer", "POST", "event=a+b%26", **form).text == "timer:a b&: registered\n"


def test_adding_twice_and_removing_what_is_not_there_is_refused(site: Site) -> None:
    site.ask("/add?sender=timer")
    twice = site.ask("/add?sender=timer")
    assert (twice.status, twice.text) == (409, "already registered to timer:None\n")
    missing = site.ask("/remove?sender=timer&event=tick")
    assert (missing.status, missing.text) == (404, "not registered to timer:tick\n")


def test_registrations_are_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web_events_logger.rest.MOST", 2)
    assert [site.ask(f"/add?sender={name}").status for name in "abc"] == [200, 200, 409]


# -- the live stream


def test_stream_begins_with_the_log_and_goes_on(site: Site) -> None:
    site.listen()
    site.fire("timer", "tick", "before")
    with site.stream() as messages:
        first = next(messages)
        assert first["reset"] is True
        assert first["state"]["link"] == "connected"
        assert [entry[2:] for entry in first["entries"][-1:]] == [["timer", "tick", '"before"', 8]]
        site.send("timer", "tick", HOSTILE)
        second = next(messages)
        assert second["reset"] is False
        assert [entry[4] for entry in second["entries"]] == [json.dumps(HOSTILE)]
        site.journal.clear()
        third = next(messages)
        assert (third["reset"], third["entries"]) == (True, [])


def test_stream_is_filtered(site: Site) -> None:
    site.journal.add("a", "tick", "1")
    site.journal.add("b", "tick", "2")
    with site.stream("?sender=b") as messages:
        assert [entry[4] for entry in next(messages)["entries"]] == ["2"]


def test_stream_counts_what_it_skips(site: Site) -> None:
    site.journal.limit = 5
    with site.stream() as messages:
        next(messages)
        entries, skipped = 0, 0
        for number in range(1000):
            site.journal.add("timer", "tick", str(number))
        while entries + skipped < 1000:
            message = next(messages)
            assert len(message["entries"]) <= 5
            entries, skipped = entries + len(message["entries"]), skipped + message["skipped"]
        assert message["entries"][-1][4] == "999"
        assert (entries + skipped, skipped > 0) == (1000, True)


def test_stream_ends_in_order_with_the_logger() -> None:
    with running() as site, socket.create_connection(site.address.split(":"), within(10)) as page:
        page.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b""
        while b"data: {" not in answer:
            answer += page.recv(65536)
        site.web.should_exit = True
        while more := page.recv(65536):
            answer += more
    assert answer.endswith(b"\r\n0\r\n\r\n")  # the last chunk: it was not cut off


def test_streams_are_bounded_and_a_closed_one_is_forgotten(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web_events_logger.rest.PAGES", 1)
    eventually(lambda: site.ask("/cfg").status == 200)
    with site.stream() as messages:
        next(messages)
        refused = site.ask("/events")
        assert (refused.status, refused.text) == (503, "1 pages are open, that is the most: close one\n")

    def is_free() -> bool:
        try:
            with site.stream() as messages:
                return next(messages)["reset"] is True
        except (AssertionError, TypeError):
            return False

    eventually(is_free)
