"""CarrierTCPServer: a server that listens on TCP."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from sig_core.address import Address
from sig_core.compat.carrier.base import Carrier
from sig_core.errors import ConfigError, LocalProtocolError

if TYPE_CHECKING:
    from sig_core.compat.server import ServerRouter

__all__ = ["CarrierTCPServer"]


class CarrierTCPServer(Carrier):
    """Lets clients come over TCP, of any version of pysig and in any codec, and boards.

    Attributes:
        address: the URL that it listens on, as bound; None: it does not.
    """

    address: str | None = None
    _router: ServerRouter | None = None

    def join_server(self, router: ServerRouter) -> None:
        """See `Carrier`; clients can come after `start`."""
        self.take_router()
        self._router = router

    @property
    def server_address(self) -> tuple[str, int] | None:
        """Host and port that it listens on, as bound; None: it does not."""
        if self.address is None:
            return None
        bound = Address.parse(self.address)
        return bound.host, bound.port or 0

    def start(self, host: str, port: int) -> bool:
        """Listen, also again after `stop`; false if it listens already.

        Args:
            host: name or IP address of this machine; "0.0.0.0" or "": all of its addresses, which
                other machines may reach: a warning is logged.
            port: 0 takes a free one, see `server_address`.

        Raises:
            LocalProtocolError: it was given to no ServerRouter, or that has stopped.
            ConfigError: host or port can't be meant.
            ListenFailed: the address is in use, or not of this machine.
        """
        if self.address is not None:
            return False
        if self._router is None:
            raise LocalProtocolError("this CarrierTCPServer has no router: give it to a ServerRouter before its start")
        self.address = self._router.listen(f"{tcp_url(host or '0.0.0.0', port)}?open=1")  # as pysig 0.7 did
        return True

    def stop(self) -> bool:
        """Listen no more, and send away who came here; false if it does not listen."""
        address, self.address = self.address, None
        if address is None or self._router is None:
            return False
        with suppress(LocalProtocolError, ConfigError):  # the router has stopped, or gave the address up
            self._router.unlisten(address)
        return True


def tcp_url(host: str, port: int) -> str:
    """Return the URL of a host and a port."""
    return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"
