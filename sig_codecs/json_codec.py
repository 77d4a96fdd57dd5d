"""JSON: the default codec, readable by everything."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from sig_codecs.shallow import INT64, shallow
from sig_core.compiling import mypyc_attr
from sig_core.errors import DecodeError, EncodeError, because
from sig_core.portable import fault, fits

__all__ = ["JsonCodec"]

_EXTRAS: Final[frozenset[str]] = frozenset()


@mypyc_attr(allow_interpreted_subclasses=True, serializable=True)
class JsonCodec:
    """The portable model as JSON text in UTF-8; it has no extras.

    Of two members of one name in an object the last one counts.
    """

    name = "json"
    extras = _EXTRAS

    def __init__(self) -> None:
        self._encode = msgspec.json.Encoder().encode
        self.decode_most = msgspec.json.Decoder(shallow(INT64)).decode
        self._decode = msgspec.json.Decoder().decode

    def encode(self, value: Any, /) -> bytes:
        """Return the text of `value`; EncodeError names the place of the first part that JSON can't carry."""
        try:
            if fits(value):
                return self._encode(value)
        except Exception as error:
            raise because(EncodeError(f"json: {fault(value)}"), error)
        raise EncodeError(f"json: {fault(value)}")

    def decode(self, data: bytes, /) -> Any:
        """Return the value of exactly these bytes, at most 64 deep; DecodeError if they are none that it carries."""
        try:
            return self.decode_most(data)
        except msgspec.ValidationError:
            return self._decode_any(data)
        except Exception as error:
            raise because(DecodeError(f"json: {error}"), error)

    def _decode_any(self, data: bytes) -> Any:
        try:
            value = self._decode(data)
        except Exception as error:
            raise because(DecodeError(f"json: {error}"), error)
        if fits(value):
            return value
        raise DecodeError(f"json: {fault(value)}")
