"""What a recorder writes beside events that come, and what it does when it can't write."""

from __future__ import annotations

import atexit
import functools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import sig_core as sig
from sig_core.recording import Recorder, Recording, RecordingWriter
from tests.support import eventually, within


class Panic(BaseException):
    """As libraries in Rust raise it."""


def test_what_did_not_come_is_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.mcap"
    with sig.ServerRouter("tcp://127.0.0.1:0") as server, sig.ClientRouter(server.addresses[0], "msgpack") as client:
        with Recorder(file, server.addresses[0], "json", event="#e") as recorder:
            event = client.add_remote_sender("s", ["#e"]).get_signal("#e")
            event.trigger(b"no JSON")
            event.trigger(1)
            eventually(lambda: recorder.stats()["recorded"] == 1 and recorder.stats()["lost"] == 1)
        stats = recorder.stats()
    found = [(entry.kind, entry.sender, entry.event, entry.data) for entry in Recording(file).entries()]
    assert ("loss", "s", "#e", b'{"lost": 1}') in found and ("event", "s", "#e", b"1") in found
    assert (stats["recorded"], stats["lost"], stats["unwritten"], stats["files"]) == (1, 1, 0, [str(file)])


def test_a_last_value_is_recorded_as_it_came(tmp_path: Path) -> None:
    file = tmp_path / "a.mcap"
    with sig.ServerRouter("tcp://127.0.0.1:0") as server, sig.ClientRouter(server.addresses[0]) as client:
        sender = client.add_remote_sender("s", ["#e"], state=["#e"])
        sender.get_signal("#e").trigger({"a": 1}, within(10))
        with Recorder(file, server.addresses[0], sender="s", event="#e") as recorder:
            eventually(lambda: recorder.stats()["recorded"] == 1)
    (entry,) = [entry for entry in Recording(file).entries() if entry.kind == "event"]
    assert entry.data == b'{"a":1}' and json.loads(entry.additions or b"") == {"last": True}


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), Panic("the codec panicked")], ids=type)
def test_when_it_can_not_write_it_says_so_and_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(self: RecordingWriter, *args: object) -> None:
        raise error

    with sig.ServerRouter("tcp://127.0.0.1:0") as server, sig.ClientRouter(server.addresses[0]) as client:
        recorder = Recorder(tmp_path / "a.mcap", server.addresses[0], event="#e").start()
        monkeypatch.setattr(RecordingWriter, "put", fail)
        event = client.add_remote_sender("s", ["#e"]).get_signal("#e")
        event.trigger(1)
        assert recorder.failed.wait(within(20))
        event.trigger(2)
        eventually(lambda: recorder.stats()["unwritten"] == 2)
        with pytest.raises(type(error), match=str(error.args[-1])):
            recorder.stop()
    assert Recording(tmp_path / "a.mcap").missing is None


def test_a_file_that_can_not_be_closed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: RecordingWriter) -> None:
        raise Panic("the library panicked")

    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        recorder = Recorder(tmp_path / "a.mcap", server.addresses[0]).start()
        monkeypatch.setattr(RecordingWriter, "close", fail)
        with pytest.raises(Panic):
            recorder.stop()
        assert recorder.failed.is_set()
    recorder._writer._stream.close()  # type: ignore[union-attr]


def test_a_program_that_does_not_stop_it_loses_nothing_that_came(tmp_path: Path) -> None:
    file = tmp_path / "a.mcap"
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        program = f"""
import threading
from sig_core.recording import Recorder
enough = threading.Event()
class Ours(Recorder):
    def _heard(self, info, data):
        super()._heard(info, data)
        if data == b"999":
            enough.set()
recorder = Ours({str(file)!r}, {server.addresses[0]!r}, event="#e").start()
print("ready", flush=True)
enough.wait()
raise SystemExit(3)
"""
        command = [sys.executable, "-c", program]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            event = server.add_sender("s", ["#e"]).get_signal("#e")
            for number in range(1000):
                event.trigger(number)
            assert process.wait(within(30)) == 3
    found = Recording(file)
    data = [entry.data for entry in found.entries() if entry.event == "#e"]
    assert (data, found.missing) == ([b"%d" % number for number in range(1000)], None)


def test_an_interrupted_stop_still_has_the_file_closed_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    ends: list[Callable[[], None]] = []
    monkeypatch.setattr(atexit, "register", lambda function, *args: ends.append(functools.partial(function, *args)))
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        recorder = Recorder(tmp_path / "a.mcap", server.addresses[0], event="#e").start()
        server.add_sender("s", ["#e"]).get_signal("#e").trigger(1)
        eventually(lambda: recorder.stats()["recorded"] == 1)
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(recorder._client, "stop", interrupted)
            recorder.stop()
        ends[-1]()
        found = Recording(tmp_path / "a.mcap")
        assert [entry.data for entry in found.entries()] == [b"1"] and found.missing is None
        recorder.stop()


def test_where_the_next_file_is_there_already_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "a-2.mcap").write_bytes(b"somebody's")
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        recorder = Recorder(tmp_path / "a.mcap", server.addresses[0], max_bytes=1).start()
        assert recorder.failed.wait(within(20))
        with pytest.raises(sig.ConfigError, match=r"a-2.mcap: exists already"):
            recorder.stop()
    assert (tmp_path / "a-2.mcap").read_bytes() == b"somebody's"


def test_how_the_link_fares_is_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.mcap"
    server = sig.ServerRouter("tcp://127.0.0.1:0").start()
    with Recorder(file, server.addresses[0]):
        server.stop()
        eventually(lambda: any(entry.kind == "link" for entry in Recording(file).entries()))
    first = next(entry for entry in Recording(file).entries() if entry.kind == "link")
    assert json.loads(first.data)["state"] == "disconnected"
