"""What the ready-made link and acceptor promise beyond the conformance of the carriers that use them."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sig_core.links.sockets import SocketAcceptor, SocketLink
from sig_core.testing import begin
from tests.carriers.conformance import PATIENCE, receive_exactly


@pytest.fixture
def pair():
    left, right = (SocketLink(sock, name) for sock, name in zip(socket.socketpair(), ("left", "right"), strict=True))
    yield left, right
    left.close()
    right.close()


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


def make_link(sock):
    return SocketLink(sock, "peer")


def run(code: str) -> subprocess.CompletedProcess:
    """Run a program of its own: it forks, or dies of a signal."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=PATIENCE
    )


def test_descriptor_is_kept_while_a_call_is_inside(pair):
    """Close in the middle of a call leaves the number taken until the call is over: nobody else may get it."""
    link, _ = pair
    number = link.fileno()
    entered, go_on = threading.Event(), threading.Event()

    class Slow:  # in the place of the socket's recv_into: a thread that is stopped just before its system call
        def __init__(self, sock):
            self.sock = sock

        def __getattr__(self, name):
            return getattr(self.sock, name)

        def recv_into(self, buffer):
            entered.set()
            assert go_on.wait(PATIENCE)
            return self.sock.recv_into(buffer)

    link._sock = Slow(link._sock)
    reading = begin(link.recv_into, memoryview(bytearray(4)))
    assert entered.wait(PATIENCE)
    link.close()
    assert os.fstat(number)
    go_on.set()
    assert isinstance(reading.exception(PATIENCE), OSError)
    with pytest.raises(OSError):
        os.fstat(number)


def test_descriptor_is_given_back_at_once_otherwise(pair):
    link, _ = pair
    number = link.fileno()
    link.close()
    with pytest.raises(OSError):
        os.fstat(number)


def test_after_close_another_file_with_the_same_number_is_not_touched(pair):
    link, _ = pair
    number = link.fileno()
    ours, theirs = socket.socketpair()
    link.close()
    with ours, theirs, socket.socket(fileno=os.dup2(theirs.fileno(), number)) as namesake:
        assert namesake.fileno() == number
        for call in (lambda: link.send(b"x"), lambda: link.send_some(b"x"), link.fileno, lambda: link.receive(0)):
            with pytest.raises(OSError, match="left: closed on this side"):
                call()
        link.close()
        namesake.sendall(b"undisturbed")
        assert ours.recv(100) == b"undisturbed"


def close_under_fire(link):
    """Read, write and close twice in four threads that start together; give what ended reading and writing."""
    gate = threading.Barrier(4)

    def repeat(call, *arguments):
        gate.wait(PATIENCE)
        while True:
            call(*arguments)

    def close():
        gate.wait(PATIENCE)
        link.close()

    users = [begin(repeat, link.receive, 1000), begin(repeat, link.send, bytes(100_000))]
    for closer in [begin(close), begin(close)]:
        closer.result(PATIENCE)
    return [user.exception(PATIENCE) for user in users]


def test_threads_that_close_while_others_read_and_write():
    """Whatever comes first, every thread ends with OSError, and the descriptor is given back."""
    for _ in range(50):
        ours, theirs = socket.socketpair()
        with theirs:
            assert all(isinstance(error, OSError) for error in close_under_fire(SocketLink(ours, "x")))
            assert ours.fileno() == -1


@pytest.mark.parametrize("closer", [0, 1])
def test_a_send_that_waits_ends_when_either_side_closes(pair, closer):
    """The link is full to the last byte, so the send can only wait."""
    left, _ = pair
    while left.send_some(bytes(65_536)):
        pass
    waiting = begin(left.send, b"x" * 1_000_000)
    pair[closer].close()
    assert isinstance(waiting.exception(PATIENCE), OSError)


def test_close_is_a_clean_end_where_all_was_read():
    """The peer gets what was sent and then the end, not a reset."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = SocketLink(socket.create_connection(server.getsockname()), "server")
        with server.accept()[0] as peer:
            peer.sendall(b"question")
            assert receive_exactly(client, 8) == b"question"
            client.send(b"answer")
            client.close()
            peer.settimeout(PATIENCE)
            assert peer.recv(100) == b"answer"
            assert peer.recv(100) == b""


def test_a_broken_connection_is_an_error_not_an_end():
    """A peer that closes with unread input resets: OSError, since data may be missing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = SocketLink(socket.create_connection(server.getsockname()), "server")
        peer, _ = server.accept()
        client.send(b"never read")
        peer.recv(1)
        peer.close()
        with pytest.raises(ConnectionResetError):
            client.receive(PATIENCE)
        client.close()


