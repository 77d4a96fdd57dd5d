"""Rules that are read again, interrupted at every place: the old ones or the new ones count, and nothing between."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import sig_core as sig
from sig_core.access.rules import Rules
from sig_core.testing import eventually
from tests.interrupts.world import STEPS, each_place
from tests.support.held import is_free
from tests.support.injection import TimeLimit, interrupt, time_limit

pytestmark = pytest.mark.pure_only("its places are those of interpreted code")

ACTS = {"Ctrl-C": interrupt, "time limit": time_limit}
RAISED = (KeyboardInterrupt, TimeLimit)


def rules(name: str) -> Rules:
    """Rules by which everybody may add one name, hear its events and nothing else."""
    role: dict[str, Any] = {"add": [name], "see": [name], "listen": [{"sender": name}]}
    return Rules.parse({"version": 1, "roles": {"r": role}, "who": [{"anyone": True, "roles": ["r"]}]})


BOTH = [rules("a"), rules("b")]


class World:
    """A server whose rules change between two, and a client that may add a or b, and tries both."""

    def __init__(self) -> None:
        self.server = sig.ServerRouter("tcp://127.0.0.1:0", rules=BOTH[0]).start()
        self.client = sig.ClientRouter(self.server.addresses[0]).start()
        self.times = 0

    def close(self) -> None:
        self.client.stop()
        self.server.stop()

    def change(self) -> None:
        self.times += 1
        self.server._rules = BOTH[self.times % 2]

    def _allowed(self) -> str:
        """What the client may add, and hear."""
        may = ""
        for name in "ab":
            try:
                with self.client.add_remote_listener(print, name, "e"):
                    self.client.add_remote_sender(name).remove()
            except sig.AccessDenied:
                continue
            may += name
        return may

    def _counts(self) -> str:
        """What everybody may add by the rules that count."""
        access: Any = self.server._access
        assert access._admission._rules is access.rules
        return str(access.rules.roles["r"].allow["add"][0].sender.text)

    def check(self, where: str) -> None:
        assert is_free(self.server._lock) and is_free(self.server._port.answers._lock), where
        eventually(lambda: self._allowed() == self._counts(), 2, where)  # they may be about to change, elsewhere
        self.server.reload()
        eventually(lambda: self._allowed() == "ab"[self.times % 2], 2, where)


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("act", ACTS)
def test_new_rules_count_whole_or_not_at_all(world: World, act: str, step: int) -> None:
    places = each_place(world.server.reload, ACTS[act], world.check, prepare=world.change, step=step, expected=RAISED)
    assert places


def test_bad_rules_that_are_told_in_between(world: World) -> None:
    def reload() -> None:
        with pytest.raises(sig.ConfigError):
            world.server.reload()

    def spoil() -> None:
        world.server._rules = "/no/such/file.toml"

    def check(where: str) -> None:
        world.change()
        world.check(where)

    each_place(reload, interrupt, check, prepare=spoil, step=7, expected=RAISED)
