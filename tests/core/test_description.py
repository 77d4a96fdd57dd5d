"""What is said of objects of a user, whatever they are."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import sig_core as sig
from sig_core.description import SHOWN, described, name_of_callable, text_of


class Shy:
    """Nothing of it can be had."""

    def __init__(self, error: type[BaseException]) -> None:
        self.error = error

    def __repr__(self) -> str:
        raise self.error("mine")

    def __getattr__(self, name: str) -> Any:
        raise self.error("mine")


class ShyError(Exception):
    def __init__(self, error: type[BaseException]) -> None:
        super().__init__()
        self.error = error

    def __str__(self) -> str:
        raise self.error("mine")


@pytest.mark.parametrize("kind", [ValueError, asyncio.CancelledError, GeneratorExit])
def test_none_of_it_raises(kind: type[BaseException]) -> None:
    assert described(Shy(kind)).startswith("<tests.core.test_description.Shy object at")
    assert name_of_callable(Shy(kind)).startswith("<tests.core.test_description.Shy object at")
    assert text_of(ShyError(kind)) == "(its text can't be had)"


def test_an_interrupt_is_passed_on() -> None:
    with pytest.raises(KeyboardInterrupt):
        described(Shy(KeyboardInterrupt))


def test_what_is_long_is_cut() -> None:
    assert described("x" * 10_000) == "'" + "x" * (SHOWN - 1) + "..."
    assert described(10**5000).startswith("<int object at")  # Python shows no integer of so many digits


ODD = [10**5000, Shy(ValueError), "\ud800", [1]]


@pytest.mark.parametrize("value", ODD, ids=["huge", "shy", "surrogate", "list"])
def test_calls_refuse_what_does_not_show_itself(value: Any) -> None:
    router = sig.Router()
    for call in (
        lambda: router.add_sender(value),
        lambda: router.add_sender("s", [value]),
        lambda: router.add_listener(print, value),
        lambda: router.request("s", value),
        lambda: router.get_sender(value),
        lambda: sig.Limits(max_frame=value),
        lambda: sig.Reconnect(first=value),
        lambda: sig.ClientRouter("local://x").on(value, print),
        lambda: sig.ClientRouter("local://x", reconnect=value),
        lambda: sig.ClientRouter("local://x", limits=value),
        lambda: sig.ClientRouter("local://x", resume=value),
        lambda: sig.ServerRouter("local://x", limits=value),
        lambda: sig.ServerRouter("local://x", plugins=value),
    ):
        with pytest.raises((sig.ConfigError, sig.UnknownSender)):
            call()


@pytest.mark.parametrize("off", [False, True, 5])
def test_reconnect_says_what_it_takes(off: Any) -> None:
    with pytest.raises(sig.ConfigError, match=rf"^reconnect={off}: must be a Reconnect, or None$"):
        sig.ClientRouter("local://x", reconnect=off)


def test_events_and_senders_say_what_they_take() -> None:
    events: Any = object()
    with pytest.raises(sig.ConfigError, match=r"^events <object object at .*>: must be names"):
        sig.Router().add_sender("s", events)
    with sig.ServerRouter("local://described") as server, sig.ClientRouter("local://described") as client:
        names: Any = ["a", "b"]
        with pytest.raises(sig.ConfigError, match=r"^senders \['a', 'b'\]: must be a mapping, such as"):
            client.add_remote_senders(names)
        where: Any = 5
        with pytest.raises(sig.ConfigError, match=r"^5: must be a URL, such as 'tcp://127.0.0.1:3000', or an acceptor"):
            server.listen(where)
