"""Every error that pysig raises, and the status numbers that stand for them on the wire.

    SigError
     ├─ ConfigError(ValueError)            bad URL, unknown option, bad limit, bad name
     ├─ PluginError
     │   ├─ UnknownPlugin(LookupError)     no carrier or codec of that name is installed
     │   └─ BrokenPlugin(ImportError)      it is installed but can't be loaded
     ├─ CarrierError(ConnectionError)      everything below the framing
     │   ├─ ConnectFailed                  nobody there, or not allowed in
     │   ├─ ListenFailed                   the address is taken, or not ours
     │   ├─ LinkClosed                     an orderly end: ours or the peer's
     │   └─ LinkLost                       the world broke it
     ├─ CodecError(ValueError)
     │   ├─ EncodeError                    our data; the link lives
     │   └─ DecodeError                    the peer's bytes
     ├─ ProtocolError
     │   ├─ LocalProtocolError(RuntimeError)   called in the wrong state
     │   └─ RemoteProtocolError            the peer broke the rules; its link is closed
     │       └─ HandshakeError             no link came about
     │           └─ NotAdmitted(AccessDenied)    nor will it, by the rules of the server
     ├─ RoutingError
     │   ├─ SenderExists(NameError)        the name is taken
     │   ├─ UnknownEvent(LookupError)      the sender has not declared it
     │   └─ NotOwner(PermissionError)      another client added that sender
     ├─ RequestError
     │   ├─ UnknownSender(LookupError)     it is not connected
     │   ├─ UnknownMethod(LookupError)     it has no such method and no default
     │   ├─ RequestTimeout(TimeoutError)
     │   ├─ OutcomeUnknown                 the link was lost meanwhile; it may have run
     │   └─ RemoteError                    the handler raised, somewhere else
     ├─ AccessDenied(PermissionError)
     ├─ StoreError                          what a server keeps for durable listeners
     │   ├─ StoreFailed(OSError)            it can't be done now; later it may
     │   │   └─ StoreFull                   there is no room on the disk
     │   ├─ StoreInUse(BlockingIOError)     another process has it
     │   ├─ StoreDamaged(ValueError)        it is no store, or a damaged one; it is left as it is
     │   └─ StoreTooNew(ValueError)         a newer version made it; it is left as it is
     └─ LimitError
         ├─ MessageTooBig(ValueError)
         ├─ Busy                           a limit of the peer
         ├─ Backpressure(BlockingIOError)  output full inside a callback, or on asyncio
         └─ Overflow(BufferError)          input full while a callback waits

Data are attributes; the message says who, what, the number and the limit. All of them can be pickled and copied, as
when they cross from one process to another.
"""

from __future__ import annotations

import pickle
from contextlib import suppress
from enum import IntEnum
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any, TypeVar

__all__ = [
    "AccessDenied",
    "Backpressure",
    "BrokenPlugin",
    "Busy",
    "CarrierError",
    "CodecError",
    "ConfigError",
    "ConnectFailed",
    "DecodeError",
    "EncodeError",
    "HandshakeError",
    "LimitError",
    "LinkClosed",
    "LinkLost",
    "ListenFailed",
    "LocalProtocolError",
    "MessageTooBig",
    "NotAdmitted",
    "NotOwner",
    "OutcomeUnknown",
    "Overflow",
    "PluginError",
    "ProtocolError",
    "RemoteError",
    "RemoteProtocolError",
    "RequestError",
    "RequestTimeout",
    "RoutingError",
    "SenderExists",
    "SigError",
    "Status",
    "StoreDamaged",
    "StoreError",
    "StoreFailed",
    "StoreFull",
    "StoreInUse",
    "StoreTooNew",
    "UnknownEvent",
    "UnknownMethod",
    "UnknownPlugin",
    "UnknownSender",
    "because",
    "error_for",
    "is_status",
]


AnError = TypeVar("AnError", bound=BaseException)


class Status(IntEnum):
    """What an answer says about its request (docs/protocol.md, section 9); shared with boards."""

    OK = 0
    UNKNOWN_PROTOCOL_METHOD = -1
    HANDLER_RAISED = -2
    NO_METHOD = -3
    UNKNOWN_SENDER = -4
    UNKNOWN_METHOD = -5
    DENIED = -6
    BAD_MESSAGE = -7
    TOO_BIG = -8
    BUSY = -9
    OUTCOME_UNKNOWN = -10
    SENDER_EXISTS = -11
    NOT_OWNER = -12
    CANNOT_ENCODE = -13
    TIMEOUT = -14
    SHADOWED = -15
    STORE_FAILED = -16


