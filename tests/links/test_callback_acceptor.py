"""The acceptor for libraries that call a handler: who comes is handed on, and nobody is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

import pytest

from sig_core.contract import LinkTraits
from sig_core.links import asyncio_bridge as bridge
from sig_core.links import callback_acceptor
from sig_core.links.callback_acceptor import CallbackAcceptor
from tests.support import within


class Link:
    """Says when it was closed."""

    traits = LinkTraits(packets=True, reliable=True)

    def __init__(self, peer: str, fails: bool = False) -> None:
        self.peer = peer
        self.fails = fails
        self.closed = 0
        self.abort = lambda: None

    async def send(self, data: bytes, /) -> None: ...

    async def receive(self) -> bytes:
        return self.peer.encode()

    async def close(self) -> None:
        self.closed += 1
        if self.fails:
            raise OSError("it broke")


def on_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), within(10)))

    return run


def handled(acceptor: CallbackAcceptor, *connection: Any) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(acceptor.handle(*connection))


@on_a_loop
async def test_links_are_accepted_in_their_order_and_are_those_that_were_made() -> None:
    acceptor = CallbackAcceptor(Link)
    came = [handled(acceptor, name) for name in ("a", "b")]
    links = [await acceptor.accept() for _ in came]
    assert [(link.peer, link.traits, await link.receive()) for link in links] == [
        ("a", Link.traits, b"a"),
        ("b", Link.traits, b"b"),
    ]
    assert all(hasattr(link, "abort") for link in links)
    for link in links:
        await link.close()
    await asyncio.gather(*came)


@pytest.mark.parametrize("fails", [False, True])
@on_a_loop
async def test_the_handler_returns_when_its_link_is_closed_however_that_went(fails: bool) -> None:
    acceptor = CallbackAcceptor(Link)
    handler = handled(acceptor, "a", fails)
    link = await acceptor.accept()
    await asyncio.sleep(0)
    assert not handler.done()
    try:
        await link.close()
    except OSError:
        assert fails
    await handler


@pytest.mark.parametrize("kind", ["function", "coroutine"])
@on_a_loop
async def test_a_close_stops_the_library_and_closes_who_was_not_accepted(kind: str) -> None:
    stopped: list[str] = []
    made: list[Link] = []

    async def stop() -> None:
        stopped.append("coroutine")

    def make(peer: str) -> Link:
        made.append(Link(peer, fails=peer == "a"))
        return made[-1]

    ending = stop if kind == "coroutine" else lambda: stopped.append("function")
    acceptor = CallbackAcceptor(make).bound_to("lab://here", ending)
    assert acceptor.address == "lab://here"
    accepted, *waiting = [handled(acceptor, name) for name in ("first", "a", "b")]
    first = await acceptor.accept()
    await acceptor.close()
    await asyncio.gather(*waiting)
    assert stopped == [kind]
    assert [link.closed for link in made] == [0, 1, 1]
    await first.close()
    await accepted


@on_a_loop
async def test_who_comes_to_a_closed_acceptor_is_closed() -> None:
    acceptor = CallbackAcceptor(lambda link: link)
    await acceptor.close()
    late = Link("late")
    await acceptor.handle(late)
    assert late.closed == 1


@on_a_loop
async def test_who_was_not_accepted_and_does_not_let_go_is_aborted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "ABORT_AFTER", 0.01)
    aborted = asyncio.Event()
    link: Any = Link("a")
    link.close, link.abort = asyncio.Event().wait, aborted.set
    acceptor = CallbackAcceptor(lambda link: link)
    handler = handled(acceptor, link)
    await asyncio.sleep(0)
    await acceptor.close()
    await handler
    assert aborted.is_set()


@on_a_loop
async def test_who_finds_too_many_waiting_is_closed() -> None:
    acceptor = CallbackAcceptor(lambda link: link)
    links = [Link(str(number)) for number in range(callback_acceptor.BACKLOG + 1)]
    came = [handled(acceptor, link) for link in links]
    await came[-1]
    assert [link.closed for link in links] == [0] * callback_acceptor.BACKLOG + [1]
    await acceptor.close()
    await asyncio.gather(*came)
    assert {link.closed for link in links} == {1}
