"""The store in a file: what survives, and what is refused and left as it is."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sig_core.errors import StoreDamaged, StoreFailed, StoreFull, StoreInUse, StoreTooNew
from sig_core.io.store.sqlite_store import RESERVE, STEP, SqliteStore
from sig_core.store.contract import Durable, KeptEvent
from tests.support import within

BILLING = Durable("billing", "", (None, "#paid"))


def kept(position: int, data: bytes = b"data") -> KeptEvent:
    return KeptEvent(position, "shop", "#paid", "json", b"", data, 0.0)


def put(store: SqliteStore, *positions: int, data: bytes = b"data") -> None:
    store.append([("billing", kept(position, data)) for position in positions])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def opened(path: Path) -> SqliteStore:
    store = SqliteStore(path)
    store.open()
    return store


def test_what_was_closed_is_there_again(path: Path) -> None:
    store = opened(path)
    store.add(BILLING)
    put(store, 1, 2, 3)
    store.mark("billing", acknowledged=1, sent=2)
    (before,) = store.durables()
    store.close()
    store.close()
    store = opened(path)
    assert store.durables() == [before]
    assert [event.position for event in store.read("billing", 0, 10, 100)] == [2, 3]
    put(store, 4)
    store.close()


def test_nobody_else_can_read_it(path: Path) -> None:
    opened(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_one_server_has_it(path: Path) -> None:
    store = opened(path)
    other = SqliteStore(path)
    with pytest.raises(StoreInUse, match="another process has it open"):
        other.open()
    store.close()
    other.open()
    other.close()


@pytest.mark.parametrize("data", [b"x" * 4096, b"SQLite format 3\0" + b"\xff" * 4096])
def test_what_is_no_store_is_left_as_it_is(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(StoreDamaged, match=r"store\.db"):
        SqliteStore(path).open()
    assert path.read_bytes() == data


def test_the_database_of_another_program_is_left_as_it_is(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE customers (name)")
    db.close()
    data = path.read_bytes()
    with pytest.raises(StoreDamaged, match="another program's"):
        SqliteStore(path).open()
    assert path.read_bytes() == data


def test_that_of_a_newer_version_is_left_as_it_is(path: Path) -> None:
    opened(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 2")
    db.close()
    data = path.read_bytes()
    with pytest.raises(StoreTooNew, match="version 2, and this pysig knows 1"):
        SqliteStore(path).open()
    assert path.read_bytes() == data


def test_damage_is_found_where_it_is_read(path: Path) -> None:
    store = opened(path)
    store.add(BILLING)
    put(store, *range(1, 2000), data=b"x" * 100)
    store.close()
    size = path.stat().st_size
    with path.open("r+b") as file:  # all but the first pages
        file.seek(20_480)
        file.write(b"\xff" * (size - 20_480))
    store = opened(path)
    with pytest.raises(StoreDamaged, match="malformed"):
        store.read("billing", 0, 2000, 1 << 20)
    store.close()


@pytest.mark.parametrize("where", ["nowhere/store.db", "."])
def test_a_place_where_no_file_can_be(tmp_path: Path, where: str) -> None:
    with pytest.raises(StoreFailed, match="can't open"):
        SqliteStore(tmp_path / where).open()


def test_what_is_not_open_says_so(path: Path) -> None:
    with pytest.raises(StoreFailed, match="not open"):
        SqliteStore(path).durables()


def test_a_full_disk_takes_nothing_of_a_group_and_all_of_the_next_one_when_there_is_room(path: Path) -> None:
    store = opened(path)
    store.add(BILLING)
    put(store, 1)
    db = store._db
    assert db is not None
    db.execute("PRAGMA max_page_count = 10")
    with pytest.raises(StoreFull, match="no room on the disk"):
        put(store, *range(2, 1000), data=b"x" * 100)
    assert [event.position for event in store.read("billing", 0, 10, 1000)] == [1]
    (record,) = store.durables()
    assert (record.last, record.events, record.bytes) == (1, 1, 4)
    db.execute("PRAGMA max_page_count = 1000000")
    put(store, *range(2, 1000), data=b"x" * 100)
    assert store.durables()[0].events == 999
    store.close()


def test_no_call_deletes_more_than_a_step(path: Path) -> None:
    store = opened(path)
    store.add(BILLING)
    put(store, *range(1, STEP + 101))
    store.mark("billing", acknowledged=STEP + 50, sent=None)
    assert store.durables()[0].events == 100
    assert store.expire("billing", before=0.0, size=1 << 30) == 0  # what is left of them is no loss
    assert store.durables()[0].events == 50
    store.close()


def test_what_was_dropped_leaves_in_steps(path: Path) -> None:
    store = opened(path)
    store.add(BILLING)
    put(store, *range(1, STEP + 101))
    store.drop("billing")
    store.add(BILLING)
    assert store.durables() == [BILLING] and store.read("billing", 0, 10, 1000) == []
    left = "SELECT (SELECT count(*) FROM kept), (SELECT count(*) FROM dropped)"
    assert store._db is not None and store._db.execute(left).fetchone() == (100, 1)
    store.expire("billing", before=0.0, size=1 << 30)
    assert store._db.execute(left).fetchone() == (0, 0)
    store.close()


def test_what_is_acknowledged_is_no_loss_though_it_is_still_there(path: Path) -> None:
    store = opened(path)
    store.add(BILLING)
    put(store, *range(1, 3 * STEP))
    store.mark("billing", acknowledged=3 * STEP - 10, sent=None)
    for _ in range(4):
        assert store.expire("billing", before=0.0, size=1000) == 0
    assert store.durables()[0].events == 9
    store.close()


def test_nothing_is_written_where_nothing_is_due(path: Path) -> None:
    store = opened(path)
    store.add(BILLING)
    put(store, 1, 2)
    written: list[str] = []
    assert store._db is not None
    store._db.set_trace_callback(written.append)
    assert store.expire("billing", before=0.0, size=1000) == 0
    assert written and all(statement.startswith("SELECT") for statement in written)
    store.close()


def test_the_last_of_a_disk_is_for_what_leaves(path: Path) -> None:
    """Else nothing could be acknowledged on a full disk, and it would stay full for ever."""
    store = opened(path)
    store.add(BILLING)
    put(store, *range(1, 101), data=b"x" * 4000)
    store.free = lambda: RESERVE - 200_000
    with pytest.raises(StoreFull, match=f"{RESERVE - 200_000} bytes are left on the disk, and {RESERVE} are kept free"):
        put(store, 101)
    store.mark("billing", acknowledged=90, sent=90)
    put(store, 101)  # into the room of those that left
    assert store.durables()[0].events == 11
    store.close()


PROGRAM = """
import sys
from sig_core.store.contract import Durable, KeptEvent
from sig_core.io.store.sqlite_store import SqliteStore

store = SqliteStore(sys.argv[1])
store.open()
if not store.durables():
    store.add(Durable("billing", "", (None, "#paid")))
position = store.durables()[0].last
while True:
    group = [KeptEvent(position + more, "shop", "#paid", "json", b"", b"x" * 100, 0.0) for more in range(1, 21)]
    store.append([("billing", event) for event in group])
    position += 20
    print(position, flush=True)
"""


@pytest.mark.slow
def test_what_was_written_survives_fifty_kills(path: Path) -> None:
    said = 0
    for kill in range(50):
        command = [sys.executable, "-c", PROGRAM, os.fspath(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as it:
            assert it.stdout is not None
            for _ in range(1 + kill % 7):
                said = int(it.stdout.readline())
            it.send_signal(signal.SIGKILL)
            rest = it.stdout.read().split()
            said = int(rest[-1]) if rest else said
            it.wait(within(20))
        store = opened(path)
        (record,) = store.durables()
        assert record.last in (said, said + 20) and record.events == record.last
        assert len(store.read("billing", 0, record.last + 1, 1 << 30)) == record.last
        store.close()
