"""Reads recordings, whole ones by their index, and cut ones as far as they are whole."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import IO

import zstandard
from mcap.exceptions import McapError
from mcap.reader import SeekingReader
from mcap.records import Channel, Chunk, DataEnd, McapRecord, Message, Metadata
from mcap.stream_reader import StreamReader, breakup_chunk
from mcap.summary import Summary

from sig_core.errors import ConfigError
from sig_core.events import Name
from sig_core.recording.recorded import ADDITIONS, EVENT, PROFILE, VERSION, Recorded

__all__ = ["Recording"]

MAGIC = b"\x89MCAP0\r\n"
HEAD = struct.Struct("<BQ")  # of a record: what it is, and how long
LONGEST = 256 << 20  # bytes of one record that are taken, packed or not: a wrong length costs no memory
DAMAGED = (
    *(McapError, struct.error, zstandard.ZstdError, ValueError, KeyError),
    *(EOFError, OverflowError, MemoryError, OSError),  # a length, or a place, that can't be
)

Key = tuple[str, Name | None, Name | None, str]


class Recording:
    """A file that `RecordingWriter` wrote.

    Args:
        file: the file.

    Raises:
        ConfigError: it can't be read, is no recording of pysig, or one of a newer version.

    Attributes:
        missing: why the end of the file can't be read; None: it is whole, as far as is known. Where there is no index,
            that is known once the file was read.
        events: the events of each sender that are in it.
        codecs: in which they are encoded.
        begin: when the first entry came, in nanoseconds since 1970; 0 if there is none.
    """

    def __init__(self, file: Path | str) -> None:
        self.file = Path(file)
        self.missing: str | None = None
        self.events: dict[Name, list[Name]] = {}
        self.codecs: list[str] = []
        self.begin = 0
        self._channels: dict[int, Key] = {}
        with self._opened() as stream:
            self._check(stream)
            self._summary = _summary_of(stream)
        self._survey()

    def _opened(self) -> IO[bytes]:
        try:
            return open(self.file, "rb")
        except OSError as error:
            raise ConfigError(f"{self.file}: can't be read: {error.strerror}") from error

    def _check(self, stream: IO[bytes]) -> None:
        """Raise ConfigError where this is nothing that we wrote."""
        magic = stream.read(len(MAGIC))
        if magic[:5] == MAGIC[:5] and magic[6:] == MAGIC[6:] and magic != MAGIC:
            raise ConfigError(f"{self.file}: MCAP of version {chr(magic[5])!r}, this pysig reads 0: get a newer one")
        if magic != MAGIC:
            raise ConfigError(f"{self.file}: is no MCAP file, or was cut before its first entry")
        version = _version_of(stream)
        if version is None:
            raise ConfigError(f"{self.file}: MCAP, but no recording of pysig, or cut before its first entry")
        if version > VERSION:
            remedy = f"this pysig reads up to {VERSION}: get a newer one"
            raise ConfigError(f"{self.file}: a recording of version {version}, {remedy}")

    def _survey(self) -> None:
        """Learn what is in it: from its index, or by reading all of it."""
        summary = self._summary
        if summary is None or summary.statistics is None:
            for entry in self.entries():
                self.begin = self.begin or entry.time
            return
        self.begin = summary.statistics.message_start_time
        try:
            for channel in summary.channels.values():
                self._learn(channel)
        except DAMAGED as error:
            raise ConfigError(f"{self.file}: its index is damaged: {error}") from error

    def _learn(self, channel: Channel) -> None:
        if channel.id in self._channels:
            return
        said = channel.metadata
        kind, sender, event = said["kind"], json.loads(said["sender"]), json.loads(said["event"])
        self._channels[channel.id] = kind, sender, event, channel.message_encoding
        if kind == EVENT:
            events = self.events.setdefault(sender, [])
            events += [event] if event not in events else []
            self.codecs += [channel.message_encoding] if channel.message_encoding not in self.codecs else []

    def entries(self, start: int = 0) -> Iterator[Recorded]:
        """Yield what is in it, in the order in which it was written.

        Args:
            start: nanoseconds since 1970; what came before is left out.
        """
        additions: bytes | None = None
        with self._opened() as stream:
            for message in self._messages(stream, start):
                kind, sender, event, codec = self._channels[message.channel_id]
                if kind == ADDITIONS:
                    additions = message.data
                    continue
                if message.log_time >= start:
                    yield Recorded(message.log_time, kind, sender, event, codec, message.data, additions)
                additions = None

    def _messages(self, stream: IO[bytes], start: int) -> Iterator[Message]:
        good = len(MAGIC)
        try:
            for chunk in self._chunks(stream, start):
                _check_size(chunk)
                for record in breakup_chunk(chunk, validate_crc=True):
                    if isinstance(record, Channel):
                        self._learn(record)
                    elif isinstance(record, Message):
                        self._channels[record.channel_id]  # it is known, or this chunk is damaged
                        yield record
                good = stream.tell()
        except DAMAGED as error:
            size = self.file.stat().st_size
            why = str(error) or "it is cut there"
            self.missing = f"{self.file}: what is behind byte {good} of {size} can't be read: {why}"

    def _chunks(self, stream: IO[bytes], start: int) -> Iterator[Chunk]:
        """Yield the chunks that may have something from `start` on."""
        if self._summary is None:
            stream.seek(len(MAGIC))
            for record in _records(stream):
                if isinstance(record, Chunk):
                    yield record
                if isinstance(record, DataEnd):
                    return
            return
        for index in self._summary.chunk_indexes:
            if index.message_end_time >= start:
                stream.seek(index.chunk_start_offset)
                chunk = next(_records(stream), None)
                if not isinstance(chunk, Chunk):
                    raise ValueError(f"its index names byte {index.chunk_start_offset}, where no chunk is")
                yield chunk


def _records(stream: IO[bytes]) -> Iterator[McapRecord]:
    """Yield the records from here on, each read whole first: a damaged length within it then costs nothing.

    Raises:
        EOFError, ValueError: the file ends before the last record, or a length is beyond reason.
    """
    while True:
        head = stream.read(HEAD.size)
        if len(head) < HEAD.size:
            raise EOFError
        _, length = HEAD.unpack(head)
        if length > LONGEST:
            raise ValueError(f"a record of {length} bytes, {LONGEST} are taken")
        body = stream.read(length)
        if len(body) < length:
            raise EOFError
        whole = StreamReader(BytesIO(head + body), skip_magic=True, emit_chunks=True).records
        found = next(whole, None)
        if found is not None:
            yield found


def _check_size(chunk: Chunk) -> None:
    """Raise ValueError where a chunk would unpack to more than is taken, or in a way that tells not how much it is."""
    if chunk.compression not in ("", "zstd"):
        raise ValueError(f"a chunk in {chunk.compression!r}, which no recording of pysig has")
    size = zstandard.frame_content_size(chunk.data) if chunk.compression else len(chunk.data)
    if not 0 <= size <= LONGEST:
        raise ValueError(f"a chunk that unpacks to {size} bytes, {LONGEST} are taken")


def _version_of(stream: IO[bytes]) -> int | None:
    """Return the version that a file says at its beginning; None: it is not one of ours."""
    try:
        for record in _records(stream):
            if isinstance(record, Metadata) and record.name == PROFILE:
                return int(record.metadata["version"])
            if isinstance(record, Chunk):
                break
    except DAMAGED:
        pass
    return None


def _summary_of(stream: IO[bytes]) -> Summary | None:
    """Return the index of a file; None: it has none, since nobody closed it."""
    stream.seek(0)
    try:
        return SeekingReader(stream, record_size_limit=LONGEST).get_summary()
    except DAMAGED:
        return None
