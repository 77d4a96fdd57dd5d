"""Frames that are no longer than the peer takes: what is sent instead of a longer one, and what can't be."""

from __future__ import annotations

import pytest

from sig_core.errors import MessageTooBig, RemoteError, Status
from sig_core.protocol.messages import answer, failure, notice
from sig_core.protocol.wire import HEADER, split_error
from sig_core.session.bounded_frames import bounded_control, bounded_error, shortened
from tests.support.sessions import CODECS, PLUGINS

LEAST = 4096  # bytes: no peer takes less
LONG = "ü\n" * 5000  # characters that take most bytes


@pytest.mark.parametrize("codec", CODECS)
def test_what_fits_goes_as_it_is(codec: str) -> None:
    encoding = PLUGINS.codecs.get(codec)
    message = notice("unbind", {"routes": [1, 2]})
    frame = bounded_control(encoding, message, LEAST)
    assert encoding.decode(frame[HEADER:]) == message
    assert bounded_control(encoding, message, len(frame) - 4) == frame
    with pytest.raises(MessageTooBig, match="unbind"):
        bounded_control(encoding, message, len(frame) - 5)


@pytest.mark.parametrize("codec", CODECS)
def test_an_answer_that_is_too_long_becomes_a_failure_and_a_failure_loses_words(codec: str) -> None:
    encoding = PLUGINS.codecs.get(codec)
    told = encoding.decode(bounded_control(encoding, answer(7, LONG), LEAST)[HEADER:])
    assert (told["id"], told["status"]) == (7, Status.TOO_BIG)
    frame = bounded_control(encoding, failure(8, LONG, Status.BUSY), LEAST)
    told = encoding.decode(frame[HEADER:])
    assert (told["id"], told["status"]) == (8, Status.BUSY) and len(frame) - 4 <= LEAST


def test_what_can_not_be_shortened_says_how_long_it_is() -> None:
    with pytest.raises(MessageTooBig) as caught:
        shortened(notice("bind", {}), 5000, LEAST)
    assert (caught.value.size, caught.value.limit) == (5000, LEAST)


@pytest.mark.parametrize("codec", CODECS)
def test_a_failure_of_a_request_loses_words_before_it_is_too_long(codec: str) -> None:
    encoding = PLUGINS.codecs.get(codec)
    for text in ("short", LONG):
        frame = bounded_error(encoding, 3, 9, RemoteError("ValueError", text), LEAST)
        ident, status, detail = split_error(frame[HEADER:])
        assert (ident, status) == (9, Status.HANDLER_RAISED) and len(frame) - 4 <= LEAST
        assert text.startswith(encoding.decode(detail)["text"][:5])
