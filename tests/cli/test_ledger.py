"""`sig ledger`: what became of an event, for people and for scripts."""

from __future__ import annotations

import json

import pytest

import sig_core as sig
from sig_core.cli.failures import LOST, OK
from tests.cli.command import Here
from tests.support import within


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Here:
    return Here(capsys)


def test_it_says_for_each_listener_what_became_of_an_event(command: Here) -> None:
    with (
        sig.ServerRouter("tcp://127.0.0.1:0") as server,
        sig.ClientRouter(server.addresses[0]) as shop,
        sig.ClientRouter(server.addresses[0]) as till,
    ):
        url = server.addresses[0]
        sold = shop.add_remote_sender("shop", ["#sold"]).get_signal("#sold")
        told = command("ledger", "shop", "#sold", "--url", url, "--json")
        assert told.returncode == OK and json.loads(told.stdout)["listeners"] == []
        till.add_remote_listener(lambda info, data: None, event="#sold")
        server.add_listener(lambda info, data: None, "shop")
        for number in range(3):
            sold.trigger(number, within(10))
        told = command("ledger", "shop", "#sold", "--url", url, "--json")
        assert told.returncode == OK
        found = json.loads(told.stdout)
        assert (found["sender"], found["event"], found["fired"]) == ("shop", "#sold", 3)
        here, there = found["listeners"]  # the server's own program has one count for all that it hears
        assert (here["listener"], here["of"], here["fired"], here["lost"]) == ("this program", "all", 3, {})
        assert (there["of"], there["fired"], there["delivered"] + there["waiting"]) == ("event", 3, 3)


def test_what_was_lost_is_told_and_is_a_status(command: Here) -> None:
    limits = sig.Limits(max_frame=4096)
    with (
        sig.ServerRouter("tcp://127.0.0.1:0") as server,
        sig.ClientRouter(server.addresses[0]) as shop,
        sig.ClientRouter(server.addresses[0], limits=limits) as till,
    ):
        sold = shop.add_remote_sender("shop", ["#sold"]).get_signal("#sold")
        till.add_remote_listener(lambda info, data: None, event="#sold")
        sold.trigger("x" * 5000, within(10))
        told = command("ledger", "shop", "#sold", "--url", server.addresses[0], "--json")
        assert told.returncode == LOST
        (mine,) = json.loads(told.stdout)["listeners"]
        assert (mine["fired"], mine["delivered"], mine["waiting"]) == (1, 0, 0)
        assert sum(mine["lost"].values()) == 1 == till.lost["shop", "#sold"]


def test_presence_has_no_ledger(command: Here) -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        told = command("ledger", "shop", "#connect", "--url", server.addresses[0])
        assert "presence is not counted" in told.stderr


@pytest.mark.parametrize("words", [("shop",), ()])
def test_it_takes_a_sender_and_an_event(command: Here, words: tuple[str, ...]) -> None:
    assert command("ledger", *words).returncode == 2
