"""Durable: the name under which a server keeps what a listener should hear, and when that is done with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sig_core.description import described
from sig_core.errors import ConfigError
from sig_core.events import check_name

__all__ = ["Durable"]

WAYS: Final = ("returned", "explicit")


@dataclass(frozen=True, slots=True)
class Durable:
    """A durable listener, as it wants to be. Immutable.

    Args:
        name: text of 1 to 255 bytes, under which the server keeps its events.
        acknowledge: when an event is done with: "returned": when the listener has returned, without an error;
            "explicit": when the program says so, by `subscription.acknowledge(info)`.

    Raises:
        ConfigError: one of them is not as it must be.
    """

    name: str
    acknowledge: str = "returned"

    def __post_init__(self) -> None:
        name: object = self.name
        if not isinstance(name, str):
            what = f"durable {described(name)}"
            raise ConfigError(f"{what}: must be text, under which the server keeps events, or sig.Durable(...)")
        check_name(name, "durable")
        if self.acknowledge not in WAYS:
            what = f"acknowledge {described(self.acknowledge)}"
            raise ConfigError(f"durable {self.name!r}: {what}: must be one of {', '.join(map(repr, WAYS))}")
