"""The kit for what is installed under a name, and for boards on a port: suites that nobody wrote."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from sig_core.address import Address
from sig_core.contract import HasTrial
from sig_core.plugins import PluginInfo, default_plugins
from sig_core.testing.board_suite import url_of
from sig_core.testing.boards import BoardConformance
from sig_core.testing.carriers import CarrierConformance
from sig_core.testing.checks import Suite
from sig_core.testing.codecs import CodecConformance
from sig_core.testing.credentials import server_url

__all__ = ["info_for", "suite_for", "url_for"]

TLS: Final = "tls+"


def suite_for(kind: str, name: str, url: str = "", client_url: str = "") -> type[Suite]:
    """Return the suite of an installed plug-in, or of a board.

    Args:
        kind: "carrier", "codec" or "board".
        name: its entry point, of a carrier also with `tls+` before it; of a board its port, or the URL to listen on.
        url: for a carrier to listen on; "": its `trial`.
        client_url: to connect to, where that is another; "": the address as bound.

    Raises:
        PluginError: it can't be had; of a board: the carrier of its port.
        ValueError: it is a carrier without `trial`, and no `url` is given, or one without the `tls+` of the name; or a
            port that can't be meant.
    """
    if kind == "board":
        default_plugins().carriers.get(Address.parse(url_of(name)).scheme)
        return type("Board", (BoardConformance,), {"url": name})
    title = "".join(part.capitalize() for part in name.replace("-", " ").split())
    if kind == "codec":
        return type(title, (CodecConformance,), {"codec": default_plugins().codecs.get(name)})
    carrier = default_plugins().carriers.get(name.removeprefix(TLS))
    members: dict[str, Any] = {"carrier": carrier, "url": url or url_for(name)}
    if name.startswith(TLS):
        _check_secured(members["url"])
    if client_url:
        return type(title, (CarrierConformance,), {**members, "client_url": lambda suite, bound: client_url})
    return type(title, (CarrierConformance,), members)


def _check_secured(url: str) -> None:
    if not url.startswith(TLS):
        raise ValueError(f"{url} is without TLS; write {TLS}{url}")
    server_url(url)  # ConfigError, if no certificates can be made here


def url_for(name: str) -> str:
    """Return the `trial` of an installed carrier, with `tls+` before it if its name has that.

    Raises:
        PluginError: it can't be had.
        ValueError: it has none.
    """
    carrier = name.removeprefix(TLS)
    found = default_plugins().carriers.get(carrier)
    if not isinstance(found, HasTrial):
        text = "has no `trial`, a URL that can be listened on anywhere; give one of yours"
        raise ValueError(f"carrier {carrier!r} {text}")
    return name.removesuffix(carrier) + found.trial


def info_for(kind: str, name: str) -> PluginInfo:
    """Return where an installed plug-in comes from; a board comes from nowhere, and `name` is that of its sender."""
    if kind == "board":
        return PluginInfo(kind, name, "", "", "")
    known = (kind, name.removeprefix(TLS))
    found = next(info for info in default_plugins().describe() if (info.kind, info.name) == known)
    return replace(found, name=name)
