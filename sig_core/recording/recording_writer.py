"""Writes recordings: one MCAP file after the other, in chunks that can be read whatever becomes of the writer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO

from mcap.writer import CompressionType, Writer

from sig_core.errors import ConfigError
from sig_core.events import Name
from sig_core.recording.recorded import ADDITIONS, EVENT, LINK, LOSS, PROFILE, VERSION

__all__ = ["RecordingWriter"]

CHUNK = 4 << 20  # bytes before they are compressed: few enough to be kept, and an hour has few of them
WRAP = 1 << 32  # what MCAP keeps of a sequence number
MOST_CHANNELS = 60_000  # of one file: MCAP numbers them with 16 bits


class RecordingWriter:
    """Puts events into files; it knows neither a router nor a clock.

    Args:
        file: to be made; the second one of several is FILE-2.mcap. None of them may exist.
        max_bytes: about so many in a file, then the next one begins; None: any number.
        max_seconds: so many in a file; None: any number.

    Raises:
        ConfigError: the file is there already, or can't be made.

    Attributes:
        files: that were made.
        events: that were written.
    """

    def __init__(self, file: Path | str, max_bytes: int | None = None, max_seconds: float | None = None) -> None:
        self.files: list[Path] = []
        self.events = 0
        self._first = Path(file)
        self._max_bytes, self._max_ns = max_bytes, None if max_seconds is None else int(max_seconds * 1e9)
        self._sequence = 0
        self._open()

    def _open(self) -> None:
        number = len(self.files) + 1
        first = self._first
        path = first if number == 1 else first.with_name(f"{first.stem}-{number}{first.suffix}")
        try:
            self._stream: IO[bytes] = open(path, "xb")  # noqa: SIM115 - until it is closed
        except FileExistsError as error:
            raise ConfigError(f"{path}: exists already; recordings overwrite nothing: name another file") from error
        except OSError as error:
            raise ConfigError(f"{path}: can't be written: {error.strerror}") from error
        self.files.append(path)
        self._begun: int | None = None
        self._channels: dict[tuple[str, Name | None, Name | None, str], int] = {}
        self._mcap = Writer(self._stream, chunk_size=CHUNK, compression=CompressionType.ZSTD)
        self._mcap.start(profile=PROFILE, library=PROFILE)
        self._mcap.add_metadata(PROFILE, {"version": str(VERSION), "part": str(number)})
        self._stream.flush()

    def put(
        self, time: int, sender: Name, event: Name, codec: str, data: bytes, additions: bytes | None = None
    ) -> None:
        """Write an event.

        Args: see `Recorded`.
        """
        if additions is not None:  # right before the event that they are of
            self._write(time, (ADDITIONS, sender, event, codec), additions)
        self._write(time, (EVENT, sender, event, codec), data)
        self.events += 1

    def lost(self, time: int, sender: Name, event: Name | None, count: int) -> None:
        """Write that events did not come; a negative count: so many were not lost after all."""
        self._write(time, (LOSS, sender, event, "json"), json.dumps({"lost": count}).encode())

    def link(self, time: int, state: str, why: str | None) -> None:
        """Write that the link to the server came or went."""
        self._write(time, (LINK, None, None, "json"), json.dumps({"state": state, "why": why}).encode())

    def _write(self, time: int, key: tuple[str, Name | None, Name | None, str], data: bytes) -> None:
        if self._begun is None:
            self._begun = time
        channel = self._channels.get(key)
        if channel is None:
            channel = self._channel(key)
        self._sequence = (self._sequence + 1) % WRAP
        self._mcap.add_message(channel, time, data, time, self._sequence)

    def _channel(self, key: tuple[str, Name | None, Name | None, str]) -> int:
        kind, sender, event, codec = key
        topic = "/".join(str(each) for each in ("", kind, sender, event) if each is not None)
        said = {"kind": kind, "sender": json.dumps(sender), "event": json.dumps(event)}
        channel = self._channels[key] = self._mcap.register_channel(topic.removeprefix("/event"), codec, 0, said)
        return channel

    def flush(self, now: int) -> None:
        """Let what was written be readable, whatever happens to this program; begin the next file if it is time.

        Args:
            now: nanoseconds since 1970, by the clock of the events.
        """
        self._mcap.flush()  # type: ignore[no-untyped-call]
        size = self._stream.tell()
        full = (self._max_bytes is not None and size >= self._max_bytes) or len(self._channels) >= MOST_CHANNELS
        over = self._max_ns is not None and self._begun is not None and now - self._begun >= self._max_ns
        if full or over:
            self.close()
            self._open()

    def close(self) -> None:
        """Write the index, and close the file; again: does nothing."""
        if self._stream.closed:
            return
        try:
            self._mcap.finish()  # type: ignore[no-untyped-call]
        finally:
            self._stream.close()
