"""Which methods of a handler can be asked for, and what presence says; the documented examples are in tests/seed."""

from __future__ import annotations

from typing import Any

import pytest

import sig_core as sig


class Weather:
    hidden = "not callable"

    def get(self, method: str, params: Any) -> str:
        return f"Unknown method {method}"

    def _private(self, params: Any) -> str:
        return "never"


def test_what_is_private_is_never_asked() -> None:
    router = sig.Router()
    router.addSender("my_sender", ["weather_change"], request_handler=Weather())
    for name in ("_private", "__class__", "__init__", "hidden", "__dict__"):
        assert router.request("my_sender", name) == f"Unknown method {name}"


def test_unknown_requests_are_lookup_errors() -> None:
    router = sig.Router()
    router.add_sender("a", [], {"x": lambda params: params})
    router.add_sender("b", [])
    for sender, method in (("a", "y"), ("b", "x"), ("c", "x")):
        with pytest.raises(LookupError):
            router.request(sender, method)
    with pytest.raises(sig.ConfigError):
        router.request("a", None)  # type: ignore[arg-type]
    assert router.request_async("a", "x", 5).result() == 5


def test_presence_tells_the_events_and_the_methods() -> None:
    heard: list[tuple[sig.Info, Any]] = []
    router = sig.Router()
    router.add_listener(lambda info, data: heard.append((info, data)), 20)
    router.add_sender(20, [1, 2.0, "2.0"])
    events = [1, 2.0, "2.0", "#connect", "#disconnect"]
    assert heard == [({"sender": 20, "event": "#connect"}, {"events": events, "requests": None})]
