"""alert_listener.py: what it hears is shown on a desktop, one that is there, absent, slow to come, or choosy."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

import sig_core as sig
from tests.examples.programs.desktop_session import Notification, Service, bus, need_desktop, service
from tests.support.example_program import Example, said_by

pytestmark = pytest.mark.desktop

PROMPTS = ["Server IP   (default: 127.0.0.1):", "Server port (default: 3000):"]
ABSENT = said_by("_show", r"no notification service .*\(trying again in 0\.05 s\)", "warning")


@pytest.fixture(autouse=True)
def desktop() -> None:
    need_desktop()


@pytest.fixture
def session(tmp_path: Path) -> Iterator[dict[str, str]]:
    with bus(tmp_path) as env:
        yield env


def alerting(server: sig.ServerRouter, env: dict[str, str], *options: str) -> Example:
    """Start it; it hears when this returns."""
    return registered(Example("alert_listener", "--url", server.addresses[0], "--retry", "0.05", *options, env=env))


def registered(alerts: Example, times: int = 1) -> Example:
    for _ in range(times):
        alerts.find(said_by("main", r"Registering to .*"))
        alerts.find(said_by("main", "done"))
    return alerts


def fire(server: sig.ServerRouter, *values: object) -> None:
    """Fire an event of a sender `temp` for each value."""
    sender = server.senders.get("temp") or server.add_sender("temp", ["hot"])
    for value in values:
        sender.get_signal("hot").trigger(value)


def test_it_asks_as_documented_and_shows_what_it_hears(server: sig.ServerRouter, session: dict[str, str]) -> None:
    port = server.addresses[0].rpartition(":")[2]
    answers = ["", port, "temp", "hot", "cold", "", "None", "#alarm", "", ""]
    events = ["Event  1:", "Event  2:", "Event  3:"]
    asked = [*PROMPTS, "Sender 1:", *events, "Sender 2:", *events[:2], "Sender 3:"]
    with service(session) as shown, Example("alert_listener", typed=answers, env=session) as alerts:
        alerts.find(said_by("say_who_shows", "Notifications are shown by mock-notify"))
        assert alerts.out.all[:10] == [prompt + answer for prompt, answer in zip(asked, answers, strict=True)]
        for pattern in ("temp:hot", "temp:cold", "None:#alarm"):
            alerts.find(said_by("main", f"Registering to {pattern}"))
            alerts.find(said_by("main", "done"))
        sender = server.add_sender("temp", ["hot", "cold", "#alarm", "other"])
        for event in ("other", "hot", "#alarm", "cold"):
            sender.get_signal(event).trigger({"celsius": 40})
        for event in ("hot", "#alarm", "cold"):
            assert shown.next() == Notification(0, f"temp: {event}", '{"celsius": 40}')
        alerts.find(said_by("_show", "'temp: cold' is shown"))
        alerts.end()


@pytest.mark.parametrize(
    ("capabilities", "summary", "body"),
    [
        (["body", "body-markup"], "temp: hot", "&lt;b&gt; 5 &gt; 3 &amp; 'so' on"),
        (["body"], "temp: hot", "<b> 5 > 3 & 'so' on"),
        (["actions"], "temp: hot: <b> 5 > 3 & 'so' on", ""),
    ],
)
def test_what_the_service_can_show(
    server: sig.ServerRouter, session: dict[str, str], capabilities: list[str], summary: str, body: str
) -> None:
    with service(session, *capabilities) as shown, alerting(server, session, "--listen", "temp:hot") as alerts:
        fire(server, "<b> 5 > 3 & 'so' on")
        assert shown.next() == Notification(0, summary, body)
        alerts.end(signal.SIGINT)


def test_long_data_is_shortened_and_what_the_bus_cannot_carry_replaced(
    server: sig.ServerRouter, session: dict[str, str]
) -> None:
    with service(session) as shown, alerting(server, session, "--listen", "temp:hot") as alerts:
        fire(server, "a\0b", "<" * 10_000, None)
        assert shown.next().body == "a\N{REPLACEMENT CHARACTER}b"
        assert shown.next().body == "&lt;" * 199 + "\N{HORIZONTAL ELLIPSIS}"
        assert shown.next().body == "null"
        alerts.end()


def tally(shown: Service, events: int) -> tuple[int, int]:
    """Take notifications until they stand for so many events; give how many were shown, and how many counted."""
    single, counted = 0, [0]
    while single + sum(counted) < events:
        found = shown.next()
        if more := re.fullmatch(r"and (\d+) more", found.summary):
            if found.replaces == 0:
                counted.append(0)
            counted[-1] = int(more[1])
        else:
            assert found == Notification(0, "temp: hot", found.body)
            single += 1
    return single, sum(counted)


def test_a_flood_is_counted(server: sig.ServerRouter, session: dict[str, str]) -> None:
    """Every event is either shown or counted; the count grows in one notification as long as too many come."""
    with service(session) as shown, alerting(server, session, "--listen", "temp:hot", "--most", "3") as alerts:
        fire(server, *range(1000))
        single, counted = tally(shown, 1000)
        assert single + counted == 1000
        assert counted > single
        alerts.end()


def test_a_service_that_comes_late(server: sig.ServerRouter, session: dict[str, str]) -> None:
    with alerting(server, session, "--listen", "temp:hot", "--most", "2") as alerts:
        fire(server, 1)
        alerts.find(ABSENT)
        fire(server, 2, 3, 4, 5)
        with service(session) as shown:
            assert shown.next() == Notification(0, "temp: hot", "1")
            assert sum(tally(shown, 4)) == 4
            alerts.end()


def test_without_a_bus_it_waits_for_one(server: sig.ServerRouter, tmp_path: Path) -> None:
    env = {"DBUS_SESSION_BUS_ADDRESS": "", "XDG_RUNTIME_DIR": str(tmp_path)}
    nowhere = rf"no session bus at unix:path={tmp_path}/bus \(.*"
    options = ("--url", server.addresses[0], "--retry", "0.05", "--listen", "temp:hot")
    with Example("alert_listener", *options, env=env) as alerts:
        alerts.find(said_by("say_who_shows", nowhere, "warning"))
        registered(alerts)
        fire(server, 1)
        alerts.find(said_by("_show", nowhere, "warning"))
        with bus(tmp_path) as session, service(session) as shown:
            assert shown.next() == Notification(0, "temp: hot", "1")
            alerts.find(said_by("_show", "'temp: hot' is shown"))
        fire(server, 2)
        alerts.find(said_by("_show", r"the session bus is gone .*\(trying again in 0\.05 s\)", "warning"))
        alerts.find(said_by("_show", nowhere, "warning"))
        with bus(tmp_path) as session, service(session) as shown:
            assert shown.next() == Notification(0, "temp: hot", "2")
            alerts.end()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_while_it_waits_for_a_desktop(server: sig.ServerRouter, session: dict[str, str], number: int) -> None:
    options = ("--url", server.addresses[0], "--retry", "3600", "--listen", "temp:hot")
    with registered(Example("alert_listener", *options, env=session)) as alerts:
        fire(server, 1)
        alerts.find(said_by("_show", r"no notification service .*\(trying again in 3600 s\)", "warning"))
        alerts.end(number)


def test_what_the_service_refuses_is_told_and_left(server: sig.ServerRouter, session: dict[str, str]) -> None:
    with service(session) as shown, alerting(server, session, "--listen", "temp:hot") as alerts:
        enough = 'dbus.exceptions.DBusException("enough", name="org.example.Enough")'
        shown.refuse(f"if args[4] == '1': raise {enough}\nret = 7")
        fire(server, 1)
        alerts.find(said_by("_show", r"'temp: hot' was refused .*org\.example\.Enough.*enough.*", "error"))
        fire(server, 2)
        assert [shown.next().body, shown.next().body] == ["1", "2"]
        alerts.find(said_by("_show", "'temp: hot' is shown"))
        alerts.end()


def test_the_server_may_be_restarted(session: dict[str, str]) -> None:
    with service(session) as shown:
        with sig.ServerRouter("tcp://127.0.0.1:0") as server:
            url = server.addresses[0]
            alerts = alerting(server, session, "--listen", "temp:hot")
        with alerts, sig.ServerRouter(url) as server:
            alerts.find(said_by("arrived", f"{url}: back again"))
            fire(server, 1)
            assert shown.next() == Notification(0, "temp: hot", "1")
            alerts.end()


NOTHING = "nothing to listen to: give a sender, and an event of it (--listen SENDER:EVENT); None: all"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--port", "3000"], NOTHING),
        (["--listen", '"temp"hot'], "SENDER:EVENT was expected"),
        (["--listen", "temp", "--most", "0"], "argument --most: '0': give a number from 1 to 100"),
    ],
)
def test_wrong_options(options: list[str], text: str) -> None:
    with Example("alert_listener", *options) as alerts:
        status, said = alerts.failed()
    assert status == 2
    assert text in said


def test_nothing_to_listen_to() -> None:
    with Example("alert_listener", typed=["", "", "temp", "", ""]) as alerts:
        assert alerts.failed() == (2, NOTHING)


def test_without_its_library_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "jeepney.py").write_text("raise ImportError(\"No module named 'jeepney'\")")
    with Example("alert_listener", "--listen", "temp", env={"PYTHONPATH": str(tmp_path)}) as alerts:
        assert alerts.failed() == (1, "No module named 'jeepney': pip install jeepney")


def test_a_round_takes_the_first_few_and_counts_the_others(module: Callable[[str], ModuleType]) -> None:
    backlog = module("alert_listener").Backlog(2)
    for number in range(5):
        backlog.listener({"sender": "a", "event": "b"}, number)
    first, more = backlog.take()
    assert ([data for _, data in first], more) == ([0, 1], 3)
    backlog.listener({"sender": "a", "event": "b"}, 5)
    first, more = backlog.take()
    assert ([data for _, data in first], more) == ([5], 0)


def test_the_count_grows_in_one_notification_as_long_as_too_many_come(
    module: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    alert_listener = module("alert_listener")
    backlog = alert_listener.Backlog(2)
    rounds = iter([3, 4, 1, 3])
    shown: list[tuple[str, int]] = []

    class Desktop:
        def show(self, summary: str, body: str, replaces: int) -> int:
            shown.append((summary, replaces))
            return len(shown)

    def a_round_later(seconds: float = 1.0) -> None:
        assert seconds == 1.0
        for number in range(next(rounds)):
            backlog.listener({"sender": "a", "event": "b"}, number)

    monkeypatch.setattr(alert_listener.time, "sleep", a_round_later)
    a_round_later()
    with pytest.raises(StopIteration):
        alert_listener.Alerts(Desktop(), backlog, 5.0).run()
    one = [("a: b", 0)]
    assert shown == [*one * 2, ("and 1 more", 0), *one * 2, ("and 3 more", 3), *one, *one * 2, ("and 1 more", 0)]
