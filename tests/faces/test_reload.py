"""New rules for a server that runs: in one step for all, or not at all."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

import sig_core as sig
from sig_core import aio
from sig_core.tokens import digest
from tests.support.faces import Face
from tests.support.heard import Heard
from tests.support.plainpeer import PlainPeer
from tests.support.until import until

ONE, TWO = "sig_" + "1" * 64, "sig_" + "2" * 64


def rules(**changes: Any) -> dict[str, Any]:
    roles = {
        "sensor": {"add": changes.get("add", ["s", "t"])},
        "panel": {"see": ["*"], "listen": changes.get("listen", [{"sender": "s"}, {"sender": "t"}])},
    }
    who = [
        {"token": digest(token), "user": user, "roles": [role]}
        for token, user, role in ((ONE, "one", "sensor"), (TWO, "two", "panel"))
        if user not in changes.get("without", ())
    ]
    return {"version": 1, "roles": roles, "who": who}


def as_toml(given: dict[str, Any]) -> str:
    lines = ["version = 1"]
    for name, role in given["roles"].items():
        lines.append(f"[roles.{name}]")
        lines += [f"{key} = [{', '.join(map(_item, value))}]" for key, value in role.items()]
    for who in given["who"]:
        lines += ["[[who]]", f'token = "{who["token"]}"', f'user = "{who["user"]}"', f'roles = ["{who["roles"][0]}"]']
    return "\n".join(lines) + "\n"


def _item(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else f'{{ sender = "{value["sender"]}" }}'


class Told:
    def __init__(self, client: Any) -> None:
        self.news: list[tuple[str, Any]] = []
        for state in ("disconnected", "refused"):
            client.on(state, lambda state, error: self.news.append((state, error)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(as_toml(rules()))
    path.chmod(0o600)
    return path


def write(path: Path, given: dict[str, Any] | str) -> None:
    path.write_text(given if isinstance(given, str) else as_toml(given))


def test_what_is_not_allowed_any_more_ends(face: Face, file: Path) -> None:
    async def scenario() -> None:
        heard = Heard()
        with sig.ServerRouter("tcp://127.0.0.1:0", rules=file) as server:
            url = server.addresses[0]
            async with face.client(url, token=ONE) as one, face.client(url, token=TWO, reconnect=None) as two:
                told = Told(one), Told(two)
                senders = await one.add_remote_senders({"s": "e", "t": "e"})
                await two.add_remote_listener(heard, None, None)
                await two.add_remote_listener(heard, "t", "e")
                write(file, rules(add=["t"], listen=[{"sender": "s"}]))
                server.reload()
                await until(lambda: told[0].news and told[1].news)
                assert told[0].news[0][0] == "refused" and "sender 's'" in str(told[0].news[0][1])
                assert told[1].news[0][0] == "refused" and "('t', 'e')" in str(told[1].news[0][1])
                assert server.stats()["senders"] == 1
                senders[1].get_signal("e").trigger("secret")
                await one.flush()
                write(file, rules())  # and back: what sleeps wakes
                server.reload()
                senders[1].get_signal("e").trigger("free")
                await one.flush()
                await until(lambda: "free" in heard.values)
                assert "secret" not in heard.values and not two.lost
                write(file, rules(without=["two"]))
                server.reload()
                await until(lambda: told[1].news[-1][0] == "disconnected")
                assert isinstance(told[1].news[-1][1], sig.AccessDenied)
                with pytest.raises(sig.AccessDenied):
                    await face.client(url, token=TWO).start()
                assert one.is_connected

    face.run(scenario())


def test_under_load_nothing_is_lost_that_is_allowed_all_the_time(face: Face, file: Path) -> None:
    async def scenario() -> None:
        heard, others = Heard(), Heard()
        with sig.ServerRouter("tcp://127.0.0.1:0", rules=file) as server:
            url = server.addresses[0]
            async with face.client(url, token=ONE) as one, face.client(url, token=TWO) as two:
                kept, lost = await one.add_remote_senders({"s": "e", "t": "e"})
                await two.add_remote_listener(heard, "s", "e")
                await two.add_remote_listener(others, "t", "e")
                await two.remote_senders()
                for number in range(1000):
                    kept.get_signal("e").trigger(number)
                    if number < 500:
                        lost.get_signal("e").trigger(number)
                    if number % 100 == 0:
                        write(file, rules(listen=[{"sender": "s"}] + [{"sender": "t"}] * (number % 200 == 0)))
                        await asyncio.to_thread(server.reload)
                await one.flush()
                assert len(heard.wait_for(1000)) == 1000
                assert heard.values == list(range(1000))
                assert not {key for key in two.lost if key[0] == "s"}
                assert others.values == sorted(others.values)

    face.run(scenario())


@pytest.mark.parametrize("bad", ["version = 3\n", "[", None])
def test_bad_rules_change_nothing(file: Path, bad: str | None, caplog: pytest.LogCaptureFixture) -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0", rules=file) as server:
        if bad is None:
            file.unlink()
        else:
            write(file, bad)
        with pytest.raises(sig.ConfigError, match=r"rules\.toml"):
            server.reload()
        with sig.ClientRouter(server.addresses[0], token=ONE) as one:
            one.add_remote_sender("s")
            with pytest.raises(sig.AccessDenied):
                one.add_remote_sender("x")
        server.reload_soon()
        server.stop()
    assert not [record for record in caplog.records if ONE in record.getMessage()]


def test_a_changed_file_is_read_by_itself(file: Path) -> None:
    async def scenario() -> None:
        async with aio.ServerRouter("tcp://127.0.0.1:0", rules=file) as server:
            async with aio.ClientRouter(server.addresses[0], token=ONE) as one:
                write(file, rules(add=["s", "new"]))

                async def is_added() -> bool:
                    try:
                        await one.add_remote_sender("new")
                    except sig.AccessDenied:
                        return False
                    return True

                while not await is_added():
                    await asyncio.sleep(0.01)
                write(file, rules(add=["s"]))
                await server.reload()
                assert not server.has_sender("new")

    asyncio.run(asyncio.wait_for(scenario(), 60))


def test_plain_peers_too(file: Path) -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0", rules=file) as server, PlainPeer(server.addresses[0]) as peer:
        peer.call("login", token=TWO)
        peer.call("add_listener", sender="s")
        write(file, rules(without=["two"]))
        server.reload()
        assert b"not admitted any more" in peer.rest()


def test_rules_that_are_no_file_are_read_once() -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server, pytest.raises(sig.ConfigError, match="no rules"):
        server.reload()


def test_the_audit_tells_what_happened_and_no_secret(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("sig.audit").setLevel(logging.INFO)
    secret = "sig_planted" + "5" * 50
    with sig.ServerRouter("tcp://127.0.0.1:0", rules=file) as server:
        with sig.ClientRouter(server.addresses[0], token=ONE) as one:
            one.add_remote_sender("s")
            for _ in range(20):
                with pytest.raises(sig.AccessDenied):
                    one.add_remote_sender("x")
        for token in (secret, lambda: secret):
            with pytest.raises(sig.AccessDenied) as refused:
                sig.ClientRouter(server.addresses[0], token=token).start()
            assert secret not in repr(refused.value)
        with PlainPeer(server.addresses[0]) as peer:
            peer.send({"id": 1, "method": "login", "params": {"token": secret}})
            peer.rest()
        write(file, f'version = 1\n[[who]]\ntoken = "{secret}"\n')
        with pytest.raises(sig.ConfigError) as bad:
            server.reload()
        assert secret not in str(bad.value)
    logging.getLogger("sig.audit").setLevel(logging.NOTSET)
    told = [record.getMessage() for record in caplog.records if record.name == "sig.audit"]
    events = [line.split('"event": "')[1].split('"')[0] for line in told]
    for event in ("rules loaded", "admitted", "added", "denied", "removed", "refused", "rules refused"):
        assert event in events, (event, told)
    assert events.count("denied") == 6  # five, and a count
    assert '"repeated": 15' in "\n".join(told)
    everything = caplog.text + "\n".join(told)
    assert secret not in everything and ONE not in everything
