"""`sig record` and `sig replay`, as a person calls them."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

import sig_core as sig
from sig_core.cli.failures import LINK, LOST, OK, REFUSED, USAGE
from sig_core.recording import Recording, RecordingWriter
from tests.cli.command import Here, start
from tests.cli.command import sig as run_sig
from tests.support import eventually, within


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Here:
    return Here(capsys)


def recording(file: Path, count: int = 3, seconds: float = 0.0) -> Path:
    writer = RecordingWriter(file)
    for number in range(count):
        writer.put(10**18 + int(number * seconds * 1e9), "temp", "#changed", "json", b"%d" % number)
    writer.close()
    return file


def test_ctrl_c_ends_a_recording_in_order(tmp_path: Path) -> None:
    file = tmp_path / "a.mcap"
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        url = server.addresses[0]
        process = start("record", str(file), "temp", "--url", url)
        eventually(lambda: server.stats()["subscriptions"] > 0)
        with sig.ClientRouter(url) as client:
            changed = client.add_remote_sender("temp", ["#changed"]).get_signal("#changed")
            for number in range(100):
                changed.trigger(number)
            client.flush()
        eventually(lambda: not server.has_sender("temp"))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=within(30))
    assert process.returncode == OK, said
    found = Recording(file)
    events = [entry.data for entry in found.entries() if entry.event == "#changed"]
    assert found.missing is None and events == [b"%d" % number for number in range(len(events))]
    assert f"sig: {len(list(found.entries()))} events recorded" in said


def test_after_a_kill_the_file_is_read_as_far_as_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "a.mcap"
    with sig.ServerRouter("tcp://127.0.0.1:0") as server, sig.ClientRouter(server.addresses[0]) as client:
        process = start("record", str(file), "--url", server.addresses[0])
        try:
            eventually(lambda: server.stats()["subscriptions"] > 0)
            changed = client.add_remote_sender("temp", ["#changed"]).get_signal("#changed")
            for number in range(100):
                changed.trigger(number)
            eventually(lambda: sum(entry.event == "#changed" for entry in Recording(file).entries()) == 100)
        finally:
            process.kill()
            process.communicate(timeout=within(30))
    found = Recording(file)
    assert [entry.data for entry in found.entries() if entry.event == "#changed"] == [b"%d" % n for n in range(100)]
    assert found.missing is not None and "it is cut there" in found.missing


def test_it_is_played_under_other_names(tmp_path: Path, command: Here) -> None:
    file, came = recording(tmp_path / "a.mcap"), []
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        server.add_listener(lambda info, data: came.append((info["sender"], data)), event="#changed")
        words = ("--as", "copy-%s", "--only", "temp:#changed")
        played = command("replay", str(file), "--url", server.addresses[0], *words)
        eventually(lambda: len(came) == 3)
    assert (played.returncode, played.stderr) == (OK, "sig: 3 events played\n")
    assert came == [("copy-temp", 0), ("copy-temp", 1), ("copy-temp", 2)]


def test_mistakes(tmp_path: Path, command: Here) -> None:
    file = recording(tmp_path / "a.mcap", 2000)
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        url = server.addresses[0]
        run = command("record", str(file), "--url", url)
        assert run.returncode == USAGE and "exists already" in run.stderr
        run = command("replay", str(tmp_path / "none.mcap"), "--url", url)
        assert run.returncode == USAGE and "none.mcap: can't be read: No such file" in run.stderr
        server.add_sender("temp", ["#changed"])
        run = command("replay", str(file), "--url", url)
        assert run.returncode == REFUSED and "'temp'" in run.stderr
        cut = tmp_path / "cut.mcap"
        cut.write_bytes(file.read_bytes()[:-500])
        run = command("replay", str(cut), "--url", url, "--as", "x")
        assert run.returncode == LOST and "can't be read" in run.stderr
    for words in (("record", str(tmp_path / "b.mcap")), ("replay", str(file))):
        run = command(*words, "--url", url)
        assert run.returncode == LINK and run.stderr.count("\n") == 1
    assert not (tmp_path / "b.mcap").exists()


@pytest.mark.parametrize("name", ["record", "replay"])
def test_without_the_extra(tmp_path: Path, name: str) -> None:
    (tmp_path / "mcap.py").write_text("raise ImportError")
    run = run_sig(name, str(tmp_path / "a.mcap"), env={"PYTHONPATH": str(tmp_path)})
    assert (run.returncode, run.stderr) == (USAGE, f'sig: sig {name} needs mcap: pip install "pysig[record]"\n')
