"""The commands at work, as processes: in pipes, on a terminal, and ended in the ways in which they are ended."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sig_core as sig_lib
from sig_core.cli.failures import INTERRUPTED, LOST, OK, REFUSED, TIMEOUT
from sig_core.cli.reply import Failed, Shell, reply
from tests.cli.command import COMMAND, environment, sig, start
from tests.support import ROOT, eventually, within
from tests.support.middle import Middle
from tests.support.signals import send_signal


@pytest.fixture
def server() -> Iterator[sig_lib.ServerRouter]:
    with sig_lib.ServerRouter("tcp://127.0.0.1:0") as running:
        yield running


def url_of(server: sig_lib.ServerRouter) -> str:
    return server.addresses[0]


def listening(server: sig_lib.ServerRouter, *arguments: str) -> subprocess.Popen[str]:
    """`sig listen`, when it hears."""
    before = server.stats()["subscriptions"]
    process = start("listen", "--url", url_of(server), *arguments)
    eventually(lambda: server.stats()["subscriptions"] > before)
    return process


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=within(20))
    return process.returncode, out, err


def on_a_terminal(*arguments: str) -> tuple[int, str]:
    """Run it with a terminal for its output."""
    process, master = start_on_a_terminal(*arguments)
    said = read_all(master)
    return process.wait(within(20)), said


def start_on_a_terminal(*arguments: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start it with a terminal for its output; give the other side of that too."""
    master, slave = pty.openpty()
    process = subprocess.Popen([*COMMAND, *arguments], stdout=slave, stdin=subprocess.DEVNULL, env=environment())
    os.close(slave)
    return process, master


def read_all(master: int) -> str:
    """Read to its end what goes to a terminal."""
    said = b""
    while True:
        try:
            part = os.read(master, 65_536)
        except OSError:  # the other side is closed
            break
        said += part
    os.close(master)
    return said.decode().replace("\r\n", "\n")


# -- serve

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_serves_until_it_is_told(tmp_path: Path, number: int) -> None:
    process = start("serve", "tcp://127.0.0.1:0", f"unix://{tmp_path}/s", "--codec", "json")
    assert process.stdout is not None
    addresses = [json.loads(process.stdout.readline())["listening"] for _ in range(2)]
    assert re.fullmatch(r"tcp://127\.0\.0\.1:\d+", addresses[0])
    for address in addresses:
        with sig_lib.ClientRouter(address, reconnect=None) as client:
            client.flush()
    with pytest.raises(sig_lib.HandshakeError, match="takes json"):
        sig_lib.ClientRouter(addresses[0], "cbor").start()
    send_signal(process, number)
    status, out, said = ended(process)
    assert (status, out) == (OK, "")
    assert said.count("\n") == 1  # the one who was refused
    assert not (tmp_path / "s").exists()
    with pytest.raises(sig_lib.ConnectFailed):
        sig_lib.ClientRouter(addresses[0]).start()


TOLD_ELSEWHERE = """
import signal, sys, threading
from sig_core.cli.app import run

def tell():
    sys.stdin.readline()
    while sys._current_frames()[main].f_code.co_qualname != "Ending.wait":
        pass
    signal.raise_signal(signal.SIGTERM)

main = threading.main_thread().ident
threading.Thread(target=tell, daemon=True).start()
sys.exit(run(sys.argv[1:]))
"""


@pytest.mark.parametrize("arguments", [("serve", "tcp://127.0.0.1:0"), ("reply", "s", "m", "--command", "cat")])
def test_a_signal_that_does_not_wake_the_main_thread_ends_what_waits(
    server: sig_lib.ServerRouter, arguments: tuple[str, ...]
) -> None:
    # As one does that comes just before that thread waits: taken by another thread, it interrupts no wait either.
    command = [sys.executable, "-c", TOLD_ELSEWHERE, *arguments]
    there = environment(SIG_URL=url_of(server))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=there) as process:
        assert process.stdout is not None and process.stdin is not None
        if arguments[0] == "serve":
            process.stdout.readline()
        else:
            eventually(lambda: server.has_sender("s"))
        try:
            process.communicate("\n", within(20))
        finally:
            process.kill()
    assert process.returncode == OK


