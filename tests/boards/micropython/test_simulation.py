"""The board and the server's end of the line, in simulated time, over a line that harms what it carries."""

from __future__ import annotations

import random

import pytest

from sig_core.line.host import HostLine
from sig_core.line.upper_layer import Terms
from tests.boards.micropython.by_hand import board, load
from tests.boards.micropython.upper_layer import UpperLayer
from tests.support.rig.noise import Mangler, Noise

STEP = 0.005  # seconds

NOISES = {
    "clean": Noise(),
    "a little": Noise.even(0.002),
    "much": Noise.even(0.01, burst=0.001, between=0.05),
    "drops": Noise(drop=0.01),
    "doubles": Noise(double=0.01),
    "bursts": Noise(burst=0.004),
}


class World:
    """The application of the test boards, a host, and the line between them."""

    def __init__(self, seed, noise, **options):
        chance = random.Random(f"sid {seed}")
        self.now = 0.0
        self.above = UpperLayer()
        self.line = HostLine(self.above, Terms(), lambda: chance.randrange(1, 1 << 32), self.now)
        self.seed, self.noise, self.options = seed, noise, options
        self.to_board, self.to_host = Mangler(noise, f"{seed} down"), Mangler(noise, f"{seed} up")
        self.deaf = False
        self.reset()
        self.line.attach(self.now)

    def reset(self):
        self._incoming, self._outgoing = [], []
        self.app = load("firmware_app").App(
            lambda: self._incoming.pop(0) if self._incoming else None,
            self._outgoing.append,
            ticks_ms=lambda: int(self.now * 1000),
            ticks_diff=lambda new, old: new - old,
            errors=pytest.fail,
            **self.options,
        )

    def step(self):
        self.now += STEP
        self.line.tick(self.now)
        data = self.to_board.pass_on(self.line.take(10_000, self.now))
        if data and not self.deaf:
            self._incoming.append(data)
        self.app.step()
        sent, self._outgoing[:] = b"".join(self._outgoing), []
        if not self.deaf:
            self.line.receive(self.to_host.pass_on(sent), self.now)

    def until(self, true, seconds=300.0):
        end = self.now + seconds
        while not true():
            assert self.now < end, (self.above.messages, self.line.counts(), vars(self.app.board))
            self.step()

    def tell(self, *message):
        self.above.queue.append(board.pack(list(message)))

    def fired(self):
        return [message[2]["n"] for message in self.above.messages if message[:2] == [1, 0]]

    def answers(self):
        return [message[1:] for message in self.above.messages if message[0] == 3]


@pytest.mark.parametrize("window", [1, 2, 8])
@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("seed", range(3))
def test_everything_arrives_once_and_in_order(seed, noise, window):
    world = World(seed, NOISES[noise], window=window, mtu=48)
    world.until(lambda: world.app.board.status == 0)
    world.tell(2, 0, 3, 300)
    for number in range(100):
        world.tell(1, 0, number)
        world.tell(2, 1 + number, 0, {"number": number, "text": "x" * (number * 3)})
    world.until(lambda: len(world.fired()) == 300 and len(world.answers()) == 101)
    assert world.fired() == list(range(300))
    assert world.answers() == [
        [0, 0, 300],
        *([1 + number, 0, {"number": number, "text": "x" * (number * 3)}] for number in range(100)),
    ]
    world.tell(2, 200, 2, None)
    world.until(lambda: len(world.answers()) == 102)
    heard, disordered, fired, damaged, resent, doubled = world.answers()[-1][2]
    assert (heard, disordered, fired) == (100, 0, 300)
    assert world.app.board.lost == world.app.board.failed == 0
    assert world.above.fresh == 1 + len(world.above.ends)
    if noise == "clean":
        assert (damaged, resent, doubled) == (0, 0, 0)
        assert world.line.counts() == {"damaged": 0, "resent": 0, "doubled": 0}


@pytest.mark.parametrize("seconds", [1.0, 4.0, 7.0])
@pytest.mark.parametrize("noise", ["clean", "much"])
def test_a_session_outlives_a_break_of_the_line(noise, seconds):
    world = World(5, NOISES[noise])
    world.until(lambda: world.app.board.status == 0)
    world.tell(2, 0, 3, 200)
    world.until(lambda: len(world.fired()) >= 60)
    world.deaf = True
    back = world.now + seconds
    world.until(lambda: world.now >= back)
    world.deaf = False
    world.until(lambda: len(world.fired()) == 200)
    assert world.fired() == list(range(200))
    assert world.above.ends == []
    assert world.app.board.lost == 0


def test_a_session_that_was_away_for_too_long_is_lost_and_counted():
    world = World(5, NOISES["clean"])
    world.until(lambda: world.app.board.status == 0)
    world.tell(2, 0, 3, 200)
    world.until(lambda: len(world.fired()) >= 60)
    before = len(world.fired())
    world.deaf = True
    back = world.now + 20
    world.until(lambda: world.now >= back)
    world.deaf = False
    world.until(lambda: world.fired()[-1] == 199)
    assert world.above.ends == ["the board did not come back within 5 s"]
    missing = 200 - len(world.fired())
    assert world.fired() == [*range(before), *range(before + missing, 200)]
    assert missing <= world.app.board.lost  # some may have arrived, but for their acknowledgement
    assert 0 < world.app.board.lost <= 3


def test_a_reset_is_noticed_at_once():
    world = World(6, NOISES["a little"])
    world.until(lambda: world.app.board.status == 0)
    world.tell(2, 0, 3, 100)
    world.until(lambda: len(world.fired()) >= 50)
    world.reset()
    reset_at = world.now
    world.until(lambda: world.app.board.status == 0)
    assert world.above.ends == ["the board was reset"]
    assert world.now - reset_at < 5
    world.tell(2, 1, 3, 5)
    world.until(lambda: world.fired()[-1] == 4)


def test_the_board_asks_a_clock():
    world = World(7, NOISES["much"])
    world.until(lambda: world.app.board.status == 0)
    for number in range(8):
        world.tell(2, number, 5, {"for": number})
    world.until(lambda: sum(message[0] == 2 for message in world.above.messages) == 8)
    for message in world.above.messages[:]:
        if message[0] == 2:
            assert message[2:4] == ["clock", "now"]
            world.tell(3, message[1], 0, message[4])
    world.until(lambda: sum(message[:2] == [1, 1] for message in world.above.messages) == 8)
    answers = [message[2] for message in world.above.messages if message[:2] == [1, 1]]
    assert answers == [[0, {"for": number}] for number in range(8)]


def test_the_answers_of_the_application():
    world = World(8, NOISES["clean"])
    world.until(lambda: world.app.board.status == 0)
    for key, (method, params) in enumerate(
        [(1, 7), (1, "on"), (1, True), (4, None), (3, 0), (6, None), (0, [1.5, "é"])]
    ):
        world.tell(2, key, method, params)
    world.until(lambda: len(world.answers()) == 7)
    assert world.app.led == 7
    assert world.answers() == [
        *([0, 0, 7], [1, -7, "an integer is expected"], [2, -7, "an integer is expected"], [3, -2, "failed"]),
        *([4, 0, 0], [5, -5, "no method 6"], [6, 0, [1.5, "é"]]),
    ]
