"""What is listened to at the pysig server, over all its absences."""
# ruff: noqa: G004 - a SimpleLogger formats nothing

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from names import as_json, write_pattern

import sig_core as sig
from sig_core.events import Pattern
from web_events_logger.journal import Journal

__all__ = ["Registration", "Subscriber", "logger"]

RETRY = 1.0  # seconds between two attempts at the first connection
REFUSED = 30.0  # the same, where the server does not let this program in
RECONNECT = sig.Reconnect(most=2.0)

logger = sig.SimpleLogger(tag="[sig]", level=sig.LOG_LEVELS.LEVEL_INFO)


@dataclass(slots=True)
class Registration:
    """Something that is listened to, or will be.

    Attributes:
        subscription: None while it waits for the server.
        problem: why it waits, if that is not just the server's absence.
    """

    pattern: Pattern
    subscription: sig.Subscription | None = field(default=None, repr=False)
    problem: str = ""


class Subscriber:
    """Brings events of a server into a journal. If the server is not there it waits for it, again and again.

    Args:
        url, codec: of the server.
        patterns: what to listen to from the beginning.
        journal: where events go.
        token: returns what says who this program is to the server, if anything does.

    Attributes:
        url: of the server, without options.
        codec: what is spoken.
        reason: why it was not connected, when it last was not.
        wait: seconds until it tries again to come for the first time.
    """

    def __init__(
        self,
        url: str,
        codec: str,
        patterns: list[Pattern],
        journal: Journal,
        token: Callable[[], str] | None = None,
    ) -> None:
        self.url = url.partition("?")[0]  # which is shown, and whose options name files of this machine
        self.codec = codec
        self._whole_url = url
        self._token = token
        self.wait = RETRY
        self.reason = ""
        self._journal = journal
        self._client: sig.ClientRouter | None = None
        self._registrations = {pattern: Registration(pattern) for pattern in patterns}
        self._lock = threading.Lock()  # of the registrations; held while the server is asked, never by a callback
        self._stopped = threading.Event()
        self._last: sig.Info | None = None
        carrier, _, self._place = self.url.partition("://")
        self._tag = f"[{carrier.upper()}_CL]"

    def start(self) -> None:
        """Connect; if nobody is there, go on trying on a thread.

        Raises:
            ConfigError: the URL can't be meant.
            PluginError: its carrier, or the codec, can't be had.
        """
        if not self._connect():
            threading.Thread(target=self._keep_trying, name="web-connect", daemon=True).start()

    def stop(self) -> None:
        """Leave the server."""
        self._stopped.set()
        if self._client is not None:
            self._client.stop()

    @property
    def state(self) -> str:
        """Tell "connecting" (for the first time), "connected" or "reconnecting"."""
        if self._client is None:
            return "connecting"
        return "connected" if self._client.is_connected else "reconnecting"

    @property
    def registrations(self) -> list[Registration]:
        """What is listened to, in the order in which it came."""
        return list(self._registrations.values())

    @property
    def lost(self) -> int:
        """How many events did not get here, as far as their counts tell."""
        return self._client.lost.total() if self._client is not None else 0

    def add(self, pattern: Pattern) -> Registration | None:
        """Listen to something more, now or when the server is there; None if it is listened to already.

        Raises:
            SigError: the server was asked, and did not agree.
        """
        with self._lock:
            if pattern in self._registrations:
                return None
            made = Registration(pattern)
            self._registrations[pattern] = made
            try:
                self.perform_registration(made)
            except sig.SigError:
                del self._registrations[pattern]
                raise
            return made

    def remove(self, pattern: Pattern) -> bool:
        """Listen to something no more; false if it was not listened to."""
        with self._lock:
            found = self._registrations.pop(pattern, None)
        if found is not None and found.subscription is not None:
            found.subscription.remove()
        return found is not None

    def perform_registration(self, wanted: Registration) -> None:
        """Listen to something, if the server is there; under the lock.

        Raises:
            SigError: the server did not agree.
        """
        logger.info(f"Registering to {write_pattern(wanted.pattern)}")
        if self._client is None:
            logger.info("waiting for the server")
            return
        try:
            wanted.subscription = self._client.add_remote_listener(self._heard, *wanted.pattern)
        except (sig.CarrierError, sig.OutcomeUnknown):
            logger.info("waiting for the server")  # `_back` does it
        else:
            wanted.problem = ""
            logger.info("done")

    # -- the link, on threads that wait for it

    def _connect(self) -> bool:
        client = sig.ClientRouter(self._whole_url, self.codec, reconnect=RECONNECT, token=self._token)
        client.on("disconnected", self._away)
        client.on("reconnected", self._back)
        if not self.reason:
            logger.info(f"{self._tag} Connecting to {self._place}")
        try:
            client.start()
        except (sig.ConfigError, sig.PluginError):
            raise
        except sig.SigError as error:
            self.wait = REFUSED if isinstance(error, sig.AccessDenied) else RETRY
            if str(error) != self.reason:
                logger.warning(f"{self._tag} {error}; trying again every {self.wait:g} s")
            self.reason = str(error)
            return False
        logger.info(f"{self._tag} Started receive thread for {self._place}")
        with self._lock:
            self._client = client
        self._catch_up()
        return True

    def _keep_trying(self) -> None:
        while not self._stopped.wait(self.wait):
            if self._connect():
                break
        if self._stopped.is_set():
            self.stop()

    def _away(self, state: str, error: sig.SigError | None) -> None:
        self.reason = str(error)

    def _back(self, state: str, error: sig.SigError | None) -> None:
        if error is not None:
            logger.warning(f"not everything is registered again: {error}")
        self._catch_up()

    def _catch_up(self) -> None:
        """Register what waits."""
        with self._lock:
            for waiting in self.registrations:
                if waiting.subscription is None:
                    self._try(waiting)

    def _try(self, waiting: Registration) -> None:
        try:
            self.perform_registration(waiting)
        except sig.SigError as error:
            waiting.problem = str(error)
            logger.error(f"not registered to {write_pattern(waiting.pattern)}: {error}")

    # -- what comes, on the reading thread

    def _heard(self, info: sig.Info, data: Any) -> None:
        if info is not self._last:  # else two registrations hear the same event
            self._last = info
            self._journal.add(info["sender"], info["event"], as_json(data))