def test_a_server_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "sig.toml"
    file.write_text(
        f'listen = ["unix://{tmp_path}/s"]\ncodecs = ["cbor"]\n'
        '[limits]\nmax_links = 1\nkeepalive = 3\n[plugins]\nhooks = []\n[plugins.codecs]\ncbor = "pysig"\n'
    )
    process = start("serve", "--config", str(file))
    assert process.stdout is not None
    address = json.loads(process.stdout.readline())["listening"]
    with sig_lib.ClientRouter(address, "cbor", reconnect=None) as client:
        assert client._connection.open_link().session.welcome.keepalive == 3  # type: ignore[union-attr]
        with pytest.raises(sig_lib.ConnectFailed):
            sig_lib.ClientRouter(address, "cbor").start()
    process.terminate()
    status, _, said = ended(process)
    assert status == OK
    assert "1 links are open, which is the limit" in said


@pytest.mark.parametrize("way", ["option", "file", "url"])
def test_a_server_that_other_machines_may_reach(way: str, tmp_path: Path) -> None:
    (tmp_path / "sig.toml").write_text(f"open = {'true' if way == 'file' else 'false'}\n")
    given = {"option": ["--open"], "file": [], "url": ["tcp://0.0.0.0:0?open=1"]}[way]
    process = start("serve", "--config", str(tmp_path / "sig.toml"), *given, *["tcp://0.0.0.0:0"][: way != "url"])
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["listening"].startswith("tcp://0.0.0.0:")
    process.terminate()
    status, _, said = ended(process)
    assert status == OK
    assert "is open to the network: whoever reaches it may hear and send everything" in said


def test_what_comes_with_pysig_for_a_service() -> None:
    from sig_core.cli.config import read_config

    config = read_config(str(ROOT / "examples" / "sig.toml"))
    assert config.listen == ("tcp://127.0.0.1:3000", "unix:///run/sig/sig.sock?mode=660")
    assert (config.limits.max_links, config.limits.stall, config.hooks) == (2000, 0.5, ())
    unit = (ROOT / "examples" / "sig.service").read_text()
    assert "ExecStart=/usr/local/bin/sig serve --config /etc/sig/sig.toml\n" in unit
    assert "RuntimeDirectory=sig\n" in unit


# -- listen

def test_listening_in_a_pipe(server: sig_lib.ServerRouter) -> None:
    process = listening(server, "temp", "changed", "--count", "3")
    fired = sig("trigger", "temp", "changed", '{"celsius": 21.5}', "--count", "5", "--url", url_of(server))
    assert (fired.returncode, fired.stdout, fired.stderr) == (OK, "", "")
    status, out, err = ended(process)
    assert (status, err) == (OK, "")
    rows = [json.loads(line) for line in out.splitlines()]
    assert [(row["sender"], row["event"], row["data"]) for row in rows] == [("temp", "changed", {"celsius": 21.5})] * 3
    assert all(set(row) == {"time", "sender", "event", "data"} for row in rows)


@pytest.mark.parametrize(
    ("what", "heard"),
    [
        ([], ["temp #connect", "temp #hot", "temp cold", "temp #disconnect"]),
        (["temp"], ["temp #connect", "temp #hot", "temp cold", "temp #disconnect"]),
        (["#hot"], ["temp #hot"]),
        (["temp", "cold"], ["temp cold"]),
    ],
)
def test_whom_it_listens_to(server: sig_lib.ServerRouter, what: list[str], heard: list[str]) -> None:
    process = listening(server, *what, "--format", "%s %e", "--count", str(len(heard)))
    with sig_lib.ClientRouter(url_of(server)) as client:
        temp = client.add_remote_sender("temp", ["#hot", "cold"])
        temp.get_signal("#hot").trigger()
        temp.get_signal("cold").trigger()
    assert ended(process) == (OK, "".join(f"{line}\n" for line in heard), "")


class Labelled(sig_lib.Signal):
    def trigger(self, data: Any = None) -> None:
        self.event_info["room"] = "attic"
        super().trigger(data)


def test_formats(server: sig_lib.ServerRouter) -> None:
    formatted = listening(server, "s", "e", "--format", "%s|%e|%d|%r|%i|%%|%t|%u", "--count", "1")
    plain = listening(server, "s", "--json", "--count", "2")
    with sig_lib.ClientRouter(url_of(server), class_signal=Labelled) as client:
        client.add_remote_sender("s", ["e"]).get_signal("e").trigger("text")
    _, out, _ = ended(formatted)
    assert re.fullmatch(
        r's\|e\|"text"\|text\|\{"room":"attic"\}\|%\|\d\d:\d\d:\d\d\.\d{3}\|\d{10}\.\d{6}\n', out
    ), out
    _, out, _ = ended(plain)
    assert json.loads(out.splitlines()[1])["info"] == {"room": "attic"}


