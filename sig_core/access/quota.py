"""How much somebody may take: counts and rates, over all the links that it has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Final

__all__ = ["RANGES", "Quota"]

RANGES: Final[dict[str, tuple[int, int]]] = {  # of what a role may say
    "links": (1, 10**7),
    "names": (1, 10**7),
    "listeners": (1, 10**8),
    "requests": (1, 10**7),
    "bytes_per_second": (1000, 10**12),
    "events_per_second": (1, 10**9),
    "memory": (4096, 2**50),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What one user may take, over all its links; None: as much as the limits of the server allow. Immutable.

    Attributes:
        links: at one time.
        names: senders at one time.
        listeners: at one time.
        requests: that are open at one time.
        bytes_per_second, events_per_second: that are read from it; beyond it nothing is read for a while.
        memory: bytes that are held for it.
    """

    links: int | None = None
    names: int | None = None
    listeners: int | None = None
    requests: int | None = None
    bytes_per_second: int | None = None
    events_per_second: int | None = None
    memory: int | None = None

    @classmethod
    def greatest(cls, quotas: Iterable[Quota]) -> Quota | None:
        """Return what those may take together who have several: of each the greatest that one of them says.

        One that does not say it does not count. None: none of them says anything.
        """
        said: dict[str, int] = {}
        for quota in quotas:
            for field in fields(cls):
                value: int | None = getattr(quota, field.name)
                if value is not None:
                    said[field.name] = max(value, said.get(field.name, 0))
        return cls(**said) if said else None

    @property
    def has_rates(self) -> bool:
        """Whether what it says has to be measured as it is read."""
        return self.bytes_per_second is not None or self.events_per_second is not None
