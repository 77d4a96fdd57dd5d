"""The thread of a server that owns its store: SQLite waits for disks, and nobody waits with it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final

from sig_core.errors import SigError, StoreFailed
from sig_core.log import log
from sig_core.store.contract import Durable, Store

__all__ = ["StoreThread", "taken_up"]

Work = Callable[[Store], Any]
Done = Callable[[Any, SigError | None], None]
TOLD_AGAIN: Final = 60.0  # seconds after which a failure that goes on is logged again


def taken_up(store: Store) -> tuple[list[Durable], float]:
    """Return what a store has, and the time of day of the newest event in it, seconds; 0.0: there is none."""
    records = store.durables()
    newest = (event.at for record in records for event in store.read(record.name, record.last - 1, 1, 0))
    return records, max(newest, default=0.0)


class StoreThread:
    """Does what is submitted, in order, and has it told what became of it.

    A store that fails may do better with the next work: nothing is retried here.

    Args:
        store: opened by `start`, closed by `stop`.
        post: has a function called where the server's state may be changed, soon, in order.
        clock: returns monotonic seconds.
    """

    def __init__(self, store: Store, post: Callable[[Callable[[], None]], None], clock: Callable[[], float]) -> None:
        self.store = store
        self._post = post
        self._clock = clock
        self._works: SimpleQueue[tuple[Work, Done] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._failed_at: float | None = None  # when a failure was logged last

    def start(self) -> None:
        """Open the store, in this thread, and begin.

        Raises:
            StoreFailed, StoreDamaged, StoreTooNew: it can't be opened.
            RuntimeError: the system starts no more threads; the store is closed again.
        """
        self.store.open()
        self._thread = threading.Thread(target=self._run, name="sig-store", daemon=True)
        try:
            self._thread.start()
        except BaseException:
            self._thread = None
            self.store.close()
            raise

    def submit(self, work: Work, done: Done) -> None:
        """Have `work` called with the store soon, after what was submitted before; then have (result, error) told."""
        self._works.put((work, done))

    def stop(self, seconds: float) -> bool:
        """Do what was submitted, and close the store; return whether all of it was done in so many seconds."""
        thread = self._thread
        if thread is None:
            return True
        self._works.put(None)
        thread.join(seconds)
        return not thread.is_alive()

    def _run(self) -> None:
        while (item := self._works.get()) is not None:
            work, done = item
            result, error = self._do(work)
            self._post(lambda done=done, result=result, error=error: done(result, error))  # type: ignore[misc]
        try:
            self.store.close()
        except Exception as error:
            log.error(f"store: {error}")

    def _do(self, work: Work) -> tuple[Any, SigError | None]:
        try:
            result = work(self.store)
        except BaseException as error:  # whatever a store of somebody else's raises
            named = error if isinstance(error, SigError) else StoreFailed(f"store: {type(error).__name__}: {error}")
            if named is not error:
                named.__cause__ = error
            self._note(named)
            return None, named
        self._note(None)
        return result, None

    def _note(self, error: SigError | None) -> None:
        """Log a failure once, and again each minute while it goes on; and its end."""
        now = self._clock()
        if error is None:
            if self._failed_at is not None:
                self._failed_at = None
                log.warning("store: it does what it should again")
        elif self._failed_at is None or now - self._failed_at >= TOLD_AGAIN:
            self._failed_at = now
            log.error(str(error))
