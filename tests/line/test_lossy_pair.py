"""Two ends over a line that drops, flips, doubles and inserts bytes, stalls, goes deaf and is unplugged.

Whatever happens to the bytes, messages arrive once and in order, in both directions, in virtual time. The environment
variable SIG_SWEEP says how many times as many seeds are tried.
"""

from __future__ import annotations

import os
import random
from typing import Any

import pytest

from sig_core.line.packets import ACK, DATA, NAK, PART, SYN, SYNACK
from tests.line.harness import Channel, Faults, Top, answer_line, host_line, opened
from tests.support.strict_board import StrictBoard

SWEEP = int(os.environ.get("SIG_SWEEP", "1"))
NOISE = [
    (Faults(), 246),
    (Faults(rate=0.001, stalls=0.05), 246),
    (Faults(rate=0.005, bursts=0.02), 100),
    (Faults(rate=0.02), 32),
    (Faults(rate=0.01, bursts=0.1, stalls=0.1), 48),
]


def numbered(count: int, dice: random.Random, most: int) -> list[bytes]:
    return [b"%d:" % number + dice.randbytes(dice.randrange(most)) for number in range(count)]


# -- a host and a board that was written from the page


def with_board(seed: int, faults: Faults, mtu: int, **traits: Any) -> None:
    dice = random.Random(seed)
    message = dice.choice([0, 0, mtu, 1000])
    long_crc, credit = dice.random() < 0.5, dice.choice([1, 2, 8, 15])
    board = StrictBoard(mtu=mtu, message=message, long_crc=long_crc, credit=credit, **traits)
    line, top = host_line(resume=60.0, window=dice.randint(1, 8))
    channel = Channel(line, board, seed=seed, faults=faults)
    channel.until(lambda: line.up and board.connected)
    del board.lives[:-1]
    down, up = numbered(40, dice, max(mtu, message) - 4), numbered(40, dice, 400)
    for message_down, message_up in zip(down, up, strict=True):
        top.out.append(message_down)
        board.out.append(message_up)
        channel.run(dice.random() / 20)
    channel.until(lambda: len(top.got) == 40 and len(board.got) == 40, 6000)
    channel.quiet()
    channel.run(3.0)
    assert top.got == up
    assert board.got == down
    assert not top.ends
    assert board.idle and not line.window.is_open
    if board._can_crc32 or not faults.rate:  # CRC-16 lets one of 65,536 damaged packets pass
        assert not board.breaches


@pytest.mark.parametrize("seed", range(8 * SWEEP))
@pytest.mark.parametrize("window", [1, 2, 4, 8])
@pytest.mark.parametrize(("faults", "mtu"), NOISE)
def test_a_board_on_a_bad_line(faults: Faults, mtu: int, window: int, seed: int) -> None:
    with_board(seed * 10 + window, faults, mtu, window=window)


# -- a host and a program


def lost_nothing(top: Top) -> bool:
    """A HELLO and a SYN that cross each other cost the program a session in which nothing was said yet."""
    return all(doubtful == 0 for _, doubtful in top.ends)


@pytest.mark.parametrize("seed", range(6 * SWEEP))
@pytest.mark.parametrize("window", [1, 3, 8])
@pytest.mark.parametrize(("faults", "mtu"), NOISE)
def test_a_program_on_a_bad_line(faults: Faults, mtu: int, window: int, seed: int) -> None:
    dice = random.Random(seed)
    host, above = host_line(resume=60.0, mtu=mtu, window=dice.randint(1, 8))
    above._stream = True
    other, top = answer_line(window=window, mtu=dice.randint(16, mtu))
    channel = Channel(host, other, seed=seed, faults=faults)
    channel.until(lambda: host.up and other.up)
    down, up = dice.randbytes(4000), dice.randbytes(4000)
    for at in range(0, 4000, 100):
        above.out.append(down[at : at + 100])
        top.out.append(up[at : at + 100])
        channel.run(dice.random() / 50)
    channel.until(lambda: sum(map(len, top.got)) == sum(map(len, above.got)) == 4000, 6000)
    assert b"".join(top.got) == down
    assert b"".join(above.got) == up
    assert not above.ends and lost_nothing(top)


