"""Records what a server routes: a client that writes each event into a file, as it came."""

from __future__ import annotations

import atexit
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from sig_core.client import ClientRouter
from sig_core.events import Info, Name
from sig_core.plugins import Plugins
from sig_core.recording.recording_writer import RecordingWriter
from sig_core.recording.verbatim import verbatim_plugins
from sig_core.routing.info import additions_of
from sig_core.routing.transcode import encode

__all__ = ["Recorder"]

EVERY = 0.05  # seconds that an event waits to be written
FLUSH = 1.0  # seconds of events that a crash may cost
MOST = 200_000  # events that may wait; then the link is not read, and the server counts what it drops
ROOM = 5.0  # seconds after which who waits looks again
PATIENCE = 5.0  # seconds that the end of a program waits which does not stop it

Waiting = tuple[int, Info, bytes]


class Recorder:
    """Records events into a file; use it in `with`, or call `start` and `stop`.

    The link comes back by itself; what was lost meanwhile is counted in the recording. At the end of a program that
    does not stop it, or was interrupted while it did, what has come is written all the same.

    Args:
        file: to be made, see `RecordingWriter`.
        url, codec, token, plugins, resume: see `ClientRouter`. Payloads are recorded in the codec of the link: those of
            senders that speak it are byte for byte theirs.
        sender, event: what to record, as of `add_remote_listener`; None: any.
        max_bytes, max_seconds: of one file, see `RecordingWriter`.

    Attributes:
        failed: is set when nothing can be written any more; `stop` raises why.
    """

    def __init__(
        self,
        file: Path | str,
        url: str,
        codec: str | Sequence[str] = "json",
        *,
        sender: Name | None = None,
        event: Name | None = None,
        max_bytes: int | None = None,
        max_seconds: float | None = None,
        token: Any = None,
        plugins: Plugins | None = None,
        resume: float | None = None,
    ) -> None:
        self.failed = threading.Event()
        self._file, self._most = file, (max_bytes, max_seconds)
        self._pattern = sender, event
        verbatim = verbatim_plugins(plugins)
        self._codecs = verbatim.choose_codecs([codec] if isinstance(codec, str) else list(codec))
        self._client = ClientRouter(url, codec, plugins=verbatim, token=token, resume=resume)
        self._waiting: list[Waiting] = []
        self._states: list[tuple[int, str, str | None]] = []
        self._noted: Counter[tuple[Name, Name | None]] = Counter()
        self._room, self._wake = threading.Event(), threading.Event()
        self._room.set()
        self._over = False
        self._error: BaseException | None = None
        self._unwritten = 0
        self._lost: Counter[tuple[Name, Name | None]] | None = None  # when it was stopped
        self._writer: RecordingWriter | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """Connect, and record all that the server routes from now on.

        Raises:
            ConfigError: the file is there already, or can't be made.
            SigError: whatever `ClientRouter.start` and `add_remote_listener` raise; no file is left then.
        """
        self._offset = time.time_ns() - time.monotonic_ns()  # a wall clock that is set back does not turn events around
        self._client.start()
        try:
            self._codec = self._client.codec
            writer = self._writer = RecordingWriter(self._file, *self._most)
            self._thread = threading.Thread(target=self._write_on, args=[writer], name="sig-recorder", daemon=True)
            self._thread.start()
            atexit.register(self._finish, PATIENCE)
            for state in ("disconnected", "reconnected", "gave_up", "refused"):
                self._client.on(state, self._told)
            self._client.add_remote_listener(self._heard, *self._pattern)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Leave the server, write what has come, and close the file.

        What is on its way here meanwhile is behind the end of the recording, and no loss of it.

        Raises:
            OSError: something could not be written: the disk is full; `stats` tells how many events it was.
            ConfigError: the next file of several is there already.
        """
        self._lost = self._client.lost.copy() if self._lost is None else self._lost
        self._client.stop()
        self._finish()
        atexit.unregister(self._finish)
        if self._error is not None:
            raise self._error

    def _finish(self, patience: float | None = None) -> None:
        """Have what has come written, and the file closed; wait for that, so many seconds at most."""
        self._over = True
        self._wake.set()
        self._room.set()
        if self._thread is not None and self._thread.ident is not None:
            self._thread.join(patience)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def stats(self) -> dict[str, Any]:
        """Return counts: "recorded", "lost" on the way here, "unwritten" since writing failed, and the "files"."""
        writer = self._writer
        return {
            "recorded": writer.events if writer else 0,
            "lost": (self._client.lost if self._lost is None else self._lost).total(),
            "unwritten": self._unwritten,
            "files": [str(path) for path in writer.files] if writer else [],
        }

    # -- on the reading thread

    def _heard(self, info: Info, data: bytes) -> None:
        waiting = self._waiting
        waiting.append((time.monotonic_ns(), info, data))
        if len(waiting) >= MOST:
            self._room.clear()
            while len(waiting) >= MOST and not (self._over or self.failed.is_set()):
                self._wake.set()
                self._room.wait(ROOM)

    def _told(self, state: str, error: Exception | None) -> None:
        self._states.append((time.monotonic_ns(), state, None if error is None else str(error)))

    # -- on the thread that writes

    def _write_on(self, writer: RecordingWriter) -> None:
        flushed = time.monotonic()
        while not self._over:
            self._wake.wait(EVERY)
            self._wake.clear()
            self._attempt(lambda: self._write(writer))
            if time.monotonic() - flushed >= FLUSH:
                flushed = time.monotonic()
                self._attempt(lambda: writer.flush(time.monotonic_ns() + self._offset))
        self._attempt(lambda: self._write(writer))
        try:
            writer.close()  # of what could be written, whatever happened before
        except BaseException as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """Note why nothing can be written any more; `stop` raises it."""
        self._error = self._error or error
        self.failed.set()

    def _attempt(self, step: Callable[[], object]) -> None:
        """Do a step, unless one has failed before: then what waits is counted."""
        try:
            if self._error is None:
                step()
        except BaseException as error:  # this thread ends for nothing: who reads would wait for it for ever
            self._fail(error)
        if self._error is not None:
            count = len(self._waiting)
            self._unwritten += count
            del self._waiting[:count]
            self._room.set()

    def _write(self, writer: RecordingWriter) -> None:
        waiting, put, offset = self._waiting[:], writer.put, self._offset  # the list is never replaced
        codec = self._codec = self._client.codec if self._client.is_connected else self._codec
        written = 0
        try:
            for at, info, data in waiting:
                more: bytes | None = None
                if len(info) > 2:
                    more = encode(self._codecs[codec], additions_of(info))
                put(at + offset, info["sender"], info["event"], codec, data, more)
                written += 1
        finally:
            del self._waiting[:written]
        self._room.set()
        self._note(writer, time.monotonic_ns() + offset)

    def _note(self, writer: RecordingWriter, now: int) -> None:
        """Write down what was lost since the last time, and how the link fared."""
        states = self._states[:]
        del self._states[: len(states)]
        for at, state, why in states:
            writer.link(at + self._offset, state, why)
        lost = self._client.lost.copy() if self._lost is None else self._lost
        for key in lost.keys() | self._noted.keys():
            if lost[key] != self._noted[key]:
                writer.lost(now, key[0], key[1], lost[key] - self._noted[key])
        self._noted = lost
