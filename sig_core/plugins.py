"""Carriers and codecs by name: entry points, listed without importing them, loaded at first use."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from sig_core.address import Address, did_you_mean
from sig_core.contract import Acceptor, Carrier, Codec, Link
from sig_core.errors import BrokenPlugin, ConfigError, ConnectFailed, ListenFailed, SigError, UnknownPlugin

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["PluginInfo", "Plugins", "Registry", "default_plugins"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """Where a name comes from. `distribution` is "" for what was registered in process."""

    name: str
    distribution: str
    version: str
    target: str


class Registry(Generic[T]):
    """The plug-ins of one entry-point group.

    Args:
        group: of the entry points.
        kind: how errors call one: "carrier", "codec".
        required: attributes that a plug-in must have.
    """

    def __init__(self, group: str, kind: str, required: Sequence[str]) -> None:
        self._group = group
        self._kind = kind
        self._required = required
        self._lock = threading.Lock()
        self._found: dict[str, list[EntryPoint]] | None = None
        self._factories: dict[str, Callable[[], T]] = {}
        self._loaded: dict[str, T] = {}

    def names(self) -> list[str]:
        """Give the names that are installed or registered, sorted; imports nothing."""
        return sorted({*self._entry_points(), *self._factories})

    def describe(self) -> list[PluginInfo]:
        """Say where each name comes from; a name that two distributions offer appears twice. Imports nothing."""
        infos = [PluginInfo(name, "", "", repr(factory)) for name, factory in self._factories.items()]
        for points in self._entry_points().values():
            infos += [_info(point) for point in points if point.name not in self._factories]
        return sorted(infos, key=lambda info: (info.name, info.distribution))

    def register(self, name: str, factory: Callable[[], T], *, replace: bool = False) -> None:
        """Offer a plug-in of this process under a name.

        Raises:
            ConfigError: the name is taken, and `replace` is false.
        """
        with self._lock:
            if not replace and name in {*self._entry_points(), *self._factories}:
                raise ConfigError(f"{self._kind} {name!r} exists already; pass replace=True to put yours in its place")
            self._factories[name] = factory
            self._loaded.pop(name, None)

    def get(self, name: str) -> T:
        """Give the plug-in of a name; the first time, import and make it.

        Raises:
            UnknownPlugin: there is none; lists what is installed.
            BrokenPlugin: it does not load, is none of that kind, or two distributions offer the name.
        """
        loaded = self._loaded.get(name)
        if loaded is None:
            with self._lock:
                loaded = self._loaded.get(name)
                if loaded is None:
                    loaded = self._loaded[name] = self._load(name)
        return loaded

    def _load(self, name: str) -> T:
        factory = self._factories.get(name)
        if factory is not None:
            return self._checked(factory(), f"{self._kind} {name!r}")
        points = self._entry_points().get(name)
        if not points:
            raise self._unknown(name)
        if len(points) > 1:
            rivals = " and ".join(f"{info.distribution} {info.version}" for info in map(_info, points))
            raise BrokenPlugin(f"{self._kind} {name!r} is offered by {rivals}: uninstall one of them")
        return self._make(points[0])

    def _make(self, point: EntryPoint) -> T:
        info = _info(point)
        who = f"{self._kind} {info.name!r} of {info.distribution} {info.version}"
        try:
            made = point.load()()
        except ImportError as error:
            raise BrokenPlugin(f"{who} can't be loaded: {error}") from error
        except (Exception, SystemExit) as error:
            raise BrokenPlugin(f"{who} can't be loaded: {type(error).__name__}: {error}") from error
        return self._checked(made, who)

    def _checked(self, made: Any, who: str) -> T:
        missing = [name for name in self._required if not hasattr(made, name)]
        if missing:
            raise BrokenPlugin(f"{who} is no {self._kind}: what it gave has no {', '.join(missing)}: {made!r}")
        return cast(T, made)

    def _unknown(self, name: str) -> UnknownPlugin:
        names = self.names()
        if not names:
            return UnknownPlugin(
                f"no {self._kind} is installed: plug-ins are found when their distribution is installed, "
                "so install pysig itself (pip install -e . in a checkout)"
            )
        hint = did_you_mean(name, names)
        return UnknownPlugin(f"unknown {self._kind} {name!r}{hint}; installed: {', '.join(names)}")

    def _entry_points(self) -> dict[str, list[EntryPoint]]:
        if self._found is None:
            from importlib.metadata import entry_points  # a fifth of the time that importing pysig would take

            found: dict[str, list[EntryPoint]] = {}
            for point in entry_points(group=self._group):
                if point not in found.setdefault(point.name, []):
                    found[point.name].append(point)
            self._found = {name: _distinct(points) for name, points in found.items()}
        return self._found


def _info(point: EntryPoint) -> PluginInfo:
    dist = point.dist
    name, version = (dist.name, dist.version) if dist is not None else ("?", "?")
    return PluginInfo(point.name, name, version, point.value)


def _distinct(points: list[EntryPoint]) -> list[EntryPoint]:
    """One distribution can be seen twice (installed, and its metadata in the working folder): keep one of each."""
    return list({_info(point).distribution: point for point in reversed(points)}.values())


class Plugins:
    """The carriers and codecs that a router may use."""

    def __init__(self) -> None:
        self.carriers: Registry[Carrier] = Registry("sig.carriers", "carrier", ("connect", "listen"))
        self.codecs: Registry[Codec] = Registry("sig.codecs", "codec", ("name", "encode", "decode"))

    def connect(self, url: str) -> Link:
        """Give a live link to `url`.

        Raises:
            ConfigError: the URL can't be meant.
            PluginError: its carrier can't be had.
            ConnectFailed: nobody is there, or not allowed in.
        """
        address, carrier = self._carrier(url)
        try:
            return carrier.connect(address)
        except SigError:
            raise
        except _errors(carrier) as error:
            raise ConnectFailed(f"{url}: can't connect: {_why(error)}; is a server running there?") from error

    def listen(self, url: str) -> Acceptor:
        """Take `url`.

        Raises:
            ConfigError: the URL can't be meant.
            PluginError: its carrier can't be had.
            ListenFailed: the address is in use, or not of this machine.
        """
        address, carrier = self._carrier(url)
        try:
            return carrier.listen(address)
        except SigError:
            raise
        except _errors(carrier) as error:
            hint = "choose another address or stop who uses it"
            raise ListenFailed(f"{url}: can't listen: {_why(error)}; {hint}") from error

    def _carrier(self, url: str) -> tuple[Address, Carrier]:
        address = Address.parse(url)
        if address.wrappers:
            raise ConfigError(f"address {url!r}: no wrapper {address.wrappers[0]!r} is installed")
        carrier = self.carriers.get(address.scheme)
        if inspect.iscoroutinefunction(carrier.connect):
            raise ConfigError(f"address {url!r}: carrier {address.scheme!r} is for asyncio; it needs sig_core.aio")
        options = getattr(carrier, "options", None)
        if options is not None:
            address.check_options(options)
        return address, carrier

    def choose_codecs(self, names: list[str] | None) -> Mapping[str, Codec]:
        """Give codecs by name: those named, or all that can be had.

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
                found[name] = self.codecs.get(name)
            except BrokenPlugin as error:  # an extra that is not installed: only who asks for it needs to know
                broken.append(error)
        if not found:
            raise broken[0] if broken else self.codecs._unknown("")
        return found


def _errors(carrier: Any) -> tuple[type[Exception], ...]:
    return (OSError, *getattr(carrier, "errors", ()))


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


_default: Plugins | None = None


def default_plugins() -> Plugins:
    """Give the plug-ins of this environment, the same object each time."""
    global _default
    if _default is None:
        _default = Plugins()
    return _default
