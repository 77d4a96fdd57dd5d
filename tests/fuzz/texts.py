"""Values in each codec, URLs, and the configuration of a server."""

from __future__ import annotations

import math
from typing import Any

from sig_core.address import Address
from sig_core.cli.config import config_of
from sig_core.errors import ConfigError, DecodeError, PluginError
from sig_core.routing.transcode import OFFERS
from tests.fuzz.cutting import choose
from tests.support.sessions import PLUGINS

__all__ = ["SEEDS", "codecs", "toml", "url"]


def codecs(data: bytes) -> None:
    """Values: what is decoded is of the model, and what is encoded again is the same."""
    codec, payload = PLUGINS.codecs.get(choose(data, 0, list(MORE))), data[1:]
    try:
        value = codec.decode(payload)
    except DecodeError:
        return
    again = codec.decode(codec.encode(value))
    assert same(again, value), (codec.name, value, again)
    try:
        most = OFFERS[codec].decode_most(payload)
    except Exception:  # then `decode` is asked
        return
    assert same(most, value), (codec.name, value, most)


def same(one: Any, other: Any) -> bool:
    """Compare types as well, and take NaN for NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(map(same, one.values(), other.values()))
    if isinstance(one, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    return bool(one == other)


def url(data: bytes) -> None:
    """An address, with its wrappers and their options, as far as nothing is opened."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        address = Address.parse(text)
        PLUGINS._carrier(text)
    except (ConfigError, PluginError) as error:
        assert str(error)
    else:
        assert address.scheme and (address.port is None or 0 <= address.port <= 65_535)


def toml(data: bytes) -> None:
    """What `sig serve --config` reads."""
    try:
        config_of("a file", data)
    except ConfigError as error:
        assert str(error).startswith("a file")


VALUES: list[Any] = [
    *(None, True, -1, 2**32 - 1, -(2**32), 1.5, "\u00e9 \U0001f600", "x" * 40),
    *([1, [2, [3]]], {"a": {"b": [None, False]}}),
]
MORE: dict[str, list[Any]] = {
    "json": [2**64 - 1, -(2**63), [1e300]],
    "msgpack": [2**64 - 1, -(2**63), [1e300], b"raw", math.inf],
    "cbor": [2**64 - 1, -(2**63), [1e300], b"raw", math.nan],
    "cbor-board": [b"raw"],
}

SEEDS: dict[str, list[bytes]] = {
    "codecs": [
        bytes((number,)) + PLUGINS.codecs.get(name).encode(value)
        for number, name in enumerate(MORE)
        for value in [*VALUES, *MORE[name]]
    ],
    "url": [
        text.encode()
        for text in (
            *("tcp://127.0.0.1:3000?nodelay=1", "tcp://[::1]:0", "unix:///run/x.sock", "unix://%2Ftmp%2Fx"),
            *("lossy+slow+tcp://h:1?seed=1&loss=0.1&delay=20ms", "serial:///dev/ttyUSB0?baud=115200", "local://lab"),
            *("tls+tcp://h:1?ca=/a&cert=/b&key=/c&crl=/d&min=1.3&server=x", "tls+half-open+unix://x?cut=2s&cert=/b"),
            *("serial://usb:2341:0043?name=arm1", "tls+tcp://host:1?ca=/x", "half-open+unix://x?cut=2s"),
        )
    ],
    "toml": [
        b'listen = ["tcp://127.0.0.1:0", "local://x"]\ncodecs = ["json"]\n[limits]\nmax_frame = 65536\nstall = 0.5\n',
        b"a=" + b"{a=" * 1000,
        b'[plugins]\nhooks = ["a"]\n[plugins.codecs]\njson = "pysig"\n[plugins.carriers]\ntcp = "x"\n',
    ],
}
