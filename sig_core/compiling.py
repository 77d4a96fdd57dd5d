"""What mypyc is told of a class, where it compiles it (compiled.txt); elsewhere it is nothing.

`mypyc_attr(allow_interpreted_subclasses=True)`: programs inherit it; `serializable=True`: its instances are copied and
pickled. This module is not compiled itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

__all__ = ["mypyc_attr"]

if TYPE_CHECKING:
    from mypy_extensions import mypyc_attr
else:
    AClass = TypeVar("AClass")

    def mypyc_attr(**told: bool) -> Callable[[AClass], AClass]:
        """Return what returns the class."""
        return lambda cls: cls
