"""Names that somebody chose so that they meet in one place of a table: they do not (docs/security.md)."""

from __future__ import annotations

from sig_core.events import key_of
from sig_core.routing.departed import Departed, DepartedSenders
from sig_core.routing.table import Table

PLACES = 2**20  # of a table
ALIKE = [PLACES * factor + 5 for factor in range(200)]


def test_numbers_of_one_place_are_looked_up_at_many() -> None:
    assert len({hash(name) % PLACES for name in ALIKE}) == 1
    assert len({hash(key_of(name)) % PLACES for name in ALIKE}) > len(ALIKE) - 10


def test_a_number_is_found_by_what_equals_it() -> None:
    assert key_of(1) == key_of(1.0) != key_of("1")


def test_tables_keep_numbers_and_texts_apart() -> None:
    table: Table[str] = Table()
    departed = DepartedSenders(1000)
    names = [*ALIKE, "5", "number"]
    for name in names:
        table.add((name, name), "port")
        table.topic(name, "e")
        departed.add(name, Departed(1, {}, "", {}))
    assert table.patterns() == [(name, name) for name in names]
    for name in names:
        assert table.match(name, name) == ("port",) and table.names_sender(name)
        assert table.remove((name, name), "port") and departed.find(name) is not None
        table.drop(name)
    assert not table._at and not table._topics and len(departed) == len(names)