def test_a_link_that_is_cut_loses_nothing_where_that_is_asked_for(server: sig_lib.ServerRouter) -> None:
    with Middle(int(url_of(server).rpartition(":")[2])) as middle:
        through = f"tcp://127.0.0.1:{middle.port}"
        process = listening(server, "s", "e", "--count", "2", "--resume", "30", "--url", through)
        sig("trigger", "s", "e", "1", "--url", url_of(server))
        middle.cut()
        sig("trigger", "s", "e", "2", "--url", url_of(server))
        status, out, _ = ended(process)
    assert status == OK
    assert [json.loads(line)["data"] for line in out.splitlines()] == [1, 2]


def test_rates(server: sig_lib.ServerRouter) -> None:
    process = listening(server, "s", "e", "--rate", "--count", "500")
    sig("trigger", "s", "e", "1", "--count", "500", "--url", url_of(server))
    status, out, _ = ended(process)
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == OK
    assert rows[-1]["events"] == 500
    assert rows[-1]["lost"] == 0


def test_rates_of_nothing(server: sig_lib.ServerRouter) -> None:
    ran = sig("listen", "s", "e", "--rate", "--wait", "0.2", "--url", url_of(server))
    assert ran.returncode == TIMEOUT
    assert json.loads(ran.stdout)["events"] == 0
    assert "nothing came within 0.2 s" in ran.stderr


def test_losses_are_a_status(server: sig_lib.ServerRouter) -> None:
    process = listening(server, "s", "e", "--count", "1")
    with sig_lib.ClientRouter(url_of(server), "msgpack") as client:
        signal_ = client.add_remote_sender("s", ["e"]).get_signal("e")
        signal_.trigger(b"which JSON can't carry")
        client.flush()
        signal_.trigger("this it can")
        status, out, err = ended(process)
    assert status == LOST
    assert json.loads(out)["data"] == "this it can"
    assert "sig: 1 events were lost" in err


def test_interrupted_it_ends_quietly_with_what_it_heard(server: sig_lib.ServerRouter) -> None:
    process = listening(server, "s", "e")
    with sig_lib.ClientRouter(url_of(server)) as client:
        client.add_remote_sender("s", ["e"]).get_signal("e").trigger(1)
        client.flush()
    assert process.stdout is not None
    first = process.stdout.readline()
    send_signal(process, signal.SIGINT)
    assert ended(process) == (OK, "", "")
    assert json.loads(first)["data"] == 1


def test_a_closed_pipe_ends_it_quietly(server: sig_lib.ServerRouter) -> None:
    with listening(server, "s", "e") as process, sig_lib.ClientRouter(url_of(server)) as client:
        signal_ = client.add_remote_sender("s", ["e"]).get_signal("e")
        signal_.trigger(1)
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        while process.poll() is None:
            signal_.trigger(2)
            client.flush()
        assert process.stderr is not None
        assert (process.returncode, process.stderr.read()) == (OK, "")


