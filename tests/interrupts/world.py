"""A server and two clients in one process, one of which is interrupted; and what must hold afterwards."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

import pytest

import sig_core as sig
from sig_core.io.sync.owned_lock import OwnedLock
from sig_core.testing import begin, eventually
from tests.support import within
from tests.support.held import is_free
from tests.support.injection import Injection

__all__ = ["STEPS", "World", "each_pair", "each_place", "nothing_is_left", "ours"]

STEPS = [pytest.param(7, id="some places"), pytest.param(1, id="every place", marks=pytest.mark.slow)]

RECONNECT = sig.Reconnect(first=0.01, most=0.05)


class World:
    """Use it in `with`.

    Attributes:
        victim: the client whose calls are interrupted.
        other: a client that listens to it, and answers it.
        signal: of the victim, which the other hears.
        heard: what the other heard.
        own: a signal of the server itself; the other hears that too, in `heard_of_server`.
    """

    def __init__(self, url: str = "tcp://127.0.0.1:0", query: str = "") -> None:
        self.server = sig.ServerRouter(url)
        self.query = query  # of the URL of a client
        self.heard: list[Any] = []
        self.heard_of_server: list[Any] = []
        self.numbers = 0

    def __enter__(self) -> Self:
        url = self.server.start().addresses[0] + self.query
        self.victim = sig.ClientRouter(url, reconnect=RECONNECT).start()
        self.other = sig.ClientRouter(url, reconnect=RECONNECT).start()
        self.other.add_remote_sender("echo", [], {"say": lambda params: params})
        self.other.add_remote_listener(lambda info, data: self.heard.append(data), "victim", "e")
        self.signal = self.victim.add_remote_sender("victim", ["e"]).get_signal("e")
        self.victim.remote_request("echo", "say", 1)
        self.own = self.server.add_sender("own", ["e"]).get_signal("e")
        self.other.add_remote_listener(lambda info, data: self.heard_of_server.append(data), "own", "e")
        return self

    def __exit__(self, *exc: object) -> None:
        for router in (self.victim, self.other, self.server):
            router.stop()

    def fresh(self) -> str:
        """Return a name that was not used before."""
        self.numbers += 1
        return f"name {self.numbers}"

    # -- what must hold

    def check(self, where: str) -> None:
        """Fail unless everything is as if nothing had happened, but for losses that are counted."""
        taken = [name for name, lock in self._locks() if not is_free(lock)]
        assert not taken, (where, taken)
        self.goes_on()
        self.nothing_is_left(where)
        eventually(lambda: len(self.heard) + self.other.lost.total() == self._fired(), 2, where)
        self.no_waiter_is_left(where)

    def goes_on(self) -> None:
        """Fail unless the victim works, or works again soon."""
        eventually(self._works, 10)

    def _works(self) -> bool:
        try:
            self.signal.trigger("next")
            assert self.victim.remote_request("echo", "say", [1, 2], timeout=within(5)) == [1, 2]
            self.victim.flush()
        except (sig.CarrierError, sig.OutcomeUnknown):
            return False
        return True

    def nothing_is_left(self, where: str) -> None:
        """Fail if a sender or a listener is there that nobody has."""
        state = self.victim._state.registrations
        here = (list(state.senders), list(self.victim.senders), state.table.size, self.victim._table.size)
        assert here == (["victim"], ["victim"], 0, 0), (where, here)
        assert not state._subscriptions and list(state._order) == ["victim"], (where, state._order)
        there = self.server._exchange
        eventually(lambda: sorted(there.senders) == ["echo", "own", "victim"], 2, where)
        eventually(lambda: there.stats(peers=False)["subscriptions"] == 2, 2, where)

    def no_waiter_is_left(self, where: str) -> None:
        """Fail unless nobody waits for an answer any more."""
        link: Any = self.victim._connection.link
        eventually(lambda: not (link.session._requests or link.session._calls), 2, where)
        assert not link.reader.role._waiters, where

    def _fired(self) -> int:
        with self.victim._lock:
            return self.victim._state.registrations.senders["victim"].fired()

    def _locks(self) -> list[tuple[str, OwnedLock]]:
        # Not the role to read: the reading thread has it while it waits. If another had it, no answer would come.
        link: Any = self.victim._connection.link
        port: Any = self.server._port
        return [
            ("the client's", self.victim._lock),
            ("the writer's", link.writer._lock),
            ("the inbox's", link.reader.inbox._lock),
            ("the server's", self.server._lock),
            ("the dispatcher's", port.dispatcher._lock),
            ("that of the answers", port.answers._lock),
        ]


def ours() -> list[str]:
    """The threads of routers that live."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("sig-")]


def nothing_is_left(where: str, threads: int) -> None:
    eventually(lambda: len(ours()) == threads, 5, f"{where}: that these threads end: {ours()}")


def each_place(
    call: Callable[[], object],
    act: Callable[[], object],
    check: Callable[[str], None],
    *,
    prepare: Callable[[], object] = lambda: None,
    step: int = 1,
    expected: tuple[type[BaseException], ...] = (),
) -> int:
    """Make a call again and again, and `act` each time at another place of it, until it has no more; return how many.

    Args:
        call: to be interrupted. It runs on a thread of its own, and has to end in time.
        act: what happens there.
        check: called after each with where it was.
        prepare: called before each.
        step: of so many places one is taken.
        expected: what may come out of the call.
    """
    number = 1
    while True:
        injection = Injection(number, act)

        def run(injection: Injection = injection) -> None:
            try:
                with injection:
                    call()
            except expected:
                pass

        prepare()
        begin(run).result(within(20))
        if not injection.reached:
            return number // step
        check(injection.where)
        number += step


def each_pair(
    call: Callable[[], object],
    act: Callable[[], object],
    check: Callable[[str], None],
    *,
    prepare: Callable[[], object] = lambda: None,
    places: range,
    step: int = 1,
    expected: tuple[type[BaseException], ...] = (),
) -> int:
    """Do what `each_place` does, and `act` once more at each place that follows, as long as the call is on its way out.

    Args:
        call, act, check, prepare, expected: see `each_place`.
        places: numbers of those where it is first; the call need not have so many.
        step: of so many places that follow one is taken.

    Returns:
        How many pairs there were.
    """
    pairs, where = 0, "somewhere"
    for number in places:
        again, reached = 1, True
        while reached and where:
            injection = Injection(number, act, again)

            def run(injection: Injection = injection) -> None:
                with suppress(*expected), injection:
                    call()

            prepare()
            begin(run).result(within(20))
            reached, where = injection.reached, injection.where
            check(where)
            pairs += reached
            again += step
        if not where:
            break
    return pairs
