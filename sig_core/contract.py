"""What a carrier and a codec are: the one file that a plug-in author reads.

A carrier writes verbs and states facts. The core owns threads, framing, checksums, retries, reconnecting, TLS, error
mapping and idempotent close. Nothing here is inherited: a class that has the members is one.

What the core promises a link: at most one `send` and one `receive` at a time (they may overlap); `close` from any
thread, at any time, once; `send` never gets more than `mtu` bytes; nothing is called after `close`.
Errors: raise OSError (or what `errors` of the carrier names) for what the world broke, EOFError from `receive` when the
peer ended; the core turns them into its own.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

from sig_core.address import Address

__all__ = [
    "Acceptor",
    "AsyncAcceptor",
    "AsyncCarrier",
    "AsyncLink",
    "Carrier",
    "Codec",
    "Link",
    "LinkTraits",
    "Medium",
    "OptionWrapper",
    "PollableAcceptor",
    "PollableLink",
    "Wrapper",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkTraits:
    """What a link is like; the core picks framing and retries from it.

    Attributes:
        packets: one send is one receive; else a byte stream.
        reliable: all bytes, once, in order, undamaged, until close.
        mtu: bytes that one send may carry, at least 8; None: no limit.
        bitrate: bits per second that the medium moves, if it is known; retransmit times follow from it.
    """

    packets: bool
    reliable: bool
    mtu: int | None = None
    bitrate: int | None = None


class Link(Protocol):
    """One live connection. `peer` is printable: logs and access rules show it."""

    traits: LinkTraits
    peer: str

    def send(self, data: bytes, /) -> None:
        """Send all of it, or raise. May block while the medium is slow."""

    def receive(self, timeout: float, /) -> bytes | None:
        """Return what came: 1 byte or more (a packet: one whole packet).

        None or TimeoutError: nothing came within `timeout` seconds. EOFError: the peer ended. OSError: it broke.
        """

    def close(self) -> None:
        """Release the medium. A blocked `receive` ends within its timeout, or at once if the medium can."""


@runtime_checkable
class PollableLink(Link, Protocol):
    """A link whose readiness the system reports: thousands of them share one thread.

    These are called on one thread only, level-triggered; a packet link moves one packet a call.

    Optional method `recv(size: int) -> bytes`, of streams: reads what `recv_into` would, at most `size` bytes (1 and
    more), b"" at the end. It saves a copy of what is big.
    """

    wants_write: bool  # output is waiting inside the link itself (TLS); False for plain media

    def fileno(self) -> int:
        """The descriptor to poll; stable until close."""

    def recv_into(self, buffer: memoryview, /) -> int:
        """Read what is there: n > 0 bytes; 0 is the end. BlockingIOError: nothing now."""

    def send_some(self, data: bytes | memoryview, /) -> int:
        """Send what goes now: 0 .. len(data) bytes (a packet: all or 0)."""


class Acceptor(Protocol):
    """What `listen` gives. `address` is a URL as bound: port 0 is resolved.

    Optional attribute `one_peer: bool`, of streams that may lose bytes: False, if its links lead to many peers. Without
    it they are taken for one line, such as a serial port, that is plugged in again and again: one link at a time, and
    what did not arrive on one arrives on the next.
    """

    address: str

    def accept(self, timeout: float, /) -> Link | None:
        """Return the next peer's link; None: nobody came within `timeout` seconds."""

    def close(self) -> None:
        """Stop listening; a blocked `accept` ends within its timeout. Links that were accepted live on."""


@runtime_checkable
class PollableAcceptor(Acceptor, Protocol):
    """An acceptor that shares the I/O thread: when its descriptor is readable, `accept(0)` is called."""

    def fileno(self) -> int:
        """The descriptor to poll; stable until close."""