def test_it_comes_back_when_the_server_does(tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/s"
    with sig_lib.ServerRouter(url) as first:
        process = listening(first, "s", "e", "--count", "1")
    with sig_lib.ServerRouter(url) as second:
        assert process.stderr
        told = [process.stderr.readline()]
        while told[-1] and "reconnected" not in told[-1]:
            told.append(process.stderr.readline())
        second.add_sender("s", ["e"]).get_signal("e").trigger("again")
        status, out, err = ended(process)
    assert (status, json.loads(out)["data"], err) == (OK, "again", "")
    lost, *attempts, back = [line.split(":")[1].strip() for line in told]
    assert (lost, back) == ("disconnected", "reconnected")
    assert all(re.fullmatch(r"attempt \d to come back failed", text) for text in attempts)  # if it was faster than we


def test_started_with_its_output_closed(server: sig_lib.ServerRouter) -> None:
    def shell(line: str) -> tuple[int, str]:
        run = subprocess.run(
            ["bash", "-c", " ".join([*COMMAND, line])],
            capture_output=True, text=True, timeout=within(20), check=False, env=environment(SIG_URL=url_of(server)),
        )  # fmt: skip
        return run.returncode, run.stdout + run.stderr

    assert shell("senders >&-") == (OK, "")
    assert shell("request nobody read 2>&-") == (REFUSED, "")
    assert shell("request nobody read >&- 2>&-") == (REFUSED, "")


def test_interrupted_before_there_is_a_result(server: sig_lib.ServerRouter) -> None:
    entered, release = threading.Event(), threading.Event()

    def hang(params: Any) -> None:
        entered.set()
        release.wait(within(20))

    server.add_sender("s", [], {"hang": hang})
    process = start("request", "s", "hang", "--url", url_of(server))
    assert entered.wait(within(10))
    send_signal(process, signal.SIGINT)
    assert ended(process) == (INTERRUPTED, "", "")
    release.set()


# -- trigger

def heard_by(server: sig_lib.ServerRouter, *arguments: str, stdin: str = "") -> list[Any]:
    """What arrives of `sig trigger s e ...`."""
    heard: list[Any] = []
    with server.add_listener(lambda info, data: heard.append(data), "s", "e"):
        run = sig("trigger", "s", "e", *arguments, "--url", url_of(server), stdin=stdin)
        assert (run.returncode, run.stdout, run.stderr) == (OK, "", "")
        eventually(lambda: not server.stats()["peers"][0]["events"]["waiting"])
        with sig_lib.ClientRouter(url_of(server)) as last:  # behind all that was fired
            last.add_remote_sender("s", ["e"]).get_signal("e").trigger("the end")
            eventually(lambda: heard and heard[-1] == "the end")
    return heard[:-1]


def test_what_is_fired(server: sig_lib.ServerRouter, tmp_path: Path) -> None:
    file = tmp_path / "data.json"
    file.write_text('{"from": "a file",\n "n": [1, 2]}')
    assert heard_by(server) == [None]
    assert heard_by(server, "[1, 2.5, null]") == [[1, 2.5, None]]
    assert heard_by(server, "21.5 C", "--text") == ["21.5 C"]
    assert heard_by(server, f"@{file}") == [{"from": "a file", "n": [1, 2]}]
    assert heard_by(server, "-", stdin='1\n\n"two"\n{"three": 3}\n') == [1, "two", {"three": 3}]
    assert heard_by(server, "-", "--text", stdin="a line\n{another\n") == ["a line", "{another"]
    windows = "\ufeffa line\r\n\r\n  {another \r\nlast"
    assert heard_by(server, "-", "--text", stdin=windows) == ["a line", "  {another ", "last"]
    assert heard_by(server, "-", stdin="\ufeff1\r\n2\r\n") == [1, 2]
    assert heard_by(server, "7", "--count", "4") == [7] * 4
    assert heard_by(server, "7", "--count", "3", "--every", "0.01") == [7] * 3


def test_it_repeats_until_it_is_interrupted(server: sig_lib.ServerRouter) -> None:
    heard: list[Any] = []
    server.add_listener(lambda info, data: heard.append(data), "s", "e")
    process = start("trigger", "s", "e", "1", "--every", "0.01", "--codec", "msgpack", "--url", url_of(server))
    eventually(lambda: len(heard) > 5)
    send_signal(process, signal.SIGINT)
    assert ended(process) == (OK, "", "")


# -- request and reply

def test_asking(server: sig_lib.ServerRouter) -> None:
    server.add_sender("s", [], {"echo": lambda params: params, "text": lambda params: "plain text"})
    there = ["--url", url_of(server)]
    run = sig("request", "s", "echo", '{"a": [1, null]}', *there)
    assert (run.returncode, run.stdout, run.stderr) == (OK, '{"a":[1,null]}\n', "")
    assert sig("request", "s", "echo", "-", *there, stdin="[\n1]\n").stdout == "[1]\n"
    assert sig("request", "s", "echo", "-", *there, stdin="\ufeff[1]\r\n").stdout == "[1]\n"
    assert sig("request", "s", "text", *there).stdout == '"plain text"\n'
    assert on_a_terminal("request", "s", "text", *there) == (OK, "plain text\n")


def replying(server: sig_lib.ServerRouter, name: str, *arguments: str) -> subprocess.Popen[str]:
    process = start("reply", name, *arguments, "--url", url_of(server))
    eventually(lambda: server.has_sender(name))
    return process


def test_answering_with_a_command(server: sig_lib.ServerRouter) -> None:
    adding = replying(server, "adder", "add", "--count", "3", "--command",
                      f"{sys.executable} -c 'import json,sys; print(sum(json.load(sys.stdin)))'")  # fmt: skip
    assert server.request("adder", "add", [1, 2, 3]) == 6
    assert server.request("adder", "add", [2**40, 1]) == 2**40 + 1
    with pytest.raises(sig_lib.RemoteError, match="TypeError"):
        server.request("adder", "add", ["x"])
    status, _, said = ended(adding)
    assert status == OK
    assert "add: the command ended with status 1" in said


def test_answering_everything_with_text(server: sig_lib.ServerRouter) -> None:
    process = replying(server, "sh", "-", "--count", "2", "--command", 'echo "$SIG_SENDER $SIG_METHOD"; exec cat >&2')
    assert server.request("sh", "one") == "sh one"
    assert server.request("sh", "two", {"a": 1}) == "sh two"
    assert ended(process)[0] == OK


def test_a_command_that_takes_too_long(server: sig_lib.ServerRouter) -> None:
    process = replying(server, "slow", "m", "--count", "1", "--timeout", "0.3", "--command", "sleep 60 & wait")
    with pytest.raises(sig_lib.RemoteError, match=r"the command took longer than 0\.3 s"):
        server.request("slow", "m")
    assert ended(process)[0] == OK


def assert_ends(pid: int) -> None:
    state = Path(f"/proc/{pid}/stat")
    eventually(lambda: not state.exists() or state.read_text().split(")")[1].split()[0] == "Z")  # a zombie


def test_interrupted_it_takes_the_command_with_it(server: sig_lib.ServerRouter, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    process = replying(server, "slow", "m", "--command", f"echo $$ > {note}; exec sleep 60")
    future = server.request_async("slow", "m")
    eventually(lambda: note.exists() and note.read_text().strip())
    send_signal(process, signal.SIGINT)
    assert ended(process)[0] == OK
    assert future.exception(within(10)) is not None
    assert_ends(int(note.read_text()))


def test_interrupted_before_it_knows_that_the_sender_is_there(
    server: sig_lib.ServerRouter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note, futures = tmp_path / "pid", []
    add = sig_lib.ClientRouter.add_remote_sender

    def interrupted(client: sig_lib.ClientRouter, *arguments: Any) -> None:
        add(client, *arguments)
        futures.append(server.request_async("slow", "m"))
        eventually(lambda: note.exists() and note.read_text().strip())
        raise KeyboardInterrupt

    monkeypatch.setattr(sig_lib.ClientRouter, "add_remote_sender", interrupted)
    command = f"echo $$ > {note}; exec sleep 600"
    assert reply.main(["slow", "m", "--command", command, "--url", url_of(server)], standalone_mode=False) == OK
    assert futures[0].exception(within(10)) is not None
    assert_ends(int(note.read_text()))


def test_a_command_that_is_just_starting_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = Shell("exec sleep 60", "slow", 60)
    real = subprocess.Popen

    def starting(*args: Any, **kwargs: Any) -> Any:
        process = real(*args, **kwargs)
        ending = threading.Thread(target=shell.end)  # as a Ctrl-C would, before the shell has its process
        ending.start()
        ending.join(0.2)
        return process

    monkeypatch.setattr(subprocess, "Popen", starting)
    with pytest.raises(Failed, match="status -9"):
        shell.ask("m", None)
    with pytest.raises(Failed, match="is ending"):
        shell.ask("m", None)


def test_nobody_asked(server: sig_lib.ServerRouter) -> None:
    process = replying(server, "idle", "m", "--count", "1", "--wait", "0.1", "--command", "true")
    assert ended(process)[0] == TIMEOUT
    assert sig("request", "idle", "m", "--url", url_of(server)).returncode == REFUSED


# -- who and what is there

def test_looking_around(server: sig_lib.ServerRouter) -> None:
    server.add_sender("temp", ["#changed", "cold"])
    server.add_sender(7, [])
    there = ["--url", url_of(server)]
    rows = [json.loads(line) for line in sig("senders", *there).stdout.splitlines()]
    assert rows == [
        {"sender": "temp", "events": ["#changed", "cold", "#connect", "#disconnect"]},
        {"sender": 7, "events": ["#connect", "#disconnect"]},
    ]
    assert on_a_terminal("senders", *there) == (
        OK, "sender  events\ntemp    #changed cold #connect #disconnect\n7       #connect #disconnect\n"
    )  # fmt: skip
    told = json.loads(sig("stats", "--peers", *there).stdout)
    assert (told["senders"], told["links"]["open"], len(told["peers"])) == (2, 1, 2)
    status, said = on_a_terminal("stats", "--peers", *there)
    assert status == OK
    assert re.search(r"^senders +2$", said, re.MULTILINE)
    assert re.search(r"^requests\.p50 +-$", said, re.MULTILINE)
    assert re.search(r"^this program .* 0%$", said, re.MULTILINE)


HARM = "\x1b]0;owned\x07\x9b2J\u202e\r\nforged"
SHOWN = "\\u001b]0;owned\\u0007\\u009b2J\\u202e\\r\\nforged"


@pytest.mark.parametrize("to_json", [False, True])
def test_what_others_say_does_not_control_the_terminal(server: sig_lib.ServerRouter, to_json: bool) -> None:
    sender = server.add_sender(f"s{HARM}", [f"e{HARM}"], {"m": lambda params: f"{HARM}\nlast"})
    there = ["--url", url_of(server), *(["--json"] if to_json else [])]
    _, said = on_a_terminal("senders", *there)
    assert f"s{SHOWN}" in said and f"e{SHOWN}" in said and len(said.splitlines()) == (1 if to_json else 2)
    _, answered = on_a_terminal("request", sender.name, "m", *there)
    lines = SHOWN.replace("\\n", "\n")  # of an answer
    assert answered == (f'"{SHOWN}\\nlast"\n' if to_json else f"{lines}\nlast\n")
    forms = [] if to_json else ["--format", "%s %e %r %d\t%i"]
    process, master = start_on_a_terminal("listen", sender.name, *there, *forms, "--count", "1")
    eventually(lambda: server.stats()["subscriptions"] == 1)
    sender.get_signal(f"e{HARM}").trigger(HARM)
    heard = read_all(master)
    assert process.wait(within(20)) == OK
    assert heard.count(SHOWN) >= 3 and len(heard.splitlines()) == 1
    for text in (said, answered, heard):
        assert not set(text) & set("\x1b\x07\x9b\u202e\r")


def test_in_a_pipe_what_others_say_stays_as_it_is(server: sig_lib.ServerRouter) -> None:
    server.add_sender(f"s{HARM}", [], {"m": lambda params: HARM})
    there = ["--url", url_of(server)]
    assert json.loads(sig("senders", *there).stdout)["sender"] == f"s{HARM}"
    assert json.loads(sig("request", f"s{HARM}", "m", *there).stdout) == HARM
    assert "\x9b2J\u202e" in sig("request", f"s{HARM}", "m", *there).stdout


def test_errors_of_others_are_printable(server: sig_lib.ServerRouter) -> None:
    def fail(params: Any) -> None:
        raise ValueError(HARM)

    server.add_sender("s", [], {"m": fail})
    found = sig("request", "s", "m", "--url", url_of(server))
    assert found.returncode == REFUSED
    assert found.stderr == f"sig: ValueError: {SHOWN}\n"


def test_plugins_on_a_terminal() -> None:
    status, said = on_a_terminal("plugins")
    assert status == OK
    assert re.search(rf"^carrier +tcp +pysig +{re.escape(sig_lib.__version__)} +installed$", said, re.MULTILINE)


def test_the_doctor_on_a_terminal(server: sig_lib.ServerRouter) -> None:
    status, said = on_a_terminal("doctor", "--url", url_of(server))
    assert status == 1
    assert re.search(r"^ok +round trip unix x cbor$", said, re.MULTILINE)
    taken = url_of(server)
    assert f"broken  address {taken}: can't listen: Address already in use\n" in said
    assert "        choose another address or stop who uses it\n" in said
    assert re.search(r"^\d+ checks, 1 broken$", said, re.MULTILINE)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    run = sig("completion", shell)
    assert (run.returncode, run.stderr) == (OK, "")
    assert "_SIG_COMPLETE" in run.stdout


def test_what_is_completed() -> None:
    asked = {"_SIG_COMPLETE": "bash_complete", "COMP_WORDS": "sig li", "COMP_CWORD": "1"}
    assert sig(env=asked).stdout == "plain,listen\n"


def test_help_and_version() -> None:
    assert sig("--version").stdout == f"sig, version {sig_lib.__version__} ({sig_lib.build})\n"
    said = sig("--help").stdout
    for name in ("serve", "listen", "trigger", "request", "reply", "senders", "stats", "plugins", "demo", "doctor"):
        assert re.search(rf"^  {name} +[A-Z].*\.$", said, re.MULTILINE), name


def test_without_click_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['click'] = None; from sig_core.cli import main; main()"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=within(20), check=False)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == 'the command line needs click: pip install "pysig[cli]"\n'


def test_the_reference_is_of_today() -> None:
    from sig_core.cli.reference import MARK, reference

    _, mark, written = (ROOT / "docs" / "cli.md").read_text().partition(MARK)
    assert mark
    assert written == f"\n{reference()}", "run: python -m sig_core.cli.reference docs/cli.md"
