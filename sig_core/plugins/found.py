"""The carriers, codecs and wrappers that a router may use."""

from __future__ import annotations

import inspect
import os
from collections.abc import Collection, Mapping
from typing import Any, cast

from sig_core.address import Address
from sig_core.contract import Acceptor, AsyncCarrier, Carrier, Codec, HasErrors, HasNarrows, HasOptions, Link, Wrapper
from sig_core.errors import BrokenPlugin, ConfigError, ConnectFailed, ListenFailed, SigError
from sig_core.interrupts import pass_interrupt_on
from sig_core.plugins.hooks import Hooks
from sig_core.plugins.info import PluginInfo
from sig_core.plugins.registry import Registry
from sig_core.plugins.wrapping import Layers, WrappedAcceptor

__all__ = ["Plugins", "default_plugins"]

OWN = ("name", "open", "prefix")  # of whatever is listened on: whether others may reach it, and what boards are called


class Plugins:
    """What a router may use: carriers, codecs, wrappers and hooks, by name."""

    def __init__(self) -> None:
        self.carriers: Registry[Carrier] = Registry("sig.carriers", "carrier", ("connect", "listen"))
        self.codecs: Registry[Codec] = Registry("sig.codecs", "codec", ("name", "encode", "decode", "__hash__"))
        self.wrappers: Registry[Wrapper] = Registry("sig.wrappers", "wrapper", ("__call__",), make=False)
        self.hook_plugins: Registry[object] = Registry("sig.hooks", "hook", (), make=False)
        self.hooks = Hooks(self.hook_plugins)

    def describe(self) -> list[PluginInfo]:
        """List all that is installed, and in which state as far as that is known without importing anything."""
        registries = (self.carriers, self.codecs, self.wrappers, self.hook_plugins)
        return [info for registry in registries for info in registry.describe()]

    def registry(self, kind: str) -> Registry[Any]:
        """Return the plug-ins of a kind: "carriers", "codecs" or "wrappers"."""
        found: dict[str, Registry[Any]] = {"carriers": self.carriers, "codecs": self.codecs, "wrappers": self.wrappers}
        return found[kind]

    def connect(self, url: str) -> Link:
        """Return a live link to `url`. Of one with `tls+` it is the link below TLS, which who dials puts around it.

        Raises:
            ConfigError: the URL can't be meant.
            PluginError: its carrier can't be had.
            ConnectFailed: nobody is there, or not allowed in.
        """
        layers, carrier = self._carrier(url)
        try:
            return layers.around(carrier.connect(layers.address))
        except SigError:
            raise
        except _errors(carrier) as error:
            pass_interrupt_on(error)
            raise ConnectFailed(f"{url}: can't connect: {_why(error)}; is a server running there?") from error
        except BaseException as error:
            pass_interrupt_on(error)
            raise _unforeseen(url, layers.address, error) from error

    def listen(self, url: str) -> Acceptor:
        """Take `url`. Of one with `tls+` the acceptor gives the links below TLS, which the server puts around them.

        Raises:
            ConfigError: the URL can't be meant.
            PluginError: its carrier can't be had.
            ListenFailed: the address is in use, or not of this machine.
        """
        layers, carrier = self._carrier(url, OWN)
        try:
            acceptor = carrier.listen(layers.address)
        except SigError:
            raise
        except _errors(carrier) as error:
            pass_interrupt_on(error)
            hint = "choose another address or stop who uses it"
            raise ListenFailed(f"{url}: can't listen: {_why(error)}; {hint}") from error
        except BaseException as error:
            pass_interrupt_on(error)
            raise _unforeseen(url, layers.address, error) from error
        if not hasattr(acceptor, "accept") or not isinstance(getattr(acceptor, "address", None), str):
            text = f"{url}: carrier {layers.address.scheme!r} gave no acceptor, but {acceptor!r}"
            raise BrokenPlugin(text)
        return WrappedAcceptor(acceptor, layers) if layers else acceptor

    def _carrier(self, url: str, own: tuple[str, ...] = ()) -> tuple[Layers, Carrier]:
        address, above = _below_tls(Address.parse(url), own)
        wrappers = [self.wrappers.get(name) for name in address.wrappers]
        carrier = self.carriers.get(address.scheme)
        options = {*carrier.options, *own} if isinstance(carrier, HasOptions) else None
        layers = Layers(address, wrappers, options, above)
        if inspect.iscoroutinefunction(carrier.connect):
            from sig_core.links.asyncio_bridge import Bridge  # who has no carrier of that kind needs no asyncio

            carrier = Bridge(cast(AsyncCarrier, carrier))
        return layers, carrier

    def choose_codecs(self, names: list[str] | None) -> Mapping[str, Codec]:
        """Return codecs by name: those named, or all that can be had and change nothing of a value.

        Raises:
            PluginError: one that is named can't be had; or none can.
        """
        if names is not None:
            if not names:
                raise ConfigError("codecs: an empty list leaves nothing to speak; name one or leave it out")
            return {name: self.codecs.get(name) for name in names}
        found: dict[str, Codec] = {}
        broken: list[BrokenPlugin] = []
        for name in self.codecs.names():
            try:
                codec = self.codecs.get(name)
                if not (isinstance(codec, HasNarrows) and codec.narrows):
                    found[name] = codec
            except BrokenPlugin as error:  # an extra that is not installed: only who asks for it needs to know
                broken.append(error)
        if not found:
            raise broken[0] if broken else self.codecs.unknown("")
        return found


def _below_tls(address: Address, own: Collection[str]) -> tuple[Address, Mapping[str, Collection[str]]]:
    """Return an address as what is below TLS sees it, and the options that TLS takes."""
    if "tls" in address.wrappers[1:]:
        text = "tls is around everything else: it is the first word of a URL, once"
        raise ConfigError(f"address {address.url!r}: {text}")
    if not address.is_secured:
        return address, {}
    from sig_core.links.tls import OPTIONS  # who has no TLS needs none of it

    taken = (OPTIONS | {"name"}) - set(own)  # there a name is that of boards; here it is that of the server
    return address.below_tls(taken), {"tls": taken}


def _unforeseen(url: str, address: Address, error: BaseException) -> BrokenPlugin:
    what = f"{type(error).__name__}: {error}"
    return BrokenPlugin(f"{url}: carrier {address.scheme!r} raised what it does not name in `errors`: {what}")


def _errors(carrier: Carrier) -> tuple[type[Exception], ...]:
    return (OSError, *carrier.errors) if isinstance(carrier, HasErrors) else (OSError,)


def _why(error: Exception) -> str:
    number = getattr(error, "errno", None)
    if isinstance(number, int) and number > 0:  # what the system says, without what libraries add to it
        return os.strerror(number)
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


_default: Plugins | None = None


def default_plugins() -> Plugins:
    """Return the plug-ins of this environment, the same object each time."""
    global _default
    if _default is None:
        _default = Plugins()
    return _default
