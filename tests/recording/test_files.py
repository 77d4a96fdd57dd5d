"""Files of recordings: cut and damaged anywhere, of a newer version, split; and when what is in them is due."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from mcap.reader import make_reader
from mcap.writer import CompressionType, Writer

from sig_core.errors import ConfigError
from sig_core.recording import Player, Recording, RecordingWriter, recording
from sig_core.recording.recorded import PROFILE

SECOND = 10**9
BEGIN = 1_700_000_000 * SECOND


def write(file: Path, times: list[int], **options: float) -> RecordingWriter:
    """Write an event for each time, a chunk for each three, and now and then what is no event."""
    writer = RecordingWriter(file, **options)  # type: ignore[arg-type]
    for number, time in enumerate(times):
        more = b'{"n":%d}' % number if number % 2 else None
        writer.put(BEGIN + time, "temp", f"e{number % 2}", "json", b"%d" % number, more)
        if number % 3 == 2:
            writer.lost(BEGIN + time, "temp", "e0", number)
            writer.link(BEGIN + time, "disconnected", "gone")
            writer.flush(BEGIN + time)
    writer.close()
    return writer


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("whole") / "whole.mcap"
    write(file, [number * SECOND for number in range(10)])
    return file


def test_what_is_written_is_read(whole: Path) -> None:
    found = Recording(whole)
    entries = list(found.entries())
    assert [entry.data for entry in entries if entry.kind == "event"] == [b"%d" % number for number in range(10)]
    assert [entry.additions for entry in entries if entry.event == "e1"] == [b'{"n":%d}' % n for n in (1, 3, 5, 7, 9)]
    assert [entry.data for entry in entries if entry.kind == "loss"] == [b'{"lost": %d}' % n for n in (2, 5, 8)]
    assert (found.missing, found.begin, found.codecs, found.events) == (None, BEGIN, ["json"], {"temp": ["e0", "e1"]})
    late = [entry.data for entry in found.entries(BEGIN + 7 * SECOND) if entry.kind == "event"]
    assert late == [b"7", b"8", b"9"]


def test_other_tools_read_it(whole: Path) -> None:
    with open(whole, "rb") as stream:
        found = [(channel.topic, message.data) for _, channel, message in make_reader(stream).iter_messages()]
    assert ("/temp/e0", b"0") in found and ("/additions/temp/e1", b'{"n":1}') in found and len(found) == 21


@settings(deadline=None)
@given(st.data())
def test_of_a_cut_file_is_read_what_is_whole(whole: Path, data: st.DataObject) -> None:
    content, file = whole.read_bytes(), whole.with_name("cut.mcap")
    size = data.draw(st.integers(0, len(content) - 1))
    file.write_bytes(content[:size])
    try:
        found = Recording(file)
    except ConfigError as error:
        assert "cut before its first entry" in str(error) and size < 200
        return
    entries, all_of_them = list(found.entries()), list(Recording(whole).entries())
    assert entries == all_of_them[: len(entries)]
    if found.missing is None:  # it was cut in its index
        assert entries == all_of_them
    else:
        assert f"of {size} can't be read" in found.missing


@settings(deadline=None)
@given(st.data())
def test_a_damaged_byte_is_an_error_of_ours_or_none(whole: Path, data: st.DataObject) -> None:
    content, file = bytearray(whole.read_bytes()), whole.with_name("damaged.mcap")
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    file.write_bytes(content)
    with suppress(ConfigError):  # names, times and places in an index are what somebody else wrote, then
        list(Recording(file).entries())


@pytest.mark.parametrize("compression", [CompressionType.ZSTD, CompressionType.LZ4])
def test_a_chunk_that_unpacks_to_more_than_is_taken_costs_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: CompressionType
) -> None:
    file = tmp_path / "bomb.mcap"
    with file.open("wb") as stream:
        writer = Writer(stream, chunk_size=1 << 30, compression=compression)
        writer.start(profile=PROFILE)
        writer.add_metadata(PROFILE, {"version": "1"})
        channel = writer.register_channel("/s/e", "json", 0, {"kind": "event", "sender": '"s"', "event": '"e"'})
        writer.add_message(channel, BEGIN, bytes(2_000_000), BEGIN, 1)
        writer.finish()
    assert file.stat().st_size < 20_000
    monkeypatch.setattr(recording, "LONGEST", 1_000_000)
    monkeypatch.setattr(zstandard, "decompress", pytest.fail)
    found = Recording(file)
    assert list(found.entries()) == [] and found.missing is not None and "a chunk" in found.missing


def test_newer_versions_are_refused(tmp_path: Path, whole: Path) -> None:
    file = tmp_path / "new.mcap"
    file.write_bytes(whole.read_bytes().replace(b"\x89MCAP0", b"\x89MCAP1"))
    with pytest.raises(ConfigError, match=r"new.mcap: MCAP of version '1', this pysig reads 0"):
        Recording(file)
    with open(file, "wb") as stream:
        writer = Writer(stream)
        writer.start()
        writer.add_metadata("pysig", {"version": "2"})
        writer.finish()  # type: ignore[no-untyped-call]
    with pytest.raises(ConfigError, match="a recording of version 2, this pysig reads up to 1: get a newer one"):
        Recording(file)
    with open(file, "wb") as stream:
        writer = Writer(stream)
        writer.start()
        writer.finish()  # type: ignore[no-untyped-call]
    with pytest.raises(ConfigError, match="no recording of pysig"):
        Recording(file)


def test_a_clock_that_went_back_makes_nothing_wait(tmp_path: Path) -> None:
    write(tmp_path / "a.mcap", [0, 2 * SECOND, SECOND, SECOND + SECOND // 2])
    due = [(due, entry.data) for due, entry in Player(tmp_path / "a.mcap").due() if entry.kind == "event"]
    assert due == [(0.0, b"0"), (2.0, b"1"), (2.0, b"2"), (2.5, b"3")]
    write(tmp_path / "b.mcap", [9 * SECOND, SECOND, 2 * SECOND])
    assert [due for due, entry in Player(tmp_path / "b.mcap").due() if entry.kind == "event"] == [0.0, 0.0, 1.0]


def test_when_events_are_due(whole: Path) -> None:
    due = [(due, entry.data) for due, entry in Player(whole, speed=2, start=8).due() if entry.kind == "event"]
    assert due == [(0.0, b"8"), (0.5, b"9")]
    assert {due for due, _ in Player(whole, speed=0).due()} == {0.0}
    with pytest.raises(ConfigError, match="speed=-1"):
        Player(whole, speed=-1)


def test_files_are_split(tmp_path: Path) -> None:
    writer = write(tmp_path / "a.mcap", [number * SECOND for number in range(9)], max_seconds=4)
    assert [path.name for path in writer.files] == ["a.mcap", "a-2.mcap"]
    parts = [[entry.data for entry in Recording(path).entries() if entry.kind == "event"] for path in writer.files]
    assert parts == [[b"%d" % number for number in range(6)], [b"6", b"7", b"8"]]
    writer = write(tmp_path / "b.mcap", [number * SECOND for number in range(9)], max_bytes=1)
    assert len(writer.files) == 4  # the last is empty: it was begun, and then nothing came
    assert [list(Recording(path).entries()) != [] for path in writer.files] == [True, True, True, False]
    with pytest.raises(ConfigError, match="overwrite nothing"):
        RecordingWriter(tmp_path / "b.mcap")
