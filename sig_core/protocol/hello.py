"""Hello, welcome and refusal: how two peers come to terms (docs/protocol.md, section 2). Always JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from sig_core.errors import HandshakeError, NotAdmitted, RemoteProtocolError, Status
from sig_core.protocol import checks
from sig_core.protocol.checks import Fields
from sig_core.protocol.frames import Frame
from sig_core.protocol.wire import CONTROL, MAX_HELLO, PREFACE, control_frame

T = TypeVar("T")

__all__ = [
    *("CONFIRMS", "DURABLES", "FEATURES", "KEEPS_STATE", "RESUME", "Hello", "Resume", "Welcome", "check_preface"),
    *("hello_frame", "read_hello", "read_welcome", "refusal", "welcome_frame"),
]

CONFIRMS, KEEPS_STATE, DURABLES = "confirm", "state", "durable"
FEATURES = (CONFIRMS, KEEPS_STATE, DURABLES)
"""The extensions that this version knows on both sides, and always agrees to (docs/protocol.md, sections 12, 14)."""
RESUME = "resume"  # that is agreed on where a client asks for it: section 13

_frame_limit = checks.count(4096, 2**32 - 1)
_requests = checks.count(1, 2**32 - 1)
_keepalive = checks.seconds(0.1, 3600.0)
_client = checks.hexadecimal(32, 32)
_token = checks.hexadecimal(2, 256)
_codec = checks.text(1, 64)
_codecs = checks.list_of(_codec, 1, 16)
_features = checks.list_of(checks.text(1, 64), 0, 64)
_software = checks.text(0, 255)
_secret = checks.text(1, 4096)
_offset = checks.count(0, 2**63)


@dataclass(frozen=True, slots=True)
class Auth:
    """What proves who a client is. `token`: a secret that no log, error or `repr` shows."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """How a session outlives its links (docs/protocol.md, section 12).

    Attributes:
        seconds: for which it waits for the next link.
        window: bytes that who says this keeps while they are not acknowledged.
        received: bytes of the peer's stream that are here already; None: the session begins.
    """

    seconds: float
    window: int
    received: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """What a client says first. `max_frame`: bytes; `keepalive`: seconds; `client`: 32 hex digits; `requests`: that it
    wants to have at one time."""

    codecs: tuple[str, ...]
    client: str
    max_frame: int
    keepalive: float
    requests: int | None = None
    token: str | None = None
    features: tuple[str, ...] = ()
    software: str = ""
    auth: Auth | None = None
    resume: Resume | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """What a server answers. `node`: 32 hex digits; `token`: hex text to come back with; `max_control`: bytes."""

    codec: str
    node: str
    token: str
    max_frame: int
    keepalive: float
    max_control: int | None = None
    features: tuple[str, ...] = ()
    software: str = ""
    resume: Resume | None = None


def check_preface(data: bytes) -> None:
    """Raise HandshakeError unless `data` begins as the preface does (it may be shorter)."""
    if data[:7] != PREFACE[: min(len(data), 7)]:
        raise HandshakeError(f"no preface of pysig, but {data[:8]!r}: is it another service?")
    if len(data) >= 8 and data[7] != PREFACE[7]:
        here = PREFACE[7]
        raise HandshakeError(f"wire version {data[7]}, only {here} is spoken here: bring both sides to one release")


def hello_frame(hello: Hello) -> bytes:
    """Return preface and hello."""
    return PREFACE + control_frame(msgspec.json.encode(hello))


def welcome_frame(welcome: Welcome) -> bytes:
    """Return preface and welcome."""
    fields: dict[str, Any] = msgspec.to_builtins(welcome)
    if welcome.resume is None:
        del fields["resume"]
    return PREFACE + control_frame(msgspec.json.encode(fields))


def refusal(status: int, text: str, *, access: bool = False) -> bytes:
    """Return preface and refusal.

    Args:
        status: why.
        text: the same in words.
        access: the rules do not admit the client, whatever id it chooses.
    """
    told: dict[str, Any] = {"status": int(status), "text": text[:1000]}
    return PREFACE + control_frame(msgspec.json.encode({"refused": told | ({"access": True} if access else {})}))


def read_hello(frame: Frame) -> Hello:
    """Check a client's hello.

    Raises:
        HandshakeError: it is none; the text says which field is wrong.
    """
    return _read(frame, "hello", _to_hello)


def read_welcome(frame: Frame) -> Welcome:
    """Check a server's welcome.

    Raises:
        HandshakeError: it is none, or it is a refusal, whose status and text it then has.
        NotAdmitted: it is a refusal, since the rules of the server do not admit this client.
    """
    return _read(frame, "welcome", _to_welcome)


def _read(frame: Frame, what: str, convert: Callable[[Any], T]) -> T:
    kind, _, _, body = frame
    if kind != CONTROL:
        raise HandshakeError(f"{what}: a control frame was expected, not type {kind}")
    if len(body) > MAX_HELLO:
        raise HandshakeError(f"{what}: {len(body)} bytes, at most {MAX_HELLO} are taken")
    try:
        return convert(msgspec.json.decode(body))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise HandshakeError(f"{what}: not JSON ({error})") from error
    except HandshakeError:
        raise
    except RemoteProtocolError as error:
        raise HandshakeError(str(error)) from error


def _to_hello(values: Any) -> Hello:
    fields = Fields(values, "hello")
    return Hello(
        codecs=tuple(fields.get("codecs", _codecs)),
        client=fields.get("client", _client),
        max_frame=fields.get("max_frame", _frame_limit),
        keepalive=fields.get("keepalive", _keepalive),
        requests=fields.find("requests", _requests, None),
        token=fields.find("token", _token, None),
        features=tuple(fields.find("features", _features, [])),
        software=fields.find("software", _software, ""),
        auth=fields.find("auth", _to_auth, None),
        resume=fields.find("resume", _to_resume, None),
    )


def _to_resume(values: Any) -> Resume:
    fields = Fields(values, "resume")
    return Resume(
        seconds=fields.get("seconds", _keepalive),
        window=fields.get("window", _frame_limit),
        received=fields.find("received", _offset, None),
    )


def _to_auth(values: Any) -> Auth:
    return Auth(Fields(values, "auth").get("token", _secret))


def _to_welcome(values: Any) -> Welcome:
    fields = Fields(values, "welcome")
    refused = fields.find("refused", lambda value: Fields(value, "refusal"), None)
    if refused is not None:
        status = refused.get("status", checks.count(-(2**15), -1))
        text = refused.get("text", checks.text(0, 10_000))
        if refused.find("access", checks.boolean, False):
            raise NotAdmitted(f"the server refused: {text}")
        raise HandshakeError(f"the server refused: {text}", _status(status))
    return Welcome(
        codec=fields.get("codec", _codec),
        node=fields.get("node", _client),
        token=fields.get("token", _token),
        max_frame=fields.get("max_frame", _frame_limit),
        keepalive=fields.get("keepalive", _keepalive),
        max_control=fields.find("max_control", _frame_limit, None),
        features=tuple(fields.find("features", _features, [])),
        software=fields.find("software", _software, ""),
        resume=fields.find("resume", _to_resume, None),
    )


def _status(number: int) -> Status:
    try:
        return Status(number)
    except ValueError:
        return Status.HANDLER_RAISED
