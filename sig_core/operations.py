"""What a client asks of its server for the people who run it, on threads."""

from __future__ import annotations

from typing import Any

from sig_core.events import Name, check_name

__all__ = ["Operations"]


class Operations:
    """A part of a client; the other face has its own."""

    def ledger(self, sender: Name, event: Name) -> dict[str, Any]:
        """Return what became of an event: how often it was "fired", and the same for each of its "listeners".

        Of each listener "fired" is what was fired since it began to listen, and always "delivered", "waiting" and all
        that is "lost", by reason, together: docs/statistics.md.

        Args:
            sender, event: which one.

        Raises:
            AccessDenied: this client may not operate "peers".
            ConfigError: it is presence, which is not counted.
            LinkClosed, RequestTimeout: the server can't be asked.
        """
        params = {"sender": check_name(sender, "sender"), "event": check_name(event, "event")}
        told: dict[str, Any] = self._call("ledger", params, "ledger", None)
        return told

    def _call(self, method: str, params: dict[str, Any], what: str, timeout: float | None) -> Any:
        """Make a call, and return the answer."""
        raise NotImplementedError
