"""The hooks that a plug-in may implement, as pluggy knows them.

A plug-in is a module, or an object, whose functions of these names are marked with `hookimpl`; the entry-point group
`sig.hooks` names it. An implementation may leave out arguments that it does not use. One that raises is logged; the
others still run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import click

__all__ = ["hookimpl", "hookspec"]

hookspec = pluggy.HookspecMarker("sig")
hookimpl = pluggy.HookimplMarker("sig")


@hookspec
def sig_session_opened(peer: str, client: str, codec: str) -> None:
    """A client was taken in by a server of this program; runs on a thread of the server.

    Args:
        peer: printable, such as "tcp://127.0.0.1:51234".
        client: 32 hex digits, the same over all links of one client. Chosen by it: no proof of anything.
        codec: name of the one agreed on.
    """


@hookspec
def sig_session_closed(peer: str, client: str, error: Exception) -> None:
    """The link of a client that was taken in has ended; comes after its `sig_session_opened`.

    Args:
        peer, client: see there.
        error: why: `LinkClosed` if it was in order.
    """


@hookspec
def sig_audit(entry: dict[str, Any]) -> None:
    """Something was decided by the rules of a server of this program; runs on a thread of the server.

    Args:
        entry: what the logger `sig.audit` writes: "event", and who, where and what. No secrets.
    """


@hookspec
def sig_authorize(  # type: ignore[empty-body]
    user: str, kind: str, at: str, roles: frozenset[str], action: str, sender: Any, name: Any
) -> bool:
    """Whether somebody may do what the rules of a server of this program allow it; runs on a thread of the server.

    Only True is a yes; all implementations have to say it. The answer is kept until the rules are read again
    (`server.reload()`), and within 10 s there has to be one. Meanwhile the link waits that asks. What the rules deny is
    not asked, nor what this program does itself.

    Args:
        user, kind, roles: who, what proved it ("certificate", "token", "unix", "port", "anonymous"), and its roles.
        at: URL of the address where it came in, as bound.
        action: "add" a sender, "listen", "request", or "operate".
        sender: its name; of a listener, None is any sender; of "operate", what: "stats", "peers", "explain".
        name: of the event, None is any; or of the method.
    """


@hookspec
def sig_cli_commands(group: click.Group) -> None:
    """The command line starts: add commands with `group.add_command`. A name that exists already is refused."""
