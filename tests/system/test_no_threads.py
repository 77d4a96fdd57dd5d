"""A system that starts no more threads: each place that needs one says so, tries again, and comes to an end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest

import sig_core as sig
from sig_core import aio
from tests.support import eventually, within
from tests.support.faces import Face
from tests.support.heard import Heard
from tests.support.no_threads import no_threads
from tests.support.until import until

URL = "tcp://127.0.0.1:0"
SOON = {"first": 0.01, "most": 0.02}
FACES = [Face("threads"), Face("asyncio")]


@pytest.fixture(params=[URL, "local://no-threads", "lossy+" + URL])
def server(request: pytest.FixtureRequest) -> Iterator[sig.ServerRouter]:
    """Links that can be polled, that can't, and lines."""
    with sig.ServerRouter(request.param) as made:
        yield made


class Told:
    """What became of a client's link."""

    def __init__(self, client: Any) -> None:
        self.states: list[str] = []
        self.errors: list[Any] = []
        for state in ("connected", "disconnected", "reconnected", "gave_up"):
            client.on(state, self._note)

    def _note(self, state: str, error: Any) -> None:
        self.errors.append(error)
        self.states.append(state)


def threads_of(face: Face, url: str) -> list[str]:
    """Names of the threads that a client needs for a link."""
    if face.name == "threads":
        own = ["sig-reader", "sig-writer"]
    else:
        own = ["sig-dial"] if url.startswith("tcp") else ["sig-dial", "sig-pumped-in", "sig-pumped-out"]
    return own + (["sig-line-in", "sig-line-out"] if url.startswith("lossy") else [])


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_a_client_that_can_not_start_says_so_and_leaves_nothing(server: sig.ServerRouter, face: Face) -> None:
    url = server.addresses[0]

    async def scenario() -> None:
        for name in threads_of(face, url):
            client = face.client(url)
            peer = url if name == "sig-dial" else url.removeprefix("lossy+")
            with no_threads(f"{name} {peer}"), pytest.raises(sig.LimitError, match=f"{name} .*can't start new thread"):
                await client.start()
            assert not client.is_connected
            await client.stop()
        async with face.client(url) as client:
            assert client.is_connected

    face.run(scenario())
    eventually(lambda: server.stats()["links"]["open"] == 0)


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
@pytest.mark.parametrize("attempts", [None, 3])
def test_a_client_that_can_not_come_back_tries_again_as_often_as_it_may(face: Face, attempts: int | None) -> None:
    async def scenario() -> None:
        with sig.ServerRouter(URL) as server:
            client = face.client(server.addresses[0], reconnect=sig.Reconnect(attempts=attempts, **SOON))
            told = Told(client)
            async with client:
                await until(lambda: told.states == ["connected"])
                name = "sig-reader" if face.name == "threads" else "sig-dial"
                with no_threads(f"{name}*", times=3) as refused:
                    server.unlisten(server.addresses[0])
                    server.listen(client.real.url if face.name == "threads" else client.url)
                    await until(lambda: told.states[-1:] in (["reconnected"], ["gave_up"]))
                assert len(refused) == 3
                assert told.states[1:] == ["disconnected", "gave_up" if attempts else "reconnected"]
                assert isinstance(told.errors[-1], sig.LimitError if attempts else type(None))

    face.run(scenario())


@pytest.mark.parametrize("name", ["sig-return", "sig-state"])
def test_what_a_thread_of_its_own_would_do_is_done_all_the_same(name: str, caplog: pytest.LogCaptureFixture) -> None:
    with sig.ServerRouter(URL) as server, no_threads(f"{name}*") as refused:
        url = server.addresses[0]
        client = sig.ClientRouter(url, reconnect=sig.Reconnect(**SOON))
        told = Told(client)
        with client:
            heard = Heard()
            client.add_remote_listener(heard, "s", "e")
            server.unlisten(url)
            eventually(lambda: "disconnected" in told.states)
            server.listen(url)
            eventually(lambda: told.states == ["connected", "disconnected", "reconnected"])
            server.add_sender("s", ["e"]).get_signal("e").trigger(1)
            assert heard.wait_for(1) == [1]
        assert refused
    assert "can't start new thread" in caplog.text


