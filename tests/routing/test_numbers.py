"""Numbers are given anew only after all others, and never while they stand for something; who left is remembered."""

from __future__ import annotations

from sig_core.routing.departed import Departed, DepartedSenders
from sig_core.routing.numbers import LAST_ROUTE, RouteNumbers


def test_each_number_is_given_once_before_any_is_given_again() -> None:
    asked: list[int] = []
    numbers = RouteNumbers(lambda number: bool(asked.append(number)) or number in (1, 3), last=5)
    assert [numbers.next() for _ in range(5)] == [1, 2, 3, 4, 5] and asked == []
    assert [numbers.next() for _ in range(6)] == [2, 4, 5, 2, 4, 5]
    assert LAST_ROUTE == 2**32 - 1


def departed(route: int, *events: str) -> Departed:
    return Departed(route, {event: route + number for number, event in enumerate(events, 1)}, "life", {})


def test_the_first_that_left_are_forgotten_first() -> None:
    known = DepartedSenders(7)
    known.add("a", departed(1, "x"))
    known.add("b", departed(11, "x", "y"))
    assert (known.routes, len(known)) == (5, 2)
    known.add("c", departed(21, "x", "y"))
    assert known.find("a") is None and known.routes == 6
    assert known.has_route(11) and known.has_route(23) and not known.has_route(1)
    found = known.take("b", ["x", "y"])
    assert found is not None and (found.route, found.events) == (11, {"x": 12, "y": 13})
    assert known.take("b", ["x"]) is None and known.routes == 3
    known.shrink(2)
    assert (len(known), known.routes) == (0, 0)


def test_one_that_is_too_big_to_be_remembered_is_not() -> None:
    known = DepartedSenders(2)
    known.add("a", departed(1, "x", "y"))
    assert len(known) == 0


def test_numbers_of_events_that_it_has_not_now_wait_for_it() -> None:
    known = DepartedSenders(10)
    known.add("a", departed(1, "x", "y"))
    found = known.take("a", ["y", "z"])
    assert found is not None and (found.route, found.events) == (1, {"y": 3})
    assert known.routes == 1
    known.add("a", Departed(1, {"y": 3, "z": 9}, "life", {}))
    found = known.find("a")
    assert found is not None and found.events == {"x": 2, "y": 3, "z": 9} and known.routes == 4
