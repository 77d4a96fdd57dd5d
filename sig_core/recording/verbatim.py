"""A codec that leaves the data of events as they are: bytes in, bytes out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from typing import Any

from sig_core.contract import Codec
from sig_core.plugins import Plugins, Registry, default_plugins

__all__ = ["Verbatim", "verbatim_plugins"]


class Verbatim:
    """Lets listeners get the bytes of events, and signals fire bytes that are encoded already.

    It has the name of the codec that it stands for: on the link nothing is different. Everything else, such as what a
    sender adds to the info of an event, is encoded as that codec does it; answers to requests come as bytes, too.

    Args:
        codec: for which it stands.
    """

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.name = codec.name
        self.extras = codec.extras
        self.decode = codec.decode

    def encode(self, value: Any, /) -> bytes:
        """Return bytes as they are, and the encoding of anything else."""
        return value if type(value) is bytes else self.codec.encode(value)

    def decode_most(self, data: bytes, /) -> bytes:
        """Return the data of an event as it is."""
        return data

    def decode_many(self, payloads: Sequence[bytes], /) -> list[bytes]:
        """Return the data of many events as they are."""
        return list(payloads)


@cache  # a router keeps what each codec offers for as long as the program runs
def _verbatim(registry: Registry[Codec], name: str) -> Verbatim:
    return Verbatim(registry.get(name))


def verbatim_plugins(plugins: Plugins | None = None) -> Plugins:
    """Return plug-ins whose codecs leave the data of events as they are; see `Verbatim`.

    Args:
        plugins: whose carriers, wrappers and codecs they are; None: all that are installed.
    """
    given = plugins or default_plugins()
    made = Plugins()
    made.carriers, made.wrappers = given.carriers, given.wrappers
    made.hook_plugins, made.hooks = given.hook_plugins, given.hooks
    for name in given.codecs.names():
        made.codecs.register(name, partial(_verbatim, given.codecs, name), replace=True)
    return made
