"""Sessions that go on over a link that was cut, at a server with rules: for the same user with the same roles alone."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import sig_core as sig
from sig_core.tokens import digest
from tests.support.faces import Face
from tests.support.middle import Middle
from tests.support.until import until

TOKENS = ("sig_" + "1" * 64, "sig_" + "2" * 64)
RULES = """version = 1
[roles.all]
add = ["*"]
[roles.more]
add = ["*"]
operate = ["stats"]
"""
Scenario = Callable[[sig.ServerRouter, Middle, Any, Path], Coroutine[Any, Any, None]]


def text_of(*users: tuple[str, str, str]) -> str:
    who = [f'[[who]]\ntoken = "{digest(token)}"\nuser = "{user}"\nroles = ["{role}"]\n' for token, user, role in users]
    return RULES + "".join(who)


def run(face: Face, folder: Path, token: Any, scenario: Scenario, resume: float = 30) -> None:
    path = folder / "rules.toml"
    path.write_text(text_of((TOKENS[0], "one", "all"), (TOKENS[1], "two", "all")))
    path.chmod(0o600)

    async def with_server() -> None:
        with sig.ServerRouter("tcp://127.0.0.1:0", rules=path) as server:
            with Middle(int(server.addresses[0].rpartition(":")[2])) as middle:
                soon = sig.Reconnect(first=0.01, most=0.05)
                url = f"tcp://127.0.0.1:{middle.port}"
                client = face.client(url, token=token, resume=resume, reconnect=soon)
                await scenario(server, middle, client, path)

    face.run(with_server())


def told(client: Any) -> list[str]:
    states: list[str] = []
    for state in ("disconnected", "reconnected"):
        client.on(state, lambda state, error: states.append(state))
    return states


def test_the_same_user_goes_on(face: Face, tmp_path: Path) -> None:
    async def scenario(server: sig.ServerRouter, middle: Middle, client: Any, path: Path) -> None:
        states = told(client)
        async with client:
            await client.add_remote_sender("s", ["e"])
            for times in (1, 2):
                middle.cut()
                await until(lambda times=times: client.stats()["resumed"] == times)
                assert (await client.whoami())["user"] == "one"
            assert (states, server.has_sender("s")) == ([], True)

    run(face, tmp_path, TOKENS[0], scenario)


def test_who_proves_to_be_another_is_taken_in_anew(face: Face, tmp_path: Path) -> None:
    async def scenario(server: sig.ServerRouter, middle: Middle, client: Any, path: Path) -> None:
        states = told(client)
        async with client:
            await client.add_remote_sender("s", ["e"])
            shown.reverse()
            middle.cut()
            await until(lambda: "reconnected" in states)
            assert (await client.whoami())["user"] == "two"
            assert client.stats()["resumed"] == 0

    shown = [*TOKENS]
    run(face, tmp_path, lambda: shown[0], scenario, resume=1)  # until then the session is its owner's alone


def test_who_has_other_roles_by_now_is_taken_in_anew(face: Face, tmp_path: Path) -> None:
    async def scenario(server: sig.ServerRouter, middle: Middle, client: Any, path: Path) -> None:
        states = told(client)
        async with client:
            await client.add_remote_sender("s", ["e"])
            middle.pause()
            middle.cut()
            await until(lambda: server.stats()["links"]["waiting"] == 1)
            path.write_text(text_of((TOKENS[0], "one", "more")))
            server.reload()
            middle.go_on()
            await until(lambda: "reconnected" in states or client.stats()["resumed"])
            assert (await client.whoami())["roles"] == ["more"]

    run(face, tmp_path, TOKENS[0], scenario)
