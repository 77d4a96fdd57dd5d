"""A store in one file of SQLite: what it has taken survives the end of the process at any instruction.

SQLite keeps a log beside the file (write-ahead, `-wal`), which is on the disk before a transaction is over. The file is
locked as long as it is open: one server has it.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Final

from sig_core.errors import StoreDamaged, StoreFailed, StoreFull, StoreInUse, StoreTooNew
from sig_core.events import Name
from sig_core.files import PRIVATE
from sig_core.store.contract import EXPIRED, Durable, KeptEvent

__all__ = ["SqliteStore"]

APPLICATION: Final = 0x53494731  # "SIG1": whose file it is, where SQLite keeps that
VERSION: Final = 1  # of the tables
STEP: Final = 2000  # events that one call deletes at the most, so that none takes long
RESERVE: Final = 16 << 20  # bytes that no event takes: where the disk is full what is kept can still leave
DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
IN_USE: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}

TABLES: Final = """
CREATE TABLE durables (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    sender TEXT NOT NULL,
    event TEXT NOT NULL,
    last INTEGER NOT NULL,
    acknowledged INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    lost TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    events INTEGER NOT NULL
);
CREATE TABLE kept (
    durable INTEGER NOT NULL,
    position INTEGER NOT NULL,
    sender TEXT NOT NULL,
    event TEXT NOT NULL,
    codec TEXT NOT NULL,
    info BLOB NOT NULL,
    data BLOB NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (durable, position)
) WITHOUT ROWID;
CREATE TABLE dropped (id INTEGER PRIMARY KEY);
"""
SIZE: Final = "length(info) + length(data)"


class SqliteStore:
    """See `Store`. What is not acknowledged any more leaves the file a little later, in steps.

    Args:
        path: of the file; it is made if there is none, readable by its user alone.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.free: Callable[[], int] = self._free  # bytes of the disk
        self._db: sqlite3.Connection | None = None
        self._ids: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"<SqliteStore {str(self.path)!r}>"

    # -- the file

    def open(self) -> None:
        """See `Store`.

        Raises:
            StoreFailed: the file can't be opened or made.
            StoreInUse: another process has it open.
            StoreDamaged: it is damaged, or no store of pysig.
            StoreTooNew: a newer version made it.
        """
        with self._named("open"):
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, PRIVATE))
            db = sqlite3.connect(self.path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            with self._named("open"):
                self._begin(db)
        except BaseException:
            db.close()
            raise
        self._db = db

    def _begin(self, db: sqlite3.Connection) -> None:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._check_kind(db)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("BEGIN IMMEDIATE")  # takes the lock, which stays
        if not _number(db, "PRAGMA user_version"):
            for statement in TABLES.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {APPLICATION}")
            db.execute(f"PRAGMA user_version = {VERSION}")
        self._ids = dict(db.execute("SELECT name, id FROM durables"))
        db.execute("COMMIT")

    def _check_kind(self, db: sqlite3.Connection) -> None:
        """Refuse what is not ours to write to, before anything is written."""
        version = _number(db, "PRAGMA user_version")
        if not _number(db, "SELECT count(*) FROM sqlite_schema") and not version:
            return  # it is empty
        if _number(db, "PRAGMA application_id") != APPLICATION:
            raise StoreDamaged(f"store {self.path}: this database is another program's: name another file")
        if version > VERSION:
            words = f"it has version {version}, and this pysig knows {VERSION}"
            raise StoreTooNew(f"store {self.path}: {words}: take the newer pysig, or name another file")

    def close(self) -> None:
        """See `Store`."""
        db, self._db = self._db, None
        if db is not None:
            with self._named("close"):
                db.close()

    # -- durables

    def durables(self) -> list[Durable]:
        """See `Store`."""
        columns = "name, owner, sender, event, last, acknowledged, sent, lost, bytes, events"
        with self._reading() as db:
            rows = db.execute(f"SELECT {columns} FROM durables ORDER BY id").fetchall()
        return [
            Durable(name, owner, (json.loads(sender), json.loads(event)), last, done, sent, json.loads(lost), *rest)
            for name, owner, sender, event, last, done, sent, lost, *rest in rows
        ]

    def add(self, durable: Durable) -> None:
        """See `Store`."""
        sender, event = durable.pattern
        begins = durable.last, durable.acknowledged, durable.sent, json.dumps(durable.lost)
        with self._writing() as db:
            cursor = db.execute(
                "INSERT INTO durables VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)",
                (durable.name, durable.owner, json.dumps(sender), json.dumps(event), *begins),
            )
            made = cursor.lastrowid
        assert made is not None
        self._ids[durable.name] = made

    def drop(self, name: str) -> None:
        """See `Store`."""
        number = self._ids.get(name)
        if number is None:
            return
        with self._writing() as db:
            db.execute("DELETE FROM durables WHERE id = ?", (number,))
            db.execute("INSERT INTO dropped VALUES (?)", (number,))
            _sweep(db)
        del self._ids[name]

    # -- events

    def append(self, events: Sequence[tuple[str, KeptEvent]]) -> None:
        """See `Store`."""
        rows, grown = [], dict[int, tuple[int, int, int]]()
        for name, event in events:
            number = self._ids.get(name)
            if number is None:
                continue  # it was dropped meanwhile
            what = json.dumps(event.sender), json.dumps(event.event), event.codec, event.info, event.data, event.at
            rows.append((number, event.position, *what))
            count, size, _ = grown.get(number, (0, 0, 0))
            grown[number] = count + 1, size + len(event.info) + len(event.data), event.position
        self._check_room()
        with self._writing() as db:
            db.executemany("INSERT INTO kept VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
            db.executemany(
                "UPDATE durables SET events = events + ?, bytes = bytes + ?, last = ? WHERE id = ?",
                [(*more, number) for number, more in grown.items()],
            )

    def read(self, name: str, after: int, events: int, size: int) -> list[KeptEvent]:
        """See `Store`."""
        what = "position, sender, event, codec, info, data, at"
        found: list[KeptEvent] = []
        number = self._ids.get(name)
        with self._reading() as db:
            rows = db.execute(
                f"SELECT {what} FROM kept WHERE durable = ? AND position > ? ORDER BY position LIMIT ?",
                (number, after, events),
            )
            for position, sender, event, codec, info, data, at in rows:
                size -= len(info) + len(data)
                if found and size < 0:
                    break
                found.append(KeptEvent(position, _name(sender), _name(event), codec, info, data, at))
            rows.close()
        return found

    def mark(self, name: str, *, acknowledged: int | None, sent: int | None) -> None:
        """See `Store`."""
        number = self._ids.get(name)
        with self._writing() as db:
            db.execute(
                "UPDATE durables SET acknowledged = max(acknowledged, ?), sent = max(sent, ?) WHERE id = ?",
                (acknowledged or 0, sent or 0, number),
            )
            if acknowledged is not None:
                _delete(db, number, _settled(db, number), STEP)

    def lose(self, name: str, lost: Mapping[str, int], *, last: int) -> None:
        """See `Store`."""
        number = self._ids.get(name)
        with self._writing() as db:
            _add_lost(db, number, lost)
            db.execute("UPDATE durables SET last = max(last, ?) WHERE id = ?", (last, number))

    def expire(self, name: str, *, before: float, size: int) -> int:
        """See `Store`."""
        number = self._ids.get(name)
        if not self._has_due(number, before, size):  # as it is most of the time: nothing is written then
            return 0
        with self._writing() as db:
            lost = 0
            if _delete(db, number, _settled(db, number), STEP) < STEP:  # else the first of the rest are no losses
                lost = _delete(db, number, _expired(db, number, before, size), STEP)
                _add_lost(db, number, {EXPIRED: lost})
            _sweep(db)
        return lost

    def _has_due(self, number: int | None, before: float, size: int) -> bool:
        """Return whether `expire` has something to do."""
        with self._reading() as db:
            return bool(
                next(_expired(db, number, before, size), None)
                or next(_settled(db, number), None)
                or db.execute("SELECT 1 FROM dropped LIMIT 1").fetchone()
            )

    def _free(self) -> int:
        return shutil.disk_usage(self.path.parent).free

    def _check_room(self) -> None:
        """Raise StoreFull before the last of the disk is taken: it is needed for what leaves to be noted."""
        with self._named("look for room"):
            free = self.free()
            if free >= RESERVE:
                return
        with self._reading() as db:
            free += _number(db, "PRAGMA freelist_count") * _number(db, "PRAGMA page_size")
        if free < RESERVE:
            words = f"{free} bytes are left on the disk, and {RESERVE} are kept free for what has to leave"
            raise StoreFull(f"store {self.path}: {words}: make room, or let listeners hear what waits")

    # -- what SQLite says

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """All that is done inside is on the disk when this returns, or none of it is."""
        with self._named("write"):
            db = self._open_db()
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # a full disk has rolled it back already
                    db.execute("ROLLBACK")
                raise

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._named("read"):
            yield self._open_db()

    def _open_db(self) -> sqlite3.Connection:
        if self._db is None:
            raise StoreFailed(f"store {self.path}: it is not open")
        return self._db

    @contextmanager
    def _named(self, doing: str) -> Iterator[None]:
        """Say whose error it is, and which of ours."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in DAMAGED:
                raise StoreDamaged(
                    f"store {self.path}: {error}: it is left as it is; name another file, or mend this one"
                ) from error
            if code in IN_USE:
                raise StoreInUse(f"store {self.path}: another process has it open: it is for one server") from error
            if code == sqlite3.SQLITE_FULL:
                raise StoreFull(f"store {self.path}: no room on the disk: it goes on when there is") from error
            raise StoreFailed(f"store {self.path}: can't {doing}: {error}") from error
        except OSError as error:
            raise StoreFailed(f"store {self.path}: can't {doing}: {error.strerror or error}") from error


def _number(db: sqlite3.Connection, query: str) -> int:
    return int(db.execute(query).fetchone()[0])


def _name(text: str) -> Name:
    name: Name = json.loads(text)
    return name


def _settled(db: sqlite3.Connection, number: int | None) -> Iterator[tuple[int, int]]:
    """Return position and size of what is acknowledged and still there."""
    return db.execute(
        f"SELECT position, {SIZE} FROM kept WHERE durable = ?1"
        " AND position <= (SELECT acknowledged FROM durables WHERE id = ?1) ORDER BY position",
        (number,),
    )


def _expired(db: sqlite3.Connection, number: int | None, before: float, most: int) -> Iterator[tuple[int, int]]:
    """Yield position and size of what is too old, or too much, from the oldest on."""
    (kept,) = db.execute("SELECT bytes FROM durables WHERE id = ?", (number,)).fetchone() or (0,)
    rows = db.execute(f"SELECT position, {SIZE}, at FROM kept WHERE durable = ? ORDER BY position", (number,))
    for position, size, at in rows:
        if at >= before and kept <= most:
            return
        kept -= size
        yield position, size


def _add_lost(db: sqlite3.Connection, number: int | None, more: Mapping[str, int]) -> None:
    """Count losses of a durable, by reason."""
    for (told,) in db.execute("SELECT lost FROM durables WHERE id = ?", (number,)).fetchall():
        lost: dict[str, int] = json.loads(told)
        for reason, count in more.items():
            if count:
                lost[reason] = lost.get(reason, 0) + count
        db.execute("UPDATE durables SET lost = ? WHERE id = ?", (json.dumps(lost), number))


def _sweep(db: sqlite3.Connection) -> None:
    """Delete a step of what a durable had that was dropped."""
    for (number,) in db.execute("SELECT id FROM dropped LIMIT 1").fetchall():
        rows = db.execute(f"SELECT position, {SIZE} FROM kept WHERE durable = ? ORDER BY position", (number,))
        if _delete(db, number, rows, STEP) < STEP:
            db.execute("DELETE FROM dropped WHERE id = ?", (number,))


def _delete(db: sqlite3.Connection, number: int | None, rows: Iterator[tuple[int, int]], most: int) -> int:
    """Delete these events of a durable, `most` at the most; return how many."""
    count = size = last = 0
    for position, more in islice(rows, most):
        count, size, last = count + 1, size + more, position
    if count:
        db.execute("DELETE FROM kept WHERE durable = ? AND position <= ?", (number, last))
        db.execute("UPDATE durables SET events = events - ?, bytes = bytes - ? WHERE id = ?", (count, size, number))
    return count
