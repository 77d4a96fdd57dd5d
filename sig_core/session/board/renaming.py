"""Names of boards at the server: many have the same firmware, and so the same name."""

from __future__ import annotations

from dataclasses import dataclass

from sig_core.address import Address
from sig_core.events import Name, check_name

__all__ = ["Renaming"]


@dataclass(frozen=True, slots=True)
class Renaming:
    """How boards of one address are called at the server.

    Args:
        name: instead of their own name; "" leaves it.
        prefix: before it.

    Raises:
        ConfigError: no name can be made so.
    """

    name: str = ""
    prefix: str = ""

    def __post_init__(self) -> None:
        check_name(self.prefix + (self.name or "x"), "sender")

    @classmethod
    def of(cls, address: Address) -> Renaming:
        """Read the options `name` and `prefix` of an address."""
        return cls(address.options.get("name", ""), address.options.get("prefix", ""))

    def __call__(self, name: Name) -> Name:
        """Return the name under which a board's sender is connected.

        Raises:
            ConfigError: it is longer than a name may be.
        """
        if not self.name and not self.prefix:
            return name
        return check_name(f"{self.prefix}{self.name or name}", "sender")
