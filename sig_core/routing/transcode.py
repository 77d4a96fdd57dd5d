"""From one codec to another: once for each run and codec, never once for each listener."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sig_core.contract import Codec, HasDecodeMany, HasDecodeMost, HasReads
from sig_core.errors import CodecError, DecodeError, EncodeError
from sig_core.interrupts import pass_interrupt_on
from sig_core.protocol.runs import split_events
from sig_core.protocol.wire import event_frame
from sig_core.routing.ports import Run

__all__ = [
    *("EVENT_OF", "OFFERS", "REQUEST_TO", "Transcoder"),
    *("decode", "encode", "unencodable"),
]

EVENT_OF, REQUEST_TO = "event {!r} of sender {!r}", "request {!r} to sender {!r}"  # how errors name what they are about


def encode(codec: Codec, value: object, what: str = "", *names: object) -> bytes:
    """Encode with any codec.

    Args:
        codec: to encode with.
        value: to encode.
        what: how the error begins, with `{!r}` for each of `names`, such as `EVENT_OF`.

    Raises:
        EncodeError: whatever the codec raised, as its cause.
    """
    try:
        data = codec.encode(value)
        if type(data) is not bytes:
            raise TypeError(f"it gave {type(data).__name__}, not bytes")
    except BaseException as error:  # compiled codecs have panics that are no Exception
        pass_interrupt_on(error)
        raise unencodable(codec, value, error, what, *names) from error
    return data


def unencodable(codec: Codec, value: object, error: BaseException, what: str = "", *names: object) -> EncodeError:
    """Return the error of a value that a codec did not encode; see `encode`."""
    why = str(error) if isinstance(error, CodecError) else f"{codec.name}: can't encode {type(value).__name__}: {error}"
    return EncodeError(f"{what.format(*names)}: {why}" if what else why)


def decode(codec: Codec, data: bytes) -> object:
    """Decode with any codec.

    Raises:
        DecodeError: whatever the codec raised, as its cause.
    """
    try:
        return codec.decode(data)
    except BaseException as error:
        pass_interrupt_on(error)
        if isinstance(error, CodecError):
            raise
        raise DecodeError(f"{codec.name}: {len(data)} bytes are no value of it: {error}") from error


class Offered(NamedTuple):
    """What a codec offers beyond the protocol `Codec`.

    Attributes:
        decode_most: the fastest way to decode most payloads; when it raises, `decode` has to be asked.
        decode_many: decodes payloads that came together; None: there is no such way.
        reads: the names of other codecs whose bytes it decodes.
    """

    decode_most: Callable[[bytes], object]
    decode_many: Callable[[Sequence[bytes]], list[object]] | None
    reads: frozenset[str]


class _Offers(dict[Codec, Offered]):
    """What each codec offers: `OFFERS[codec]`. It is asked once, since that takes as long as to decode an event."""

    def __missing__(self, codec: Codec) -> Offered:
        found = self[codec] = Offered(
            codec.decode_most if isinstance(codec, HasDecodeMost) else codec.decode,
            codec.decode_many if isinstance(codec, HasDecodeMany) else None,
            codec.reads if isinstance(codec, HasReads) else frozenset(),
        )
        return found


OFFERS = _Offers()


class Transcoder:
    """Turns payloads of one codec into another's.

    Args:
        codec: returns the codec of a name.
        most: bytes of the longest payload that it takes: small values take up to a hundred times their bytes meanwhile,
            and others wait.

    Attributes:
        most: see above.
    """

    def __init__(self, codec: Callable[[str], Codec], most: int) -> None:
        self.most = most
        self._codec = codec

    def payload(self, data: bytes, source: str, target: str) -> bytes:
        """Return one payload in another codec.

        Args:
            data: the payload.
            source, target: names of the codecs.

        Raises:
            CodecError: the bytes are no value of `source`, `target` can't carry it, or they are too many.
        """
        if source == target:
            return data
        if len(data) > self.most:
            raise EncodeError(f"{len(data)} bytes of {source}, {self.most} are put into {target} (max_transcode)")
        return encode(self._codec(target), decode(self._codec(source), data))

    def run(self, run: Run, target: str) -> Run:
        """Return a run in another codec; events that it can't carry, or are too long, are left out of it.

        Args:
            run: the events.
            target: name of the codec.
        """
        frames: list[bytes] = []
        for additions, data in split_events(run.data):
            try:
                value = self.payload(data, run.codec, target)
                more = None if additions is None else self.payload(additions, run.codec, target)
                frames.append(event_frame(run.route, value, more))
            except (CodecError, struct.error):  # struct: additions that grew beyond 65,535 bytes
                continue
        return Run(run.route, target, len(frames), b"".join(frames))
