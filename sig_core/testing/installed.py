"""The kit for what is installed under a name: suites that nobody wrote."""

from __future__ import annotations

from sig_core.plugins import PluginInfo, default_plugins
from sig_core.testing.carriers import CarrierConformance
from sig_core.testing.checks import Suite
from sig_core.testing.codecs import CodecConformance

__all__ = ["info_for", "suite_for", "url_for"]


def suite_for(kind: str, name: str, url: str = "", client_url: str = "") -> type[Suite]:
    """Give the suite of an installed plug-in.

    Args:
        kind: "carrier" or "codec".
        name: its entry point.
        url: for a carrier to listen on; "": its `trial`.
        client_url: to connect to, where that is another; "": the address as bound.

    Raises:
        PluginError: it can't be had.
        ValueError: it is a carrier without `trial`, and no `url` is given.
    """
    title = "".join(part.capitalize() for part in name.replace("-", " ").split())
    if kind == "codec":
        return type(title, (CodecConformance,), {"codec": default_plugins().codecs.get(name)})
    members = {"carrier": default_plugins().carriers.get(name), "url": url or url_for(name)}
    if client_url:
        return type(title, (CarrierConformance,), {**members, "client_url": lambda suite, bound: client_url})
    return type(title, (CarrierConformance,), members)


def url_for(name: str) -> str:
    """Give the `trial` of an installed carrier.

    Raises:
        PluginError: it can't be had.
        ValueError: it has none.
    """
    url: str = getattr(default_plugins().carriers.get(name), "trial", "")
    if not url:
        raise ValueError(f"carrier {name!r} has no `trial`, a URL that can be listened on anywhere; give one of yours")
    return url


def info_for(kind: str, name: str) -> PluginInfo:
    """Say where an installed plug-in comes from."""
    return next(info for info in default_plugins().describe() if (info.kind, info.name) == (kind, name))
