"""A carrier for pysig: sessions over UDP."""

from sig_udp.carrier import UdpCarrier

__all__ = ["UdpCarrier"]
