"""Plug-ins: what is installed, what of it works, and how it is loaded."""

from sig_core.plugins.found import Plugins, default_plugins
from sig_core.plugins.info import PluginInfo
from sig_core.plugins.registry import Registry

__all__ = ["PluginInfo", "Plugins", "Registry", "default_plugins"]