@pytest.mark.parametrize("bitrate", [9600, 19200, 57600, 115200, 1_000_000])
def test_a_clean_line_at_its_speed_repeats_next_to_nothing(bitrate: int) -> None:
    host, above = host_line(bitrate=bitrate)
    other, top = answer_line(bitrate=bitrate)
    above._stream = True
    channel = Channel(host, other, bitrate=bitrate, delay=0.002)
    channel.until(lambda: host.up and other.up)
    size, start = min(60_000, bitrate), channel.now  # at most ten seconds of work
    above.out.append(random.Random(1).randbytes(size))
    top.out.append(random.Random(2).randbytes(size))
    channel.until(lambda: sum(map(len, top.got)) == sum(map(len, above.got)) == size, 60)
    assert channel.now - start < 1.4 * size * 10 / bitrate
    assert channel.down.sent + channel.up.sent < 2 * 1.15 * size
    assert not above.ends and lost_nothing(top)


# -- unplugged, deaf, away


@pytest.mark.parametrize("seed", range(12 * SWEEP))
def test_unplugged_again_and_again_nothing_is_lost_or_doubled(seed: int) -> None:
    dice = random.Random(seed)
    board = StrictBoard(mtu=64, window=dice.randint(1, 8), message=500, long_crc=True)
    line, top = host_line(resume=5.0)
    channel = Channel(line, board, seed=seed, faults=Faults(rate=0.002))
    channel.until(lambda: line.up)
    del board.lives[:-1]
    down, up = numbered(60, dice, 200), numbered(60, dice, 200)
    for number in range(60):
        top.out.append(down[number])
        board.out.append(up[number])
        channel.run(dice.random() / 10)
        if number % 10 == 5:
            channel.plugged = False
            channel.cut()
            line.detach(channel.now)
            channel.run(dice.random() * 4)
            channel.cut()
            channel.plugged = True
            line.attach(channel.now)
    channel.until(lambda: len(top.got) == 60 and len(board.got) == 60)
    assert top.got == up and board.got == down
    assert not top.ends and not board.breaches
    assert len(board.lives) == 1


@pytest.mark.parametrize("way", ["down", "up", "both"])
@pytest.mark.parametrize("seconds", [0.5, 2.0, 3.5, 6.0])
def test_deaf_for_a_while(way: str, seconds: float) -> None:
    board = StrictBoard(mtu=64, window=4, long_crc=True)
    line, top = host_line()
    channel = Channel(line, board)
    channel.until(lambda: line.up)
    del board.lives[:-1]
    down, up = numbered(50, random.Random(1), 60), numbered(50, random.Random(2), 60)
    top.out.extend(down)
    board.out.extend(up)
    channel.run(0.01)
    wires = {"down": [channel.down], "up": [channel.up], "both": [channel.down, channel.up]}[way]
    for wire in wires:
        wire.deaf = True
    channel.run(seconds)
    for wire in wires:
        wire.deaf = False
    channel.until(lambda: len(top.got) == 50 and len(board.got) == 50)
    assert top.got == up and board.got == down
    assert not top.ends and len(board.lives) == 1
    assert not board.breaches


def test_away_for_too_long_is_the_end_and_a_new_session_follows() -> None:
    board = StrictBoard(mtu=64, window=1)
    line, top = host_line()
    channel = Channel(line, board)
    channel.until(lambda: line.up)
    del board.lives[:-1]
    channel.down.deaf = channel.up.deaf = True
    top.out.extend([b"a", b"b"])
    channel.run(9.0)
    ((error, doubtful),) = top.ends
    assert "did not come back within 5 s" in str(error)
    assert doubtful == 1
    channel.down.deaf = channel.up.deaf = False
    channel.until(lambda: line.up)
    channel.run(1.0)
    assert len(board.lives) == 2
    assert board.got == [b"b"]  # what was in doubt is not sent in another session


