"""How the carrier checks get their links; an author overrides what is different for a medium."""

from __future__ import annotations

import inspect
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any

from sig_core.address import Address, as_query
from sig_core.contract import Acceptor, AddressTraits, Carrier, HasAddressTraits, HasOnePeer, Link, LinkTraits
from sig_core.testing.checks import Suite
from sig_core.testing.credentials import client_url, server_url
from sig_core.testing.ends import End
from sig_core.testing.waiting import within

__all__ = ["CarrierSuite", "subject_of"]

HELLO = b"hello"  # what makes a peer known on a medium where peers are heard, not connected
ROUNDS = 3  # waits of which one has to be as short as asked: a busy machine makes them longer
LATE = 0.3  # seconds by which it may be longer, scaled
TURN = 0.2  # seconds between two of them
STREAM = LinkTraits(packets=False, reliable=True)  # what TLS makes of any link
PIECE = 4096  # bytes of one send where the medium sets no smaller limit


class CarrierSuite(Suite):
    """What the checks stand on. Set `carrier` and `url`; override the rest where links come in another way.

    What a medium can't do is no matter of its tests: the carrier says it (`HasAddressTraits`, `HasOnePeer`).

    Attributes:
        carrier: a callable that returns the carrier (its class, mostly), or the carrier.
        url: to listen on; `{folder}` in it becomes an empty folder. With `tls+` before it the carrier is checked inside
            TLS, with certificates that the kit makes, where the URL names none.
    """

    carrier: Any = None
    url: str = ""
    plugin = "carrier"
    verb = "connect"
    _options: Mapping[str, str] = {}  # of the URL that is listened on

    def client_url(self, bound: str) -> str:
        """Return the URL to connect to, where the listener is bound to `bound`."""
        return bound

    @contextmanager
    def listening(self) -> Iterator[Acceptor]:
        """Listen on `url`; end it afterwards."""
        with tempfile.TemporaryDirectory(prefix="sig-kit-") as folder:
            url = server_url(self.url.replace("{folder}", folder))
            self._options = Address.parse(url).options
            acceptor: Acceptor = self.soon(f"listen on {url}", self.subject.listen, Address.parse(url))
            try:
                yield acceptor
            finally:
                with suppress(Exception):
                    self.soon("close of the acceptor", acceptor.close)

    @contextmanager
    def open_pair(self) -> Iterator[tuple[Link, Link]]:
        """Return both ends of a link, the client's and the server's; close them afterwards."""
        with self.listening() as acceptor, self.met(acceptor) as (client, server):
            yield client.link, server.link

    # -- what the checks use

    @property
    def who(self) -> str:
        """See `Suite`."""
        return f"carrier {getattr(self.made, 'scheme', type(self.made).__name__)!r}"

    @cached_property
    def subject(self) -> Carrier:
        """The carrier, as one for threads, and inside TLS where `url` begins with `tls+`."""
        return subject_of(self.made, Address.parse(self.url))

    @contextmanager
    def pair(self) -> Iterator[tuple[End, End]]:
        """Return both ends, ready to be used."""
        with self.open_pair() as (client, server):
            yield self.end(client, "client"), self.end(server, "server")

    def listen_again(self, acceptor: Acceptor) -> Acceptor:
        """Listen where an acceptor does or did, with the options that it was given."""
        address = self.address_of(acceptor)
        again: Acceptor = self.soon(f"listen on {address.url}", self.subject.listen, address)
        return again

    def _url_to(self, acceptor: Acceptor) -> str:
        """Return the URL to connect to an acceptor, with all that TLS takes."""
        return client_url(self.client_url(acceptor.address))

    def connect(self, acceptor: Acceptor) -> End:
        """Connect to an acceptor."""
        url = self._url_to(acceptor)
        return self.end(self.soon(f"connect to {url}", self.subject.connect, Address.parse(url)), "client")

    def end(self, link: Any, name: str) -> End:
        """Wrap a link that says what it is like; all checks build on that."""
        traits = getattr(link, "traits", None)
        good = isinstance(traits, LinkTraits)
        self.check(good, f"traits of the {name} are {traits!r}, no LinkTraits (packets=..., reliable=...)")
        return End(link, self, name)

    def accept(self, acceptor: Acceptor, timeout: float | None = None) -> End | None:
        """Return the next link within `timeout` seconds, None if there is none; a TimeoutError is none."""
        wait = self.patience if timeout is None else timeout
        try:
            link = self.soon(f"accept({wait:g})", acceptor.accept, wait)
        except TimeoutError:
            return None
        return None if link is None else self.end(link, "server")

    @property
    def patience(self) -> float:
        """Seconds, scaled, for what is waited for inside a call: less than those after which the call hangs."""
        return within(self.timeout) * 0.8

    def meet(self, acceptor: Acceptor) -> tuple[End, End]:
        """Return both ends of a new link."""
        client = self.connect(acceptor)
        try:
            heard = client.traits.packets and not client.traits.reliable
            server = self._heard(client, acceptor) if heard else self.accept(acceptor)
            if server is None:
                raise AssertionError(
                    f"{self.who}: connect to {self.client_url(acceptor.address)} gave a link, but accept gave none "
                    f"within {self.patience:g} s: the address may not be the one that is listened on"
                )
        except BaseException:
            client.drop()
            raise
        return client, server

    @contextmanager
    def met(self, acceptor: Acceptor) -> Iterator[tuple[End, End]]:
        """Return both ends of a new link; close them afterwards."""
        ends = self.meet(acceptor)
        try:
            yield ends
        finally:
            for end in ends:
                end.drop()

    def _heard(self, client: End, acceptor: Acceptor) -> End | None:
        until = time.monotonic() + self.patience
        while time.monotonic() < until:
            client.send(HELLO)
            server = self.accept(acceptor, TURN)
            if server is not None:
                while server.receive(TURN / 4) is not None:
                    pass
                return server
        return None

    def carry(self, sender: End, receiver: End, data: bytes) -> bytes:
        """Send `data` and return what arrives; where some may be lost on the way, it is sent up to five times."""
        if sender.traits.reliable:
            sender.send(data)
            return receiver.collect(len(data))
        got = b""
        for _ in range(5):
            sender.send(data)
            got = receiver.collect(len(data), self.timeout / 10)
            if got == data:
                break
        return got

    def check_wait(self, what: str, timeout: float, call: Callable[[], object]) -> None:
        """Call what waits for something that does not come: once it has to take as long as asked."""
        spent = []
        for _ in range(ROUNDS):
            began = time.monotonic()
            got = call()
            spent.append(time.monotonic() - began)
            self.check(got is None, f"nothing was there, and {what} gave {got!r}; it gives None")
            self.check(spent[-1] >= timeout / 2, f"{what} gave up after {spent[-1]:.4f} s: timeouts are seconds")
            if spent[-1] < timeout + within(LATE):
                return
        self.check(False, f"{what} took {min(spent):.2f} s at best of {ROUNDS}: it has to keep to its timeout")

    def has_one_peer(self, acceptor: Acceptor, traits: LinkTraits) -> bool:
        """Return whether all links of an acceptor, of which one has these traits, lead to one other end."""
        return acceptor.one_peer if isinstance(acceptor, HasOnePeer) else not (traits.packets or traits.reliable)

    def address_traits(self, acceptor: Acceptor) -> AddressTraits:
        """Return what the carrier says of the address that is listened on."""
        if not isinstance(self.made, HasAddressTraits):
            return AddressTraits()
        found: object = self.made.address_traits(_below_tls(self.address_of(acceptor)))
        self.check(isinstance(found, AddressTraits), f"address_traits returned {found!r}; it returns AddressTraits")
        assert isinstance(found, AddressTraits)
        return found

    def address_of(self, acceptor: Acceptor) -> Address:
        """Return where an acceptor listens or did, with the options that it was given."""
        bound = Address.parse(acceptor.address)
        return Address.parse(acceptor.address.partition("?")[0] + as_query({**self._options, **bound.options}))

    def only_reliable(self, traits: LinkTraits) -> None:
        """Skip the check on a medium that may lose what is sent."""
        if not traits.reliable:
            self.skip("its links may lose what is sent")

    def skip_if_untold(self, traits: LinkTraits) -> None:
        """Skip the check on a medium where connect, which gave a link, can't know whether somebody is there."""
        if not self._is_told(traits):
            self.skip("its medium does not tell whether somebody is there")

    def _is_told(self, traits: LinkTraits) -> bool:
        """Return whether the medium of a link with these traits tells that nobody is there, or not any more."""
        return traits.reliable and getattr(self.subject, "is_told", True)

    def refuses(self, acceptor: Acceptor) -> bool:
        """Return whether connect raises OSError, once an acceptor was closed; skip where it can't know."""
        self.skip_if_untold(STREAM)
        try:
            link = self.connect(acceptor)
        except OSError:
            return True
        link.drop()
        self.skip_if_untold(link.traits)
        return False

    def piece(self, traits: LinkTraits) -> int:
        """Return a size for one send of many."""
        return min(traits.mtu or PIECE, PIECE)


def _below_tls(address: Address) -> Address:
    if not address.is_secured:
        return address
    from sig_core.links.tls import OPTIONS  # who has no TLS needs none of it

    return address.below_tls(OPTIONS)


def subject_of(made: Any, address: Address) -> Carrier:
    """Return a carrier as one for threads, also if it is one for asyncio; inside TLS, if an address asks for that."""
    carrier: Carrier = made
    if inspect.iscoroutinefunction(getattr(made, "connect", None)):
        from sig_core.links.asyncio_bridge import Bridge  # asyncio only for whom it is meant for

        carrier = Bridge(made)
    if address.is_secured:
        from sig_core.testing.secured import Secured

        return Secured(carrier)
    return carrier
