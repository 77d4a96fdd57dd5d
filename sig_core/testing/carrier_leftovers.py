"""Checks of what is left behind, and of a peer that is killed."""

from __future__ import annotations

import gc
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from sig_core.contract import Acceptor
from sig_core.testing.carrier_suite import CarrierSuite
from sig_core.testing.child import Unnamed, child
from sig_core.testing.ends import End
from sig_core.testing.waiting import THREAD, eventually, within

__all__ = ["LeftoverChecks", "descriptors"]

CYCLES, LEAST = 100, 4
ENOUGH = 0.6  # seconds; a medium that is slow to close is opened less often
SETTLE = 2.0  # seconds that the system, or a thread that ends, may take
UNREACHED = 0.5  # seconds, scaled, in which nobody comes where no other process can

# The peer that is killed. It says when it has sent, and waits for its end.
PEER = """
from sig_core.address import Address
from sig_core.testing.carrier_suite import subject_of
address = Address.parse(sys.argv[3])
link = subject_of(found, address).connect(address)
link.send(b"alive")
print("sent", flush=True)
sys.stdin.read()
"""


class LeftoverChecks(CarrierSuite):
    """Descriptors, threads, and processes."""

    def test_nothing_is_left(self) -> None:
        """C60: 100 links, closed by either side first, leave no descriptor and no thread. Mend: close what connect,
        listen and accept opened; end your threads in close.
        """
        with self.open_pair():  # what is opened once and kept is no leak
            pass
        with self._counted("opened and closed"):
            until = time.monotonic() + within(min(ENOUGH, self.timeout))
            for number in range(CYCLES):
                with self.pair() as ends:
                    for end in ends if number % 2 else reversed(ends):
                        end.drop()
                if number >= LEAST and time.monotonic() > until:
                    break

    def test_refused_connects_leave_nothing(self) -> None:
        """C61: Connects that fail leave no descriptor and no thread.
        Mend: close the handle when what follows raises.
        """
        with self.listening() as acceptor:
            self.soon("close of the acceptor", acceptor.close)
            self._refused(acceptor)
            with self._counted("refused"):
                for _ in range(20):
                    self._refused(acceptor)

    def _refused(self, acceptor: Acceptor) -> None:
        if not self.refuses(acceptor):
            self.skip("nobody listens, and it connects: see C46")

    @contextmanager
    def _counted(self, what: str) -> Iterator[None]:
        """Let nothing be left that was not there before."""
        gc.collect()
        files, threads = descriptors(), _threads()
        yield
        gc.collect()
        try:
            eventually(lambda: len(_threads() - threads) == 0, min(SETTLE, self.timeout))
        except AssertionError:
            names = sorted(thread.name for thread in _threads() - threads)
            raise AssertionError(f"{self.who}: links that were {what} left {len(names)} threads: {names[:3]}") from None
        try:
            eventually(lambda: descriptors() <= files, min(SETTLE, self.timeout))
        except AssertionError:
            left = descriptors() - files
            raise AssertionError(f"{self.who}: links that were {what} left {left} descriptors open") from None

    def test_peer_is_killed(self) -> None:
        """C62: A peer that dies without a word ends the link: EOFError or OSError, after what it sent. Mend: raise what
        the medium says; a medium that says nothing declares reliable=False. Of one that lies within one process,
        `address_traits` says between_processes=False.
        """
        with self.listening() as acceptor, self._peer(self._url_to(acceptor)) as peer:
            if not self.address_traits(acceptor).between_processes:
                self._check_unreached(acceptor)
            server = self.accept(acceptor)
            if server is None:
                raise AssertionError(f"{self.who}: another process connected, and accept gave None")
            try:
                self.only_reliable(server.traits)
                self.skip_if_untold(server.traits)
                got = server.collect(5)
                self.check(got == b"alive", f"another process sent b'alive', and {got!r} arrived")
                peer.kill()
                peer.wait()
                self._check_told(server)
            finally:
                server.drop()

    def _check_unreached(self, acceptor: Acceptor) -> NoReturn:
        """Skip, if really nobody comes to where the carrier says that no other process can."""
        server = self.accept(acceptor, min(within(UNREACHED), self.patience))
        if server is not None:
            server.drop()
            self.check(False, f"it says between_processes=False of {acceptor.address}, and another process came")
        self.skip("its medium lies within one process")

    def _check_told(self, server: End) -> None:
        try:
            server.packets(1)
        except OSError:
            return
        self.check(server.ended, f"its peer was killed, and receive gave None for {self.timeout:g} s")

    @contextmanager
    def _peer(self, url: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a process that connects; it ends with the block."""
        try:
            command = child(self.made, PEER, url)
        except Unnamed as reason:
            self.skip(str(reason))
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as peer:
            try:
                assert peer.stdout is not None and peer.stderr is not None
                if self.soon("connect in another process", peer.stdout.readline) != b"sent\n":
                    peer.kill()
                    why = peer.stderr.read().decode(errors="replace").strip().rpartition("\n")[2]
                    self.skip(f"another process can't connect to {url}: {why}")
                yield peer
            finally:
                peer.kill()


def descriptors() -> int:
    """Count the open descriptors of this process; 0 where the system does not list them."""
    for folder in (Path("/proc/self/fd"), Path("/dev/fd")):
        if folder.is_dir():
            return len(list(folder.iterdir()))
    return 0


def _threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name != THREAD}
