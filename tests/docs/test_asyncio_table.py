"""The tables of docs/asyncio.md that compare the faces are what the classes say; to write them anew:

python -m tests.docs.test_asyncio_table
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import sig_core as sig
import sig_core.aio.entities as aio_entities
from sig_core import aio
from sig_core.spelling import alias

pytestmark = pytest.mark.pure_only("it looks at sources")

DOCUMENT = Path(__file__).parents[2] / "docs/asyncio.md"
ROUTERS = ["ClientRouter", "ServerRouter"]
FACES: dict[str, tuple[type[Any], type[Any]]] = {
    **{name: (getattr(sig, name), getattr(aio, name)) for name in ROUTERS},
    "Sender": (sig.Sender, aio_entities.Sender),
    "Signal": (sig.Signal, aio_entities.Signal),
}
NOTES = {  # what the signatures do not say
    "add_listener": "asyncio: `listener` may be a coroutine function",
    "add_remote_listener": "asyncio: `listener` may be a coroutine function",
    "add_sender": "asyncio: handlers may be coroutine functions",
    "add_remote_sender": "asyncio: handlers may be coroutine functions",
    "add_remote_senders": "asyncio: handlers may be coroutine functions",
    "events": "an asynchronous iterator of (info, data)",
    "on": "asyncio: `callback` may be a coroutine function",
    "request": "a handler of this program runs at once: threads: in this thread; asyncio: in this task",
    "request_async": "threads: returns a `concurrent.futures.Future`; asyncio: an `asyncio.Task`",
    "trigger": "while output is full: threads: waits, but raises `Backpressure` in callbacks; asyncio: raises it",
    "trigger_wait": "waits where `trigger` raises `Backpressure`",
    "wait_for_room": "what `trigger_wait` waits for",
}
MARKED = re.compile(r"(<!-- faces: (\w+) -->\n\n).*?(\n<!-- end -->)", re.DOTALL)


class Member(NamedTuple):
    """What one face has under a name.

    Attributes:
        kind: "attribute", "property", "method" or "coroutine".
        parameters: of a call, with their defaults.
        gives: what it returns, as annotated.
    """

    kind: str
    parameters: tuple[tuple[str, Any, Any], ...] = ()
    gives: str = ""


def parameters_of(call: Callable[..., Any]) -> tuple[tuple[str, Any, Any], ...]:
    return tuple((each.name, each.kind, each.default) for each in inspect.signature(call).parameters.values())


def member(value: Any) -> Member:
    if isinstance(value, property):
        return Member("property", gives=str(inspect.signature(value.fget).return_annotation))  # type: ignore[arg-type]
    if not inspect.isfunction(value):
        return Member("attribute")
    kind = "coroutine" if inspect.iscoroutinefunction(value) else "method"
    return Member(kind, parameters_of(value), str(inspect.signature(value).return_annotation))


def attributes_of(face: type[Any]) -> set[str]:
    """The public names that a class sets on its instances, wherever in its ancestry."""
    found: set[str] = set()
    for ancestor in face.__mro__[:-1]:
        tree = ast.parse(textwrap.dedent(inspect.getsource(ancestor)))
        nodes = [each for each in ast.walk(tree) if isinstance(each, ast.Attribute)]
        stored = [each for each in nodes if isinstance(each.ctx, ast.Store)]
        found |= {each.attr for each in stored if ast.unparse(each.value) == "self"}
    return {name for name in found if not name.startswith("_")}


def members(face: type[Any]) -> dict[str, Member]:
    """All that users see of a class, but for the second spellings of pysig 0.7."""
    found = {name: member(inspect.getattr_static(face, name)) for name in dir(face) if not name.startswith("_")}
    spellings = {name for name in found if isinstance(inspect.getattr_static(face, name), alias)}
    attributes = {name: Member("attribute") for name in attributes_of(face) if name not in found}
    return {name: each for name, each in (attributes | found).items() if name not in spellings}


def compared(name: str, threads: Member | None, other: Member | None) -> list[str]:
    """The cells of a row: the name, what it is on threads, what on asyncio, and what to know."""
    cells = [f"`{name}`", threads.kind if threads else "-", other.kind if other else "-", ""]
    if any(each is not None and each.kind in ("method", "coroutine") for each in (threads, other)):
        cells[3] = NOTES.get(name, "")
    if threads is not None and other is not None and threads.kind == other.kind:
        cells[2] = "same"
    return cells


def options(threads: type[Any], other: type[Any]) -> list[list[str]]:
    """A row for each option of the constructor that one face alone has."""
    here, there = ({each[0]: each for each in parameters_of(face.__init__)} for face in (threads, other))
    names = dict.fromkeys([*here, *there])
    return [
        [f"`{name}=`", "option" if name in here else "-", "option" if name in there else "-", "of the constructor"]
        for name in names
        if (name in here) is not (name in there)
    ]


def context(threads: type[Any], other: type[Any]) -> list[list[str]]:
    entered = "`with`" if hasattr(threads, "__enter__") else "-"
    awaited = "`async with`" if hasattr(other, "__aenter__") else "-"
    return [] if entered == awaited else [["as a context", entered, awaited, ""]]


def table(name: str) -> str:
    threads, other = FACES[name]
    here, there = members(threads), members(other)
    rows = [compared(each, here.get(each), there.get(each)) for each in sorted({*here, *there})]
    head = [[f"`{name}`", "on threads", "on asyncio", "to know"], ["---"] * 4]
    rows = [*head, *context(threads, other), *options(threads, other), *rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def written(text: str) -> str:
    """The document with its tables made anew."""
    return MARKED.sub(lambda found: f"{found[1]}{table(found[2])}{found[3]}", text)


def test_the_tables_are_what_the_classes_say() -> None:
    text = DOCUMENT.read_text()
    assert [found[1] for found in MARKED.findall(text)] == list(FACES)
    assert written(text) == text, "write it anew: python -m tests.docs.test_asyncio_table"


def test_every_router_of_asyncio_is_compared() -> None:
    assert [name for name in aio.__all__ if name.endswith("Router")] == ROUTERS


@pytest.mark.parametrize("name", FACES)
def test_what_both_faces_have_is_called_alike(name: str) -> None:
    """The same arguments and results, or a note that says what differs."""
    here, there = (members(face) for face in FACES[name])
    for each in here.keys() & there.keys():
        if each not in NOTES:
            assert here[each][1:] == there[each][1:], each
        assert here[each].parameters == there[each].parameters, each


def test_every_note_is_of_something() -> None:
    known = {each for faces in FACES.values() for face in faces for each in members(face)}
    assert NOTES.keys() <= known


if __name__ == "__main__":
    DOCUMENT.write_text(written(DOCUMENT.read_text()))
