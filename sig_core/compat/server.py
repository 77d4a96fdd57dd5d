"""ServerRouter as in pysig 0.7: it is given a carrier, and runs at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import sig_core
from sig_core.compat.carrier.base import Carrier
from sig_core.plugins import Plugins
from sig_core.protocol.limits import Limits
from sig_core.routing.entities import Event, Sender, Signal

__all__ = ["ServerRouter"]


class ServerRouter(sig_core.ServerRouter):
    """A `sig_core.ServerRouter` whose clients come through a carrier; more come through `listen`.

    It runs as soon as it is made, until `stop` or the end of the program.

    Args:
        carrier: of a server, such as a `CarrierTCPServer`; of this router alone.
        codecs, limits, plugins, class_sender, class_signal, class_event: see `sig_core.ServerRouter`.
    """

    def __init__(
        self,
        carrier: Carrier,
        *,
        codecs: Sequence[str] | None = None,
        limits: Limits | None = None,
        plugins: Plugins | None = None,
        class_sender: type[Sender] = Sender,
        class_signal: type[Signal] = Signal,
        class_event: type[Event] = Event,
    ) -> None:
        super().__init__(
            codecs=codecs,
            limits=limits,
            plugins=plugins,
            class_sender=class_sender,
            class_signal=class_signal,
            class_event=class_event,
        )
        self.carrier = carrier
        self.start()
        try:
            carrier.join_server(self)
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self
