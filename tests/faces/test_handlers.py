"""Objects of a user as handlers, on every face: nothing but their methods is run."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import sig_core as sig
from tests.support.faces import Face, Place
from tests.support.until import until


class Camera:
    """Has properties that must not be read, whoever asks, and whatever becomes of the link."""

    def snap(self, params: Any) -> Any:
        return ["jpg", params]

    @property
    def temperature(self) -> float:
        raise OSError("sensor is not ready")

    def __getattr__(self, name: str) -> Any:
        raise OSError(f"no register {name}")


def test_a_client_never_reads_a_property(face: Face, place: Place) -> None:
    async def scenario() -> None:
        place.open()
        told: list[str] = []
        client = face.client(place.url, reconnect=sig.Reconnect(first=0.01, most=0.05))
        client.on("reconnected", lambda state, error: told.append(state))
        async with client:
            await client.add_remote_sender("cam", ["e"], Camera())
            await place.close()
            server = place.open()
            await until(lambda: told == ["reconnected"])
            assert await client.remote_request("cam", "snap", 1) == ["jpg", 1]
            with pytest.raises(sig.UnknownMethod):
                await client.remote_request("cam", "temperature")
            assert await client.remove_sender("cam") is True
            assert not server.has_sender("cam")

    face.run(scenario())


def test_a_server_never_reads_a_property(face: Face, place: Place) -> None:
    async def scenario() -> None:
        server = place.open()
        server.add_sender("cam", ["e"], Camera())
        async with face.client(place.url) as client:
            assert await client.remote_request("cam", "snap", 1) == ["jpg", 1]
            with pytest.raises(sig.UnknownMethod):
                await client.remote_request("cam", "temperature")
        assert server.remove_sender("cam")

    face.run(scenario())


def test_no_lock_is_held_while_a_descriptor_runs() -> None:
    def in_another_thread(server: sig.ServerRouter) -> bool:
        asking = threading.Thread(target=server.stats, daemon=True)
        asking.start()
        asking.join(10)
        return not asking.is_alive()

    class Method:
        def __get__(self, obj: Any, kind: type) -> Any:
            assert in_another_thread(obj.server)
            return self

        def __call__(self, params: Any) -> Any:
            return params

    class Panel:
        ask = Method()

        def __init__(self, server: sig.ServerRouter) -> None:
            self.server = server

    with sig.ServerRouter("tcp://127.0.0.1:0") as server, sig.ClientRouter(server.addresses[0]) as client:
        server.add_sender("panel", [], Panel(server))
        assert client.remote_request("panel", "ask", 3) == 3
