"""One link of the threaded client: opening, waiting for answers, driving plans, the end."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from sig_core.errors import ConnectFailed, HandshakeError, LinkClosed, RequestTimeout, SigError, UnknownSender
from sig_core.io.client.threaded_link import ThreadedLink
from sig_core.io.sync.pending_reply import PendingReply
from sig_core.protocol.limits import Limits
from sig_core.routing.traffic import Traffic
from sig_core.session.base import State
from sig_core.session.binary.client import ClientSession
from sig_core.session.client_state.asks import Ask, Steps
from sig_core.session.client_state.inbound import Inbound
from tests.support import nothing_left_behind, within
from tests.support.served_socket import ServedSocket
from tests.support.sessions import PLUGINS, Net

__all__ = ["nothing_left_behind"]


class Rig:
    """A link whose server is pumped by a thread, from `serve` on.

    Attributes:
        ended: why it ended, once told.
    """

    def __init__(self, codecs: list[str] | None = None, **limits: Any) -> None:
        self.server = ServedSocket(Net(), codecs)
        self.ended: list[SigError] = []
        offered = PLUGINS.choose_codecs(["json"])
        made = Limits(**limits)
        self.session = ClientSession(offered, made, client="ab" * 16, token=None, packets=False, now=0.0)
        nobody: Any = None  # nothing is registered, and nothing comes for it
        inbound = Inbound(self.session, nobody, Counter(), Traffic(), lambda *failure: None, nobody, lambda error: None)
        self.link = ThreadedLink(
            self.server.link, self.session, inbound, lambda link, error: self.ended.append(error), time.monotonic
        )
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._pump)

    def serve(self) -> Rig:
        self._thread.start()
        return self

    def _pump(self) -> None:
        while not self._end.wait(0.001) and not self.server.closed:
            self.server.pump()
            if self.session.error is not None:
                return self.server.close()  # the client has said goodbye, and waits for the end of this side

    def close(self) -> None:
        self.link.stop()
        self._end.set()
        if self._thread.ident is not None:
            self._thread.join(within(10))
        self.server.close()


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig().serve()
    made.link.open()
    yield made
    made.close()


def ask(rig: Rig, method: str = "sync", params: dict[str, Any] | None = None) -> Ask:
    reply = PendingReply()
    return Ask(reply, rig.session.call(method, params or {}, reply.tell), method)


def test_it_opens_and_ends(rig: Rig) -> None:
    assert rig.link.codec.name == "json" and rig.session.state is State.OPEN
    rig.link.stop()
    assert [type(error) for error in rig.ended] == [LinkClosed]


def test_a_server_that_refuses_is_named() -> None:
    rig = Rig(["msgpack"]).serve()
    with pytest.raises(HandshakeError, match=r"socket://server: .*no codec in common"):
        rig.link.open()
    rig.close()


def test_a_server_that_says_nothing() -> None:
    rig = Rig(handshake=0.1)
    with pytest.raises(ConnectFailed, match=r"no answer to the hello within 0\.1 s"):
        rig.link.open()
    rig.close()


def test_answers_refusals_and_lateness(rig: Rig) -> None:
    asked = ask(rig)
    assert rig.link.finish(asked.reply, asked.ident, None, asked.what) is None
    asked = ask(rig, "resolve", {"sender": "nobody"})
    with pytest.raises(UnknownSender):
        rig.link.finish(asked.reply, asked.ident, None, asked.what)
    with pytest.raises(RequestTimeout, match=r"nothing 'a': no answer within 0\.01 s"):
        rig.link.finish(PendingReply(), None, 0.01, "nothing {!r}", "a")


def test_a_plan_is_driven_by_answers_and_errors(rig: Rig) -> None:
    seen: list[Any] = []

    def plan() -> Steps[str]:
        seen.append((yield ask(rig)))
        yield None
        try:
            yield ask(rig, "resolve", {"sender": "nobody"})
        except UnknownSender as error:
            seen.append(error)
        return "done"

    assert rig.link.run(plan()) == "done"
    assert seen[0] is None and isinstance(seen[1], UnknownSender)


def test_what_a_plan_raises_is_raised(rig: Rig) -> None:
    def plan() -> Steps[None]:
        yield ask(rig)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        rig.link.run(plan())
