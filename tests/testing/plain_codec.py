"""A small codec that keeps all rules, for mutants to break."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from sig_core.portable import fits


class PlainCodec:
    """JSON with the standard library."""

    name = "plain"
    extras: ClassVar[frozenset[str]] = frozenset()

    def encode(self, value: Any) -> bytes:
        if not fits(value):
            raise ValueError("not of the portable model")
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()

    def decode(self, data: bytes) -> Any:
        value = json.loads(data.decode())
        self.encode(value)  # what it would refuse itself
        return value
