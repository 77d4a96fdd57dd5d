"""`sig durable`: what a server keeps for listeners that are away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click

from sig_core.cli.failures import OK
from sig_core.cli.groups import Group
from sig_core.cli.look import table
from sig_core.cli.options import as_json, client_options, connect, json_option, timeout_option
from sig_core.cli.target import Target
from sig_core.cli.values import dump
from sig_core.errors import ConfigError
from sig_core.io.store.sqlite_store import SqliteStore
from sig_core.routing.durable_port import described

__all__ = ["durable"]

F = TypeVar("F", bound=Callable[..., Any])


class Durables(Protocol):
    """Where durables are: at a server, or in a file."""

    def durables(self) -> list[dict[str, Any]]: ...
    def drop_durable(self, name: str) -> None: ...


class StoredDurables:
    """Those in the file of a server that is stopped."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    def durables(self) -> list[dict[str, Any]]:
        """See `ClientRouter`."""
        return [described(each) for each in self._store.durables()]

    def drop_durable(self, name: str) -> None:
        """See `ClientRouter`."""
        self._store.drop(name)


@click.group(cls=Group, short_help="List, show or drop what is kept for listeners that are away.")
def durable() -> None:
    """List, show or drop durables: names under which a server keeps events for a listener that is away."""


def store_option(command: F) -> F:
    """Add what says where the durables are."""
    option = click.option(
        "--store",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Look into the file of a server that is stopped, and join none.",
    )
    return option(client_options(timeout_option(command)))


@durable.command("list")
@store_option
@json_option
def show_all(store: Path | None, target: Target, timeout: float, to_json: bool) -> int:
    """List the durables that you may manage."""
    with _durables(store, target, timeout) as there:
        found = there.durables()
    if as_json(to_json):
        for each in found:
            click.echo(dump(each))
    elif found:
        head = ["durable", "owner", "hears", "fired", "delivered", "waiting", "lost", "heard by"]
        click.echo(table(head, [_row(each) for each in found]))
    else:
        click.echo("no durables")
    return OK


@durable.command()
@click.argument("name")
@store_option
@json_option
def show(name: str, store: Path | None, target: Target, timeout: float, to_json: bool) -> int:
    """Show how one stands: what was fired, delivered, waits and was lost."""
    with _durables(store, target, timeout) as there:
        found = _find(there, name)
    if as_json(to_json):
        click.echo(dump(found))
    else:
        shown = {"hears": _hears(found), **found, "heard_by": found["heard_by"] or "nobody"}
        left_out = ("sender", "event", *([] if found["owner"] else ["owner"]))
        rows = [[key.replace("_", " "), _text(value)] for key, value in shown.items() if key not in left_out]
        click.echo(table(None, rows))
    return OK


@durable.command()
@click.argument("name")
@store_option
@json_option
def drop(name: str, store: Path | None, target: Target, timeout: float, to_json: bool) -> int:
    """End one, with all that waits in it."""
    with _durables(store, target, timeout) as there:
        found = _find(there, name)
        there.drop_durable(name)
    if as_json(to_json):
        click.echo(dump({"dropped": name, "waiting": found["waiting"]}))
    else:
        click.echo(f"dropped {name}, and {found['waiting']:,} events that waited in it")
    return OK


@contextmanager
def _durables(store: Path | None, target: Target, timeout: float) -> Iterator[Durables]:
    if store is None:
        with connect(target, timeout=timeout) as client:
            yield client
        return
    if not store.exists():
        raise ConfigError(f"store {store}: there is no such file")
    opened = SqliteStore(store)
    opened.open()
    try:
        yield StoredDurables(opened)
    finally:
        opened.close()


def _find(there: Durables, name: str) -> dict[str, Any]:
    found = there.durables()
    for each in found:
        if each["durable"] == name:
            return each
    names = ", ".join(each["durable"] for each in found) or "none"
    raise ConfigError(f"durable {name!r}: there is none of that name that you may manage; there are: {names}")


def _hears(each: dict[str, Any]) -> str:
    sender, event = each["sender"], each["event"]
    if sender is None:
        return "everything" if event is None else f"{event} of all"
    return f"all of {sender}" if event is None else f"{event} of {sender}"


def _row(each: dict[str, Any]) -> list[str]:
    counts = [*(each[key] for key in ("fired", "delivered", "waiting")), sum(each["lost"].values())]
    return [each["durable"], each["owner"] or "-", _hears(each), *map(_text, counts), each["heard_by"] or "nobody"]


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{count:,} {why}" for why, count in value.items()) or "0"
    return f"{value:,}" if isinstance(value, int) else str(value)