def test_a_stop_ends_a_return_that_has_no_thread_of_its_own() -> None:
    with sig.ServerRouter(URL) as server, no_threads("sig-return*"):
        client = sig.ClientRouter(server.addresses[0], reconnect=sig.Reconnect(first=3600, most=3600)).start()
        server.unlisten(server.addresses[0])
        eventually(lambda: client.stats()["state"] == "away")
        client.stop()


def test_a_future_that_is_late_is_told_without_a_thread() -> None:
    with sig.ServerRouter(URL) as server, sig.ClientRouter(server.addresses[0]) as client:
        hang = Heard()
        server.add_sender("s", [], {"hang": lambda params: hang.wait_for(1)})
        told = Heard()
        with no_threads("sig-late*") as refused:
            asked = client.request_async("s", "hang", None, 0.05)
            asked.add_done_callback(lambda future: told(None, future.exception()))
            try:
                assert isinstance(told.wait_for(1)[0], sig.RequestTimeout)
                eventually(lambda: refused)
                assert client.is_connected
            finally:
                hang(None, None)


# -- servers


def test_a_server_that_can_not_start_says_so() -> None:
    server = sig.ServerRouter(URL)
    with no_threads("sig-io*"), pytest.raises(sig.LimitError, match="sig-io"):
        server.start()
    with pytest.raises(sig.LocalProtocolError, match="stopped"):
        server.listen(URL)


@pytest.mark.parametrize("many", [True, False], ids=["jobs", "a job"])
def test_a_server_calls_its_listeners_once_there_is_a_thread(many: bool, caplog: pytest.LogCaptureFixture) -> None:
    with sig.ServerRouter(URL) as server, sig.ClientRouter(server.addresses[0]) as client:
        heard = Heard()
        server.add_listener(heard, "s", "e")
        signal = client.add_remote_sender("s", ["e"]).get_signal("e")
        with no_threads("sig-dispatch*") as refused:
            for number in range(100 if many else 1):
                signal.trigger(number)
            client.flush()
            eventually(lambda: "callbacks of this server wait until there is one" in caplog.text)
            assert refused and heard.values == []
        assert heard.wait_for(100 if many else 1) == list(range(100 if many else 1))
        assert caplog.text.count("callbacks of this server wait") == 1


def test_a_callback_that_waits_has_no_other_run_beside_it() -> None:
    with sig.ServerRouter(URL) as server, sig.ClientRouter(server.addresses[0]) as client:
        answers = Heard()
        sender = client.add_remote_sender("c", ["e"], {"echo": lambda params: params})
        server.add_listener(lambda info, data: answers(info, server.request("c", "echo", data)), "c", "e")
        signal = sender.get_signal("e")
        signal.trigger(0)
        answers.wait_for(1)
        with no_threads("sig-dispatch*", "sig-answers*"):
            for number in range(1, 20):
                signal.trigger(number)
            assert sorted(answers.wait_for(20)) == list(range(20))


@pytest.mark.parametrize("face", ["threads", "asyncio"])
def test_an_address_that_needs_a_thread_is_refused(face: str) -> None:
    url = "local://no-thread-to-accept"
    if face == "threads":
        with sig.ServerRouter(URL) as server:
            with no_threads("sig-accept*"), pytest.raises(sig.LimitError, match="sig-accept"):
                server.listen(url)
            assert len(server.addresses) == 1
            server.listen(url)
        return

    async def scenario() -> None:
        async with aio.ServerRouter(URL) as served:
            for name in ("sig-accept", "sig-listen"):
                with no_threads(f"{name}*"), pytest.raises(sig.LimitError, match=name):
                    await served.listen(url)
                assert len(served.addresses) == 1
            await served.listen(url)
            with no_threads("sig-stop*"):
                await served.stop()

    asyncio.run(asyncio.wait_for(scenario(), within(30)))


@pytest.mark.parametrize("name", ["sig-reader", "sig-writer"])
def test_a_link_that_has_no_threads_is_closed_and_told(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sig")
    with sig.ServerRouter("local://no-thread-to-serve") as server:
        url = server.addresses[0]
        with no_threads(f"{name} *#*", times=1), pytest.raises(sig.SigError):
            sig.ClientRouter(url, limits=sig.Limits(handshake=0.3)).start()
        eventually(lambda: "can't start new thread" in caplog.text)  # the link is closed first
        eventually(lambda: server.stats()["links"]["open"] == 0)
        with sig.ClientRouter(url) as client:
            assert client.is_connected
