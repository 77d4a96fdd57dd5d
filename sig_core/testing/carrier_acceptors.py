"""Checks of listening: who comes, where, and when it ends."""

from __future__ import annotations

import threading
from contextlib import ExitStack, suppress
from functools import partial

from sig_core.contract import Acceptor, HasOnePeer
from sig_core.testing.carrier_suite import CarrierSuite
from sig_core.testing.ends import End
from sig_core.testing.waiting import begin, result, within

__all__ = ["AcceptorChecks"]

CLIENTS = 4
ALONE = 0.5  # seconds, scaled, in which nobody comes where nobody else can
BLOCKED = 0.3  # seconds of an accept during which somebody closes


class AcceptorChecks(CarrierSuite):
    """Acceptors."""

    def test_accept_waits_as_long_as_asked(self) -> None:
        """C40: With nobody there, accept gives None (or TimeoutError) when `timeout` seconds are over: not sooner, not
        much later. Mend: as for C13.
        """
        with self.listening() as acceptor:
            there = self.accept(acceptor, 0)
            if there is not None and self.has_one_peer(acceptor, there.traits):
                there.drop()
                self.skip("its one peer is simply there")
            self.check(there is None, "nobody connected, and accept gave a link; it gives None")
            for timeout in (0.0, 0.1):
                self.check_wait(f"accept({timeout:g})", timeout, partial(self.accept, acceptor, timeout))

    def test_several_clients(self) -> None:
        """C41: The links of one acceptor are separate. Mend: no buffer, queue or handle in the class or the acceptor
        that links share. An acceptor whose medium has one other end says one_peer=True.
        """
        with self.listening() as acceptor, ExitStack() as stack:
            pairs = [stack.enter_context(self.met(acceptor))]
            if self.has_one_peer(acceptor, pairs[0][0].traits):
                self._check_alone(acceptor)
                self.skip("its medium has one other end")
            pairs += [stack.enter_context(self.met(acceptor)) for _ in range(CLIENTS - 1)]
            self._check_apart(pairs)

    def _check_alone(self, acceptor: Acceptor) -> None:
        """Try whether a second client comes to where the acceptor says that none can."""
        if not isinstance(acceptor, HasOnePeer):
            return
        try:
            client = self.connect(acceptor)
        except OSError:
            return
        server = self.accept(acceptor, min(within(ALONE), self.patience))
        for end in (client, server):
            if end is not None:
                end.drop()
        self.check(server is None, "its acceptor says one_peer=True, and a second client came beside the first")

    def _check_apart(self, pairs: list[tuple[End, End]]) -> None:
        different = len({id(server.link) for _, server in pairs})
        self.check(different == CLIENTS, f"{CLIENTS} clients came, and accept gave {different} different links")
        for number, (client, _) in enumerate(pairs):
            client.send(b"%d" % number)
        for number, (client, server) in enumerate(pairs):
            wanted = b"to %d" % number
            got = self.carry(server, client, wanted)
            self.check(got == wanted, f"client {number} of {CLIENTS} was sent {wanted!r}, and {got!r} arrived")
            wanted, got = b"%d" % number, server.collect(1)
            self.check(got == wanted, f"client {number} of {CLIENTS} sent {wanted!r}, and {got!r} arrived")

    def test_close_ends_an_accept(self) -> None:
        """C42: An accept that waits while another thread closes the acceptor ends within its timeout.
        Mend: as for C31.
        """
        with self.listening() as acceptor:
            started = threading.Event()
            running = begin(_accept, acceptor, started)
            started.wait(within(self.timeout))
            self.soon("close of the acceptor", acceptor.close)
            result(f"{self.who}: accept({BLOCKED:g}), whose acceptor was closed,", BLOCKED + self.timeout, running)
            self._check_second_close(acceptor)

    def _check_second_close(self, acceptor: Acceptor) -> None:
        try:
            self.soon("the second close of the acceptor", acceptor.close)
        except OSError as error:
            raise AssertionError(f"{self.who}: the second close of the acceptor raised {error!r}") from error

    def test_links_outlive_their_acceptor(self) -> None:
        """C43: Links that were accepted live on when their acceptor closes. Mend: they own what they need, and the last
        one gives it back.
        """
        with self.listening() as acceptor, self.met(acceptor) as (client, server):
            self.soon("close of the acceptor", acceptor.close)
            try:
                for sender, receiver in ((client, server), (server, client)):
                    got = self.carry(sender, receiver, b"on it")
                    self.check(got == b"on it", "its acceptor was closed, and an accepted link carries no more")
            except (OSError, EOFError) as error:
                text = f"{self.who}: its acceptor was closed, and an accepted link raised {error!r}"
                raise AssertionError(text) from error

    def test_busy_address(self) -> None:
        """C44: Listening on an address that is taken raises OSError, and does not disturb its owner. Mend: no
        SO_REUSEPORT, no removal of a file that is in use; ask for exclusive use of a device. Where nothing tells that
        an address is taken, `address_traits` says exclusive=False.
        """
        with self.listening() as acceptor:
            exclusive = self.address_traits(acceptor).exclusive
            try:
                second = self.listen_again(acceptor)
            except OSError as error:
                refused = f"it says exclusive=False of {acceptor.address}, and a second listener is refused: {error!r}"
                self.check(exclusive, refused)
            else:
                second.close()
                self.check(not exclusive, f"{acceptor.address} is taken, and was given a second time")
                self.skip("nothing tells that an address of its medium is taken")
            while (probe := self.accept(acceptor, 0)) is not None:  # a carrier may have to ask who is there
                probe.drop()
                if self.has_one_peer(acceptor, probe.traits):
                    return
            with self.met(acceptor):
                pass

    def test_listen_again(self) -> None:
        """C45: An address is free when close has returned, also while links of it live. Mend: SO_REUSEADDR (POSIX), and
        remove the socket's file.
        """
        with self.listening() as acceptor, self.met(acceptor) as (client, _):
            self.soon("close of the acceptor", acceptor.close)
            try:
                again = self.listen_again(acceptor)
            except OSError as error:
                if not self._is_told(client.traits):
                    self.skip("links of its medium keep the address")
                text = f"{self.who}: {acceptor.address} was closed, and can't be taken again: {error}"
                raise AssertionError(text) from error
            try:
                with self.met(again):
                    pass
            finally:
                self.soon("close of the acceptor", again.close)

    def test_nobody_listens(self) -> None:
        """C46: To connect where nobody listens raises OSError in time. Mend: give connect a time limit, and make the
        connection in it, not in the first send.
        """
        with self.listening() as acceptor:
            self.soon("close of the acceptor", acceptor.close)
            url = self.client_url(acceptor.address)
            self.check(self.refuses(acceptor), f"nobody listens on {url}, and connect gave a link: it raises OSError")


def _accept(acceptor: Acceptor, started: threading.Event) -> None:
    started.set()
    with suppress(TimeoutError, OSError, EOFError, ValueError):
        link = acceptor.accept(BLOCKED)
        if link is not None:
            link.close()
