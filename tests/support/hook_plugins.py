"""Hooks of a test, as if they were installed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import sig_core as sig
from sig_core.plugins import Plugins

__all__ = ["plugins_with"]


def plugins_with(**hooks: Any) -> Plugins:
    plugins = Plugins()
    for name, functions in hooks.items():
        made = SimpleNamespace(**{key: sig.hookimpl(value) for key, value in functions.items()})
        plugins.hook_plugins.register(name, lambda made=made: made)
    return plugins
