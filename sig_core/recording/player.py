"""Plays recordings: adds their senders to a server, and fires their events as they came."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sig_core.client import ClientRouter
from sig_core.errors import ConfigError
from sig_core.events import EVENT_CONNECT, EVENT_DISCONNECT, Name
from sig_core.plugins import Plugins, default_plugins
from sig_core.recording.recorded import EVENT, Recorded
from sig_core.recording.recording import Recording
from sig_core.recording.verbatim import verbatim_plugins
from sig_core.routing.info import LAST
from sig_core.routing.signals import Signal
from sig_core.routing.transcode import decode, encode

__all__ = ["Player"]


class Player:
    """Plays a recording to a server, with the time between its events as it was.

    Args:
        recording: what to play, or its file.
        speed: 2.0 is twice as fast; 0: as fast as the server takes it.
        start: seconds of the recording that are left out.
        only: (sender, event) to play alone; None stands for any.
        loop: begin again at the end, until somebody interrupts it.
        name: what senders are called; %s in it stands for the name in the recording. None: as they were.
        plugins: as of `ClientRouter`.
        clock, sleep: monotonic seconds, and what waits for some.

    Raises:
        ConfigError: the file is no recording, or something is not as it must be.

    Attributes:
        recording: what is played.
        played: events that `play` has fired.
        left_out: entries that are no events of a sender that were chosen: losses, the link's.
    """

    def __init__(
        self,
        recording: Recording | Path | str,
        *,
        speed: float = 1.0,
        start: float = 0.0,
        only: tuple[Name | None, Name | None] = (None, None),
        loop: bool = False,
        name: str | None = None,
        plugins: Plugins | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.recording = recording if isinstance(recording, Recording) else Recording(recording)
        if speed < 0:
            raise ConfigError(f"speed={speed}: must be 0, which is as fast as it goes, or more")
        self.played = self.left_out = 0
        self._speed, self._start, self._only, self._loop, self._name = speed, start, only, loop, name
        self._plugins, self._clock, self._sleep = plugins or default_plugins(), clock, sleep
        self._signals: dict[tuple[Name, Name], Signal] = {}
        self._senders: set[Name] = set()
        chosen = [sender for sender in self.recording.events if only[0] in (None, sender)]
        if name is not None and "%s" not in name and len(chosen) > 1:
            raise ConfigError(f"{name!r} can't be the name of {len(chosen)} senders: put %s into it, or play only one")

    def due(self) -> Iterator[tuple[float, Recorded]]:
        """Yield what is played, each with the seconds after the beginning at which it is due; no time passes here.

        A clock that went back between two events does not make anything wait: what follows is due at once.
        """
        recording = self.recording
        start = recording.begin + int(self._start * 1e9) if self._start else 0
        last, due = start, 0
        for entry in recording.entries(start):
            due += max(0, entry.time - last) if last else 0  # at first: what comes first is the beginning
            last = entry.time
            yield (due / 1e9 / self._speed if self._speed else 0.0), entry

    def play(self, url: str, **options: Any) -> int:
        """Play it, and return how many events were fired; the server has routed them all then.

        Args:
            url: of the server.
            **options: of `ClientRouter`: `token`, `codec` and so on; without a codec, those of the recording.

        Raises:
            SigError: as of `ClientRouter`: the server refuses, a name is taken, the link is lost.
        """
        codecs = options.pop("codec", None) or self.recording.codecs or ["json"]
        verbatim = verbatim_plugins(self._plugins)
        self.played = self.left_out = 0
        self._senders.clear()
        with ClientRouter(url, codecs, plugins=verbatim, reconnect=None, **options) as client:
            self._play_once(client)
            while self._loop and self.played:
                self._play_once(client)
            client.flush()
        return self.played

    def _play_once(self, client: ClientRouter) -> None:
        begun = self._clock()
        for due, entry in self.due():
            if not self._is_chosen(entry):
                self.left_out += 1
                continue
            left = begun + due - self._clock()
            if left > 0:
                self._sleep(left)
            self._take(client, entry)

    def _is_chosen(self, entry: Recorded) -> bool:
        sender, event = self._only
        is_presence = entry.event in (EVENT_CONNECT, EVENT_DISCONNECT)
        return entry.kind == EVENT and sender in (None, entry.sender) and (is_presence or event in (None, entry.event))

    def _take(self, client: ClientRouter, entry: Recorded) -> None:
        sender, event = entry.sender, entry.event
        assert sender is not None and event is not None
        if event == EVENT_DISCONNECT:
            self._remove(client, sender)
        elif event == EVENT_CONNECT:
            self._add(client, sender, decode(self._plugins.codecs.get(entry.codec), entry.data))
        else:
            self._add(client, sender, None)
            self._fire(client, sender, event, entry)

    def _add(self, client: ClientRouter, sender: Name, presence: Any) -> None:
        """Add a sender, unless it is there."""
        if sender in self._senders:
            return
        events = [event for event in self.recording.events[sender] if event not in (EVENT_CONNECT, EVENT_DISCONNECT)]
        said = presence if isinstance(presence, dict) else {}
        state = [event for event in said.get("state") or () if event in events]
        made = client.add_remote_sender(self._called(sender), events, state=state)
        self._senders.add(sender)
        for event in events:
            self._signals[sender, event] = made.get_signal(event)

    def _remove(self, client: ClientRouter, sender: Name) -> None:
        if sender in self._senders:
            self._senders.discard(sender)
            client.remove_remote_sender(self._called(sender))

    def _called(self, sender: Name) -> Name:
        return sender if self._name is None else self._name.replace("%s", str(sender))

    def _fire(self, client: ClientRouter, sender: Name, event: Name, entry: Recorded) -> None:
        signal, codecs, data = self._signals[sender, event], self._plugins.codecs, entry.data
        if entry.codec != client.codec:
            data = encode(codecs.get(client.codec), decode(codecs.get(entry.codec), data))
        if entry.additions is None:
            signal.trigger(data)
        else:
            more = decode(codecs.get(entry.codec), entry.additions)
            assert isinstance(more, dict)
            signal.event_info = {**more, **signal.event_info}
            signal.event_info.pop(LAST, None)  # it is fired now
            signal.trigger(data)
            signal.event_info = {"sender": signal.event_info["sender"], "event": event}
        self.played += 1
