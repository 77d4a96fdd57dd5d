"""A carrier for pysig: sessions over a CAN bus."""

from sig_can.carrier import CanCarrier

__all__ = ["CanCarrier"]