# -- the packet that is lost is just that one


def lose(number: int, *which: int) -> Any:
    """An edit that drops the packets of a kind, by number counted from 0."""
    seen = -1

    def edit(data: bytes) -> bytes:
        nonlocal seen
        kept = b""
        for candidate in data.split(b"\0"):
            if not candidate:
                continue
            packet = b"\0" + candidate + b"\0"
            found = opened(packet)[0]
            if found.kind == number:
                seen += 1
                if seen in which:
                    continue
            kept += packet
        return kept

    return edit


def exchange(board: StrictBoard, *, down: Any = None, up: Any = None, count: int = 20, **terms: Any) -> Channel:
    """Both send; nothing is lost or doubled."""
    line, top = host_line(**terms)
    channel = Channel(line, board)
    channel.down.edit, channel.up.edit = down or (lambda data: data), up or (lambda data: data)
    channel.until(lambda: line.up and board.connected)
    del board.lives[:-1]
    there, back = numbered(count, random.Random(1), board.mtu - 4), numbered(count, random.Random(2), 30)
    top.out.extend(there)
    board.out.extend(back)
    channel.until(lambda: len(top.got) >= count and len(board.got) >= count, 100)
    channel.run(3.0)
    assert top.got == back and board.got == there
    assert not top.ends and not board.breaches
    return channel


@pytest.mark.parametrize("window", [1, 3, 8])
@pytest.mark.parametrize("kind", [DATA, ACK, NAK, SYN, SYNACK])
@pytest.mark.parametrize("which", [(0,), (1,), (0, 1, 2), (19,), (5, 6, 7)])
@pytest.mark.parametrize("way", ["down", "up"])
def test_single_packets_are_lost(way: str, kind: int, which: tuple[int, ...], window: int) -> None:
    if (kind, way) in ((SYN, "up"), (SYNACK, "down")):
        return
    edit: Any = {way: lose(kind, *which)}
    exchange(StrictBoard(window=window), **edit)


@pytest.mark.parametrize("window", [1, 8])
def test_every_first_copy_is_lost(window: int) -> None:
    def first_copies_go() -> Any:
        seen: set[tuple[int, bytes]] = set()

        def edit(data: bytes) -> bytes:
            kept = b""
            for candidate in filter(None, data.split(b"\0")):
                found = opened(b"\0" + candidate + b"\0")[0]
                if found.kind in (DATA, PART) and (found.seq, found.payload) not in seen:
                    seen.add((found.seq, found.payload))
                    continue
                kept += b"\0" + candidate + b"\0"
            return kept

        return edit

    exchange(StrictBoard(window=window), down=first_copies_go(), up=first_copies_go())


@pytest.mark.parametrize("window", [1, 8])
def test_every_packet_comes_twice(window: int) -> None:
    board = StrictBoard(window=window)

    def twice(data: bytes) -> bytes:
        return b"".join(b"\0" + part + b"\0" + b"\0" + part + b"\0" for part in filter(None, data.split(b"\0")))

    channel = exchange(board, down=twice, up=twice)
    assert board.doubled
    assert channel.host.counts()["doubled"]  # type: ignore[attr-defined]
    assert len(board.lives) == 1


@pytest.mark.parametrize("window", [1, 2, 8])
def test_numbers_wrap_around(window: int) -> None:
    exchange(StrictBoard(window=window), count=700)


def test_one_delimiter_between_packets_is_enough() -> None:
    exchange(StrictBoard(window=4), up=lambda data: data.replace(b"\0\0", b"\0"))


