"""What codecs refuse, and how they say so."""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import math

import pytest

from sig_core.errors import EncodeError
from tests.codecs.codec_values import within

__all__ = ["REFUSED", "REFUSED_BY_JSON", "TOO_DEEP", "check_refused"]


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Word(enum.StrEnum):
    YES = "yes"


class Celsius(float):
    pass


class Names(list):
    pass


Point = collections.namedtuple("Point", "x y")
OWN_LIST: list = [0]
OWN_LIST.append([OWN_LIST])
OWN_DICT: dict = {}
OWN_DICT["me"] = (OWN_DICT,)
OWN_SERIES: list = []
OWN_SERIES.extend([OWN_SERIES] * 100)

REFUSED = {
    "integer too big": (2**64, "integer of 65 bits is outside -2**63 .. 2**64-1"),
    "integer too small": (-(2**63) - 1, "integer of 64 bits is outside"),
    "integer of many digits": (10**5000, "integer of 16610 bits is outside"),
    "lone surrogate": ("a\ud800", "text 'a\\ud800' has a lone surrogate"),
    "surrogate in a key": ({"\udfff": 1}, "key '\\udfff' has a lone surrogate"),
    "integer as key": ({1: 2}, "key of type int, keys must be str"),
    "None as key": ({None: 2}, "key of type NoneType"),
    "bytes as key": ({b"a": 2}, "key of type bytes"),
    "tuple as key": ({(1,): 2}, "key of type tuple"),
    "enum as key": ({Word.YES: 2}, "key of type Word"),
    "set": ({1, 2}, "set can't be carried"),
    "frozenset": (frozenset(), "frozenset can't be carried"),
    "complex": (1j, "complex can't be carried"),
    "decimal": (decimal.Decimal(1), "Decimal can't be carried"),
    "datetime": (datetime.datetime(2024, 1, 1), "datetime can't be carried"),
    "object": (object(), "object can't be carried"),
    "ellipsis": (..., "ellipsis can't be carried"),
    "range": (range(3), "range can't be carried"),
    "enum": (Colour.RED, "Colour can't be carried"),
    "int enum": (Level.HIGH, "Level, a subclass of int, can't be carried; convert it to int"),
    "str enum": (Word.YES, "Word, a subclass of str"),
    "float subclass": (Celsius(1), "Celsius, a subclass of float"),
    "list subclass": (Names("ab"), "Names, a subclass of list"),
    "named tuple": (Point(1, 2), "Point, a subclass of tuple"),
    "ordered dict": (collections.OrderedDict(a=1), "OrderedDict, a subclass of dict"),
}
TOO_DEEP = {
    "list in itself": OWN_LIST,
    "dict in itself": OWN_DICT,
    "65 deep": within([], 64),
    "100,000 deep": within(1, 100_000),
    "long lists in themselves": OWN_SERIES,
}
REFUSED_BY_JSON = {
    "bytes": (b"a", "bytes can't be carried"),
    "bytearray": (bytearray(b"a"), "bytearray can't be carried"),
    "memoryview": (memoryview(b"a"), "memoryview can't be carried"),
    "nan": (math.nan, "nan can't be carried"),
    "inf": (math.inf, "inf can't be carried"),
    "-inf": (-math.inf, "-inf can't be carried"),
}


def check_refused(codec, bad, reason):
    """The codec refuses `bad` wherever it is, and names the place."""
    places = {
        "value": bad,
        "value['a'][3]": {"z": 0, "a": [1, "x", None, bad, bad], "b": bad},
        "value[19]": [0.5] * 19 + [bad],
        "value[0][0]['k'][1]": ([{"k": (0, bad)}, bad],),
        "value[1][0][0][0][0][0]": [1, [[[[[bad]]]]]],
    }
    for place, value in places.items():
        with pytest.raises(EncodeError) as caught:
            codec.encode(value)
        assert str(caught.value).startswith(f"{codec.name}: {place}: {reason}")
