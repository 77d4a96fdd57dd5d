"""What every store has to do: the same tests for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sig_core.events import Name
from sig_core.io.store.sqlite_store import SqliteStore
from sig_core.store.contract import EXPIRED, Durable, KeptEvent, Store
from sig_core.store.memory_store import MemoryStore

MAKE: dict[str, Callable[[Path], Store]] = {
    "memory": lambda folder: MemoryStore(),
    "sqlite": lambda folder: SqliteStore(folder / "store.db"),
}


@pytest.fixture(params=MAKE)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made = MAKE[request.param](tmp_path)
    made.open()
    made.add(Durable("billing", "", (None, "#paid")))
    yield made
    made.close()


def kept(position: int, data: bytes = b"data", at: float = 0.0, sender: Name = "shop") -> KeptEvent:
    return KeptEvent(position, sender, "#paid", "json", b"", data, at)


def put(store: Store, *events: KeptEvent, name: str = "billing") -> None:
    store.append([(name, event) for event in events])


def positions(store: Store, after: int = 0, events: int = 99, size: int = 9999, name: str = "billing") -> list[int]:
    return [event.position for event in store.read(name, after, events, size)]


def test_a_new_durable_has_nothing(store: Store) -> None:
    assert store.durables() == [Durable("billing", "", (None, "#paid"))]
    assert positions(store) == []


def test_what_is_put_comes_out_whole_and_in_order(store: Store) -> None:
    whole = KeptEvent(2, 1.5, 7, "cbor", b"\x00info", b"\xff\x00data", 1234.5)
    put(store, kept(1), whole)
    put(store, kept(3, b""))
    assert store.read("billing", 0, 1000, 1000) == [kept(1), whole, kept(3, b"")]
    (record,) = store.durables()
    assert (record.last, record.events, record.bytes) == (3, 3, 4 + 11)


@pytest.mark.parametrize("name", ["a", "ä\n\x1b", 0, -(2**63), 2**64 - 1, 1.5, -0.1, 1e308])
def test_names_are_what_they_were(store: Store, name: Name) -> None:
    store.add(Durable("named", "me", (name, name)))
    put(store, kept(1, sender=name), name="named")
    (found,) = store.read("named", 0, 1, 1)
    assert (found.sender, type(found.sender)) == (name, type(name))
    record = store.durables()[1]
    assert (record.owner, record.pattern) == ("me", (name, name))


@pytest.mark.parametrize(
    ("after", "events", "size", "expected"),
    [
        (0, 10, 100, [1, 2, 4]),
        (1, 10, 100, [2, 4]),
        (2, 10, 100, [4]),
        (4, 10, 100, []),
        (0, 2, 100, [1, 2]),
        (0, 10, 8, [1, 2]),
        (0, 10, 7, [1]),
        (0, 10, 0, [1]),  # one is always read: else nobody would get on
    ],
)
def test_pages(store: Store, after: int, events: int, size: int, expected: list[int]) -> None:
    put(store, kept(1), kept(2), kept(4))
    assert positions(store, after, events, size) == expected


def test_what_is_acknowledged_does_not_come_again(store: Store) -> None:
    put(store, *(kept(number) for number in range(1, 11)))
    store.mark("billing", acknowledged=4, sent=None)
    store.mark("billing", acknowledged=3, sent=7)  # nothing goes back
    store.mark("billing", acknowledged=None, sent=6)
    (record,) = store.durables()
    assert (record.acknowledged, record.sent, record.last, record.events, record.bytes) == (4, 7, 10, 6, 24)
    assert positions(store, record.acknowledged) == [5, 6, 7, 8, 9, 10]


def test_what_is_too_old_or_too_much_goes_the_oldest_first_and_is_counted(store: Store) -> None:
    put(store, *(kept(number, at=float(number)) for number in range(1, 11)))
    assert store.expire("billing", before=1.0, size=1000) == 0
    assert store.expire("billing", before=3.0, size=1000) == 2
    assert store.expire("billing", before=0.0, size=20) == 3
    assert positions(store) == [6, 7, 8, 9, 10]
    store.mark("billing", acknowledged=7, sent=None)  # is no loss
    assert store.expire("billing", before=100.0, size=1000) == 3
    (record,) = store.durables()
    assert (record.lost, record.events, record.bytes, record.last) == ({EXPIRED: 8}, 0, 0, 10)


def test_durables_have_nothing_to_do_with_each_other(store: Store) -> None:
    store.add(Durable("audit", "", ("shop", None)))
    put(store, kept(1), kept(2))
    put(store, kept(1, b"other"), name="audit")
    store.mark("audit", acknowledged=1, sent=1)
    assert (positions(store), positions(store, name="audit")) == ([1, 2], [])
    store.drop("billing")
    assert [each.name for each in store.durables()] == ["audit"]
    put(store, kept(3))  # it was under way when the durable was dropped
    assert positions(store) == []
    store.add(Durable("billing", "", (None, "#paid")))
    assert positions(store) == []


def test_what_concerns_a_durable_that_is_not_there_does_nothing(store: Store) -> None:
    put(store, kept(1), name="gone")
    store.mark("gone", acknowledged=1, sent=1)
    store.drop("gone")
    assert store.expire("gone", before=100.0, size=0) == 0
    assert positions(store, name="gone") == [] and [each.name for each in store.durables()] == ["billing"]


def test_losses_are_counted_by_reason_and_kept(store: Store) -> None:
    store.lose("billing", {"failed": 2}, last=2)
    store.lose("billing", {"failed": 1, "too big": 1}, last=1)
    store.lose("gone", {"failed": 1}, last=1)
    put(store, kept(3))
    store.close()
    store.open()
    (record,) = store.durables()
    assert (record.lost, record.last, record.events) == ({"failed": 3, "too big": 1}, 3, 1)
