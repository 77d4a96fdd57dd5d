"""Go-back-N against models that are too simple to be wrong."""

from __future__ import annotations

import random

import pytest

from sig_core.line.packets import DATA, PART
from sig_core.line.window import Expected, Window


class NaiveWindow:
    """All packets ever added, in one list."""

    def __init__(self) -> None:
        self.limit = 0
        self.all: list[tuple[int, bytes]] = []
        self.closed = 0  # so many of them are acknowledged
        self.next = 0  # the one to send
        self.ever = 0  # so many were ever sent

    @property
    def room(self) -> int:
        return self.limit - (len(self.all) - self.closed)

    def send(self) -> tuple[int, bytes, bool] | None:
        if self.next >= len(self.all) or self.next - self.closed >= self.limit:
            return None
        self.next += 1
        first, self.ever = self.next > self.ever, max(self.ever, self.next)
        return self.next - 1, self.all[self.next - 1][1], first

    def acknowledge(self, ack: int) -> int:
        for target in range(self.closed, self.ever + 1):
            if target % 256 == ack:
                gone = target - self.closed
                self.closed = target
                self.next = max(self.next, target)
                return gone
        return 0


@pytest.mark.parametrize("seed", range(60))
def test_against_a_naive_model(seed: int) -> None:
    dice = random.Random(seed)
    window, naive = Window(), NaiveWindow()
    most = dice.randint(1, 8)
    for step in range(1500):
        what = dice.randrange(6)
        if what == 0:
            window.limit = naive.limit = dice.choice([0, 1, most, most, most])
        elif what == 1 and naive.room > 0:
            kind, payload = dice.choice([DATA, PART]), b"%d" % step
            window.add(kind, payload)
            naive.all.append((kind, payload))
        elif what == 2:
            window.go_back()
            naive.next = naive.closed
        elif what == 3:
            ack = dice.choice([naive.closed, naive.ever, naive.next, naive.ever + 1, dice.randrange(256)]) % 256
            assert window.acknowledge(ack) == naive.acknowledge(ack)
        else:
            expected, found = naive.send(), window.next()
            assert (found is None) == (expected is None)
            if found is not None and expected is not None:
                packet, first = found
                assert (packet.seq, packet.payload, first) == expected
                assert window.is_first(packet) == (packet.seq == naive.closed)
        assert window.room == naive.room
        assert window.is_open == (naive.ever > naive.closed)
        assert window.kinds == [kind for kind, _ in naive.all[naive.closed :]]
        assert window.has_next == (naive.next < len(naive.all) and naive.next - naive.closed < naive.limit)
        assert window.covers(naive.closed - 1) and not window.covers(naive.closed)


def test_numbers_wrap() -> None:
    window = Window()
    window.limit = 8
    for number in range(1000):
        window.add(DATA, b"%d" % number)
        found = window.next()
        assert found is not None
        assert found[0].seq % 256 == number % 256
        assert window.acknowledge((number + 1) % 256) == 1
    assert not window.is_open


@pytest.mark.parametrize("ack", [4, 5, 255, 128, 200])
def test_an_ack_of_what_was_never_sent_is_ignored(ack: int) -> None:
    window = Window()
    window.limit = 8
    for _ in range(5):
        window.add(DATA, b"")
    for _ in range(3):
        window.next()
    assert window.acknowledge(ack) == 0
    assert len(window.kinds) == 5


def test_what_a_peer_may_expect() -> None:
    window = Window()
    window.limit = 8
    for _ in range(254):
        window.add(DATA, b"")
        window.next()
        window.acknowledge((window._base + 1) % 256)
    for _ in range(4):
        window.add(DATA, b"")
        window.next()
    window.go_back()
    assert [ack for ack in range(256) if window.may_expect(ack)] == [0, 1, 2, 254, 255]


def test_an_ack_of_what_was_sent_before_going_back_counts() -> None:
    window = Window()
    window.limit = 8
    for number in range(5):
        window.add(DATA, b"%d" % number)
        window.next()
    window.go_back()
    assert window.acknowledge(4) == 4
    found = window.next()
    assert found is not None and found[0].payload == b"4" and not found[1]


def test_going_back_counts_where_there_is_something_to_repeat() -> None:
    window = Window()
    window.limit = 2
    window.go_back()
    window.add(DATA, b"")
    window.go_back()
    assert window.resent == 0
    window.next()
    window.go_back()
    window.go_back()
    assert window.resent == 1


@pytest.mark.parametrize("start", [0, 1, 100, 200, 250, 255])
def test_what_is_expected_old_or_ahead(start: int) -> None:
    expected = Expected()
    for _ in range(start):
        expected.accept()
    assert expected.seq == start
    for seq in range(256):
        assert expected.is_next(seq) == (seq == start)
        if seq != start:
            assert expected.is_old(seq) == ((seq - start) % 256 >= 128)
