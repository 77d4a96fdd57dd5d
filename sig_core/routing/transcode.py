"""From one codec to another: once for each run and codec, never once for each listener."""

from __future__ import annotations

import struct
from collections.abc import Callable

from sig_core.contract import Codec
from sig_core.errors import CodecError, DecodeError, EncodeError
from sig_core.protocol.wire import event_frame, split_events
from sig_core.routing.ports import Run

__all__ = ["Transcoder", "decode", "encode"]


def encode(codec: Codec, value: object) -> bytes:
    """Encode with any codec.

    Raises:
        EncodeError: whatever the codec raised, as its cause.
    """
    try:
        return codec.encode(value)
    except CodecError:
        raise
    except Exception as error:
        raise EncodeError(f"{codec.name}: can't encode {type(value).__name__}: {error}") from error


def decode(codec: Codec, data: bytes) -> object:
    """Decode with any codec.

    Raises:
        DecodeError: whatever the codec raised, as its cause.
    """
    try:
        return codec.decode(data)
    except CodecError:
        raise
    except Exception as error:
        raise DecodeError(f"{codec.name}: {len(data)} bytes are no value of it: {error}") from error


class Transcoder:
    """Turns payloads of one codec into another's.

    Args:
        codec: gives the codec of a name.
    """

    def __init__(self, codec: Callable[[str], Codec]) -> None:
        self._codec = codec

    def payload(self, data: bytes, source: str, target: str) -> bytes:
        """Give one payload in another codec.

        Raises:
            CodecError: the bytes are no value of `source`, or `target` can't carry it.
        """
        if source == target:
            return data
        return encode(self._codec(target), decode(self._codec(source), data))

    def run(self, run: Run, target: str) -> Run:
        """Give a run in another codec, without the events that this can't carry (`count` tells)."""
        frames: list[bytes] = []
        for additions, data in split_events(run.data):
            try:
                value = self.payload(data, run.codec, target)
                more = None if additions is None else self.payload(additions, run.codec, target)
                frames.append(event_frame(run.route, value, more))
            except (CodecError, struct.error):  # struct: additions that grew beyond 65,535 bytes
                continue
        return Run(run.route, target, len(frames), b"".join(frames))
