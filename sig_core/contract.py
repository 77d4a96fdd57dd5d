"""What a carrier and a codec are: the one file that a plug-in author reads.

A carrier writes verbs and states facts. The core owns threads, framing, checksums, retries, reconnecting, TLS, error
mapping and idempotent close. Nothing here needs to be inherited: a class that has the members is one.

What a class may leave out is a protocol of its own, named for its member: `HasErrors` for `errors`. The core asks by
isinstance, once, when it is handed the object: a member that is added later is not seen. A class that inherits what it
offers, as in `class LabCarrier(HasOptions, HasErrors)`, is compared with it by a type checker; `@final` on the class
makes that find a misspelt name too.

What the core promises a link: at most one `send` and one `receive` at a time (they may overlap); `close` from any
thread, at any time, once; `send` never gets more than `mtu` bytes; nothing is called after `close`.
Errors: raise OSError (or what `errors` of the carrier names) for what the world broke, EOFError from `receive` when the
peer ended; the core turns them into its own.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, TypedDict, runtime_checkable

from sig_core.address import Address

__all__ = [
    "Acceptor",
    "AddressTraits",
    "AsyncAcceptor",
    "AsyncCarrier",
    "AsyncLink",
    "Carrier",
    "Codec",
    "HasAbort",
    "HasAddressTraits",
    "HasCheck",
    "HasDecodeMany",
    "HasDecodeMost",
    "HasErrors",
    "HasNarrows",
    "HasOnePeer",
    "HasOptions",
    "HasPeerCertificate",
    "HasPending",
    "HasPorts",
    "HasReads",
    "HasRecv",
    "HasTraits",
    "HasTrial",
    "HasUnixPeer",
    "Link",
    "LinkTraits",
    "Medium",
    "OptionWrapper",
    "PeerCertificate",
    "PollableAcceptor",
    "PollableLink",
    "PortInfo",
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
    """

    wants_write: bool  # output is waiting inside the link itself (TLS); False for plain media

    def fileno(self) -> int:
        """The descriptor to poll; stable until close."""

    def recv_into(self, buffer: memoryview, /) -> int:
        """Read what is there: n > 0 bytes; 0 is the end. BlockingIOError: nothing now."""

    def send_some(self, data: bytes | memoryview, /) -> int:
        """Send what goes now: 0 .. len(data) bytes (a packet: all or 0). The next call begins with what is left."""


@runtime_checkable
class HasRecv(Protocol):
    """A pollable stream that saves a copy of what is big. Not promised: that `recv` is called; `recv_into` may be."""

    def recv(self, size: int, /) -> bytes:
        """Read what `recv_into` would, at most `size` bytes (1 and more); b"" is the end."""


@runtime_checkable
class HasPending(Protocol):
    """A pollable link that may hold input of which no poll tells, since it has read it already: TLS decrypts more at
    once than it is asked for. Then it is read without a poll.
    """

    @property
    def pending(self) -> bool:
        """Whether `recv_into` may give something though the descriptor is not readable. Not promised: that it does."""


class PeerCertificate(NamedTuple):
    """A certificate that the other end has shown, and that was verified: who signed it is trusted, it is in its time.

    Attributes:
        facts: what it says, as `ssl.SSLSocket.getpeercert()` gives it: `subject`, `subjectAltName`, `notAfter`, ...
        sha256: of the whole of it (DER), 64 lower-case hex digits.
    """

    facts: Mapping[str, Any]
    sha256: str


@runtime_checkable
class HasPeerCertificate(Protocol):
    """A link whose other end may have shown a certificate. Those of `tls+` are such, once they have read a byte."""

    @property
    def peer_certificate(self) -> PeerCertificate | None:
        """What was shown and verified; None: nothing yet, or nothing at all, as by clients that are not asked."""


@runtime_checkable
class HasCounts(Protocol):
    """A pollable link whose reads and sends survive Ctrl-C, and what signal handlers raise: it says how much passed.

    Without it such an interrupt, if it comes while the link is used, ends the link: nobody knows what is out. Each
    method does what the one of `PollableLink` does, and appends the number to `counts` in one step with the system
    call: an interrupt can come between any two calls. `counts.extend(map(sock.send, (data,)))` is such a step.
    """

    def recv_counted(self, buffer: memoryview, counts: list[int], /) -> None:
        """Do what `recv_into` does."""

    def send_counted(self, data: bytes | memoryview, counts: list[int], /) -> None:
        """Do what `send_some` does."""


@runtime_checkable
class HasUnixPeer(Protocol):
    """Of a link on which the system says who is at the other end: rules may know a peer by that."""

    @property
    def unix_peer(self) -> tuple[int, int, int]:
        """Process, user and group of the peer, as numbers."""


class Acceptor(Protocol):
    """What `listen` returns. `address` is a URL as bound: port 0 is resolved."""

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


@runtime_checkable
class HasTraits(Protocol):
    """An acceptor all of whose links are alike, and that knows it before there is one: what can't be done with them is
    refused where it is listened on, not at each of them.
    """

    @property
    def traits(self) -> LinkTraits:
        """What its links are like."""


@runtime_checkable
class HasOnePeer(Protocol):
    """An acceptor that says whether all of its links lead to one other end. It is read at each link that it returns.

    Such links are one line, plugged in again and again: one at a time, and what did not arrive on one arrives on the
    next. Without this, streams that may lose bytes are taken for such a line (a serial port), and no others are.
    """

    one_peer: bool


