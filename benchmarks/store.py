"""Measures the store of durable listeners: how fast it writes, and whether it minds how much it keeps.

    .venv/bin/python benchmarks/store.py                    # 2,000,000 events kept, in a file of about 350 MB
    .venv/bin/python benchmarks/store.py --kept 10000000 --folder /var/tmp
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from sig_core.io.store.sqlite_store import SqliteStore
from sig_core.store.contract import Durable, KeptEvent

DATA = b"x" * 100
FEW = 10_000
PAGE_EVENTS, PAGE_BYTES = 256, 256 * 1024  # as a server reads
NAME = "billing"


def events(first: int, count: int) -> list[tuple[str, KeptEvent]]:
    """Return events as a server keeps them."""
    numbers = range(first, first + count)
    return [(NAME, KeptEvent(number, "shop", "#sold", "json", b"", DATA, 0.0)) for number in numbers]


def opened(path: Path) -> SqliteStore:
    """Return a store with a durable."""
    store = SqliteStore(path)
    store.open()
    if not store.durables():
        store.add(Durable(NAME, "", (None, "#sold")))
    return store


def write(path: Path, group: int, seconds: float) -> float:
    """Return how many events a second are on the disk, where so many come in one transaction."""
    path.unlink(missing_ok=True)
    store, count, begun = opened(path), 0, time.monotonic()
    while time.monotonic() - begun < seconds:
        store.append(events(count + 1, group))
        count += group
    rate = count / (time.monotonic() - begun)
    store.close()
    path.unlink()
    return rate


def fill(path: Path, count: int) -> None:
    """Keep so many."""
    store = opened(path)
    for first in range(1, count + 1, FEW):
        store.append(events(first, min(FEW, count - first + 1)))
    store.close()


def pages(store: SqliteStore) -> Iterator[list[KeptEvent]]:
    """Read all, page by page."""
    after = 0
    while page := store.read(NAME, after, PAGE_EVENTS, PAGE_BYTES):
        yield page
        after = page[-1].position


def read(path: Path) -> None:
    """Print, in a process of its own, what it is to come back: the first page, all of them, the most memory."""
    begun = time.monotonic()
    store = opened(path)
    following = pages(store)
    first = len(next(following))
    shown = 1000 * (time.monotonic() - begun)
    begun = time.monotonic()
    count = first + sum(map(len, following))
    rate = count / (time.monotonic() - begun)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{count:>10,} kept: first page in {shown:5.1f} ms, {rate:>9,.0f} events/s read, {memory:.0f} MiB of memory")
    store.close()


def longest(call: Callable[[], Any]) -> float:
    """Return the milliseconds that a call took."""
    begun = time.monotonic()
    call()
    return 1000 * (time.monotonic() - begun)


def end(path: Path) -> None:
    """Print how long the longest call is where all is acknowledged at one time, and deleted bit by bit."""
    store = opened(path)
    last = store.durables()[0].last
    slowest = longest(lambda: store.mark(NAME, acknowledged=last, sent=last))
    while store.durables()[0].events:
        slowest = max(slowest, longest(lambda: store.expire(NAME, before=0.0, size=1 << 40)))
    print(f"{last:>10,} acknowledged at one time and deleted: no call was longer than {slowest:.0f} ms")
    store.close()


def main() -> None:
    """Measure all of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kept", type=int, default=2_000_000, help="events that are kept (default: 2,000,000)")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each rate is measured (default: 3)")
    parser.add_argument("--folder", type=Path, help="where the files are (default: a temporary folder)")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read is not None:
        read(options.read)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "store.db"
        for group in (1, 10, 100, 1000):
            print(f"groups of {group:>4}: {write(path, group, options.seconds):>9,.0f} events/s of {len(DATA)} bytes")
        for count in (FEW, options.kept):
            path.unlink(missing_ok=True)
            fill(path, count)
            subprocess.run([sys.executable, __file__, "--read", path], check=True)
        print(f"{path.stat().st_size / options.kept:>10,.0f} bytes of the file for each event")
        end(path)


if __name__ == "__main__":
    main()
