"""CBOR (RFC 8949): compact, and the family of the boards' codec."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any, Final, NoReturn

import msgspec

from sig_core.compiling import mypyc_attr
from sig_core.contract import HasDecodeMany, HasDecodeMost, HasReads
from sig_core.errors import DecodeError, EncodeError, because
from sig_core.portable import CERTAIN, MAX_DEPTH, RAW, fault, fits

__all__ = ["CborCodec"]

_EXTRAS: Final = frozenset({"bytes", "nonfinite"})
_READS: Final = frozenset({"cbor-board"})

_SIMPLE: Final = CERTAIN | {float, bytes, bytearray}
_WITH_VIEWS: Final = _SIMPLE | RAW


class _NoTags(dict[int, Any]):
    """Asked for the decoder of every tag, before its content is read: there is none."""

    def __missing__(self, tag: int) -> NoReturn:
        raise ValueError(f"tag {tag} can't be carried")


_NO_TAGS: Final = _NoTags()
SHORT: Final = 4096  # bytes up to which a payload is copied to be decoded
ARRAY, NUMBER = b"\x9a", b"\x1b"  # how an array begins whose length follows in four bytes; an integer of eight


@mypyc_attr(allow_interpreted_subclasses=True, serializable=True)
class CborCodec(HasReads, HasDecodeMost, HasDecodeMany):
    """The portable model, bytes and floats that are not finite as CBOR; tags and undefined values are refused.

    Of two items of one key in a map the last one counts.

    Raises:
        ImportError: the cbor2 package is not installed; says how to get it.
    """

    name = "cbor"
    extras = _EXTRAS
    reads = _READS

    def __init__(self) -> None:
        try:
            import cbor2
        except ImportError as error:
            text = "codec cbor: the cbor2 package is missing; install it: pip install pysig[cbor]"
            raise because(ImportError(text), error)
        self._encode = cbor2.dumps
        self._loads = cbor2.loads
        self._decoder = cbor2.CBORDecoder
        self._end = NUMBER + os.urandom(8)  # that no peer can know
        self._last = cbor2.loads(self._end)
        self._views: dict[type, Callable[[Any, Any], None]] = {memoryview: _encode_view}
        # An encoder of less, in C, that refuses what `decode` must: keys that are not text, integers of more than 64
        # bits, undefined and simple values. It takes a third of the time of `fits`.
        self._prove = msgspec.msgpack.Encoder(order="sorted").encode

    def encode(self, value: Any, /) -> bytes:
        """Return the bytes of `value`; EncodeError names the place of the first part that can't be carried."""
        try:
            if fits(value, _SIMPLE):
                return self._encode(value)
            if fits(value, _WITH_VIEWS):  # cbor2 writes a memoryview as a list; the cure would double the time for all
                return self._encode(value, encoders=self._views)
        except Exception as error:
            raise because(EncodeError(f"cbor: {fault(value, self.extras)}"), error)
        raise EncodeError(f"cbor: {fault(value, self.extras)}")

    def decode(self, data: bytes, /) -> Any:
        """Return the value of exactly these bytes; DecodeError if they are none that this codec carries.

        Of containers inside each other 64 are taken, and an empty one inside the last of them.
        """
        if len(data) <= SHORT:
            try:
                return self.decode_most(data)
            except Exception:  # why, is told below: in the terms of the payload itself
                pass
        try:
            value = self._decode(data)
        except Exception as error:
            raise because(DecodeError(f"cbor: {error.__cause__ or error}"), error)
        try:
            self._prove(value)
        except Exception as error:
            raise because(DecodeError(f"cbor: {fault(value, self.extras)}"), error)
        return value

    def decode_most(self, data: bytes, /) -> Any:
        """Return what `decode` gives, or raise anything: then that has to be asked."""
        return self.decode_many((data,))[0]

    def decode_many(self, payloads: Sequence[bytes], /) -> list[Any]:
        """Return what `decode` gives for each, or raise anything: then they have to be decoded one by one.

        `loads` takes half the time of a decoder on a file, and half of that is the call; but it does not tell whether
        bytes follow a value. So the values are items of one array, and behind each has to be what was put there, which
        no peer can know.
        """
        items = self._loads(
            ARRAY + (2 * len(payloads)).to_bytes(4, "big") + self._end.join(payloads) + self._end,
            max_depth=MAX_DEPTH + 1,
            semantic_decoders=_NO_TAGS,
            strict_hashable_types=True,
        )
        values: list[Any] = items[::2]
        if items[1::2] != [self._last] * len(payloads):
            raise ValueError("these bytes are not one value each")
        self._prove(values)
        return values

    def _decode(self, data: bytes) -> Any:
        file = BytesIO(data)
        value = self._decoder(
            file,
            max_depth=MAX_DEPTH,
            semantic_decoders=_NO_TAGS,
            strict_hashable_types=True,
        ).decode()
        if file.tell() != len(data):
            raise ValueError(f"{len(data) - file.tell()} bytes follow the value")
        return value


def _encode_view(encoder: Any, view: memoryview) -> None:
    if not view.c_contiguous:
        raise BufferError("memoryview is not contiguous")
    encoder.encode_bytes(bytes(view))
