"""Uses each bad plug-in of its command line (`carrier:NAME`, `codec:NAME`) beside sound ones; tells what came of it.

For each a line: what befell who asked for it, and what two clients over TCP said to each other meanwhile.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import sig_core as sig

LIMITS = sig.Limits(keepalive=0.3, handshake=0.3, request_timeout=0.5)
TCP = "tcp://127.0.0.1:0"


def outcome(work: Callable[[], Any]) -> str:
    """Do what may fail."""
    try:
        return str(work())
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def visit(url: str, codec: str = "json") -> str:
    """Come as a client, fire an event and ask for something."""
    with sig.ClientRouter(url, codec, limits=LIMITS, reconnect=None) as client:
        client.add_remote_sender("guest", ["event"]).get_signal("event").trigger(1)
        return f"answered {client.remote_request('sound', 'echo', 'text')!r}"


class Sound:
    """Two clients over TCP that talk to each other."""

    def __init__(self, url: str, stack: ExitStack) -> None:
        sender, self._listener = (stack.enter_context(sig.ClientRouter(url, codec)) for codec in ("json", "msgpack"))
        self._came = threading.Semaphore(0)
        self._listener.add_remote_listener(lambda info, data: self._came.release(), "sound", "event")
        self._signal = sender.add_remote_sender("sound", ["event"], {"echo": lambda params: params}).get_signal("event")

    def talks(self) -> bool:
        """Tell whether 100 events and a request pass."""
        for number in range(100):
            self._signal.trigger(number)
        return all(self._came.acquire(timeout=10) for _ in range(100)) and (
            self._listener.remote_request("sound", "echo", 5) == 5
        )


def carrier(name: str, server: sig.ServerRouter) -> list[str]:
    """Listen over it and come there by TCP; then dial over it."""
    bound: list[str] = []
    told = [outcome(lambda: bound.append(server.listen(f"{name}://127.0.0.1:0")))]
    told += [outcome(lambda url=url: visit(url)) for url in bound]
    return [*told, outcome(lambda: visit(server.addresses[0].replace("tcp", name, 1)))]


def codec(name: str, server: sig.ServerRouter) -> list[str]:
    """Listen with it beside JSON, and come there with each."""
    bound: list[str] = []
    told = [outcome(lambda: bound.append(server.listen(TCP, [name, "json"])))]
    return [*told, *(outcome(lambda url=url, each=each: visit(url, each)) for url in bound for each in (name, "json"))]


def use(kind: str, name: str) -> dict[str, Any]:
    """Use a plug-in with a server of its own."""
    talks: list[bool] = []
    told: list[str] = []

    def work() -> None:
        with ExitStack() as stack:
            server = stack.enter_context(sig.ServerRouter(TCP, codecs=["json", "msgpack"], limits=LIMITS))
            sound = Sound(server.addresses[0], stack)
            talks.append(sound.talks())
            told.extend({"carrier": carrier, "codec": codec}[kind](name, server))
            talks.append(sound.talks())

    return {"name": f"{kind}:{name}", "end": outcome(work), "told": told, "talks": talks}


for word in sys.argv[1:]:
    kind, _, name = word.partition(":")
    print(json.dumps(use(kind, name)), flush=True)
