"""The kit for what is installed under a name, and for boards on a port: suites that nobody wrote."""

from __future__ import annotations

from sig_core.address import Address
from sig_core.contract import HasTrial
from sig_core.plugins import PluginInfo, default_plugins
from sig_core.testing.board_suite import url_of
from sig_core.testing.boards import BoardConformance
from sig_core.testing.carriers import CarrierConformance
from sig_core.testing.checks import Suite
from sig_core.testing.codecs import CodecConformance

__all__ = ["info_for", "suite_for", "url_for"]


def suite_for(kind: str, name: str, url: str = "", client_url: str = "") -> type[Suite]:
    """Return the suite of an installed plug-in, or of a board.

    Args:
        kind: "carrier", "codec" or "board".
        name: its entry point; of a board its port, or the URL to listen on.
        url: for a carrier to listen on; "": its `trial`.
        client_url: to connect to, where that is another; "": the address as bound.

    Raises:
        PluginError: it can't be had; of a board: the carrier of its port.
        ValueError: it is a carrier without `trial`, and no `url` is given; or a port that can't be meant.
    """
    if kind == "board":
        default_plugins().carriers.get(Address.parse(url_of(name)).scheme)
        return type("Board", (BoardConformance,), {"url": name})
    title = "".join(part.capitalize() for part in name.replace("-", " ").split())
    if kind == "codec":
        return type(title, (CodecConformance,), {"codec": default_plugins().codecs.get(name)})
    members = {"carrier": default_plugins().carriers.get(name), "url": url or url_for(name)}
    if client_url:
        return type(title, (CarrierConformance,), {**members, "client_url": lambda suite, bound: client_url})
    return type(title, (CarrierConformance,), members)


def url_for(name: str) -> str:
    """Return the `trial` of an installed carrier.

    Raises:
        PluginError: it can't be had.
        ValueError: it has none.
    """
    found = default_plugins().carriers.get(name)
    if not isinstance(found, HasTrial):
        raise ValueError(f"carrier {name!r} has no `trial`, a URL that can be listened on anywhere; give one of yours")
    return found.trial


def info_for(kind: str, name: str) -> PluginInfo:
    """Return where an installed plug-in comes from; a board comes from nowhere, and `name` is that of its sender."""
    if kind == "board":
        return PluginInfo(kind, name, "", "", "")
    return next(info for info in default_plugins().describe() if (info.kind, info.name) == (kind, name))
