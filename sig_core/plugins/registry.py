"""One kind of plug-in by name: entry points, listed without importing them, loaded at first use."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from sig_core.address import did_you_mean
from sig_core.contract import Link
from sig_core.errors import BrokenPlugin, ConfigError, UnknownPlugin
from sig_core.interrupts import pass_interrupt_on
from sig_core.plugins.info import PluginInfo, info_of, missing_of

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["Registry"]

T = TypeVar("T")


class Registry(Generic[T]):
    """The plug-ins of one entry-point group.

    Args:
        group: of the entry points.
        kind: how errors call one: "carrier", "codec".
        required: attributes that a plug-in must have.
        make: what an entry point names is called without arguments to give the plug-in; else it is the plug-in.
    """

    def __init__(self, group: str, kind: str, required: Sequence[str], *, make: bool = True) -> None:
        self.group = group
        self.kind = kind
        self._required = required
        self._make_it = make
        self._lock = threading.RLock()
        self._found: dict[str, list[EntryPoint]] | None = None
        self._factories: dict[str, Callable[[], T]] = {}
        self._loaded: dict[str, T] = {}

    def names(self) -> list[str]:
        """Return the names that are installed or registered, sorted; imports nothing."""
        return sorted({*self._entry_points(), *self._factories})

    def describe(self) -> list[PluginInfo]:
        """Return where each name comes from; a name that two distributions offer appears twice. Imports nothing."""
        infos = [PluginInfo(self.kind, name, "", "", repr(factory)) for name, factory in self._factories.items()]
        for points in self._entry_points().values():
            infos += [info_of(self.kind, point, points) for point in points if point.name not in self._factories]
        return sorted(infos, key=lambda info: (info.name, info.distribution))

    def register(self, name: str, factory: Callable[[], T], *, replace: bool = False) -> None:
        """Offer a plug-in of this process under a name.

        Raises:
            ConfigError: the name is taken, and `replace` is false.
        """
        with self._lock:
            if not replace and name in {*self._entry_points(), *self._factories}:
                raise ConfigError(f"{self.kind} {name!r} exists already; pass replace=True to put yours in its place")
            self._factories[name] = factory
            self._loaded.pop(name, None)

    def choose(self, name: str, distribution: str) -> None:
        """Take a name from this distribution, where several offer it.

        Raises:
            UnknownPlugin: it does not offer it.
        """
        points = self._entry_points().get(name, [])
        chosen = [point for point in points if _name_of(point) == distribution]
        if not chosen:
            offered = ", ".join(map(_name_of, points)) or "nobody"
            hint = did_you_mean(distribution, map(_name_of, points))
            text = f"{self.kind} {name!r} is not offered by {distribution!r}{hint}; it is by: {offered}"
            raise UnknownPlugin(text)
        with self._lock:
            self._entry_points()[name] = chosen
            self._loaded.pop(name, None)

    def keep(self, names: Iterable[str]) -> None:
        """Leave out all names but these.

        Raises:
            UnknownPlugin: one of them is not there.
        """
        kept = list(names)
        for name in kept:
            if name not in self.names():
                raise self.unknown(name)
        with self._lock:
            self._found = {name: points for name, points in self._entry_points().items() if name in kept}
            self._factories = {name: made for name, made in self._factories.items() if name in kept}

    def get(self, name: str) -> T:
        """Return the plug-in of a name; the first time, import and make it.

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
            return self._checked(factory(), f"{self.kind} {name!r}")
        points = self._entry_points().get(name)
        if not points:
            raise self.unknown(name)
        if len(points) > 1:
            raise BrokenPlugin(f"{self.kind} {name!r} is {info_of(self.kind, points[0], points).problem}")
        return self._make(points[0])

    def _make(self, point: EntryPoint) -> T:
        info = info_of(self.kind, point, [point])
        who = f"{self.kind} {info.name!r} of {info.distribution} {info.version}"
        try:
            made = self._from(point)
        except ImportError as error:
            pass_interrupt_on(error)
            remedy = missing_of(point) or str(error)
            raise BrokenPlugin(f"{who} can't be loaded: {remedy}") from error
        except (Exception, SystemExit) as error:
            pass_interrupt_on(error)
            raise BrokenPlugin(f"{who} can't be loaded: {type(error).__name__}: {error}") from error
        return self._checked(made, who)

    def _from(self, point: EntryPoint) -> Any:
        loaded = point.load()
        return loaded() if self._make_it else loaded

    def _checked(self, made: Any, who: str) -> T:
        missing = [name for name in (*self._required, *_declared(made)) if not _has(made, name)]
        if missing:
            raise BrokenPlugin(f"{who} is no {self.kind}: what it gave has no {', '.join(missing)}: {made!r}")
        return cast(T, made)

    def unknown(self, name: str) -> UnknownPlugin:
        """Return the error for a name that no distribution offers; it proposes a name that looks like it."""
        names = self.names()
        if not names:
            return UnknownPlugin(
                f"{self.kind} {name!r}: no {self.kind} is installed: plug-ins are found when their distribution is "
                "installed, those of pysig with pysig itself (pip install -e . in a checkout)"
            )
        hint = did_you_mean(name, names)
        return UnknownPlugin(f"unknown {self.kind} {name!r}{hint}; installed: {', '.join(names)}")

    def _entry_points(self) -> dict[str, list[EntryPoint]]:
        if self._found is None:
            from importlib.metadata import entry_points  # a fifth of the time that importing pysig would take

            found: dict[str, list[EntryPoint]] = {}
            for point in entry_points(group=self.group):
                if point not in found.setdefault(point.name, []):
                    found[point.name].append(point)
            self._found = {name: _distinct(points) for name, points in found.items()}
        return self._found


def _has(made: object, name: str) -> bool:
    if name == "__hash__":  # which is there, and None, in a class that defines `__eq__` alone
        return isinstance(made, Hashable)
    return hasattr(made, name)


def _declared(made: object) -> list[str]:
    """Return the attributes that a plug-in says it has, by inheriting protocols of the contract."""
    bases = [base for base in type(made).__mro__ if base.__module__ == Link.__module__]
    return [name for base in bases for name in inspect.get_annotations(base)]


def _name_of(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "?"


def _distinct(points: list[EntryPoint]) -> list[EntryPoint]:
    """One distribution can be seen twice (installed, and its metadata in the working folder): keep one of each."""
    return list({_name_of(point): point for point in reversed(points)}.values())
