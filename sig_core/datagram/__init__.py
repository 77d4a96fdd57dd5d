"""Reliable streams over packets that may be lost, doubled, damaged and out of order: docs/packet-protocol.md."""
