"""The likely mistakes: one message that a newcomer can act on, a status that a script can, no traceback."""

from __future__ import annotations

import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import sig_core as sig_lib
from sig_core.cli.failures import LINK, REFUSED, TIMEOUT, USAGE
from sig_core.protocol.wire import PREFACE
from tests.cli.command import COMMAND, sig
from tests.support import within

LOCAL = "tcp://127.0.0.1"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server with a sender that is asked the wrong things."""
    release = threading.Event()

    def fails(params: Any) -> None:
        raise ValueError("the sensor is unplugged")

    with sig_lib.ServerRouter(f"{LOCAL}:0", codecs=["json"]) as running:
        running.add_sender("taken", ["e"], {"fails": fails, "hangs": lambda params: release.wait(60)})
        yield running.addresses[0]
        release.set()


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """Somebody who listens and is no server of ours."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        def serve() -> None:
            try:
                link, _ = listening.accept()
            except OSError:
                return
            with link:
                link.recv(4096)
                link.sendall(answer)
                link.settimeout(within(20))
                while answer == b"" and link.recv(4096):  # says nothing, and stays
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"{LOCAL}:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(within(20))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


def check(found: Any, status: int, *said: str) -> None:
    """One message, on standard error, that says all of that; nothing else."""
    assert found.returncode == status, (found.returncode, found.stderr)
    assert "Traceback" not in found.stderr
    assert found.stdout == ""
    message = [line for line in found.stderr.splitlines() if not line.startswith(("Usage:", "Try "))]
    assert len([line for line in message if line]) == 1, found.stderr
    for text in said:
        assert text in found.stderr


# -- where the server is

@pytest.mark.parametrize(
    ("url", "status", "said"),
    [
        ("tpc://127.0.0.1:3000", USAGE, ["unknown carrier 'tpc', did you mean 'tcp'?", "installed: "]),
        ("serial:///dev/ttyACM99", LINK, ["no port /dev/ttyACM99"]),
        ("127.0.0.1:3000", USAGE, ["no scheme", "SCHEME://HOST[:PORT]"]),
        ("", USAGE, ["no scheme"]),
        ("tcp://127.0.0.1:http", USAGE, ["Port could not be cast", "SCHEME://HOST[:PORT]"]),
        ("tcp://127.0.0.1:99999", USAGE, ["Port out of range 0-65535"]),
        ("tcp://127.0.0.1", USAGE, ["port"]),
        ("tcp://127.0.0.1:3000?nodeley=1", USAGE, ["unknown option 'nodeley', did you mean 'nodelay'?", "tcp knows: "]),
        ("tcp://127.0.0.1:3000?nodelay=perhaps", USAGE, ["nodelay='perhaps' is neither 1 nor 0"]),
        ("losy+tcp://127.0.0.1:3000", USAGE, ["unknown wrapper 'losy', did you mean 'lossy'?", "installed: "]),
        ("tcp://no.such.host.invalid:3000", LINK, ["no.such.host.invalid", "can't connect"]),
        ("unix:///no/such/folder/x.sock", LINK, ["can't connect", "No such file"]),
        ("unix:///etc/passwd", LINK, ["can't connect"]),
        ("local://nobody", LINK, ["nobody"]),
    ],
)
def test_a_wrong_url(url: str, status: int, said: list[str]) -> None:
    check(sig("senders", "--url", url), status, *said)


def test_a_server_that_other_machines_would_reach() -> None:
    check(sig("serve", "tcp://0.0.0.0:0"), USAGE, "other machines can reach it", "sig serve --open", "open = true")


def test_no_server_there() -> None:
    port = free_port()
    check(sig("senders", "--url", f"{LOCAL}:{port}"), LINK, f":{port}", "is a server running there?")


def test_no_server_where_the_variable_says() -> None:
    port = free_port()
    check(sig("senders", env={"SIG_URL": f"{LOCAL}:{port}"}), LINK, f":{port}", "is a server running there?")


def test_another_service_there() -> None:
    with answering(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n") as url:
        check(sig("senders", "--url", url), REFUSED, url, "b'HTTP/1.1': is it another service?")


def test_somebody_there_who_says_nothing() -> None:
    with answering(b"") as url:
        check(sig("senders", "--url", url, "--timeout", "0.5"), LINK, "no answer to the hello within 0.5 s")


def test_another_version_of_the_protocol() -> None:
    with answering(PREFACE[:-1] + b"\x09") as url:
        found = sig("senders", "--url", url)
        check(found, REFUSED, url, "wire version 9, only 1 is spoken here: bring both sides to one release")


# -- codecs and plug-ins

def test_a_codec_that_the_server_does_not_take(server: str) -> None:
    found = sig("senders", "--url", server, "--codec", "msgpack")
    check(found, REFUSED, "the client offers msgpack", "this address takes json")


def test_a_typo_in_a_codec(server: str) -> None:
    found = sig("senders", "--url", server, "--codec", "msgpak")
    check(found, USAGE, "unknown codec 'msgpak', did you mean 'msgpack'?")


def lay(folder: Path, name: str, *, source: str, entry: str, metadata: str = "") -> None:
    info = folder / f"{name}-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.0\n{metadata}")
    (info / "entry_points.txt").write_text(f"[sig.codecs]\n{entry}\n")
    (folder / f"of_{name}.py").write_text(source)