def test_text_between_packets_does_no_harm() -> None:
    board = StrictBoard(window=2)
    channel = exchange(board, up=lambda data: b"loop took 3 ms\r\n" + data + b"ok\n")
    assert "loop took 3 ms\r\n" in channel.host.above.text  # type: ignore[attr-defined]
    assert channel.host.damaged == 0  # type: ignore[attr-defined]


# -- credit


@pytest.mark.parametrize("window", [1, 8])
@pytest.mark.parametrize("deaf", [0.0, 1.0])
def test_credit_0_and_the_packet_that_reopens_is_lost(window: int, deaf: float) -> None:
    board = StrictBoard(window=window, credit=0)
    line, top = host_line()
    channel = Channel(line, board)
    channel.until(lambda: line.up)
    del board.lives[:-1]
    top.out.extend([b"a", b"b", b"c"])
    channel.run(2.0)
    assert board.got == [] and line.up
    channel.up.deaf = True
    board.credit = 3
    board._ack = True  # this one is lost
    channel.run(deaf)
    channel.up.deaf = False
    channel.until(lambda: len(board.got) == 3, 5)
    assert board.got == [b"a", b"b", b"c"] and not board.breaches


def test_the_host_gives_no_credit_and_then_some() -> None:
    board = StrictBoard(window=4)
    line, top = host_line()
    channel = Channel(line, board)
    channel.until(lambda: line.up)
    del board.lives[:-1]
    line.allow(0)
    channel.run(0.1)
    board.out.extend(b"%d" % number for number in range(30))
    channel.run(20.0)
    assert top.got == [] and line.up and board.connected
    channel.down.deaf = True
    line.allow(15)
    channel.run(0.3)
    channel.down.deaf = False
    channel.until(lambda: len(top.got) == 30, 5)
    assert top.got == [b"%d" % number for number in range(30)] and not board.breaches


def test_a_board_that_has_no_memory_for_a_while() -> None:
    board = StrictBoard(window=4)
    line, top = host_line()
    channel = Channel(line, board)
    channel.until(lambda: line.up)
    del board.lives[:-1]
    top.out.extend(b"%d" % number for number in range(30))
    for _ in range(20):
        board.refuse = not board.refuse
        channel.run(0.07)
    board.refuse = False
    channel.until(lambda: len(board.got) == 30, 20)
    assert board.got == [b"%d" % number for number in range(30)] and not board.breaches


# -- resets


def reset_and_again(channel: Channel, board: StrictBoard, gap: float) -> None:
    channel.cut()
    board.reset(channel.now)
    channel.run(gap)


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("gap", [0.0, 0.0005, 0.002, 0.1, 0.25])
@pytest.mark.parametrize("busy", [False, True])
@pytest.mark.parametrize("hello", ["heard", "lost"])
def test_the_board_is_reset(times: int, gap: float, busy: bool, hello: str) -> None:
    board = StrictBoard(window=4)
    line, top = host_line()
    channel = Channel(line, board)
    channel.until(lambda: line.up)
    del board.lives[:-1]
    if busy:
        top.out.extend(b"old%d" % number for number in range(500))
        board.out.extend(b"old%d" % number for number in range(500))
        channel.run(0.02)
    for _ in range(times):
        channel.up.edit = lose(7, 0) if hello == "lost" else lambda data: data
        reset_and_again(channel, board, gap)
    channel.until(lambda: line.up and board.connected and line.sid == board.sid, 30)
    assert len(top.ends) >= 1 and "reset" in str(top.ends[0][0])
    top.out.clear()
    channel.until(lambda: board.idle and not line.window.is_open, 30)
    channel.run(0.1)
    before, came = len(board.got), len(top.got)
    top.out.extend([b"new1", b"new2"])
    board.out.extend([b"new3", b"new4"])
    channel.run(3.0)
    assert board.got[before:] == [b"new1", b"new2"] and top.got[came:] == [b"new3", b"new4"]
    assert not board.breaches