class SigError(Exception):
    """The root of all errors of pysig.

    It is pickled and copied with its attributes, and with its `__cause__` if that can be pickled; `__init__` is not
    called again, so a subclass may take what arguments it likes.
    """

    status: Status = Status.HANDLER_RAISED

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to make a copy."""
        state: Any = object.__getstate__(self)
        attributes, slots = state if isinstance(state, tuple) else (state, None)
        kept = {**_built_in(self), **(attributes or {}), **(slots or {})}
        return _remade, (type(self), self.args, _pickled(self.__cause__)), kept


def _built_in(error: SigError) -> dict[str, Any]:
    """Return what OSError, ImportError and NameError keep elsewhere than in `__dict__`."""
    found = {}
    for name in ("errno", "strerror", "filename", "filename2", "characters_written", "name", "path"):
        if isinstance(getattr(type(error), name, None), GetSetDescriptorType | MemberDescriptorType):
            value = getattr(error, name, None)
            if value is not None:
                found[name] = value
    return found


def _remade(kind: type[SigError], args: tuple[Any, ...], cause: bytes) -> SigError:
    error = kind.__new__(kind, *args)
    error.args = args
    with suppress(Exception):  # it may be of a class that is not known here, or that can't be made of its arguments
        error.__cause__ = pickle.loads(cause) if cause else None
    return error


def _pickled(cause: BaseException | None) -> bytes:
    """Return a cause by itself, so that one that can't be pickled, or made again, takes nothing else with it."""
    with suppress(Exception):
        return b"" if cause is None else pickle.dumps(cause)
    return b""


class ConfigError(SigError, ValueError):
    """A URL, option, limit or name that can't be meant."""

    status = Status.BAD_MESSAGE


class PluginError(SigError):
    """A carrier or codec can't be had."""


class UnknownPlugin(PluginError, LookupError):
    """No installed distribution offers that name."""


class BrokenPlugin(PluginError, ImportError):
    """A plug-in is installed but does not load; `__cause__` says why."""


class CarrierError(SigError, ConnectionError):
    """Something below the framing failed."""

    status = Status.OUTCOME_UNKNOWN


class ConnectFailed(CarrierError):
    """No link came about: nobody there, or not allowed in."""


class ListenFailed(CarrierError):
    """The address can't be listened on: taken, or not of this machine."""


class LinkClosed(CarrierError):
    """The link ended in order: closed here, or by the peer with a goodbye."""


class LinkLost(CarrierError):
    """The world broke the link; `__cause__`, if there is one, is the driver's exception."""


class CodecError(SigError, ValueError):
    """A value and its bytes do not go together."""


class EncodeError(CodecError):
    """The codec can't carry this value; nothing was sent and the link lives."""

    status = Status.CANNOT_ENCODE


class DecodeError(CodecError):
    """These bytes are no value of the codec."""

    status = Status.BAD_MESSAGE


class ProtocolError(SigError):
    """A rule of the protocol was broken."""

    status = Status.BAD_MESSAGE


class LocalProtocolError(ProtocolError, RuntimeError):
    """Called in the wrong state: not started, already stopped, not connected."""


class RemoteProtocolError(ProtocolError):
    """The peer broke a rule; its link is closed."""


class HandshakeError(RemoteProtocolError):
    """The peers did not come to terms; `.status` says why."""

    def __init__(self, message: str, status: Status = Status.BAD_MESSAGE) -> None:
        super().__init__(message)
        self.status = status


class RoutingError(SigError):
    """A sender or event that is not as the call assumes."""


class SenderExists(RoutingError, NameError):
    """A sender of that name is connected."""

    status = Status.SENDER_EXISTS


class UnknownEvent(RoutingError, LookupError):
    """The sender has not declared that event."""


class NotOwner(RoutingError, PermissionError):
    """Only the client that added a sender may trigger for it, or remove it."""

    status = Status.NOT_OWNER


class RequestError(SigError):
    """A request did not bring a value."""


class UnknownSender(RequestError, LookupError):
    """No sender of that name is connected."""

    status = Status.UNKNOWN_SENDER


