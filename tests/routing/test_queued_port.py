"""What all ports share: the queue's stalls, the counts of what was lost, and the figures."""

from __future__ import annotations

from sig_core.errors import NotOwner
from sig_core.routing.queued_port import QueuedPort
from sig_core.routing.traffic import Traffic
from tests.routing.lone_port import LIMIT, Port, run


def test_what_it_needs_is_what_a_class_with_slots_has_to_name() -> None:
    assert vars(Port()).keys() - {"learned", "changes"} == set(QueuedPort.SLOTS)


def test_it_is_slow_above_three_quarters_until_it_has_drained() -> None:
    port = Port()
    port.put(750)
    assert not port.is_slow(0.0)
    port.put(1)
    assert port.is_slow(0.0) and not port.recovers(1.0)
    assert port.take(750) and port.recovers(1.0)
    assert not port.is_slow(1.0)


def test_a_stall_is_over_after_its_time_and_is_one_for_each_episode() -> None:
    port = Port()
    port.put(800)
    assert port.is_slow(10.0) and not port.recovers(11.9)
    assert port.recovers(12.0), "though nothing was taken"
    assert not port.is_slow(12.0) and not port.recovers(20.0)
    port.take(LIMIT)
    assert not port.is_slow(30.0)  # as it is asked after each delivery
    port.put(800)
    assert port.is_slow(30.0)


def test_what_is_dropped_at_the_limit_is_counted() -> None:
    port = Port()
    for _ in range(11):
        port.put(100, events=2)
    assert port.lost == {"slow listener": 2 * (11 - 8)}  # down to 7/8 of the limit
    assert port.stats()["events"]["lost"] == {"slow listener": 6}


def test_what_can_not_be_delivered_counts_as_fired_and_lost() -> None:
    port = Port()
    port.note_lost(run(5), "s", "e", 3, "msgpack can't carry the value")
    assert (port.traffic.fired, port.lost) == (3, {"msgpack can't carry the value": 3})
    assert port.learned == [(7, "s", "e")]


def test_what_was_not_its_own_to_send_is_counted() -> None:
    port = Port()
    port.refuse(7, 4, NotOwner("not yours"))
    assert port.stats()["events"]["refused"] == 4


def test_a_pause_of_its_input_is_told() -> None:
    port = Port()
    port.set_reading_paused(True)
    assert port.stats()["held"] is True
    port.set_reading_paused(False)
    assert port.changes == [True, False] and port.stats()["held"] is False


def test_the_figures_add_up() -> None:
    port = Port()
    port.put(300, events=3)
    port.put(200, events=2)
    port.note_lost(run(1), "s", "e", 1, "too big")
    port.take(300)
    assert port.stats() == {
        "peer": "peer",
        "kind": "test",
        "queue": {"bytes": 200, "limit": LIMIT, "fill": 0.2},
        "held": False,
        "events": {"in": 0, "refused": 0, "fired": 6, "out": 3, "waiting": 2, "lost": {"too big": 1}},
        "bytes": {"in": 0, "out": 0},
    }


def test_reasons_of_losses_are_counted_together_when_they_are_many() -> None:
    past = Traffic()
    for number in range(500):
        gone = Traffic()
        gone.lost[f"bigger than the {number} bytes it takes"] += 2
        past.add(gone)
    assert len(past.lost) <= 101 and past.lost.total() == 1000
