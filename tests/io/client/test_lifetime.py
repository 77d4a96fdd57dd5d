"""How the links of a client begin, wait and end: rules and words of both faces."""

from __future__ import annotations

from typing import Any

import pytest

from sig_core.errors import ConnectFailed, HandshakeError, LinkLost, RequestTimeout, SigError
from sig_core.io.client.lifetime import check_silence, link_failed, no_answer, no_hello, overflow
from sig_core.testing import FakeClock
from tests.io.client.fakes import ScriptedSession


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (HandshakeError("no"), HandshakeError, "socket://x: no"),
        (LinkLost("cut"), ConnectFailed, "socket://x: cut"),
        (RequestTimeout("late"), RequestTimeout, "late"),
    ],
)
def test_the_error_of_a_link_that_did_not_come_about(error: SigError, kind: type[SigError], text: str) -> None:
    made = link_failed(error, "socket://x")
    assert type(made) is kind and str(made) == text


def test_the_words_of_what_does_not_come() -> None:
    assert str(no_hello("socket://x", 5.0)) == "socket://x: no answer to the hello within 5 s"
    assert str(overflow(10, 9)) == "10 bytes of events came while a callback waits, 9 may be kept"


def test_an_answer_that_is_late_and_one_that_can_not_come() -> None:
    session: Any = ScriptedSession(FakeClock())
    session.check_open = lambda: None
    assert str(no_answer(session, 2.5, "request {!r}", ("m",))) == "request 'm': no answer within 2.5 s"
    assert str(no_answer(session, 2.5, "a {} in a name")) == "a {} in a name: no answer within 2.5 s"

    def closed() -> None:
        raise LinkLost("gone")

    session.check_open = closed
    with pytest.raises(LinkLost, match="gone"):
        no_answer(session, 2.5, "request")


@pytest.mark.parametrize(
    ("now", "since", "silent"),
    [(9.9, 0.0, None), (10.0, 0.0, "10.0"), (60.0, 51.0, None), (60.0, 48.0, "12.0")],
)
def test_silence_is_the_peers_as_long_as_this_end_reads(now: float, since: float, silent: str | None) -> None:
    session: Any = ScriptedSession(FakeClock(0.0))
    check_silence(session, now, since, 10.0, "socket://x")
    told = f"socket://x was silent for {silent} s, allowed are 10"
    assert (session.error and str(session.error)) == (silent and told)
