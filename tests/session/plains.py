"""A plain peer at an exchange, played by the test: bytes in, bytes out, a link that takes all."""

from __future__ import annotations

import json
from typing import Any

from sig_core.session.plain.session import PlainSession
from tests.support.sessions import EVERYTHING, Net


class Plain:
    """A plain peer and its session.

    Args:
        end: what it puts after each message; a newline makes it a reader of lines.
    """

    def __init__(self, net: Net, *, end: bytes = b"\n", packets: bool = False) -> None:
        self.net = net
        self.end = end
        self.session: PlainSession = net.plain_session(packets=packets)

    def raw(self, data: bytes) -> bytes:
        """Bytes come; give what leaves."""
        self.session.receive_data(data, self.net.now)
        self.net.pump()
        return self.out()

    def out(self) -> bytes:
        """All that leaves now."""
        parts = []
        while data := self.session.take(EVERYTHING):
            self.session.sent(len(data), self.net.now)
            parts.append(data)
        self.check()
        return b"".join(parts)

    def read(self) -> list[Any]:
        """`out`, line for line."""
        return [json.loads(line) for line in self.out().splitlines()]

    def say(self, *messages: Any) -> list[Any]:
        """Messages come; give what leaves."""
        data = b"".join(json.dumps(message).encode() + self.end for message in messages)
        return [json.loads(line) for line in self.raw(data).splitlines()]

    def call(self, method: str, /, **params: Any) -> Any:
        """Make a call; give its response, or (status, text). What it is called meanwhile is left out."""
        (told,) = [each for each in self.say({"id": "c", "method": method, "params": params}) if each["id"] == "c"]
        if told["status"]:
            return told["status"], told["exception"]
        return told["response"]

    def listen(self, sender: Any = None, event: Any = None) -> int:
        found: int = self.call("add_listener", sender=sender, event=event)["listener_id"]
        return found

    def add_sender(self, name: Any, events: Any = (), requests: Any = None) -> Any:
        return self.call("add_sender", sender=name, events=list(events), requests=requests)

    def fire(self, sender: Any, event: Any, data: Any = None, /, **added: Any) -> Any:
        return self.call("signal", info={"sender": sender, "event": event, **added}, data=data)

    def tick(self, seconds: float) -> None:
        """Turn the clock of the net and of this session."""
        self.net.tick(seconds)
        self.session.tick(self.net.now)

    @property
    def counts(self) -> dict[str, Any]:
        counts: dict[str, Any] = self.session.port.stats()["events"]
        return counts

    def check(self) -> None:
        """Nothing is lost uncounted."""
        counts = self.counts
        assert counts["fired"] == counts["out"] + counts["waiting"] + sum(counts["lost"].values()), counts
