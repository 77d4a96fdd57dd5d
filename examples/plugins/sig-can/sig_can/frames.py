"""What a frame looks like: its arbitration id, and its data.

The 29 bits of an id: 11 of the node that listens, 1 that says which of the two speaks, 17 of the node that dials. So no
two nodes ever send the same id, which CAN forbids, and a filter in the hardware keeps out what is not for this node.
"""

from __future__ import annotations

__all__ = ["CLASSIC", "FD", "LISTENERS", "NODES", "id_of", "mask_of", "pack", "unpack"]

LISTENERS, NODES = 1 << 11, 1 << 17
CLASSIC, FD = 8, 63  # bytes that a frame carries; in CAN FD the first of 64 says how many of the others are data
LENGTHS = (*range(9), 12, 16, 20, 24, 32, 48, 64)  # that a CAN FD frame may have


def id_of(listener: int, node: int, *, from_listener: bool) -> int:
    """Return the id of what one of the two sends the other."""
    return (listener << 1 | from_listener) << 17 | node


def mask_of(*, all_nodes: bool) -> int:
    """Return the bits of an id that a filter looks at."""
    return 0x1FFFFFFF - (NODES - 1 if all_nodes else 0)


def pack(data: bytes) -> bytes:
    """Return the content of a CAN FD frame: filled up to a length that exists."""
    if len(data) > FD:
        raise ValueError(f"{len(data)} bytes, a frame has room for {FD}")
    content = bytes((len(data),)) + data
    return content.ljust(next(length for length in LENGTHS if length >= len(content)), b"\0")


def unpack(content: bytes) -> bytes | None:
    """Return the data of a CAN FD frame; None: another program's."""
    if not content or content[0] >= len(content):
        return None
    return content[1 : 1 + content[0]]
