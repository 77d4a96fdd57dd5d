"""Long answers out of parts that are encoded already: each is encoded once, however often it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sig_core.contract import Codec
from sig_core.errors import CodecError
from sig_core.protocol.messages import answer
from sig_core.routing.transcode import decode, encode

__all__ = ["EncodedList", "can_splice"]

MARK: Final = "#here#"  # stands for a part while what is around the parts is encoded
TRIALS: Final = ((0, 1), (1, {"a": [1, "\u20ac"]}), (300, {"a": None}), (70_000, 1))  # lists: so many of a value each
_spliced: dict[Codec, bool] = {}  # whether parts can be put in


class EncodedList:
    """A response that is a list.

    Args:
        codec: that the items are encoded in; see `can_splice`.
        items: encoded.
    """

    __slots__ = ("_codec", "_items")

    def __init__(self, codec: Codec, items: Sequence[bytes]) -> None:
        self._codec = codec
        self._items = items

    def answer(self, ident: Any) -> bytes:
        """Return the whole answer to a call, encoded."""
        codec, items = self._codec, self._items
        mark = encode(codec, MARK)
        around = encode(codec, answer(ident, [MARK] * len(items))).rsplit(mark, len(items))
        parts = [b""] * (2 * len(items) + 1)
        parts[::2], parts[1::2] = around, items
        return b"".join(parts)


def can_splice(codec: Codec) -> bool:
    """Return whether encoded parts can be put together: tried once, since any codec may be installed."""
    found = _spliced.get(codec)
    if found is None:
        found = _spliced[codec] = all(_is_right(codec, *trial) for trial in TRIALS)
    return found


def _is_right(codec: Codec, size: int, item: Any) -> bool:
    try:
        whole = EncodedList(codec, [encode(codec, item)] * size).answer("7")
        return decode(codec, whole) == answer("7", [item] * size)
    except (CodecError, ValueError):
        return False