class Carrier(Protocol):
    """A medium. `scheme` is the first word of its URLs and the name of its entry point.

    Optional attribute `options: frozenset[str]`: the query options that its URLs take; others are refused by the core.
    Optional attribute `errors: tuple[type[Exception], ...]`: what its driver raises beside OSError.
    Optional attribute `trial: str`: a URL that can be listened on in any machine, for `sig doctor` to try; `{folder}`
    in it becomes an empty folder.
    Optional method `ports() -> list[dict]`: the places of this machine that its URLs can name, for `sig ports` and
    `sig doctor`; it opens none of them. Each has `device` and `description` (text), `urls` (that lead there, the most
    lasting first), `removable` (whether somebody plugged it in), `state` ("free", "busy", or "denied": this user may
    not), `cause` and `remedy` (a line each; "" if there is none).

    The options `name` and `prefix` of an address to listen on are the core's: what it calls boards that come there.
    """

    scheme: str

    def connect(self, address: Address, /) -> Link:
        """Return a live link to the listener at `address`, or raise OSError."""

    def listen(self, address: Address, /) -> Acceptor:
        """Take `address`, or raise OSError."""


class AsyncLink(Protocol):
    """The same on asyncio. `receive` is never cancelled but by `close`; it raises EOFError at the end.

    Optional method `abort()`, no coroutine: lets go of the medium at once. It is called when `close`, which may take
    leave of the peer, takes longer than a second: that peer does not read, or is no longer there.
    """

    traits: LinkTraits
    peer: str

    async def send(self, data: bytes, /) -> None: ...
    async def receive(self) -> bytes: ...
    async def close(self) -> None: ...


class AsyncAcceptor(Protocol):
    """The same on asyncio. `sig_core.links.callback_acceptor` has one for libraries that call a handler."""

    address: str

    async def accept(self) -> AsyncLink: ...
    async def close(self) -> None: ...


class AsyncCarrier(Protocol):
    """The same on asyncio; the core sees by the coroutine functions which one a plug-in is."""

    scheme: str

    async def connect(self, address: Address, /) -> AsyncLink: ...
    async def listen(self, address: Address, /) -> AsyncAcceptor: ...


class Medium(Protocol):
    """One handle, many peers: a UDP socket, a CAN bus, an RS-485 line."""

    traits: LinkTraits
    address: str

    def send_to(self, data: bytes, peer: Hashable, /) -> None: ...
    def receive_from(self, timeout: float, /) -> tuple[bytes, Hashable] | None: ...
    def close(self) -> None: ...


class Codec(Protocol):
    """An encoding of values (`sig_core.portable` says which). Both methods are called from any thread at any time.

    Attributes:
        name: what a hello negotiates, and the name of the entry point.
        extras: what it carries beyond the portable model: "bytes", "nonfinite".

    Optional attribute `narrows: str`: what it changes of values, by its declaration ("floats to float32"). Such a codec
    is offered only where it is named.
    Optional attribute `reads: frozenset[str]`: names of other codecs whose bytes it decodes as they are, so that they
    are passed on untouched.
    Optional attribute `decode_most: Callable[[bytes], Any]`: a faster way to decode, a library's own function at best,
    since the call of one in Python costs as much as some values take. It gives what `decode` would, or raises anything:
    then `decode` is asked.
    Optional attribute `decode_many: Callable[[Sequence[bytes]], list[Any]]`: a way to decode events that came
    together, where a call costs as much as a value does. It gives what `decode` would for each, or raises anything:
    then they are decoded one by one.
    """

    name: str
    extras: frozenset[str]

    def encode(self, value: Any, /) -> bytes:
        """Return the bytes of one value.

        A value that can't be carried unchanged is refused with any exception (best EncodeError, naming the place); it
        is never altered in silence. Two equal calls need not give equal bytes.
        """

    def decode(self, data: bytes, /) -> Any:
        """Return the value of exactly these bytes; any exception means that they are none. Never runs what they say."""


class OptionWrapper(Protocol):
    """A wrapper that takes options from the query of the URL; see `Wrapper`.

    Optional method `check(address)`: called when a URL is taken, before there is a link; raises ConfigError for a value
    that can't be meant. What is not refused there is refused at each link anew.
    """

    options: frozenset[str]
    """The names it takes; they are not passed to the carrier."""

    def __call__(self, link: Link, address: Address, /) -> Link:
        """Return the link around `link`. Of its options `address` has those that this wrapper takes."""


Wrapper: TypeAlias = Callable[[Link], Link] | OptionWrapper
"""A link inside a link: `name+scheme://...` gives each link of `scheme` to the wrapper that the entry point `name` of
the group `sig.wrappers` names. It gives a link that talks through the one it got, and closes that with itself. It works
at the end where it is written; the other end knows nothing of it."""