def test_an_extra_that_is_not_installed(server: str, tmp_path: Path) -> None:
    needs = 'Requires-Dist: no-such-library; extra == "lab"\nProvides-Extra: lab\n'
    lay(tmp_path, "lab", source="import no_such_library", entry="bson = of_lab:Codec [lab]", metadata=needs)
    found = sig("senders", "--url", server, "--codec", "bson", env={"PYTHONPATH": str(tmp_path)})
    check(found, USAGE, "codec 'bson' of lab 2.0", 'no-such-library is not installed: pip install "lab[lab]"')


def test_a_broken_plugin(server: str, tmp_path: Path) -> None:
    lay(tmp_path, "lab", source="1 / 0", entry="bson = of_lab:Codec")
    found = sig("senders", "--url", server, "--codec", "bson", env={"PYTHONPATH": str(tmp_path)})
    check(found, USAGE, "codec 'bson' of lab 2.0 can't be loaded: ZeroDivisionError: division by zero")


def test_two_plugins_of_one_name(server: str, tmp_path: Path) -> None:
    lay(tmp_path, "lab", source="", entry="bson = of_lab:Codec")
    lay(tmp_path, "rival", source="", entry="bson = of_rival:Codec")
    found = sig("senders", "--url", server, "--codec", "bson", env={"PYTHONPATH": str(tmp_path)})
    check(found, USAGE, "codec 'bson' is offered by lab 2.0 and rival 2.0: uninstall one of them")


# -- what is sent and asked

@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["trigger", "taken", "e", "1"], REFUSED, ["sender 'taken' is already connected"]),
        (["trigger", "t", "e", "{broken"], USAGE, ["'{broken' is no JSON", "add --text"]),
        (["trigger", "t", "e", "hello"], USAGE, ["'hello' is no JSON", "add --text"]),
        (["trigger", "t", "e", "[" * 100_000], USAGE, ["is no JSON", "recursion", "add --text"]),
        (["trigger", "t", "e", "@no-such-file"], USAGE, ["@no-such-file: can't read that file: No such file"]),
        (["trigger", "t", "e", "@/etc"], USAGE, ["@/etc: can't read that file"]),
        (["trigger", "", "e", "1"], USAGE, ["sender", "empty"]),
        (["trigger", "x" * 300, "e", "1"], USAGE, ["255"]),
        (["trigger", "t", "e", "1", "--count", "0"], USAGE, ["--count", "0 is not in the range x>=1"]),
        (["trigger", "t", "e", "-", "--count", "2"], USAGE, ["each line of standard input is fired once"]),
        (["trigger", "t"], USAGE, ["Missing argument 'EVENT'"]),
        (["request", "nobody", "read"], REFUSED, ["sender 'nobody' is not connected"]),
        (["request", "taken", "raed"], REFUSED, ["'taken' answers no request 'raed'"]),
        (["request", "taken", "fails"], REFUSED, ["ValueError", "the sensor is unplugged"]),
        (["request", "taken", "hangs", "--timeout", "0.3"], TIMEOUT, ["no answer within 0.3 s"]),
        (["request", "taken", "fails", "--timeout", "0"], USAGE, ["--timeout"]),
        (["listen", "s", "e", "--wait", "0.2"], TIMEOUT, ["nothing came within 0.2 s"]),
        (["listen", "--count", "9", "--wait", "0.2"], TIMEOUT, ["not enough came within 0.2 s"]),
        (["listen", "--format", "%s %x"], USAGE, ["there is no %x; there are %t %u %s"]),
        (["listen", "--format", "%s", "--rate"], USAGE, ["with --rate there are no events to format"]),
        (["lisen"], USAGE, ["no command 'lisen', did you mean 'listen'?"]),
        (["senders", "--ulr", "x"], USAGE, ["No such option", "--url"]),
        (["reply", "s", "m"], USAGE, ["Missing option '--command'"]),
        (["completion", "tcsh"], USAGE, ["'tcsh' is not one of"]),
    ],
)
def test_a_wrong_argument(server: str, arguments: list[str], status: int, said: list[str]) -> None:
    there = ["--url", server] if arguments[0] in ("trigger", "request", "listen", "reply") else []
    check(sig(*arguments, *there), status, *said)


