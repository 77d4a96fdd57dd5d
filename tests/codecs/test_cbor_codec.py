"""What is particular to CBOR; bytes are written out from RFC 8949."""

from __future__ import annotations

import math
import tracemalloc

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sig_codecs.cbor_codec import CborCodec
from sig_core.errors import DecodeError, EncodeError
from tests.codecs.codec_values import LAW, extra_scalars, nested, same, within

CODEC = CborCodec()


@LAW
@given(nested(extra_scalars))
def test_other_readers_and_writers_agree(value):
    assert CODEC.encode(value) == cbor2.dumps(value)
    data = cbor2.dumps(value, indefinite_containers=True)
    assert same(CODEC.decode(data), cbor2.loads(data))


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ("00", 0),
        ("1818", 24),
        ("1bffffffffffffffff", 2**64 - 1),
        ("3b7fffffffffffffff", -(2**63)),
        ("1b0000000000000005", 5),
        ("f93c00", 1.0),
        ("f98000", -0.0),
        ("fa47c35000", 100000.0),
        ("fb7e37e43c8800759c", 1e300),
        ("f97c00", math.inf),
        ("f97e00", math.nan),
        ("fb7ff0000000000000", math.inf),
        ("f4", False),
        ("f5", True),
        ("f6", None),
        ("4401020304", b"\1\2\3\4"),
        ("5f42010243030405ff", b"\1\2\3\4\5"),
        ("62c3bc", "ü"),
        ("7f657374726561646d696e67ff", "streaming"),
        ("9f018202039f0405ffff", [1, [2, 3], [4, 5]]),
        ("bf61610161629f0203ffff", {"a": 1, "b": [2, 3]}),
    ],
)
def test_values_of_the_standard(data, value):
    assert same(CODEC.decode(bytes.fromhex(data)), value)


TAGGED = {
    "date as text": ("c0 74323031332d30332d32315432303a30343a30305a", 0),
    "time as number": ("c1 1a514b67b0", 1),
    "big integer": ("c2 49010000000000000000", 2),
    "negative big integer": ("c3 49010000000000000000", 3),
    "decimal fraction": ("c4 82211a00010000", 4),
    "big float": ("c5 822003", 5),
    "string reference": ("d819 00", 25),
    "shared value": ("d81c 81d81d00", 28),
    "shared reference": ("d81d 00", 29),
    "rational": ("d81e 820103", 30),
    "regular expression": ("d823 63612b62", 35),
    "MIME message": ("d824 6461203a62", 36),
    "UUID": ("d825 5000112233445566778899aabbccddeeff", 37),
    "date": ("d903ec 6a323031332d30332d3231", 1004),
    "string namespace": ("d90100 80", 256),
    "set": ("d90102 8101", 258),
    "address": ("d90104 44c0a80001", 260),
    "self-described": ("d9d9f7 01", 55799),
    "unknown": ("daffffffff 01", 2**32 - 1),
    "greatest": ("dbffffffffffffffff 01", 2**64 - 1),
}


@pytest.mark.parametrize("case", TAGGED)
def test_tags_are_refused_before_their_content_is_looked_at(case):
    data, tag = TAGGED[case]
    head, content = data.split()
    for rest in (content, "f7", "6161", "ff", ""):  # what the tag's own decoder would refuse, break and nothing
        for before in ("", "82f6", "a1616b", "81818181818181"):
            with pytest.raises(DecodeError, match=f"^cbor: tag {tag} can't be carried$"):
                CODEC.decode(bytes.fromhex(before + head + rest))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("f7", "UndefinedType can't be carried"),
        ("e0", "CBORSimpleValue can't be carried"),
        ("f3", "CBORSimpleValue can't be carried"),
        ("f820", "CBORSimpleValue can't be carried"),
        ("f8ff", "CBORSimpleValue can't be carried"),
        ("3b8000000000000000", "integer of 64 bits is outside"),
        ("3bffffffffffffffff", "integer of 65 bits is outside"),
        ("a10102", "map key must be"),
        ("a1f602", "map key must be"),
        ("a1f9000002", "map key must be"),
        ("a18002", "map key must be"),
        ("a1a002", "map key must be"),
        ("a1416102", "key of type bytes, keys must be str"),
        ("bf416102ff", "key of type bytes, keys must be str"),
        ("61ff", "codec can't decode"),
        ("63eda080", "codec can't decode"),
        ("a161ff01", "codec can't decode"),
        ("1c", "unknown unsigned integer subtype"),
        ("fc", "reserved"),
        ("f814", "invalid two-byte sequence"),
        ("ff", "break"),
    ],
)
def test_refused_wherever_it_is(data, reason):
    for before in ("", "82f6", "a1616b", "81818181818181"):
        with pytest.raises(DecodeError, match=reason):
            CODEC.decode(bytes.fromhex(before + data))


