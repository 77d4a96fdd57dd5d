"""What strangers are told: nothing is kept of them, and who lies about an address is not let in."""

from __future__ import annotations

import pytest

from sig_core.datagram.cookies import Cookies
from sig_core.datagram.reception import Reception, asks_for_another
from sig_core.datagram.wire import ACK, DATA, END, OPEN, VERSION, Datagram, Wire, opening

WIRE = Wire(100)
EPOCH = 0xABC12345


def packet(data: bytes) -> Datagram:
    found = WIRE.open(data)
    assert found is not None
    return found


def asking(epoch: int = EPOCH) -> Datagram:
    return packet(opening(WIRE, 0, epoch))


def test_where_nobody_can_lie_who_asks_comes_in() -> None:
    assert Reception(WIRE).answer(asking(), "a", 0.0) is None


def test_who_asks_proves_first_that_answers_reach_it() -> None:
    reception = Reception(WIRE, Cookies(b"secret"))
    answer = packet(reception.answer(asking(), "a", 0.0) or b"")
    assert (answer.kind, answer.tag, answer.epoch >> 20) == (OPEN, 4, EPOCH >> 20)
    assert reception.answer(asking(answer.epoch), "a", 29.0) is None
    assert reception.answer(asking(answer.epoch), "b", 29.0)  # another address: that proves nothing
    assert reception.answer(asking(answer.epoch), "a", 61.0)  # too late


def test_who_begins_anew_is_never_given_the_epoch_of_the_link_that_is_open_there() -> None:
    """Else it would be taken for a repetition of who opened that, and get what was meant for the one before."""
    reception = Reception(WIRE, Cookies(b"secret"))
    first = packet(reception.answer(asking(), "a", 31.0) or b"").epoch
    assert reception.answer(asking(first), "a", 31.0) is None
    again = packet(reception.answer(asking(), "a", 32.0, first) or b"").epoch  # by chance with the same upper bits
    assert again != first
    assert reception.answer(asking(again), "a", 32.0, first) is None


def test_what_is_late_of_the_link_before_does_not_fit() -> None:
    reception = Reception(WIRE, Cookies(b"secret"))
    given = packet(reception.answer(asking(), "a", 31.0) or b"").epoch
    for upper in range(1, 100):
        before = upper << 20 | given & 63  # another link, of the same tag
        assert packet(reception.answer(asking(), "a", 31.0, before) or b"").epoch & 63 != given & 63


def test_another_version_is_told_ours() -> None:
    data = WIRE.seal(OPEN, 0, EPOCH.to_bytes(4, "little") + bytes((VERSION + 1,)))
    answer = packet(Reception(WIRE, Cookies(b"secret")).answer(packet(data), "a", 0.0) or b"")
    assert (answer.tag, answer.epoch, answer.version) == (3, EPOCH, VERSION)


@pytest.mark.parametrize("kind", [DATA, ACK, END])
def test_a_packet_of_a_link_that_is_no_more_is_told_so(kind: int) -> None:
    answer = packet(Reception(WIRE).answer(Datagram(kind, 37, bytes(4)), "a", 0.0) or b"")
    assert (answer.kind, answer.tag, answer.epoch) == (OPEN, 2, 37)


@pytest.mark.parametrize("tag", [1, 2, 3, 4, 63])
def test_answers_that_nobody_asked_for_are_not_answered(tag: int) -> None:
    assert Reception(WIRE).answer(packet(opening(WIRE, tag, EPOCH)), "a", 0.0) == b""


def test_only_an_open_with_another_epoch_asks_for_another_link() -> None:
    assert asks_for_another(asking(), EPOCH + 1)
    assert not asks_for_another(asking(), EPOCH)
    assert not asks_for_another(packet(opening(WIRE, 1, EPOCH)), EPOCH + 1)
    assert not asks_for_another(Datagram(DATA, 0, bytes(8)), EPOCH)
