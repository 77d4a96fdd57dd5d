"""How the board checks get to a board; an author overrides what has to be started, or can be reset."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from sig_core.contract import Acceptor, Link
from sig_core.errors import SigError
from sig_core.events import Name
from sig_core.line.packets import DATA, PART, Packet
from sig_core.plugins import default_plugins
from sig_core.testing.board_fair import FairHost
from sig_core.testing.board_heard import Heard
from sig_core.testing.board_host import Host
from sig_core.testing.checks import Suite
from sig_core.testing.ends import End
from sig_core.testing.waiting import within

__all__ = ["BoardSuite", "url_of"]

LOOK = 0.5  # seconds of one accept
NO_METHOD = 255  # number of a method that hardly any board has


class BoardSuite(Suite):
    """What the checks stand on. Set `url`; override the rest where a board needs it.

    Attributes:
        url: where the board is: a port (`/dev/ttyACM0`, `COM3`), or a URL to listen on.
        comes: seconds that it may take to be there, scaled: to boot, or to connect.
        echo: name of a method that answers its params; "": it has none.
        fires: a method, and its params, that make it fire events; None: it fires by itself, or never.
        acts: call its methods with any params, and fire what it listens to: only where that moves nothing.
        name: of its sender, once a check has learned it.
    """

    url: str = ""
    comes = 30.0
    echo: str = ""
    fires: tuple[str, Any] | None = None
    acts = False
    name: Name | None = None
    plugin = "url"

    @contextmanager
    def start(self) -> Iterator[str]:
        """Start the board, and return the URL to listen on; end it afterwards. It is called for each check."""
        yield self.url

    @contextmanager
    def calling(self, address: str) -> Iterator[None]:
        """Start a board that connects by itself, now that somebody listens at `address`; end it afterwards."""
        yield

    def reset(self) -> None:
        """Press its reset button; without this, the checks that need it are skipped."""
        self.skip("it can't be reset from here: override `reset`")

    # -- what the checks use

    @property
    def who(self) -> str:
        """See `Suite`."""
        where = f" at {self.url}" if self.url else ""
        return f"board{where}" if self.name is None else f"board {self.name!r}"

    @contextmanager
    def line(self) -> Iterator[tuple[End, Acceptor]]:
        """Return a link to the board, and the acceptor that the next one comes from."""
        with ExitStack() as stack:
            url = url_of(stack.enter_context(self.start()))
            try:
                acceptor = self.soon(f"listen on {url}", default_plugins().listen, url)
            except (SigError, OSError) as error:
                raise AssertionError(f"{self.who}: {error}") from error
            stack.callback(self._put_away, acceptor)
            stack.enter_context(self.calling(acceptor.address))
            end = self.accept(acceptor)
            stack.callback(end.drop)
            yield end, acceptor

    def _put_away(self, acceptor: Acceptor) -> None:
        with suppress(Exception):
            self.soon("close of the acceptor", acceptor.close)

    def accept(self, acceptor: Acceptor) -> End:
        """Return the next link that the board is at."""
        until = time.monotonic() + within(self.comes)
        link: Link | None = None
        while link is None:
            self.check(time.monotonic() < until, f"nobody came to {acceptor.address} within {within(self.comes):g} s")
            try:
                link = acceptor.accept(LOOK)
            except TimeoutError:
                continue
            except OSError as error:
                raise AssertionError(f"{self.who}: {error}") from error
        self.check(not link.traits.packets, f"came over links of packets to {acceptor.address}; boards need a stream")
        return End(link, self, "host")

    @contextmanager
    def calls(self, **changes: object) -> Iterator[Host]:
        """Return a host that has just begun a session, and taken nothing; `changes`: of its SYN."""
        with self.line() as (end, _):
            host = Host(end, self)
            host.credit = int(changes.pop("credit", host.credit))  # type: ignore[call-overload]
            host.acks = False
            host.begin(self.comes, **changes)
            try:
                yield host
            finally:
                with suppress(AssertionError, OSError):
                    host.apart()

    @contextmanager
    def session(self, **changes: object) -> Iterator[Host]:
        """Return a host at which the board is in."""
        with self.calls(**changes) as host:
            host.acks = True
            host.settle()
            self.learn(host.heard)
            yield host

    @contextmanager
    def served(self) -> Iterator[FairHost]:
        """Return a host that keeps all rules, at which the board is in."""
        with self.line() as (end, _):
            host = FairHost(end, self)
            host.settle(self.comes)
            self.learn(host.heard)
            yield host
            with suppress(AssertionError, OSError):
                host.over()

    def learn(self, heard: Heard) -> None:
        """Note how the board is called."""
        self.name = heard.name

    def first(self, host: Host, what: str, seconds: float | None = None) -> Packet:
        """Wait for packet 0: the begin of its registration."""
        return host.wait(what, lambda packet: packet.kind in (DATA, PART) and packet.seq == 0, seconds)

    def no_method(self, heard: Heard) -> int:
        """Return the number of a method that it does not have: what it answers to that is known, and does nothing.

        Raises:
            SkipTest: it answers no requests at all.
        """
        if not heard.methods:
            self.skip("it answers no requests")
        return NO_METHOD if len(heard.methods) <= NO_METHOD else self.skip("it has 256 methods")


def url_of(port: str) -> str:
    """Return the URL of a port that is named as the system does; a URL is left as it is."""
    return port if "://" in port else f"serial://{port}"