class Carrier(Protocol):
    """A medium. `scheme` is the first word of its URLs and the name of its entry point.

    The options `name`, `prefix` and `open` of an address to listen on are the core's: what it calls boards that come
    there, and whether other machines may reach it.
    """

    scheme: str

    def connect(self, address: Address, /) -> Link:
        """Return a live link to the listener at `address`, or raise OSError."""

    def listen(self, address: Address, /) -> Acceptor:
        """Take `address`, or raise OSError."""


@runtime_checkable
class HasOptions(Protocol):
    """A carrier that names the query options that its URLs take: the core refuses all others.

    Without it the carrier has to refuse them by itself. Values are the carrier's to check in either case.
    """

    options: frozenset[str]


@runtime_checkable
class HasErrors(Protocol):
    """A carrier whose driver raises more than OSError: the core takes these for what the world broke, too."""

    errors: tuple[type[Exception], ...]


@runtime_checkable
class HasTrial(Protocol):
    """A carrier with a URL that can be listened on in any machine, for `sig doctor` and `pytest --sig-carrier`.

    `{folder}` in it becomes an empty folder. Not promised: that nobody else listens there at the same time.
    """

    trial: str


class PortInfo(TypedDict):
    """A place of this machine that a URL can name.

    Attributes:
        device: what the system calls it.
        description: of what is there, for people.
        urls: that lead there, the most lasting first.
        removable: whether somebody plugged it in.
        state: "denied": this user may not open it.
        cause, remedy: why it can't be used and what to do, a line each; "" if there is none.
    """

    device: str
    description: str
    urls: list[str]
    removable: bool
    state: Literal["free", "busy", "denied"]
    cause: str
    remedy: str


@runtime_checkable
class HasPorts(Protocol):
    """A carrier that can list what is plugged in, for `sig ports` and `sig doctor`."""

    def ports(self) -> Iterable[PortInfo]:
        """Return the ports that are there now; opens none of them. Not promised: that one is still there when used."""


class AddressTraits(NamedTuple):
    """What the medium at an address can do, as its carrier says.

    Attributes:
        exclusive: to listen where somebody listens raises OSError. False: nothing tells that the address is taken.
        between_processes: another program reaches who listens there. False: it lies within one process.
        within_machine: what passes is read by nobody on another machine, whatever the address. A client sends a token
            there, as it does over TLS and to the loopback interface.
    """

    exclusive: bool = True
    between_processes: bool = True
    within_machine: bool = False


@runtime_checkable
class HasAddressTraits(Protocol):
    """A carrier some of whose addresses can't do what others can: a bus without owners, a medium within a process."""

    def address_traits(self, address: Address, /) -> AddressTraits:
        """Return what is so at `address`. Nothing is opened for it, and nobody needs to listen there."""


class AsyncLink(Protocol):
    """The same on asyncio. `receive` is never cancelled but by `close`; it raises EOFError at the end."""

    traits: LinkTraits
    peer: str

    async def send(self, data: bytes, /) -> None: ...
    async def receive(self) -> bytes: ...
    async def close(self) -> None: ...


@runtime_checkable
class HasAbort(Protocol):
    """A link on asyncio that can let go of its medium without a word.

    `abort` is called when `close`, which may take leave of the peer, takes longer than a second: that peer does not
    read, or is no longer there. `close` is cancelled before. Not promised: that what was sent has left.
    """

    def abort(self) -> None:
        """Let go at once. No coroutine: it may not wait."""


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

    It can be hashed, as every object can whose class does not define `__eq__` alone: what it offers is kept by it.

    Attributes:
        name: what a hello negotiates, and the name of the entry point.
        extras: what it carries beyond the portable model: "bytes", "nonfinite".
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


@runtime_checkable
class HasNarrows(Protocol):
    """A codec that changes values, by its declaration. It is offered only where it is named.

    `narrows` says what it changes, for people: "floats to float32"; "" is nothing.
    """

    narrows: str


@runtime_checkable
class HasReads(Protocol):
    """A codec that decodes bytes of other codecs as they are: those that `reads` names are passed on untouched."""

    reads: frozenset[str]


@runtime_checkable
class HasDecodeMost(Protocol):
    """A codec with a faster way to decode, at best a function of its library: a call in Python costs as much as some
    values take. Not promised: that it is called; `decode` may be, for the same bytes.
    """

    def decode_most(self, data: bytes, /) -> Any:
        """Return what `decode` would, or raise anything: then `decode` is asked."""


@runtime_checkable
class HasDecodeMany(Protocol):
    """A codec that decodes events that came together, where a call costs as much as a value does."""

    def decode_many(self, payloads: Sequence[bytes], /) -> list[Any]:
        """Return what `decode` would for each, or raise anything: then they are decoded one by one."""


@runtime_checkable
class OptionWrapper(Protocol):
    """A wrapper that takes options from the query of the URL; see `Wrapper`."""

    options: frozenset[str]
    """The names it takes; they are not passed to the carrier."""

    def __call__(self, link: Link, address: Address, /) -> Link:
        """Return the link around `link`. Of its options `address` has those that this wrapper takes."""


@runtime_checkable
class HasCheck(Protocol):
    """A wrapper with options that refuses bad values before there is a link; else it refuses them at each link anew."""

    def check(self, address: Address, /) -> None:
        """Raise ConfigError for a value that can't be meant. `address` has the options that this wrapper takes."""


Wrapper: TypeAlias = Callable[[Link], Link] | OptionWrapper
"""A link inside a link: `name+scheme://...` passes each link of `scheme` to the wrapper that the entry point `name` of
the group `sig.wrappers` names. It returns a link that talks through the one it got, and closes that with itself. It
works at the end where it is written; the other end knows nothing of it."""
