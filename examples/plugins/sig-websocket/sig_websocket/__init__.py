"""A carrier for pysig: sessions over WebSocket."""

from sig_websocket.carrier import WebSocketCarrier

__all__ = ["WebSocketCarrier"]
