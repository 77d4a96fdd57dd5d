"""The configuration of `sig serve`: a TOML file, every key of it checked."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from sig_core.address import did_you_mean
from sig_core.errors import ConfigError
from sig_core.plugins import Plugins
from sig_core.protocol.limits import Limits

__all__ = ["Config", "config_of", "read_config"]

KINDS = ("carriers", "codecs", "wrappers", "hooks")


@dataclass(frozen=True, slots=True)
class Config:
    """What a server is started with.

    Attributes:
        listen: URLs.
        codecs: names; None: all that are installed.
        limits: see `Limits`.
        choices: of two distributions that offer one name, which: by (kind of plug-in, name).
        hooks: names of the hook plug-ins that may run; None: all that are installed.
        open: it may listen where other machines reach it.
        rules: file of the rules; None: there are none.
        store: file in which events are kept for durable listeners; None: none are.
    """

    listen: tuple[str, ...] = ()
    codecs: tuple[str, ...] | None = None
    limits: Limits = field(default_factory=Limits)
    choices: Mapping[tuple[str, str], str] = field(default_factory=dict)
    hooks: tuple[str, ...] | None = None
    open: bool = False
    rules: str | None = None
    store: str | None = None

    def plugins(self) -> Plugins:
        """Return the installed plug-ins, with what was chosen.

        Raises:
            UnknownPlugin: a distribution, or a hook plug-in, is chosen that is not there.
        """
        plugins = Plugins()
        for (kind, name), distribution in self.choices.items():
            plugins.registry(kind).choose(name, distribution)
        if self.hooks is not None:
            plugins.hook_plugins.keep(self.hooks)
        return plugins


def read_config(path: str) -> Config:
    """Read a file.

    Raises:
        ConfigError: it can't be read, is no TOML, or has a key or value that can't be meant; names file, key, remedy.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: can't read it: {error.strerror or error}") from error
    return config_of(path, data)


def config_of(path: str, data: bytes) -> Config:
    """Return what a file says, given what it holds; raises as `read_config` does."""
    try:
        found = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: it is no TOML: {error}") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: its tables are nested too deep") from error
    return _Reader(path).config(found)


class _Reader:
    """Turns the tables of one file into a `Config`."""

    def __init__(self, path: str) -> None:
        self._path = path

    def config(self, found: dict[str, Any]) -> Config:
        self._check_keys("", found, ("listen", "open", "rules", "store", "codecs", "limits", "plugins"))
        plugins = self._table("plugins", found.get("plugins", {}))
        self._check_keys("plugins.", plugins, KINDS)
        return Config(
            listen=self._texts("listen", found.get("listen", [])),
            codecs=self._texts("codecs", found["codecs"]) if "codecs" in found else None,
            limits=self._limits(self._table("limits", found.get("limits", {}))),
            choices=self._choices(plugins),
            hooks=self._texts("plugins.hooks", plugins["hooks"]) if "hooks" in plugins else None,
            open=self._flag("open", found.get("open", False)),
            rules=self._file("rules", found.get("rules")),
            store=self._file("store", found.get("store")),
        )

    def _check_keys(self, prefix: str, table: dict[str, Any], known: tuple[str, ...]) -> None:
        for key in table:
            if key not in known:
                hint = did_you_mean(key, known)
                raise ConfigError(f"{self._path}: unknown key {prefix + key!r}{hint}; known: {', '.join(known)}")

    def _table(self, key: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ConfigError(f"{self._path}: {key}: a table was expected, such as [{key}], not {value!r}")
        return value

    def _texts(self, key: str, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            example = '["one", "two"]'
            raise ConfigError(f"{self._path}: {key}: a list of texts was expected, such as {example}, not {value!r}")
        return tuple(value)

    def _file(self, key: str, value: Any) -> str | None:
        """Return a path; one that is not absolute begins where this file is."""
        if value is not None and (not isinstance(value, str) or not value):
            raise ConfigError(f"{self._path}: {key}: the name of a file was expected, not {value!r}")
        return None if value is None else str(Path(self._path).parent / value)

    def _flag(self, key: str, value: Any) -> bool:
        if not isinstance(value, bool):
            raise ConfigError(f"{self._path}: {key}: true or false was expected, not {value!r}")
        return value

    def _limits(self, table: dict[str, Any]) -> Limits:
        self._check_keys("limits.", table, tuple(each.name for each in fields(Limits)))
        try:
            return Limits(**table)
        except ConfigError as error:
            raise ConfigError(f"{self._path}: {error}") from error

    def _choices(self, plugins: dict[str, Any]) -> dict[tuple[str, str], str]:
        chosen: dict[tuple[str, str], str] = {}
        for kind in KINDS[:-1]:
            for name, distribution in self._table(f"plugins.{kind}", plugins.get(kind, {})).items():
                if not isinstance(distribution, str):
                    wanted = f"plugins.{kind}.{name}: the name of a distribution was expected"
                    raise ConfigError(f"{self._path}: {wanted}, not {distribution!r}")
                chosen[kind, name] = distribution
        return chosen
