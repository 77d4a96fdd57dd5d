"""The codec keeps the rules of codecs, compresses, and can't be made to fill the memory."""

from __future__ import annotations

import threading

import pytest
import zstandard
from sig_json_zstd import JsonZstdCodec
from sig_json_zstd.codec import LONGEST

import sig_core as sig
from sig_core.testing import CodecConformance


class TestJsonZstd(CodecConformance):
    codec = JsonZstdCodec


def test_long_values_become_short() -> None:
    value = [{"celsius": 21.5, "sensor": "kitchen"}] * 1000
    data = JsonZstdCodec().encode(value)
    assert len(data) < 200
    assert JsonZstdCodec().decode(data) == value


def test_a_frame_that_asks_for_too_much_is_refused_before_it_gets_it() -> None:
    parameters = zstandard.ZstdCompressionParameters(write_content_size=True)
    bomb = zstandard.ZstdCompressor(compression_params=parameters).compress(b" " * (LONGEST + 1))
    with pytest.raises(sig.DecodeError, match=f"a frame of {LONGEST + 1} bytes; 0 to {LONGEST} are taken"):
        JsonZstdCodec().decode(bomb)


def test_a_frame_that_does_not_tell_its_length_is_refused() -> None:
    silent = zstandard.ZstdCompressor(write_content_size=False).compress(b"1")
    with pytest.raises(sig.DecodeError, match="it has to say how many"):
        JsonZstdCodec().decode(silent)


def test_threads_share_a_codec() -> None:
    codec = JsonZstdCodec()
    wrong: list[object] = []

    def work(number: int) -> None:
        value = [number] * 5000
        wrong.extend(value for _ in range(50) if codec.decode(codec.encode(value)) != value)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
