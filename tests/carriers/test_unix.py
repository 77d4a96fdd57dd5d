from __future__ import annotations

import errno
import itertools
import os
import socket
import stat
import sys
import threading

import pytest

from sig_carriers.unix import MAX_PATH, UnixCarrier
from sig_core.address import Address
from sig_core.errors import ConfigError
from sig_core.testing import begin
from tests.carriers.conformance import PATIENCE, PollableConformance

NUMBERS = itertools.count()


@pytest.fixture
def path(tmp_path_factory):
    return str(tmp_path_factory.mktemp("u") / "x.sock")


def listen(path, query=""):
    return UnixCarrier().listen(Address.parse(f"unix://{path}{query}"))


def connect(path):
    return UnixCarrier().connect(Address.parse(f"unix://{path}"))


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def leave_dead_socket(path):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
        dead.listen()


class TestUnix(PollableConformance):
    carrier = UnixCarrier()

    @pytest.fixture
    def url(self, path):
        return f"unix://{path}"

    @pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="the system does not tell")
    def test_peer_names_process_and_user(self, pair):
        for link in pair:
            assert link.peer == f"unix:pid={os.getpid()},uid={os.getuid()}"


def test_without_credentials_the_peer_is_the_path(path, monkeypatch):
    monkeypatch.delattr(socket, "SO_PEERCRED", raising=False)
    acceptor = listen(path)
    client = connect(path)
    assert client.peer == f"unix:{path}"
    client.close()
    acceptor.close()


@pytest.mark.parametrize("call", [listen, connect])
@pytest.mark.parametrize("path", ["", "run/x.sock", "localhost:1/x.sock", ":1/x.sock", "/a%00b"])
def test_urls_without_a_plain_path(call, path):
    with pytest.raises(ConfigError, match="three slashes"):
        call(path)


@pytest.mark.parametrize("call", [listen, connect])
def test_path_over_the_limit(call, tmp_path):
    path = f"{tmp_path}/".ljust(MAX_PATH + 1, "x")
    with pytest.raises(ConfigError, match=f"{MAX_PATH + 1} bytes, the system takes {MAX_PATH}"):
        call(path)


def test_longest_path(tmp_path_factory):
    path = f"{tmp_path_factory.mktemp('u')}/".ljust(MAX_PATH, "x")
    acceptor = listen(path)
    connect(path).close()
    acceptor.close()


def test_limit_counts_bytes_not_characters():
    with pytest.raises(ConfigError, match="201 bytes"):
        connect("/" + "ö" * 100)


def test_any_file_name_is_quoted_in_the_address(path):
    odd = f"{path} %?#ö"
    acceptor = UnixCarrier().listen(Address(url="unix://...", scheme="unix", path=odd))
    assert Address.parse(acceptor.address).path == odd
    UnixCarrier().connect(Address.parse(acceptor.address)).close()
    acceptor.close()


@pytest.mark.parametrize("query, expected", [("", 0o600), ("?mode=660", 0o660), ("?mode=0777", 0o777)])
def test_mode_is_set_before_anybody_can_connect(path, monkeypatch, query, expected):
    seen = []
    real = socket.socket.listen
    monkeypatch.setattr(socket.socket, "listen", lambda sock, n: seen.append(mode_of(path)) or real(sock, n))
    acceptor = listen(path, query)
    assert seen == [expected]
    assert mode_of(path) == expected
    acceptor.close()


@pytest.mark.parametrize("mode", ["888", "1000", "-1", "rw", ""])
def test_mode_that_is_none(path, mode):
    with pytest.raises(ConfigError, match="no octal number from 0 to 777"):
        listen(path, f"?mode={mode}")
    assert not os.path.exists(path)


def test_file_is_removed_at_close(path):
    acceptor = listen(path)
    assert stat.S_ISSOCK(os.stat(path).st_mode)
    acceptor.close()
    assert os.listdir(os.path.dirname(path)) == []


def test_a_file_that_is_gone_at_close(path):
    acceptor = listen(path)
    os.unlink(path)
    acceptor.close()


