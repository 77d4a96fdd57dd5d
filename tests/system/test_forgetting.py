"""A server that lives for years with senders of a name of their own each stays flat, and so does who listens to all."""

from __future__ import annotations

from typing import Any

import pytest

import sig_core as sig
from sig_core.protocol.limits import Limits
from tests.support import eventually

NAMES = 600


def tables(*things: Any) -> dict[str, int]:
    """How many entries each table of a thing has, by name."""
    found: dict[str, int] = {}
    for thing in things:
        for name in {*getattr(thing, "__dict__", {}), *getattr(type(thing), "__slots__", ())}:
            value = getattr(thing, name, None)
            if isinstance(value, dict | list | set):
                found[f"{type(thing).__name__}.{name}"] = len(value)
    return found


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sig_core.session.binary.client_port.SWEEP", 20)
    monkeypatch.setattr("sig_core.io.server.local_port.SPARE_NAMES", 20)
    monkeypatch.setattr("sig_core.server_base.REMEMBERED", 20)


def test_senders_that_come_and_go_leave_nothing_with_anybody() -> None:
    limits = Limits(max_departed=30, max_names=60)
    heard: list[Any] = []
    with (
        sig.ServerRouter("local://flat", limits=limits) as server,
        sig.ClientRouter("local://flat") as listener,
        sig.ClientRouter("local://flat", codec="json") as owner,
    ):
        server.add_listener(lambda info, data: None)
        listener.add_remote_listener(lambda info, data: heard.append(data))
        for number in range(NAMES):
            sender = owner.add_remote_sender(f"job {number}", ["done"], {"m": str})
            sender.get_signal("done").trigger(number)
            owner.flush()
            owner.remove_remote_sender(sender)
        eventually(lambda: [data for data in heard if isinstance(data, int)] == list(range(NAMES)))
        state = listener._state
        (here,) = [port for port in server._exchange._ports if getattr(port, "codec", "") and port is server._port]
        of_links = [port for port in server._exchange._ports if port is not here]
        found = tables(
            *(server, server._table, server._exchange, server._exchange._table, server._exchange._departed, here),
            *(owner, owner._table, owner._state.registrations, owner._state.offline),
            *(listener, listener._table, state.registrations, state.registrations.table, state.registrations.losses),
            *(*of_links, state, listener._connection.open_link().session, owner._connection.open_link().session),
        )
    assert max(found.values()) < 150, {name: size for name, size in found.items() if size >= 150}


def test_looking_at_senders_of_clients_keeps_nothing_of_them() -> None:
    with sig.ServerRouter("local://looked-at") as server, sig.ClientRouter("local://looked-at") as owner:
        for number in range(50):
            sender = owner.add_remote_sender(f"job {number}", ["done"])
            view = server.get_sender(f"job {number}")
            assert view is not None
            signal = view.get_signal("done")
            with pytest.raises(sig.NotOwner, match="belongs to local://looked-at#"):
                signal.trigger(1)
            owner.remove_remote_sender(sender)
            for gone in (signal, view.get_signal("done")):
                with pytest.raises(sig.UnknownSender, match="is no longer connected"):
                    gone.trigger(1)
            assert server.add_sender(f"job {number}", ["done"]).remove()
            with pytest.raises(sig.UnknownSender, match="is no longer connected"):
                signal.trigger(1)
        assert server._table._topics == {}