def test_a_value_that_the_codec_cannot_carry(server: str) -> None:
    check(sig("trigger", "t", "e", str(2**70), "--url", server), USAGE, "event 'e' of sender 't'", "json")


def test_a_bad_line_of_standard_input(server: str) -> None:
    found = sig("trigger", "t", "e", "-", "--url", server, stdin='1\n{"a"\n')
    check(found, USAGE, "line 2 of standard input", "is no JSON")


# -- serving

def test_the_port_is_in_use(server: str) -> None:
    check(sig("serve", server), REFUSED, "Address already in use", "choose another address or stop who uses it")


@pytest.mark.parametrize(
    ("url", "status", "said"),
    [
        ("tcp://192.0.2.1:3000", REFUSED, ["can't listen", "Cannot assign requested address"]),
        ("unix:///no/such/folder/x.sock", REFUSED, ["can't listen", "No such file"]),
        ("unix:///proc/x.sock", REFUSED, ["can't listen"]),
        ("tcp//127.0.0.1:3000", USAGE, ["no scheme"]),
    ],
)
def test_an_address_that_cannot_be_had(url: str, status: int, said: list[str]) -> None:
    check(sig("serve", url), status, *said)


# The superuser is permitted everything: it becomes nobody first, when all is imported that nobody may not read.
WITHOUT_POWERS = """
import os, sys
import sig_core, sig_core.cli.serve
from sig_core.cli.app import run
for registry in (sig_core.default_plugins().carriers, sig_core.default_plugins().codecs):
    for name in registry.names():
        registry.get(name)
if os.geteuid() == 0:
    os.setuid(65534)
sys.exit(run(sys.argv[1:]))
"""


def test_no_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    found = subprocess.run(
        [sys.executable, "-c", WITHOUT_POWERS, "serve", f"unix://{tmp_path}/x.sock"],
        capture_output=True, text=True, timeout=within(30), check=False,
    )  # fmt: skip
    check(found, REFUSED, "can't listen: Permission denied")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("listen = [", ["is no TOML"]),
        ('lisen = ["tcp://127.0.0.1:0"]', ["unknown key 'lisen', did you mean 'listen'?"]),
        ('listen = "tcp://127.0.0.1:0"', ["listen: a list of texts was expected"]),
        ('codecs = ["yaml"]', ["unknown codec 'yaml'", "installed: "]),
        ("codecs = []", ["an empty list leaves nothing to speak"]),
        ("[limits]\nmax_link = 5", ["unknown key 'limits.max_link', did you mean 'max_links'?"]),
        ("[limits]\nmax_links = 0", ["limit max_links=0: must be from 1 to"]),
        ('[limits]\nstall = "1s"', ["limit stall='1s': must be a number"]),
        ("limits = 5", ["limits: a table was expected"]),
        ('[plugins.codecs]\njson = "rival"', ["codec 'json' is not offered by 'rival'", "pysig"]),
        ("[plugins.codecs]\njson = 5", ["plugins.codecs.json: the name of a distribution was expected"]),
        ('[plugins]\nhooks = ["audit"]', ["hook 'audit'", "installed"]),
        ("[plugins]\nhook = []", ["unknown key 'plugins.hook', did you mean 'hooks'?"]),
        pytest.param("a=" + "{a=" * 5000, ["its tables are nested too deep"], id="deep"),
    ],
)
def test_a_wrong_configuration(tmp_path: Path, text: str, said: list[str]) -> None:
    file = tmp_path / "sig.toml"
    file.write_text(text)
    check(sig("serve", f"{LOCAL}:0", "--config", str(file)), USAGE, *said)


def test_a_configuration_that_is_not_there() -> None:
    check(sig("serve", "--config", "no-such.toml"), USAGE, "no-such.toml: can't read it: No such file")


@pytest.mark.parametrize("command", ["trigger", "request"])
@pytest.mark.parametrize("arguments", ["-", "--text -"])
def test_standard_input_that_is_closed(server: str, command: str, arguments: str) -> None:
    line = shlex.join([*COMMAND, command, "taken", "e", "--url", server]) + f" {arguments} <&-"
    run = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=within(30), check=False)
    assert run.returncode == USAGE
    assert "DATA -: standard input is closed" in run.stderr and "Traceback" not in run.stderr


def test_a_file_in_the_encoding_of_powershell(server: str, tmp_path: Path) -> None:
    marked, wide = tmp_path / "utf-8", tmp_path / "utf-16"
    marked.write_text('{"a": "é"}\r\n', encoding="utf-8-sig")
    wide.write_text("{}", encoding="utf-16")
    run = sig("trigger", "other", "e", f"@{marked}", "--url", server)
    assert (run.returncode, run.stderr) == (0, "")
    run = sig("trigger", "other", "e", f"@{wide}", "--url", server)
    assert run.returncode == USAGE and "is no text in UTF-8" in run.stderr
