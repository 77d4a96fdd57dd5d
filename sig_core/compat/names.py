"""Small things that carriers and programs of pysig 0.7 import."""

from __future__ import annotations

import json
from typing import Any

from sig_core.events import EVENT_CONNECT, EVENT_DISCONNECT, is_channel
from sig_core.log import log

__all__ = ["hasChannelDecorator", "isBuiltinEvent", "logger", "stringify_object"]


class _Logger:
    """Logs where `setup_logger` said, at all levels of 0.7."""

    debug = trace = staticmethod(log.debug)
    info = staticmethod(log.info)
    warning = staticmethod(log.warning)
    error = critical = staticmethod(log.error)


logger = _Logger()


def hasChannelDecorator(name: Any) -> bool:  # noqa: N802 - the seed's name
    """Return whether an event of this name is a channel."""
    return is_channel(name)


def isBuiltinEvent(name: Any) -> bool:  # noqa: N802 - the seed's name
    """Return whether every sender has an event of this name."""
    return name in (EVENT_CONNECT, EVENT_DISCONNECT)


def stringify_object(object: Any) -> str:
    """Return a message as indented JSON, for a log; what is not JSON in it is shown as Python does."""
    return json.dumps(object, indent=4, default=repr)
