"""Hooks: plug-ins that are told what happens. They are loaded one by one, so that a broken one hurts no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sig_core.address import did_you_mean
from sig_core.description import text_of
from sig_core.errors import PluginError
from sig_core.interrupts import pass_interrupt_on
from sig_core.log import log
from sig_core.plugins.registry import Registry

if TYPE_CHECKING:
    import pluggy

__all__ = ["Hooks"]


class Hooks:
    """The installed hooks, loaded when they are first asked for; pluggy is imported only if there are any.

    Args:
        found: the plug-ins of the group `sig.hooks`.
    """

    def __init__(self, found: Registry[object]) -> None:
        self._found = found
        self._manager: pluggy.PluginManager | None = None
        self._ready = False

    def of(self, name: str) -> Callable[..., None] | None:
        """Return what calls a hook, by keyword; None if no plug-in implements it."""
        if not self._ready:
            self._manager = self._load()
            self._ready = True
        if self._manager is None:
            return None
        implementations = getattr(self._manager.hook, name).get_hookimpls()
        if not implementations:
            return None
        return lambda **facts: _call_each(name, implementations, facts)

    def asker(self, name: str) -> Callable[..., bool] | None:
        """Return what asks a hook, by keyword, whether something is allowed; None if no plug-in implements it.

        It is where all of them return True. One that returns anything else, or raises, denies.
        """
        self.of(name)
        found = [] if self._manager is None else getattr(self._manager.hook, name).get_hookimpls()
        return (lambda **facts: _ask_each(name, found, facts)) if found else None

    def _load(self) -> pluggy.PluginManager | None:
        names = self._found.names()
        if not names:
            return None
        import pluggy

        import sig_core.hookspecs as hookspecs

        manager = pluggy.PluginManager("sig")
        manager.add_hookspecs(hookspecs)
        for name in names:
            self._register(manager, name)
        return manager

    def _register(self, manager: pluggy.PluginManager, name: str) -> None:
        try:
            plugin = self._found.get(name)
            typo = _typo(manager, plugin)
            if typo:
                raise PluginError(f"hook plug-in {name!r}: {typo}")
            manager.register(plugin, name)
        except Exception as error:  # pluggy raises its own kinds
            pass_interrupt_on(error)
            log.error(f"left out: {error}")
            if manager.has_plugin(name):
                manager.unregister(name=name)


def _typo(manager: pluggy.PluginManager, plugin: object) -> str:
    """Return which of a plug-in's hooks is none; "" if all are."""
    known = [name for name in dir(manager.hook) if name.startswith("sig_")]
    for name in dir(plugin):
        if manager.parse_hookimpl_opts(plugin, name) is not None and name not in known:
            return f"there is no hook {name!r}{did_you_mean(name, known)}; there are: {', '.join(known)}"
    return ""


def _call_each(name: str, implementations: list[Any], facts: dict[str, Any]) -> None:
    """Call one implementation after the other, each with what it asks for."""
    for implementation in reversed(implementations):  # the last one registered is last in the list, and goes first
        try:
            implementation.function(*(facts[argument] for argument in implementation.argnames))
        except BaseException as error:
            what = f"{name} raised {type(error).__name__}: {text_of(error)}"
            log.error(f"hook plug-in {implementation.plugin_name!r}: {what}")
            pass_interrupt_on(error)


def _ask_each(name: str, implementations: list[Any], facts: dict[str, Any]) -> bool:
    """Ask one implementation after the other, until one of them does not agree."""
    return all(_agrees(name, implementation, facts) for implementation in reversed(implementations))


def _agrees(name: str, implementation: Any, facts: dict[str, Any]) -> bool:
    try:
        return implementation.function(*(facts[argument] for argument in implementation.argnames)) is True
    except BaseException as error:
        what = f"{name} raised {type(error).__name__}: {text_of(error)}"
        log.error(f"hook plug-in {implementation.plugin_name!r}: {what}: denied")
        pass_interrupt_on(error)
        return False
