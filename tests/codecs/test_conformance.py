"""What every built-in codec does: one body for all of them."""

from __future__ import annotations

import importlib
import sys
import threading

import pytest
from hypothesis import given

from sig_core.errors import EncodeError
from tests.codecs.codec_values import CODECS, EVENT, LAW, RICH, arrived, extra_scalars, nested, same, scalars, within
from tests.codecs.refusals import REFUSED, REFUSED_BY_JSON, TOO_DEEP, check_refused


def test_extras():
    assert {name: set(codec.extras) for name, codec in CODECS.items()} == {
        "json": set(),
        "msgpack": {"bytes", "nonfinite"},
        "cbor": {"bytes", "nonfinite"},
    }


@LAW
@given(nested(scalars))
def test_portable_values_arrive_unchanged_through_every_codec(value):
    for codec in CODECS.values():
        assert same(codec.decode(codec.encode(value)), arrived(value)), codec.name


@LAW
@given(nested(extra_scalars))
def test_extras_arrive_unchanged(value):
    for codec in RICH:
        assert same(codec.decode(codec.encode(value)), arrived(value)), codec.name


@pytest.mark.parametrize(
    "value",
    [
        *(2**63 - 1, 2**63, 2**64 - 1, -(2**63), 0, -1, 1, True, False, None),
        *(0.0, -0.0, 1.0, 5e-324, 1.7976931348623157e308, 0.1),
        *("", "\0", "\x7f", "\U0001f600", '"\\\n', "x" * 70_000),
        *([], {}, {"": ""}, [[], {}], [1, 1.0, True], {"1": 1}, list(range(1000)), [0.5] * 1000, [2**64 - 1] * 20),
        *([1e308] * 100, [None, "a"] * 20),
    ],
    ids=lambda value: repr(value)[:30],
)
@pytest.mark.parametrize("depth", [0, 1, 4, 5, 6, 63])
def test_edges_of_the_model_arrive_at_any_depth(codec, value, depth):
    value = within(value, depth - 1 if depth == 63 and value == [[], {}] else depth)
    assert same(codec.decode(codec.encode(value)), value)


def test_a_part_that_occurs_twice_is_no_cycle(codec):
    part = [1, {"a": 2}]
    assert codec.decode(codec.encode([part, part, {"p": part}])) == [part, part, {"p": part}]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0\xff",
        bytearray(b"ab"),
        memoryview(b"abc")[1:],
        memoryview(bytes(range(8))).cast("I"),
        memoryview(bytes(range(4))).cast("B", (2, 2)),
    ],
    ids=lambda raw: f"{type(raw).__name__} {bytes(raw)!r}",
)
@pytest.mark.parametrize("depth", [0, 1, 7])
def test_what_is_like_bytes_arrives_as_bytes(rich, raw, depth):
    assert same(rich.decode(rich.encode(within(raw, depth))), within(bytes(raw), depth))


@pytest.mark.parametrize("case", REFUSED)
def test_refused_by_every_codec_with_its_place(codec, case):
    check_refused(codec, *REFUSED[case])


@pytest.mark.parametrize("case", TOO_DEEP)
def test_too_deep_for_every_codec(codec, case):
    with pytest.raises(EncodeError, match=rf"^{codec.name}: value(\[.*\]){{4}}\.\.\..*: nested more than 64 deep$"):
        codec.encode(TOO_DEEP[case])


@pytest.mark.parametrize("case", REFUSED_BY_JSON)
def test_refused_by_json_with_its_place(case):
    check_refused(CODECS["json"], *REFUSED_BY_JSON[case])


@LAW
@given(nested(extra_scalars))
def test_json_never_alters_a_value_in_silence(value):
    codec = CODECS["json"]
    try:
        text = codec.encode(value)
    except EncodeError:
        return
    assert same(codec.decode(text), arrived(value))


def test_a_memoryview_that_has_gaps_or_was_released_is_refused(rich):
    released = memoryview(b"a")
    released.release()
    with pytest.raises(EncodeError, match=r"value\['v'\]: memoryview that is not contiguous"):
        rich.encode({"v": memoryview(b"abcd")[::2]})
    with pytest.raises(EncodeError, match=r"value\['v'\]: memoryview can't be read: operation forbidden"):
        rich.encode({"v": released})


def test_four_threads_at_once(codec):
    ready = threading.Barrier(4)
    wrong = []

    def work(number):
        value = EVENT | {"n": number, "more": [number] * 30, "far": within(f"t{number}", 12)}
        ready.wait()
        for _ in range(300):
            got = codec.decode(codec.encode(value))
            if not same(got, value):
                wrong.append(got)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.pure_only("a library that was imported is taken away")
@pytest.mark.parametrize(
    ("codec_name", "library", "extra"),
    [("msgpack", "msgpack", "msgpack"), ("cbor", "cbor2", "cbor")],
)
def test_an_absent_library_fails_at_construction_and_says_the_remedy(monkeypatch, codec_name, library, extra):
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, f"sig_codecs.{codec_name}_codec")
    module = importlib.import_module(f"sig_codecs.{codec_name}_codec")
    with pytest.raises(ImportError, match=rf"codec {codec_name}: .*pip install pysig\[{extra}\]") as caught:
        getattr(module, f"{codec_name.capitalize()}Codec")()
    assert isinstance(caught.value.__cause__, ImportError)
