"""Events that wait for the next link: bounded in bytes, in order, in the codec of that link."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sig_core.errors import LinkLost
from sig_core.events import Name
from sig_core.protocol.runs import split_events
from sig_core.protocol.wire import event_frame
from sig_core.session.binary.client import ClientSession
from sig_core.session.client_state import offline_queue
from sig_core.session.client_state.offline_queue import OfflineQueue
from tests.session.by_hand import Client as ByHand
from tests.session.client_state.support import FakeLock
from tests.support.sessions import CODECS, PLUGINS

JSON = PLUGINS.codecs.get("json")
ROUTES = {("s", "e"): 7, ("s", "f"): 8, ("t", "e"): 9}


class Queue(OfflineQueue):
    """One with a lock, and a short way to put values in and get them out."""

    def __init__(self, keep: int = 1000) -> None:
        super().__init__(keep, FakeLock())

    def add(self, value: Any, sender: Name = "s", event: Name = "e", additions: Any = None, codec: str = "json") -> int:
        """Put a value in; give its size."""
        by = PLUGINS.codecs.get(codec)
        frame = event_frame(0, by.encode(value), None if additions is None else by.encode(additions))
        with self.lock:
            self.put(sender, event, by, frame)
        return len(frame)

    def out(self, session: ClientSession | None = None, **changes: Any) -> list[tuple[int, Any]]:
        """Release; give (route, value) of each event that leaves."""
        peer = session or ByHand.opened(**changes).session
        resumed: list[bool] = []

        def resume() -> None:
            assert self.lock.held and not len(self)  # type: ignore[attr-defined]
            resumed.append(True)

        self.release(peer, lambda sender, event: ROUTES.get((sender, event)), resume)
        assert resumed == [True] and self.size == 0 and not self.waiting
        found = [(int.from_bytes(frame[5:9], "little"), next(iter(split_events(frame)))[1]) for frame in peer.out]
        assert peer.encoding is not None
        return [(route, peer.encoding.decode(data)) for route, data in found]


# -- bounds


def test_what_is_put_in_is_counted() -> None:
    queue = Queue()
    size = queue.add(1) + queue.add("two") + queue.add(3, "t")
    assert (len(queue), queue.size) == (3, size)
    assert queue.waiting == {("s", "e"): 2, ("t", "e"): 1} and not queue.dropped


def test_the_oldest_give_way() -> None:
    size = Queue().add("x")
    queue = Queue(keep=3 * size)
    for letter in "abcde":
        queue.add(letter)
    assert (len(queue), queue.size, queue.dropped) == (3, 3 * size, {("s", "e"): 2})
    assert [value for _, value in queue.out()] == ["c", "d", "e"]


def test_one_byte_less_is_too_little() -> None:
    size = Queue().add("x")
    queue = Queue(keep=2 * size - 1)
    queue.add("a")
    queue.add("b", "t")
    assert (queue.waiting, queue.dropped) == ({("t", "e"): 1}, {("s", "e"): 1})


@pytest.mark.parametrize("keep", [0, 1])
def test_what_is_longer_than_all_of_it_takes_everything_with_it(keep: int) -> None:
    queue = Queue(keep)
    queue.add("a")
    assert (len(queue), queue.size, queue.dropped) == (0, 0, {("s", "e"): 1})
    assert queue.out() == []


def test_clear_drops_all_and_counts_it() -> None:
    queue = Queue()
    queue.add(1)
    queue.add(2, "t")
    queue.clear()
    assert (len(queue), queue.size, queue.waiting) == (0, 0, {})
    assert queue.dropped == {("s", "e"): 1, ("t", "e"): 1}


def test_a_sender_that_is_removed_takes_its_events_with_it() -> None:
    queue = Queue()
    for value, (sender, event) in enumerate(ROUTES):
        queue.add(value, sender, event)
    queue.add(3, "s")
    with queue.lock:
        queue.drop("s", ["e", "f", "g"])
        queue.drop("t", ["f"])
        queue.drop("nobody", ["e"])
    assert queue.dropped == {("s", "e"): 2, ("s", "f"): 1} and queue.waiting == {("t", "e"): 1}
    assert queue.out() == [(9, 2)]


def test_what_was_dropped_is_told_once() -> None:
    queue = Queue(0)
    for _ in range(3):
        queue.add(1)
    queue.add(1, "t")
    with queue.lock:
        queue.told("s", {"e": 2})
    assert queue.untold == {("s", "e"): 1, ("t", "e"): 1} and queue.dropped == {("s", "e"): 3, ("t", "e"): 1}
    with queue.lock:
        queue.told("t", {"e": 1})
        queue.drop("s", ["e"])  # it was removed: nobody is told any more
    assert queue.untold == {} and queue.dropped.total() == 4


# -- release


class Odd:
    """A codec whose values no other can carry."""

    name = "odd"

    def encode(self, value: Any, /) -> bytes:
        return b""

    def decode(self, data: bytes, /) -> Any:
        return object()


def test_they_leave_in_order_with_the_numbers_of_the_new_link() -> None:
    queue = Queue()
    for value, (sender, event) in enumerate([*ROUTES, *ROUTES]):
        queue.add(value, sender, event)
    assert queue.out() == [(7, 0), (8, 1), (9, 2), (7, 3), (8, 4), (9, 5)]
    assert not queue.dropped


def test_an_empty_one_resumes_at_once() -> None:
    assert Queue().out() == []


@pytest.mark.parametrize("source", CODECS)
@pytest.mark.parametrize("target", CODECS)
def test_another_codec(source: str, target: str) -> None:
    queue, value = Queue(), {"a": [1, 2.5, None, "ü"]}
    queue.add(value, codec=source)
    assert queue.out(codec=target) == [(7, value)]


@pytest.mark.parametrize("target", CODECS)
def test_additions_go_along(target: str) -> None:
    queue, peer = Queue(), ByHand.opened(codec=target).session
    queue.add(1, additions={"unit": "°C"})
    queue.release(peer, lambda sender, event: 7, lambda: None)
    ((additions, data),) = split_events(peer.out[0])
    assert additions is not None and peer.encoding is not None
    assert (peer.encoding.decode(additions), peer.encoding.decode(data)) == ({"unit": "°C"}, 1)


def test_what_the_new_codec_can_not_carry_is_dropped_and_the_rest_goes() -> None:
    queue = Queue()
    with queue.lock:
        queue.put("s", "e", Odd(), event_frame(0, b""))
    queue.add("text", codec="msgpack")
    assert queue.out(codec="json") == [(7, "text")] and queue.dropped == {("s", "e"): 1}


def test_a_payload_that_is_none_is_dropped() -> None:
    queue = Queue()
    with queue.lock:
        queue.put("s", "e", JSON, event_frame(0, b"{broken"))
    queue.add(1)
    assert queue.out(codec="cbor") == [(7, 1)] and queue.dropped == {("s", "e"): 1}


def test_what_is_longer_than_the_new_server_takes_is_dropped() -> None:
    queue = Queue(keep=100_000)
    limit = 4096
    fits = "x" * (limit - 5 - 2)
    queue.add(fits + "x")
    queue.add(fits)
    assert queue.out(max_frame=limit) == [(7, fits)] and queue.dropped == {("s", "e"): 1}


def test_additions_that_grow_too_long_in_the_new_codec_are_dropped() -> None:
    queue = Queue(keep=10**6)
    queue.add(1, additions={"x": "\x01" * 32_000}, codec="msgpack")  # six bytes each in json
    queue.add(2, additions={"x": "x" * 32_000}, codec="msgpack")
    assert queue.out(codec="json") == [(7, 2)] and queue.dropped == {("s", "e"): 1}


def test_a_sender_that_is_not_there_any_more_is_dropped() -> None:
    queue = Queue()
    queue.add(1, "gone")
    queue.add(2, "s", "undeclared")
    queue.add(3)
    assert queue.out() == [(7, 3)] and queue.dropped == {("gone", "e"): 1, ("s", "undeclared"): 1}


class Busy:
    """The number of a route, and a trigger that puts an event in each time it is asked for: another thread."""

    def __init__(self, queue: Queue, times: int) -> None:
        self.queue = queue
        self.times = times
        self.under_lock = 0

    def __call__(self, sender: Name, event: Name) -> int:
        if self.queue.lock.held:  # type: ignore[attr-defined]
            self.under_lock += 1
        elif self.times:
            self.times -= 1
            self.queue.add(100 - self.times)
        return 7


@pytest.mark.parametrize("times", [0, 1, offline_queue.ROUNDS - 1, offline_queue.ROUNDS, 50])
def test_what_is_put_in_between_two_rounds_comes_behind(times: int) -> None:
    queue, peer = Queue(10_000), ByHand.opened().session
    queue.add(0)
    route = Busy(queue, times)
    order: list[str] = []
    queue.release(peer, route, lambda: order.append(f"resumed after {len(peer.out)}"))
    expected = [0, *range(101 - times, 101)][: min(times, offline_queue.ROUNDS) + 1]
    values = [JSON.decode(next(iter(split_events(frame)))[1]) for frame in peer.out]
    assert values == [0, *range(101 - times, 101 - times + len(expected) - 1)]
    assert order == [f"resumed after {len(values)}"] and len(queue) == 0
    assert route.under_lock == (1 if times >= offline_queue.ROUNDS else 0)


def test_a_link_that_is_lost_meanwhile_leaves_the_rest_for_the_next_one() -> None:
    queue, peer = Queue(), ByHand.opened().session
    queue.add(1)
    queue.add(2)

    def route(sender: Name, event: Name) -> int:
        if not peer.error:
            peer.receive_eof()
            queue.add(3)
        return 7

    with pytest.raises(LinkLost):
        queue.release(peer, route, lambda: pytest.fail("it must not be resumed"))
    assert not queue.lock.held and queue.waiting == {("s", "e"): 1}  # type: ignore[attr-defined]
    assert queue.out() == [(7, 3)]


def test_a_link_that_is_lost_before_leaves_all_of_it() -> None:
    queue, peer = Queue(), ByHand.opened().session
    queue.add(1)
    peer.receive_eof()
    with pytest.raises(LinkLost):
        queue.release(peer, lambda sender, event: 7, lambda: pytest.fail("it must not be resumed"))
    assert queue.out() == [(7, 1)]


# -- beside a model


class Model:
    """A list, cut from its front until it fits."""

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self.items: list[tuple[tuple[str, str], int, Any]] = []
        self.dropped: Counter[tuple[str, str]] = Counter()

    def add(self, key: tuple[str, str], size: int, value: Any) -> None:
        self.items.append((key, size, value))
        while sum(size for _, size, _ in self.items) > self.keep:
            self.dropped[self.items.pop(0)[0]] += 1

    def remove(self, wanted: Any) -> None:
        for item in [item for item in self.items if not wanted(item)]:
            self.dropped[item[0]] += 1
        self.items = [item for item in self.items if wanted(item)]


_key = st.sampled_from([*ROUTES, ("gone", "e")])
_puts = st.tuples(st.just("put"), _key, st.text(max_size=40), st.sampled_from(CODECS))
_others = st.one_of(
    st.tuples(st.just("drop"), st.sampled_from("stx"), st.lists(st.sampled_from("ef"))),
    st.tuples(st.just("clear")),
    st.tuples(st.just("release"), st.sampled_from(CODECS)),
)


@given(keep=st.integers(0, 300), steps=st.lists(st.one_of(_puts, _puts, _puts, _others), max_size=40))
def test_it_is_a_list_that_is_cut(keep: int, steps: list[tuple[Any, ...]]) -> None:
    queue, model = Queue(keep), Model(keep)
    for kind, *rest in steps:
        if kind == "put":
            key, value, codec = rest
            model.add(key, queue.add(value, *key, codec=codec), value)
        elif kind == "drop":
            with queue.lock:
                queue.drop(*rest)
            model.remove(lambda item, rest=rest: item[0][0] != rest[0] or item[0][1] not in rest[1])
        elif kind == "clear":
            queue.clear()
            model.remove(lambda item: False)
        else:
            model.remove(lambda item: item[0] in ROUTES)
            assert queue.out(codec=rest[0]) == [(ROUTES[key], value) for key, _, value in model.items]
            model.items = []
        assert len(queue) == len(model.items) and queue.size == sum(size for _, size, _ in model.items)
        assert queue.waiting == Counter(key for key, _, _ in model.items) and queue.dropped == model.dropped