class UnknownMethod(RequestError, LookupError):
    """The sender answers no such method, and has no default."""

    status = Status.UNKNOWN_METHOD


class RequestTimeout(RequestError, TimeoutError):
    """No answer came in time; the request may have run."""

    status = Status.TIMEOUT


class OutcomeUnknown(RequestError):
    """The link was lost while the request was open; it may have run."""

    status = Status.OUTCOME_UNKNOWN


class RemoteError(RequestError):
    """A handler raised on the other side.

    Attributes:
        exception: name of the exception's type there.
        text: its text.
        status: the status that came with it.
    """

    def __init__(self, exception: str, text: str, status: Status = Status.HANDLER_RAISED) -> None:
        super().__init__(f"{exception}: {text}" if text else exception)
        self.exception = exception
        self.text = text
        self.status = status


class AccessDenied(SigError, PermissionError):
    """A rule forbids it."""

    status = Status.DENIED


class NotAdmitted(HandshakeError, AccessDenied):
    """The rules of the server do not let this client in, whatever id it takes; it does not hurry back."""

    def __init__(self, message: str, status: Status = Status.DENIED) -> None:
        super().__init__(message, status)


class StoreError(SigError):
    """What a server keeps for durable listeners can't be used."""

    status = Status.STORE_FAILED


class StoreFailed(StoreError, OSError):
    """The store can't do now what it should; `__cause__` says why. Later it may, by itself."""


class StoreFull(StoreFailed):
    """There is no room on the disk; nothing is lost that was kept, and it goes on when there is room."""


class StoreInUse(StoreError, BlockingIOError):
    """Another process has the store."""


class StoreDamaged(StoreError, ValueError):
    """What is there is no store, or a damaged one; it is left as it is."""


class StoreTooNew(StoreError, ValueError):
    """A newer version of pysig made the store; it is left as it is."""


class LimitError(SigError):
    """A limit is reached."""

    status = Status.BUSY


class MessageTooBig(LimitError, ValueError):
    """A message is longer than the receiver takes.

    Attributes:
        size: bytes of the message.
        limit: bytes that are taken.
    """

    status = Status.TOO_BIG

    def __init__(self, message: str, size: int = 0, limit: int = 0) -> None:
        super().__init__(message)
        self.size = size
        self.limit = limit


class Busy(LimitError):
    """The peer refused because one of its limits is reached; nothing has run."""


class Backpressure(LimitError, BlockingIOError):
    """Output is full, and the call may not wait: inside a callback, or on asyncio. Nothing of it was sent."""


class Overflow(LimitError, BufferError):
    """More events arrived than may be kept while a callback waits for an answer."""


_BY_STATUS: dict[int, type[SigError]] = {
    Status.NO_METHOD: ProtocolError,
    Status.UNKNOWN_PROTOCOL_METHOD: ProtocolError,
    Status.UNKNOWN_SENDER: UnknownSender,
    Status.UNKNOWN_METHOD: UnknownMethod,
    Status.DENIED: AccessDenied,
    Status.BAD_MESSAGE: ProtocolError,
    Status.TOO_BIG: MessageTooBig,
    Status.BUSY: Busy,
    Status.OUTCOME_UNKNOWN: OutcomeUnknown,
    Status.SENDER_EXISTS: SenderExists,
    Status.NOT_OWNER: NotOwner,
    Status.CANNOT_ENCODE: EncodeError,
    Status.TIMEOUT: RequestTimeout,
    Status.STORE_FAILED: StoreFailed,
}


def because(error: AnError, cause: BaseException | None) -> AnError:
    """Return an exception with its cause: for `raise because(error, cause)`, which is `raise error from cause`.

    Code that may be compiled (compiled.txt) is written so: mypyc leaves out what stands behind `from`.
    """
    error.__cause__ = cause
    return error


def is_status(number: int) -> bool:
    """Return whether a number is one of `Status`."""
    return number in Status._value2member_map_


def error_for(status: int, text: str, exception: str = "") -> SigError:
    """Return the exception that stands for a negative status from the wire.

    Args:
        status: a negative status; one that is not known counts as "handler raised".
        text: the peer's words.
        exception: type name of what the handler raised, if it did.
    """
    known = _BY_STATUS.get(status)
    error = RemoteError(exception or "RemoteError", text) if known is None else known(text)
    if is_status(status):
        error.status = Status(status)
    return error