@settings(derandomize=True, max_examples=50, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=5000), max_size=20), st.integers(1, 3000))
def test_bytes_arrive_once_and_in_order_however_they_are_cut(chunks, size):
    left, right = (SocketLink(sock, "x") for sock in socket.socketpair())
    sending = begin(lambda: [left.send(chunk) for chunk in chunks] and left.close())
    expected, got, buffer = b"".join(chunks), b"", bytearray(size)
    while len(got) < len(expected):
        try:
            count = right.recv_into(memoryview(buffer))
        except BlockingIOError:
            got += right.receive(PATIENCE) or b""
        else:
            got += buffer[:count]
    sending.result(PATIENCE)
    assert got == expected
    left.close()
    right.close()


def test_descriptors_beyond_1024(pair):
    """select() ends there; thousands of links must not."""
    resource, fcntl = pytest.importorskip("resource"), pytest.importorskip("fcntl")
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 1200:
        pytest.skip("the system gives this process fewer descriptors")
    sock, other = socket.socketpair()
    high = socket.socket(fileno=fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD_CLOEXEC, 1100))
    sock.close()
    link = SocketLink(high, "high")
    assert link.receive(0.001) is None
    other.sendall(b"x")
    assert link.receive(PATIENCE) == b"x"
    link.close()
    other.close()


def test_a_forked_child_leaves_the_connection_to_its_parent():
    """Closing in the child neither ends the parent's connection nor runs the acceptor's cleanup."""
    result = run("""
import os, socket
from sig_core.links.sockets import SocketAcceptor, SocketLink
left, right = (SocketLink(sock, "x") for sock in socket.socketpair())
listening = socket.create_server(("127.0.0.1", 0))
acceptor = SocketAcceptor(listening, "a", lambda sock: SocketLink(sock, "y"), lambda: print("gone"))
child = os.fork()
if child == 0:
    left.close(); acceptor.close(); left.close()
    try: left.send(b"x")
    except OSError: os._exit(0)
    os._exit(1)
assert os.waitpid(child, 0)[1] == 0
right.send(b"alive")
assert left.receive(10) == b"alive"
client = socket.create_connection(listening.getsockname())
server = acceptor.accept(10)
for each in (client, server, left, right): each.close()
print("parent"); acceptor.close()
""")
    assert (result.stdout.split(), result.returncode) == (["parent", "gone"], 0), result.stderr


@pytest.mark.skipif(not hasattr(socket, "MSG_NOSIGNAL"), reason="the system has no such flag")
def test_a_peer_that_left_does_not_kill_a_program_with_the_default_sigpipe():
    result = run("""
import signal, socket
from sig_core.links.sockets import SocketLink
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
left, right = (SocketLink(sock, "x") for sock in socket.socketpair())
right.close()
try: left.send(b"x")
except BrokenPipeError: print("lives")
left.close()
""")
    assert (result.stdout.strip(), result.returncode) == ("lives", 0), result.stderr


def test_cleanup_runs_once_and_while_the_address_is_held(listening):
    seen = []
    acceptor = SocketAcceptor(listening, "a", make_link, lambda: seen.append(os.fstat(listening.fileno()).st_ino))
    acceptor.close()
    acceptor.close()
    assert len(seen) == 1
    assert listening.fileno() == -1


def test_a_cleanup_that_fails_is_told_and_the_socket_closed(listening):
    def fail():
        raise PermissionError("not yours")

    acceptor = SocketAcceptor(listening, "a", make_link, fail)
    with pytest.raises(PermissionError):
        acceptor.close()
    assert listening.fileno() == -1


def refuse_with(error, seen):
    def refuse(sock):
        seen.append(sock)
        raise error

    return refuse


@pytest.mark.parametrize("number", [errno.ENOTCONN, errno.ECONNRESET, errno.ECONNABORTED])
def test_a_peer_that_left_while_it_was_accepted_is_nobody(listening, number):
    seen = []
    acceptor = SocketAcceptor(listening, "a", refuse_with(OSError(number, "gone"), seen), None)
    with socket.create_connection(listening.getsockname()):
        assert acceptor.accept(PATIENCE) is None
    assert seen[0].fileno() == -1
    acceptor.close()


@pytest.mark.parametrize("error", [OSError(errno.EMFILE, "too many"), RuntimeError("a fault of the carrier")])
def test_a_link_that_can_not_be_made_is_told_and_its_socket_closed(listening, error):
    seen = []
    acceptor = SocketAcceptor(listening, "a", refuse_with(error, seen))
    with socket.create_connection(listening.getsockname()), pytest.raises(type(error)) as caught:
        acceptor.accept(PATIENCE)
    assert caught.value is error
    assert seen[0].fileno() == -1
    acceptor.close()


def test_out_of_descriptors_is_told_and_the_peer_waits_on(listening):
    resource = pytest.importorskip("resource")
    acceptor = SocketAcceptor(listening, "a", make_link)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.create_connection(listening.getsockname()):
        lowest_free = os.dup(listening.fileno())
        os.close(lowest_free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
        try:
            with pytest.raises(OSError) as caught:
                acceptor.accept(PATIENCE)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert caught.value.errno == errno.EMFILE
        server = acceptor.accept(PATIENCE)
        assert server is not None
        server.close()
    acceptor.close()
