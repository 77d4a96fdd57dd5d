"""The log by itself, and how names are written."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from names import as_json, read_name, read_pattern, write_name, write_pattern
from web_events_logger.journal import BATCH, ROOM, SHOWN, Filter, Journal

import sig_core as sig
from sig_core.events import Pattern
from tests.examples.web.site import all_of

TRICKY = st.sampled_from(["None", "7", "-1", "1e5", '"', '"a"', "a:b", " a", "\u202e", "\n", "\\", "é", "1.0", "01"])
TEXTS = TRICKY | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
NAMES = st.none() | TEXTS | NUMBERS


@given(NAMES)
def test_name_is_read_as_it_was_written(name: sig.Name | None) -> None:
    text = write_name(name)
    assert text.isprintable()
    again = read_name(text, "name")
    assert (type(again), again) == (type(name), name)


@given(st.tuples(NAMES, NAMES))
def test_pattern_is_read_as_it_was_written(pattern: Pattern) -> None:
    assert read_pattern(write_pattern(pattern)) == pattern


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("ifttt", ("ifttt", None)),
        ("ifttt:None", ("ifttt", None)),
        ("None:#notify", (None, "#notify")),
        (":", (None, None)),
        ("a:b:c", ("a", "b:c")),
        ('"a:b":c', ("a:b", "c")),
        ("7:8.5", (7, 8.5)),
    ],
)
def test_pattern_as_it_is_typed(text: str, pattern: Pattern) -> None:
    assert read_pattern(text) == pattern


@given(st.recursive(st.none() | TEXTS | NUMBERS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_that_can_be_seen_is_the_same_json(value: object) -> None:
    text = as_json(value)
    assert text.isprintable()
    assert json.loads(text) == value


def test_what_json_does_not_know_is_written_as_python_does() -> None:
    assert as_json({"a": b"\x00", "b": math.inf}) == '{"a": "b\'\\\\x00\'", "b": Infinity}'


def filled(count: int, limit: int) -> Journal:
    journal = Journal(limit)
    for number in range(1, count + 1):
        journal.add("even" if number % 2 == 0 else "odd", "tick", str(number))
    return journal


def test_batch_is_the_newest_and_counts_the_rest() -> None:
    journal = filled(100, limit=20)
    for after, most, first, skipped in ((0, 20, 81, 80), (90, 20, 91, 0), (50, 5, 96, 45), (100, 20, 101, 0)):
        batch = journal.after(after, Filter(), most)
        assert [entry.number for entry in batch.entries] == list(range(first, 101))
        assert (batch.last, batch.skipped) == (100, skipped)
    assert [entry.data for entry in journal.after(90, Filter("even"), 20).entries] == ["92", "94", "96", "98", "100"]


def test_batch_of_long_data_is_short() -> None:
    journal = Journal(1000)
    for _ in range(500):
        journal.add("a", "tick", "x" * SHOWN)
    batch = journal.after(0, Filter(), 1000)
    assert (len(batch.entries), batch.skipped) == (BATCH // SHOWN, 500 - BATCH // SHOWN)


def test_log_is_bounded_by_its_size_too() -> None:
    journal, big = Journal(1000), "x" * (ROOM // 4)
    for _ in range(10):
        journal.add("a", "tick", big)
    assert len(all_of(journal)) == 4
    journal.clear()
    journal.add("a", "tick", big)
    assert len(all_of(journal)) == 1


def test_entry_is_found_by_its_number_as_long_as_it_is_there() -> None:
    journal = filled(30, limit=20)
    assert [journal.find(number) is None for number in (0, 10, 11, 30, 31)] == [True, True, False, False, True]
    found = journal.find(11)
    assert found is not None
    assert found.data == "11"
    journal.limit = 5
    assert (journal.find(25), len(journal)) == (None, 5)
