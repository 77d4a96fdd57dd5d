"""A carrier whose other side is the test itself."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sig_core.compat as sig

Message = dict[str, Any]


class Scripted(sig.Carrier):
    """Keeps what it is given to send, and replies as `answer` says; it does not call the `__init__` it inherits."""

    def __init__(self, answer: Callable[[Any, Message], Any] | None = None) -> None:
        self.sent: list[tuple[Any, Message]] = []
        self.answer = answer or (lambda clientid, message: {"id": 0, "status": 0, "response": None})
        self.ids = itertools.count(1)

    def handleTX(self, clientid: Any, message: Message) -> Any:
        self.sent.append((clientid, message))
        return self.answer(clientid, message)

    def ask(self, clientid: Any, call: str, /, **params: Any) -> Any:
        """Do what a client asks at the server; give the response, or the failure if it is one."""
        ident = f"{clientid}-{next(self.ids)}"
        reply = self.handleRX(clientid, {"id": ident, "method": call, "params": params})
        assert reply["id"] == ident
        assert set(reply) == {"id", "status", "response"} | ({"exception"} if reply["status"] else set())
        return reply["response"] if reply["status"] == 0 else reply

    def fire(self, clientid: Any, sender: Any, event: Any, data: Any) -> Any:
        return self.ask(clientid, "signal", info={"sender": sender, "event": event}, data=data)

    def events(self, clientid: Any) -> list[Any]:
        """The data of the events that a client was sent."""
        return [sent["params"]["data"] for who, sent in self.sent if who == clientid and sent["method"] == "signal"]


@contextmanager
def served(carrier: sig.Carrier, *clients: Any, **options: Any) -> Iterator[sig.ServerRouter]:
    with sig.ServerRouter(carrier, **options) as router:
        for clientid in clients:
            carrier.handle_client_connected(clientid)
        yield router
