"""`sig_authorize`: a plug-in has the last word, on either face, and neither stops nor opens a server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

import sig_core as sig
from sig_core import aio
from sig_core.plugins import Plugins
from sig_core.tokens import digest
from tests.support.faces import Face
from tests.support.heard import Heard
from tests.support.hook_plugins import plugins_with
from tests.support.until import until

TOKEN = "sig_" + "1" * 64
ALL: dict[str, Any] = {
    "add": ["*"],
    "see": ["*"],
    "listen": [{"sender": "*"}],
    "request": [{"sender": "*", "method": "get"}],
}
RULES: dict[str, Any] = {
    "version": 1,
    "authorize": True,
    "roles": {"all": ALL},
    "who": [{"token": digest(TOKEN), "user": "anna", "roles": ["all"]}],
}


class Broken(BaseException):
    """What no `except Exception` takes."""


def raises(error: BaseException) -> Callable[..., Any]:
    def sig_authorize(sender: Any) -> bool:
        if sender == "bad":
            raise error
        return True

    return sig_authorize


def plugins(sig_authorize: Callable[..., Any], **more: Callable[..., Any]) -> Plugins:
    return plugins_with(last={"sig_authorize": sig_authorize, **more})


def test_what_it_is_told_and_that_it_is_asked_once(face: Face) -> None:
    asked: list[Any] = []

    def sig_authorize(user: str, kind: str, roles: frozenset[str], action: str, sender: Any, name: Any) -> bool:
        assert not server._lock.is_mine()
        asked.append((user, kind, sorted(roles), action, sender, name))
        return name != "secret"

    server = sig.ServerRouter("tcp://127.0.0.1:0", rules=RULES, plugins=plugins(sig_authorize))

    async def scenario() -> None:
        heard = Heard()
        with server:
            async with face.client(server.addresses[0], token=TOKEN) as anna:
                sender = await anna.add_remote_sender("s", ["e"], {"get": lambda params: params})
                await anna.add_remote_listener(heard, "s", "e")
                with pytest.raises(sig.AccessDenied, match="the rules of this server do not allow it"):
                    await anna.add_remote_listener(heard, "s", "secret")
                for _ in range(3):
                    assert await anna.remote_request("s", "get", 5) == 5
                sender.get_signal("e").trigger(1)
                await anna.flush()
                await until(lambda: heard.values == [1])
        what = [("add", "s", None), ("listen", "s", "e"), ("listen", "s", "secret"), ("request", "s", "get")]
        assert asked == [("anna", "token", ["all"], *each) for each in what]

    face.run(scenario())


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(3), Broken("x"), KeyboardInterrupt()])
def test_one_that_raises_denies_and_all_else_goes_on(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0", rules=RULES, plugins=plugins(raises(error))) as server:
        for _ in range(2):
            with sig.ClientRouter(server.addresses[0], token=TOKEN) as anna:
                with pytest.raises(sig.AccessDenied):
                    anna.add_remote_sender("bad")
                anna.add_remote_sender("good")
    assert f"sig_authorize raised {type(error).__name__}" in caplog.text


@pytest.mark.parametrize("answer", [None, 1, "yes", False])
def test_only_true_is_a_yes(answer: Any) -> None:
    with (
        sig.ServerRouter("tcp://127.0.0.1:0", rules=RULES, plugins=plugins(lambda action: answer)) as server,
        sig.ClientRouter(server.addresses[0], token=TOKEN) as anna,
        pytest.raises(sig.AccessDenied),
    ):
        anna.add_remote_sender("s")


def test_two_have_to_agree() -> None:
    two = plugins_with(one={"sig_authorize": lambda: True}, two={"sig_authorize": lambda sender: sender == "s"})
    with (
        sig.ServerRouter("tcp://127.0.0.1:0", rules=RULES, plugins=two) as server,
        sig.ClientRouter(server.addresses[0], token=TOKEN) as anna,
    ):
        anna.add_remote_sender("s")
        with pytest.raises(sig.AccessDenied):
            anna.add_remote_sender("t")


def test_rules_that_want_one_do_not_count_without(caplog: pytest.LogCaptureFixture) -> None:
    others = plugins_with(audit={"sig_audit": lambda entry: None})
    with pytest.raises(sig.ConfigError, match="authorize = true, but no plug-in"):
        sig.ServerRouter("tcp://127.0.0.1:0", rules=RULES, plugins=others)

    def broken() -> Any:
        raise ImportError("no module")

    bad = Plugins()
    bad.hook_plugins.register("bad", broken)
    with pytest.raises(sig.ConfigError, match="authorize = true"):
        sig.ServerRouter("tcp://127.0.0.1:0", rules=RULES, plugins=bad)
    assert "left out" in caplog.text


def test_an_asyncio_server_asks_on_its_loop(face: Face) -> None:
    denied = set[Any]()

    async def scenario() -> None:
        last = plugins(lambda sender: sender not in denied)
        async with aio.ServerRouter("tcp://127.0.0.1:0", rules=RULES, plugins=last) as server:
            async with face.client(server.addresses[0], token=TOKEN) as anna:
                await anna.add_remote_sender("s")
                denied.add("s")
                assert server.has_sender("s")
                await server.reload()
                await until(lambda: not server.has_sender("s"))
                with pytest.raises(sig.AccessDenied):
                    await anna.add_remote_listener(print, "s", "e")

    face.run(scenario())


def test_an_audit_hook_that_raises_anything_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []

    def audits(entry: dict[str, Any]) -> None:
        assert not server._lock.is_mine()
        told.append(entry["event"])
        raise Broken("audit") if len(told) % 2 else KeyboardInterrupt

    rules = {**RULES, "authorize": False}
    server = sig.ServerRouter("tcp://127.0.0.1:0", rules=rules, plugins=plugins_with(a={"sig_audit": audits}))
    caplog.set_level(logging.INFO, "sig.audit")
    with server:
        for _ in range(2):
            with sig.ClientRouter(server.addresses[0], token=TOKEN) as anna:
                anna.add_remote_sender("s")
                with pytest.raises(sig.AccessDenied):
                    anna.remote_request("s", "other")
        asyncio.run(until(lambda: told.count("denied") == 2))
    written = [record for record in caplog.records if record.name == "sig.audit"]
    assert len(written) >= len(told) - 1 >= 6