def test_a_file_that_is_another_server_by_now_stays(path):
    first = listen(path)
    os.unlink(path)
    second = listen(path)
    first.close()
    connect(path).close()
    second.close()


def test_dead_server_is_replaced(path):
    leave_dead_socket(path)
    with pytest.raises(ConnectionRefusedError):
        connect(path)
    acceptor = listen(path)
    connect(path).close()
    acceptor.close()


def test_live_server_is_not_replaced(path):
    acceptor = listen(path)
    with pytest.raises(OSError) as caught:
        listen(path)
    assert caught.value.errno == errno.EADDRINUSE
    connect(path).close()
    acceptor.close()


def test_busy_server_is_not_replaced(path):
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(path)
        busy.listen(0)
        waiting = connect(path)
        with pytest.raises(ConnectionRefusedError, match="too many connections wait"):
            connect(path)
        with pytest.raises(OSError) as caught:
            listen(path)
        waiting.close()
    assert caught.value.errno == errno.EADDRINUSE
    assert os.path.exists(path)


@pytest.mark.parametrize("kind", ["file", "directory", "link"])
def test_a_path_that_is_no_socket_is_left_alone(path, kind):
    if kind == "file":
        with open(path, "w") as file:
            file.write("precious")
    elif kind == "directory":
        os.mkdir(path)
    else:
        leave_dead_socket(f"{path}.target")
        os.symlink(f"{path}.target", path)
    before = os.lstat(path)
    with pytest.raises(OSError, match="left alone") as caught:
        listen(path)
    assert caught.value.errno == errno.EADDRINUSE
    assert os.lstat(path) == before


def test_nobody_there(path):
    with pytest.raises(FileNotFoundError):
        connect(path)


def test_no_directory(path):
    with pytest.raises(FileNotFoundError):
        listen(f"{path}/missing/x.sock")


def test_many_take_the_path_of_a_dead_server_and_one_gets_it(path):
    """Between asking whether a server lives and taking its place nobody else may do the same."""
    for _ in range(20):
        leave_dead_socket(path)
        gate = threading.Barrier(4)

        def take(gate=gate):
            gate.wait(PATIENCE)
            try:
                return listen(path)
            except OSError as error:
                assert error.errno == errno.EADDRINUSE
                return None

        takers = [begin(take) for _ in range(4)]
        winners = [winner for taker in takers if (winner := taker.result(PATIENCE))]
        assert len(winners) == 1
        connect(path).close()
        winners[0].close()


# -- names without a file

needs_names = pytest.mark.skipif(sys.platform != "linux", reason="there are none")


@needs_names
class TestName(PollableConformance):
    carrier = UnixCarrier()

    @pytest.fixture
    def url(self):
        return f"unix:@sig-test-{os.getpid()}-{next(NUMBERS)}"


@needs_names
def test_a_name_is_taken_while_its_server_lives_and_leaves_nothing():
    url = f"unix:@sig%20test%3f-{os.getpid()}"
    for _ in range(2):
        acceptor = UnixCarrier().listen(Address.parse(url))
        assert acceptor.address.lower() == url
        with pytest.raises(OSError, match="in use"):
            UnixCarrier().listen(Address.parse(url))
        UnixCarrier().connect(Address.parse(acceptor.address)).close()
        acceptor.close()
    with pytest.raises(ConnectionRefusedError):
        UnixCarrier().connect(Address.parse(url))


@needs_names
@pytest.mark.parametrize(
    ("url", "why"), [("unix:@", "unix:@name"), ("unix:@a%00b", "unix:@name"), ("unix:@" + "x" * 107, "108 bytes")]
)
def test_names_that_can_not_be(url, why):
    for call in (UnixCarrier().listen, UnixCarrier().connect):
        with pytest.raises(ConfigError, match=why):
            call(Address.parse(url))


@needs_names
def test_a_name_has_no_permissions():
    with pytest.raises(ConfigError, match="leave mode out"):
        UnixCarrier().listen(Address.parse("unix:@x?mode=600"))
