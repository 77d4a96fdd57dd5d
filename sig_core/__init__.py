"""pysig: an event router for Python programs, plug-in authors and boards, over any carrier and in any codec."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sig_core import portable
from sig_core.address import Address
from sig_core.contract import Acceptor, Carrier, Codec, Link, LinkTraits, PollableAcceptor, PollableLink, Wrapper
from sig_core.errors import (
    AccessDenied,
    Backpressure,
    BrokenPlugin,
    Busy,
    CarrierError,
    CodecError,
    ConfigError,
    ConnectFailed,
    DecodeError,
    EncodeError,
    HandshakeError,
    LimitError,
    LinkClosed,
    LinkLost,
    ListenFailed,
    LocalProtocolError,
    MessageTooBig,
    NotAdmitted,
    NotOwner,
    OutcomeUnknown,
    Overflow,
    PluginError,
    ProtocolError,
    RemoteError,
    RemoteProtocolError,
    RequestError,
    RequestTimeout,
    RoutingError,
    SenderExists,
    SigError,
    Status,
    StoreDamaged,
    StoreError,
    StoreFailed,
    StoreFull,
    StoreInUse,
    StoreTooNew,
    UnknownEvent,
    UnknownMethod,
    UnknownPlugin,
    UnknownSender,
)
from sig_core.events import CHANNEL_DECORATOR, EVENT_CONNECT, EVENT_DISCONNECT, Info, Name
from sig_core.log import LOG_LEVELS, NullLogger, SimpleLogger, setup_logger
from sig_core.plugins import PluginInfo, Plugins, default_plugins
from sig_core.protocol.limits import Limits
from sig_core.router import Router
from sig_core.routing.delivery import Delivery
from sig_core.routing.durable import Durable
from sig_core.routing.entities import Event, Listener, Sender, Signal, Subscription
from sig_core.session.client_state.reconnect import Reconnect

if TYPE_CHECKING:
    from sig_core.client import ClientRouter
    from sig_core.hookspecs import hookimpl
    from sig_core.server import ServerRouter

__version__ = "1.0.0.dev0"

build = "pure" if portable.__file__.endswith((".py", ".pyc")) else "compiled"
"""Which build this is: "pure", or "compiled" by mypyc from the same sources."""

__all__ = [
    "CHANNEL_DECORATOR",
    "EVENT_CONNECT",
    "EVENT_DISCONNECT",
    "LOG_LEVELS",
    "Acceptor",
    "AccessDenied",
    "Address",
    "Backpressure",
    "BrokenPlugin",
    "Busy",
    "Carrier",
    "CarrierError",
    "ClientRouter",
    "Codec",
    "CodecError",
    "ConfigError",
    "ConnectFailed",
    "DecodeError",
    "Delivery",
    "Durable",
    "EncodeError",
    "Event",
    "HandshakeError",
    "Info",
    "LimitError",
    "Limits",
    "Link",
    "LinkClosed",
    "LinkLost",
    "LinkTraits",
    "ListenFailed",
    "Listener",
    "LocalProtocolError",
    "MessageTooBig",
    "Name",
    "NotAdmitted",
    "NotOwner",
    "NullLogger",
    "OutcomeUnknown",
    "Overflow",
    "PluginError",
    "PluginInfo",
    "Plugins",
    "PollableAcceptor",
    "PollableLink",
    "ProtocolError",
    "Reconnect",
    "RemoteError",
    "RemoteProtocolError",
    "RequestError",
    "RequestTimeout",
    "Router",
    "RoutingError",
    "Sender",
    "SenderExists",
    "ServerRouter",
    "SigError",
    "Signal",
    "SimpleLogger",
    "Status",
    "StoreDamaged",
    "StoreError",
    "StoreFailed",
    "StoreFull",
    "StoreInUse",
    "StoreTooNew",
    "Subscription",
    "UnknownEvent",
    "UnknownMethod",
    "UnknownPlugin",
    "UnknownSender",
    "Wrapper",
    "__version__",
    "build",
    "default_plugins",
    "hookimpl",
    "setup_logger",
]

_FACES = {"ClientRouter": "sig_core.client", "ServerRouter": "sig_core.server", "hookimpl": "sig_core.hookspecs"}


def __getattr__(name: str) -> Any:
    """Load what not every program needs when it is first asked for: who routes locally never pays for the network."""
    if name not in _FACES:
        raise AttributeError(f"module 'sig_core' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_FACES[name]), name)
    return value
