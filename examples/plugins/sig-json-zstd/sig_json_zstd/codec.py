"""JSON, compressed by Zstandard (RFC 8878): for long values on narrow links."""

from __future__ import annotations

import threading
from typing import Any

import zstandard

from sig_codecs.json_codec import JsonCodec
from sig_core.errors import DecodeError, EncodeError

__all__ = ["JsonZstdCodec"]

LONGEST = 64 << 20  # bytes of JSON: a few bytes could ask for a terabyte


class JsonZstdCodec:
    """The portable model as JSON text in one Zstandard frame, which tells the length of the text: at most 64 MiB."""

    name = "json-zstd"
    extras: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self._json = JsonCodec()
        self._own = _OfThread()

    def encode(self, value: Any, /) -> bytes:
        """Return the bytes of `value`; EncodeError names the place of the first part that JSON can't carry."""
        text = self._json.encode(value)
        if len(text) > LONGEST:
            raise EncodeError(f"json-zstd: {len(text)} bytes of JSON, at most {LONGEST} are carried")
        return self._own.compressor.compress(text)

    def decode(self, data: bytes, /) -> Any:
        """Return the value of exactly these bytes; DecodeError if they are none that it carries."""
        try:
            length = zstandard.frame_content_size(data)
            if not 0 <= length <= LONGEST:
                raise ValueError(f"a frame of {length} bytes; 0 to {LONGEST} are taken, and it has to say how many")
            text = self._own.decompressor.decompress(data, allow_extra_data=False)
        except (zstandard.ZstdError, ValueError) as error:
            raise DecodeError(f"json-zstd: {error}") from error
        return self._json.decode(text)


class _OfThread(threading.local):
    """A compressor and a decompressor for each thread: they are not safe between threads."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor()
        self.decompressor = zstandard.ZstdDecompressor()
