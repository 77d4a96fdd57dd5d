"""A server with rules, from outside: who comes in, and what each may do, on either face and in every dialect."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sig_core as sig
from sig_core.tokens import digest
from tests.support.faces import Face
from tests.support.heard import Heard
from tests.support.plainpeer import PlainPeer

HALL, PANEL, ROOT_TOKEN = "sig_" + "1" * 64, "sig_" + "2" * 64, "sig_" + "3" * 64
RULES = f"""version = 1
[roles.sensor]
add = ["{{user}}", "{{user}}/*", "taken"]
[roles.panel]
see = ["hall*"]
listen = [{{ sender = "hall*" }}, {{ event = "#alarm" }}]
request = [{{ sender = "hall", method = ["get*", "u*"] }}]
deny.request = [{{ sender = "*", method = "unlock" }}]
deny.listen = [{{ sender = "hall/secret" }}]
[roles.operator]
see = ["*"]
listen = [{{ sender = "*" }}]
operate = ["*"]
[[who]]
token = "{digest(HALL)}"
user = "hall"
roles = ["sensor"]
[[who]]
token = "{digest(PANEL)}"
user = "panel"
roles = ["panel"]
[[who]]
token = "{digest(ROOT_TOKEN)}"
user = "root"
roles = ["operator"]
"""

HANDLERS = {"get": lambda params: 7, "unlock": print}


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(RULES)
    path.chmod(0o600)
    return path


@pytest.fixture
def server(rules: Path) -> Iterator[sig.ServerRouter]:
    with sig.ServerRouter("tcp://127.0.0.1:0", rules=rules) as made:
        yield made


def test_what_each_may_do(server: sig.ServerRouter, face: Face) -> None:
    async def scenario() -> None:
        url, heard = server.addresses[0], Heard()
        async with face.client(url, token=HALL) as hall, face.client(url, token=lambda: PANEL) as panel:
            sender = await hall.add_remote_sender("hall", ["temp", "#alarm"], HANDLERS)
            secret = await hall.add_remote_sender("hall/secret", ["key"])
            with pytest.raises(sig.AccessDenied, match="add sender 'panel'"):
                await hall.add_remote_sender("panel")
            with pytest.raises(sig.AccessDenied):
                await panel.add_remote_sender("hall")  # not: that it is there
            await panel.add_remote_listener(heard)
            with pytest.raises(sig.AccessDenied):
                await panel.add_remote_listener(heard, "hall/secret", "key")
            secret.get_signal("key").trigger(1)
            sender.get_signal("temp").trigger(2)
            await hall.flush()
            assert heard.wait_for(1) == [2]
            assert await panel.list_remote_senders() == ["hall", "hall/secret"]
            assert await panel.remote_request("hall", "get") == 7
            for method in ("unlock", "other"):
                with pytest.raises(sig.AccessDenied):
                    await panel.remote_request("hall", method)
            with pytest.raises(sig.UnknownSender):
                await hall.remote_request("panel", "get")
            with pytest.raises(sig.AccessDenied):
                await panel.server_stats()
            async with face.client(url, token=ROOT_TOKEN) as root:
                assert (await root.server_stats(peers=True))["senders"] == 2

    face.run(scenario())


@pytest.mark.parametrize("token", [None, "sig_unknown", HALL + "x"])
def test_who_is_not_admitted_is_told_at_once(server: sig.ServerRouter, face: Face, token: str | None) -> None:
    async def scenario() -> None:
        with pytest.raises(sig.AccessDenied, match="not admitted"):
            await face.client(server.addresses[0], token=token).start()

    face.run(scenario())


def test_a_device_started_anew_takes_its_names_back(server: sig.ServerRouter, face: Face) -> None:
    async def scenario() -> None:
        url = server.addresses[0]
        async with face.client(url, token=HALL, reconnect=None) as old:
            await old.add_remote_senders({"hall": "e", "hall/2": "e"})
            async with face.client(url, token=HALL, reconnect=None) as new:
                sender = await new.add_remote_sender("hall", "e")
                sender.get_signal("e").trigger(1)
                await new.flush()
                assert server.stats()["senders"] == 2
                assert not await new.remove_remote_sender("hall/2")  # nor may it see that

    face.run(scenario())


def test_another_user_does_not_take_a_name(server: sig.ServerRouter, face: Face, rules: Path) -> None:
    async def scenario() -> None:
        url = server.addresses[0]
        async with face.client(url, token=HALL) as hall:
            server.add_sender("taken")
            with pytest.raises(sig.SenderExists, match="another peer"):
                await hall.add_remote_sender("taken")

    face.run(scenario())


def test_a_plain_peer_says_who_it_is_first(server: sig.ServerRouter) -> None:
    url = server.addresses[0]
    with PlainPeer(url) as peer:
        assert peer.call("login", token=HALL) is None
        peer.call("add_sender", sender="hall", events=["e"])
        for method, status in (("add_sender", -6), ("login", -1)):  # one identity, for the life of a link
            peer.send({"id": 7, "method": method, "params": {"sender": "x", "token": HALL}})
            assert peer.read()["status"] == status
    for method, params in (("login", {"token": "sig_unknown"}), ("add_sender", {"sender": "hall"})):
        with PlainPeer(url) as stranger:
            stranger.send({"id": 7, "method": method, "params": params})
            assert stranger.read()["status"] == -6
            assert stranger.rest() == b""


def test_unix_peers_are_known_by_the_system(tmp_path: Path) -> None:
    who = [{"unix": {"uid": os.getuid()}, "user": "me/{name}", "roles": ["r"]}]
    rules: dict[str, Any] = {"version": 1, "roles": {"r": {"add": ["{user}"]}}, "who": who}
    with sig.ServerRouter(f"unix://{tmp_path}/s", rules=rules) as server, sig.ClientRouter(server.addresses[0]) as one:
        import pwd

        one.add_remote_sender(f"me/{pwd.getpwuid(os.getuid()).pw_name}")
        with pytest.raises(sig.AccessDenied):
            one.add_remote_sender("me")


def test_a_token_is_not_sent_where_others_could_read_it() -> None:
    with pytest.raises(sig.ConfigError, match="TLS"):
        sig.ClientRouter("tcp://192.0.2.1:3000", token=HALL).start()


@pytest.mark.parametrize("text", [None, "version = 2", "[", RULES.replace("sensor]", "sensr]", 1)])
def test_bad_rules_let_nobody_in(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "rules.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(sig.ConfigError, match=r"rules\.toml"):
        sig.ServerRouter("tcp://127.0.0.1:0", rules=path)


def test_what_is_hardly_meant_is_told_at_start(rules: Path, caplog: pytest.LogCaptureFixture) -> None:
    at = '[[who]]\nanyone = true\nroles = ["panel"]\nat = ["tcp://127.0.0.1:1"]\n'
    rules.write_text(RULES + "[roles.nobody]\n" + at)
    for mode, told in ((0o600, ""), (0o644, "every user of this machine may read"), (0o622, "others may change these")):
        rules.chmod(mode)
        caplog.clear()
        with sig.ServerRouter("tcp://127.0.0.1:0", rules=rules):
            assert "nobody has the role 'nobody'" in caplog.text
            assert "who[3].at: nobody comes in at 'tcp://127.0.0.1:1'" in caplog.text
            assert (told or "rules.toml") in caplog.text and ("mode" in caplog.text) is bool(told)


def test_rules_that_nobody_may_read_let_nobody_in(rules: Path) -> None:
    rules.chmod(0)
    if os.access(rules, os.R_OK):  # the superuser reads anything
        rules.unlink()
        rules.mkdir()
    with pytest.raises(sig.ConfigError, match=r"rules\.toml: can't read them"):
        sig.ServerRouter("tcp://127.0.0.1:0", rules=rules)


def test_with_rules_other_machines_may_reach_it(rules: Path) -> None:
    with sig.ServerRouter("tcp://0.0.0.0:0", rules=rules) as server:
        assert json.dumps(server.addresses)


def test_what_may_not_be_seen_answers_as_what_is_not_there(server: sig.ServerRouter, face: Face) -> None:
    async def scenario() -> None:
        server.add_sender("there", "e", {"get": lambda params: 1})
        async with face.client(server.addresses[0], token=HALL) as hall:
            told: dict[str, list[str]] = {"there": [], "gone!": []}
            for name, words in told.items():
                for asked in (
                    hall.remote_request(name, "get"),
                    hall.add_remote_listener(print, name, "#connect"),
                    hall.add_remote_listener(print, name, "e"),
                    hall.add_remote_sender(name),
                ):
                    with pytest.raises((sig.UnknownSender, sig.AccessDenied)) as refused:
                        await asked
                    words.append(f"{refused.type.__name__} {refused.value}".replace(name, "NAME"))
            assert told["there"] == told["gone!"]
            assert await hall.list_remote_senders() == []

    face.run(scenario())
