"""Hooks: told of sessions, each guarded, a typo named."""

from __future__ import annotations

from typing import Any

import pytest

import sig_core as sig
from sig_core.plugins import Plugins
from tests.support import eventually
from tests.support.hook_plugins import plugins_with


def test_sessions_are_told() -> None:
    told: list[Any] = []

    def sig_session_opened(peer: str, client: str, codec: str) -> None:
        told.append(("opened", client, codec))

    def sig_session_closed(client: str, error: Exception) -> None:
        told.append(("closed", client, type(error)))

    plugins = plugins_with(
        audit={"sig_session_opened": sig_session_opened, "sig_session_closed": sig_session_closed}
    )
    with sig.ServerRouter("tcp://127.0.0.1:0", plugins=plugins) as server:
        with sig.ClientRouter(server.addresses[0]) as client:
            ident = client._state.connection._client
            eventually(lambda: told == [("opened", ident, "json")])
        eventually(lambda: told[1:] == [("closed", ident, sig.LinkClosed)])


def test_a_hook_that_raises_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []

    def breaks(peer: str) -> None:
        raise RuntimeError("no disk")

    def works(peer: str) -> None:
        told.append(peer)

    plugins = plugins_with(bad={"sig_session_opened": breaks}, good={"sig_session_opened": works})
    with sig.ServerRouter("tcp://127.0.0.1:0", plugins=plugins) as server:
        with sig.ClientRouter(server.addresses[0]) as client:
            eventually(lambda: told)
            client.flush()
            eventually(lambda: "hook plug-in 'bad': sig_session_opened raised RuntimeError: no disk" in caplog.text)


@pytest.mark.parametrize(
    ("name", "arguments", "why"),
    [
        ("sig_sesion_opened", "peer", "there is no hook 'sig_sesion_opened', did you mean 'sig_session_opened'?"),
        ("sig_session_opened", "pear", "pear"),
    ],
)
def test_a_typo_is_named_and_only_that_plugin_left_out(
    name: str, arguments: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = eval(f"lambda {arguments}: None")
    wrong.__name__ = name
    told: list[str] = []

    def works(peer: str) -> None:
        told.append(peer)

    plugins = plugins_with(bad={name: wrong}, good={"sig_session_opened": works})
    with sig.ServerRouter("tcp://127.0.0.1:0", plugins=plugins) as server:
        with sig.ClientRouter(server.addresses[0]):
            eventually(lambda: told)
    assert why in caplog.text


def test_no_hook_no_pluggy() -> None:
    assert Plugins().hooks.of("sig_session_opened") is None