def test_the_place_of_an_undefined_value_is_named():
    with pytest.raises(DecodeError, match=r"^cbor: value\['k'\]\[1\]: UndefinedType can't be carried"):
        CODEC.decode(bytes.fromhex("a1616b8201f7"))


@pytest.mark.parametrize("head", ["9b", "bb", "7b", "5b"])
@pytest.mark.parametrize("length", ["ffffffffffffffff", "7fffffffffffffff", "00000000ffffffff", "0000000fffffffff"])
def test_huge_lengths_that_are_not_there_cost_nothing(head, length):
    tracemalloc.start()
    try:
        for rest in ("", "01" * 20, head + length):
            with pytest.raises(DecodeError):
                CODEC.decode(bytes.fromhex(head + length + rest))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 70_000])
def test_a_rest_is_counted_whatever_the_size(size):
    good = CODEC.encode("x" * size)
    assert CODEC.decode(good) == "x" * size
    with pytest.raises(DecodeError, match=r"^cbor: 3 bytes follow the value$"):
        CODEC.decode(good + b"\xff\x00\x01")


def test_64_deep_is_taken_and_65_is_refused():
    assert CODEC.decode(cbor2.dumps(within([], 63))) == within([], 63)
    with pytest.raises(DecodeError, match=r"nesting depth \(64\) exceeded"):
        CODEC.decode(cbor2.dumps(within([0], 64)))


def test_an_empty_container_may_be_the_65th():
    assert CODEC.decode(cbor2.dumps(within([], 64))) == within([], 64)
    with pytest.raises(DecodeError, match=r"nesting depth \(64\) exceeded"):
        CODEC.decode(cbor2.dumps(within([], 65)))


@pytest.mark.parametrize("value", [cbor2.undefined, cbor2.CBORSimpleValue(7), cbor2.CBORTag(2, b"a")], ids=str)
def test_the_library_s_own_types_are_refused(value):
    with pytest.raises(EncodeError, match=rf"^cbor: value\['a'\]: {type(value).__name__} can't be carried"):
        CODEC.encode({"a": value})


def test_a_memoryview_is_written_as_a_byte_string_not_as_a_list():
    assert CODEC.encode([memoryview(b"ab"), {"v": memoryview(b"")}]).hex() == "82426162a1617640"


def in_the_terms_of_the_payload(data):
    """What `decode` does where it takes no short cut."""
    value = CODEC._decode(data)
    CODEC._prove(value)
    return value


@LAW
@given(nested(extra_scalars), st.integers(0, 12), st.binary(max_size=3), st.data())
def test_the_short_cut_takes_what_is_one_value_and_nothing_else(value, cut, extra, data):
    """Whole payloads, such that end too early, such that go on, and damaged ones."""
    encoded = bytearray(CODEC.encode(value))
    encoded = encoded[: max(0, len(encoded) - cut)] + extra
    if encoded and data.draw(st.booleans()):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        wanted = in_the_terms_of_the_payload(bytes(encoded))
    except Exception:
        with pytest.raises((cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError)):
            CODEC.decode_most(bytes(encoded))
    else:
        assert same(CODEC.decode_most(bytes(encoded)), wanted)


@LAW
@given(st.lists(nested(extra_scalars), min_size=1, max_size=5), st.data())
def test_many_are_what_each_is_or_are_refused(values, data):
    """Also where a payload is damaged, or gives bytes of its own to its neighbour, and keeps some of that one's."""
    whole = b"".join(map(CODEC.encode, values))
    if data.draw(st.booleans()):
        payloads = [*map(CODEC.encode, values)]
    else:
        many = len(values) - 1
        cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), min_size=many, max_size=many)))
        payloads = [whole[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    if payloads[0] and data.draw(st.booleans()):
        payloads[0] = bytes([data.draw(st.integers(0, 255))]) + payloads[0][1:]
    try:
        wanted = [in_the_terms_of_the_payload(payload) for payload in payloads]
    except Exception:
        with pytest.raises((cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError)):
            CODEC.decode_many(payloads)
    else:
        assert same(CODEC.decode_many(payloads), wanted)


@pytest.mark.parametrize("head", ["81", "82", "9f", "a1", "bf", "a16161", "5f", "7f", "1b", "d901", ""])
def test_a_payload_that_asks_for_more_does_not_get_it_from_the_next(head):
    for more in (b"", CODEC._end, b"\x01", b"\x01\xff"):
        with pytest.raises((cbor2.CBORError, ValueError, TypeError)):
            CODEC.decode_many([bytes.fromhex(head), b"\x01" + more, b"\x01"])


CUT = ["", "ff", "9f", "81", "7f", "5f", "61", "6161ff", "a1", "a16161", "bf6161", "f8", "0000"]


@pytest.mark.parametrize("data", CUT)
def test_what_is_cut_off_or_goes_on_does_not_end_where_the_payload_ends(data):
    with pytest.raises(DecodeError):
        CODEC.decode(bytes.fromhex(data))
