"""Carriers for pysig: sessions over WebSocket, with TLS and without."""

from sig_websocket.carrier import SecureWebSocketCarrier, WebSocketCarrier

__all__ = ["SecureWebSocketCarrier", "WebSocketCarrier"]
