"""MessagePack: the fastest codec, and one that carries bytes."""

from __future__ import annotations

from typing import Any, Final, NoReturn

import msgspec

from sig_codecs.shallow import shallow
from sig_core.compiling import mypyc_attr
from sig_core.errors import DecodeError, EncodeError, because
from sig_core.portable import CERTAIN, RAW, fault, fits

__all__ = ["MsgpackCodec"]

_EXTRAS: Final = frozenset({"bytes", "nonfinite"})

_CERTAIN: Final = CERTAIN | RAW | {float, int}  # the encoder refuses integers of more than 64 bits by itself


@mypyc_attr(allow_interpreted_subclasses=True, serializable=True)
class MsgpackCodec:
    """The portable model, bytes and floats that are not finite as MessagePack; extension types are refused.

    Of two items of one key in a map the last one counts.

    Decoding is msgspec's as far as its type describes the value, which is twice as fast; what it does not describe
    (bytes, deep values) is decoded by the msgpack package. Encoding is msgspec's: it gives the same bytes as msgpack.

    Raises:
        ImportError: the msgpack package is not installed; says how to get it.
    """

    name = "msgpack"
    extras = _EXTRAS

    def __init__(self) -> None:
        try:
            import msgpack  # type: ignore[import-untyped]
        except ImportError as error:
            text = "codec msgpack: the msgpack package is missing; install it: pip install pysig[msgpack]"
            raise because(ImportError(text), error)
        self._unpack = msgpack.unpackb
        self._encode = msgspec.msgpack.Encoder().encode
        self.decode_most = msgspec.msgpack.Decoder(shallow()).decode
        self._skip = msgspec.msgpack.Decoder(msgspec.Raw).decode

    def encode(self, value: Any, /) -> bytes:
        """Return the bytes of `value`; EncodeError names the place of the first part that can't be carried."""
        try:
            if type(value) is dict:  # most events are flat maps: a call less for these
                for key, item in value.items():
                    if type(key) is not str or type(item) not in _CERTAIN:
                        break
                else:
                    return self._encode(value)
            if fits(value, _CERTAIN):
                return self._encode(value)
        except Exception as error:
            raise because(EncodeError(f"msgpack: {fault(value, self.extras)}"), error)
        raise EncodeError(f"msgpack: {fault(value, self.extras)}")

    def decode(self, data: bytes, /) -> Any:
        """Return the value of exactly these bytes, at most 64 deep; DecodeError if they are none that it carries."""
        try:
            return self.decode_most(data)
        except msgspec.ValidationError:
            return self._decode_any(data)
        except Exception as error:
            raise because(DecodeError(f"msgpack: {error}"), error)

    def _decode_any(self, data: bytes) -> Any:
        try:
            self._skip(data)  # all that lengths promise is there: unpackb allocates lists by their promised length
            value = self._unpack(data, strict_map_key=True, ext_hook=_refuse_extension)
        except Exception as error:
            raise because(DecodeError(f"msgpack: {error or type(error).__name__}"), error)
        if fits(value, _CERTAIN):
            return value
        raise DecodeError(f"msgpack: {fault(value, self.extras)}")


def _refuse_extension(code: int, data: bytes) -> NoReturn:
    raise ValueError(f"extension type {code} of {len(data)} bytes can't be carried")
