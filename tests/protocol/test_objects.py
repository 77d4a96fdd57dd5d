"""Objects out of a byte stream: the same ones wherever it is cut, up to the first fault, each byte looked at once."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sig_core.errors import MessageTooBig, RemoteProtocolError
from sig_core.protocol import objects
from sig_core.protocol.objects import ObjectReader

LAW = settings(derandomize=True, deadline=None)
LIMIT = 1 << 20

_texts = st.text() | st.text(alphabet='{}"\\[]: \n\u00e9\u20ac\U0001f600', max_size=12)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=8,
)
_maps = st.dictionaries(_texts, _values, max_size=4)
_writings = st.builds(
    lambda value, ascii, indent: json.dumps(value, ensure_ascii=ascii, indent=indent).encode(),
    _maps,
    st.booleans(),
    st.sampled_from([None, 0, 2]),
)
_spaces = st.text(alphabet=" \t\r\n", max_size=3).map(str.encode)


def read(parts: list[bytes], limit: int = LIMIT) -> tuple[ObjectReader, list[bytes]]:
    reader = ObjectReader(limit)
    return reader, [found for part in parts for found in fed(reader, part)]


def fed(reader: ObjectReader, data: bytes) -> list[bytes]:
    reader.feed(data)
    return list(iter(reader.next_object, None))


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    ends = sorted(place % (len(stream) + 1) for place in places)
    return [stream[begin:end] for begin, end in zip([0, *ends], [*ends, len(stream)], strict=True)]


@LAW
@given(st.lists(st.tuples(_spaces, _writings), max_size=5), _spaces, st.lists(st.integers(0, 10_000), max_size=8))
def test_any_objects_with_any_space_between_cut_anywhere(
    written: list[tuple[bytes, bytes]], tail: bytes, places: list[int]
) -> None:
    stream = b"".join(space + text for space, text in written) + tail
    reader, found = read(cut(stream, places))
    assert found == [text for _, text in written]
    assert (reader.fault, reader.waiting) == (None, 0)
    after_one = [space for space, _ in written[1:]] + ([tail] if written else [])
    assert reader.lines == any(b"\n" in space for space in after_one)


@settings(LAW, max_examples=30)
@given(st.lists(_writings, min_size=1, max_size=3))
def test_every_byte_alone(written: list[bytes]) -> None:
    stream = b"".join(written)
    reader, found = read([bytes((byte,)) for byte in stream])
    assert (found, reader.waiting, reader.lines) == (written, 0, False)


HARD = [
    b'{"a":"}"}',
    b'{"a":"{"}',
    b'{"}{":1}',
    b'{"a":"\\""}',
    b'{"a":"\\\\"}',
    b'{"a":"\\\\\\""}',
    b'{"a":"\\u007b\\u0022\\u005c"}',
    b'{"a":"\\ud83d\\ude00"}',
    '{"\u00e9":"\U0001f600"}'.encode(),
    b'{"a":{"b":[{"c":{}}]},"d":"}}}}"}',
    b'{\r\n\t"a" : 1\n}',
    b"{}",
    b'{"no":json here, [at all]}',
    b'{"a":"\xff\xfe"}',
]


@pytest.mark.parametrize("text", HARD)
def test_every_single_cut(text: bytes) -> None:
    stream = text + text
    for place in range(len(stream) + 1):
        reader, found = read([stream[:place], stream[place:]])
        assert (found, reader.fault, reader.waiting) == ([text, text], None, 0)


@LAW
@given(_writings, st.integers(1, 10_000))
def test_what_is_not_complete_waits(text: bytes, place: int) -> None:
    begun = text[: 1 + place % (len(text) - 1)]
    reader, found = read([begun])
    assert (found, reader.fault, reader.waiting) == ([], None, len(begun))
    assert fed(reader, text[len(begun) :]) == [text]


def test_objects_are_given_one_by_one_and_a_fault_is_seen_when_it_is_their_turn() -> None:
    reader = ObjectReader(LIMIT)
    reader.feed(b"{}{} \nx")
    for _ in range(2):
        assert (reader.next_object(), reader.fault, reader.lines) == (b"{}", None, False)
    assert (reader.next_object(), type(reader.fault), reader.lines) == (None, RemoteProtocolError, True)


# -- faults


GARBAGE = [b"x", b"[1]", b"}", b'"text"', b"1", b"null", b",", b"\x00", b"\xef\xbb\xbf{}", b"\x0b"]


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("together", [True, False])
def test_garbage_between_ends_it_after_what_came_before(garbage: bytes, together: bool) -> None:
    parts = [b'{"a":1}', b" \n", garbage, b'{"b":2}']
    reader, found = read([b"".join(parts)] if together else parts)
    assert found == [b'{"a":1}']
    assert isinstance(reader.fault, RemoteProtocolError)
    assert repr(garbage[:1])[2:-1] in str(reader.fault)
    assert fed(reader, b'{"c":3}') == []


def test_a_fault_shows_no_more_than_the_beginning_of_what_came() -> None:
    reader, _ = read([b"y" * 100_000])
    assert len(str(reader.fault)) < 100


@pytest.mark.parametrize("piece", [1, 7, 1000])
@pytest.mark.parametrize("tail", [b'"}', b'\\""}'])
def test_the_limit_is_exact(piece: int, tail: bytes) -> None:
    fitting = b'{"a":"' + b"x" * (100 - 6 - len(tail)) + tail
    for text in (fitting, fitting.replace(b"x", b"xx", 1)):
        stream = b" " * 300 + text + b" " * 300 + text
        reader, found = read([stream[at : at + piece] for at in range(0, len(stream), piece)], 100)
        if len(text) == 100:
            assert (found, reader.fault) == ([text, text], None)
        else:
            assert found == []
            assert isinstance(reader.fault, MessageTooBig)
            assert (reader.fault.limit, reader.fault.size > 100) == (100, True)


def test_an_object_without_an_end_is_given_up_at_the_limit() -> None:
    reader, _ = read([b"{"], 100)
    count = 1
    while reader.fault is None:
        assert fed(reader, b"{") == []
        count += 1
        assert count <= 101
    assert count == 101


def test_space_without_end_is_not_kept() -> None:
    reader, found = read([b" \r\n\t" * 1000] * 100, 100)
    assert (found, reader.fault, reader.waiting, reader.lines) == ([], None, 0, False)


# -- lines


@pytest.mark.parametrize(
    ("stream", "lines"),
    [
        (b"{}\n", True),
        (b"{}\r\n", True),
        (b"{} \t\n{}", True),
        (b"{}{}\n", True),
        (b"\n{}", False),
        (b"\n\n{\n}", False),
        (b"{}", False),
        (b"{}\r{}", False),
        (b"{}{}", False),
        (b'{"a":"\n"}', False),
        (b"{}\n{}{}{}", True),
    ],
)
def test_a_newline_after_an_object_is_noted_whatever_the_cuts(stream: bytes, lines: bool) -> None:
    assert read([stream])[0].lines == lines
    assert read([bytes((byte,)) for byte in stream])[0].lines == lines


# -- cost


class _Counting:
    """A pattern that counts the bytes that it looks at."""

    def __init__(self, pattern: re.Pattern[bytes]) -> None:
        self._pattern = pattern
        self.bytes = 0

    def _count(self, found: re.Match[bytes] | None, data: bytes, begin: int) -> re.Match[bytes] | None:
        self.bytes += (len(data) if found is None else found.end()) - min(begin, len(data))
        return found

    def search(self, data: bytes, begin: int) -> re.Match[bytes] | None:
        return self._count(self._pattern.search(data, begin), data, begin)

    def match(self, data: bytes, begin: int) -> re.Match[bytes] | None:
        return self._count(self._pattern.match(data, begin), data, begin)


@pytest.mark.parametrize(
    ("stream", "piece"),
    [
        (b'{"a":"' + b"x" * 20_000 + b'"}', 1),
        (b'{"a":"' + b'\\"' * 10_000 + b'"}', 1),
        (b'{"a":' * 4_000 + b"1" + b"}" * 4_000, 3),
        (b"{}" * 10_000, 20_000),
        (b"{} \n" * 5_000, 7),
        (b" " * 20_000, 1),
    ],
)
def test_each_byte_is_looked_at_once(stream: bytes, piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    counting = {}
    for name in ("_SPACE", "_OUTSIDE_TEXT", "_INSIDE_TEXT"):
        counting[name] = _Counting(getattr(objects, name))
        monkeypatch.setattr(objects, name, counting[name])
    reader, _ = read([stream[at : at + piece] for at in range(0, len(stream), piece)])
    assert (reader.fault, reader.waiting) == (None, 0)
    assert sum(each.bytes for each in counting.values()) <= len(stream)


def test_what_was_read_is_not_kept() -> None:
    reader = ObjectReader(LIMIT)
    kept: list[Any] = [fed(reader, b'{"a":1}{"b"') and reader.waiting for _ in range(1)]
    for _ in range(1000):
        kept.append(fed(reader, b':2}{"b"') and reader.waiting)
    assert set(kept) == {4}
