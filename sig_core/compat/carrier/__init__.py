"""Carriers as in pysig 0.7: the class to inherit, and those that are built in."""

from __future__ import annotations

from sig_core.compat.carrier.base import Carrier
from sig_core.compat.carrier.local import LocalCarrier
from sig_core.compat.carrier.tcpclient import CarrierTCPClient
from sig_core.compat.carrier.tcpserver import CarrierTCPServer

__all__ = ["Carrier", "CarrierTCPClient", "CarrierTCPServer", "LocalCarrier"]
