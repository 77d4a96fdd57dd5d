"""Hello, welcome and refusal, field by field."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sig_core.errors import HandshakeError, Status
from sig_core.protocol import hello, wire
from sig_core.protocol.hello import Hello, Welcome
from tests.support.named_frames import Frame, NamedReader

LAW = settings(derandomize=True, deadline=None)

CLIENT = "00112233445566778899aabbccddeeff"
HELLO = {"codecs": ["json"], "client": CLIENT, "max_frame": 4096, "keepalive": 10}
WELCOME = {"codec": "json", "node": CLIENT, "token": "a5", "max_frame": 4096, "keepalive": 10}

TEXT = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=64)
HEX = st.binary(min_size=1, max_size=128).map(bytes.hex)
COMMON = {
    "max_frame": st.integers(4096, 2**32 - 1),
    "keepalive": st.floats(0.1, 3600.0),
    "features": st.lists(TEXT, max_size=64).map(tuple),
    "software": st.text(st.characters(exclude_categories=("Cs",)), max_size=255),
}
CLIENTS = st.binary(min_size=16, max_size=16).map(bytes.hex)
HELLOS = st.builds(
    Hello, codecs=st.lists(TEXT, min_size=1, max_size=16).map(tuple), client=CLIENTS, token=st.none() | HEX, **COMMON
)
WELCOMES = st.builds(Welcome, codec=TEXT, node=CLIENTS, token=HEX, **COMMON)


def frame_of(opening: bytes) -> Frame:
    assert opening.startswith(wire.PREFACE)
    (frame,) = NamedReader(2**32 - 1).feed(opening.removeprefix(wire.PREFACE))
    return frame


def as_frame(values: Any) -> Frame:
    return Frame(wire.CONTROL, 0, 1, json.dumps(values).encode())


@LAW
@given(HELLOS)
def test_a_hello_is_read_as_it_was_written(said: Hello) -> None:
    assert hello.read_hello(frame_of(hello.hello_frame(said))) == said
    assert asdict(said) == {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in json.loads(frame_of(hello.hello_frame(said)).body).items()
    }


@LAW
@given(WELCOMES)
def test_a_welcome_is_read_as_it_was_written(said: Welcome) -> None:
    assert hello.read_welcome(frame_of(hello.welcome_frame(said))) == said


@pytest.mark.parametrize("missing", sorted(HELLO))
def test_a_required_field_of_the_hello(missing: str) -> None:
    with pytest.raises(HandshakeError, match=f"hello: field '{missing}' is missing"):
        hello.read_hello(as_frame({name: value for name, value in HELLO.items() if name != missing}))
    with pytest.raises(HandshakeError, match=f"hello: field '{missing}'"):
        hello.read_hello(as_frame({**HELLO, missing: None}))


@pytest.mark.parametrize("missing", sorted(WELCOME))
def test_a_required_field_of_the_welcome(missing: str) -> None:
    with pytest.raises(HandshakeError, match=f"welcome: field '{missing}' is missing"):
        hello.read_welcome(as_frame({name: value for name, value in WELCOME.items() if name != missing}))
    with pytest.raises(HandshakeError, match=f"welcome: field '{missing}'"):
        hello.read_welcome(as_frame({**WELCOME, missing: None}))


def test_optional_fields_may_be_absent_or_null() -> None:
    bare = hello.read_hello(as_frame(HELLO))
    assert (bare.token, bare.features, bare.software) == (None, (), "")
    assert hello.read_hello(as_frame({**HELLO, "token": None, "features": None, "software": None})) == bare
    plain = hello.read_welcome(as_frame(WELCOME))
    assert (plain.features, plain.software) == ((), "")
    nulls = {"features": None, "software": None, "refused": None}
    assert hello.read_welcome(as_frame({**WELCOME, **nulls})) == plain


BAD = [
    ("max_frame", 4095),
    ("max_frame", 2**32),
    ("max_frame", 4096.0),
    ("max_frame", True),
    ("keepalive", 0.09),
    ("keepalive", 3600.5),
    ("keepalive", "10"),
    ("token", "a5a"),
    ("token", "A5"),
    ("token", ""),
    ("token", "a5" * 129),
    ("features", ["x"] * 65),
    ("features", [""]),
    ("features", ["x" * 65]),
    ("software", "x" * 256),
]


@pytest.mark.parametrize(("field", "value"), BAD)
def test_bad_fields_of_both(field: str, value: Any) -> None:
    for read, good in ((hello.read_hello, HELLO), (hello.read_welcome, WELCOME)):
        with pytest.raises(HandshakeError, match=f"field '{field}'") as caught:
            read(as_frame({**good, field: value}))
        assert caught.value.status is Status.BAD_MESSAGE


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"{}{}", b"[" * 60_000, b'{"a":1}\0'])
def test_what_is_no_object_of_json(body: bytes) -> None:
    for read in (hello.read_hello, hello.read_welcome):
        with pytest.raises(HandshakeError):
            read(Frame(wire.CONTROL, 0, 1, body))


def test_the_size_and_the_type_of_the_frame() -> None:
    body = json.dumps(HELLO).encode()
    padded = body + b" " * (65_536 - len(body))
    assert hello.read_hello(Frame(wire.CONTROL, 0, 1, padded)).client == CLIENT
    with pytest.raises(HandshakeError, match="65537 bytes, at most 65536"):
        hello.read_hello(Frame(wire.CONTROL, 0, 1, padded + b" "))
    for kind in (wire.EVENT, wire.REQUEST, wire.REPLY, wire.ERROR):
        with pytest.raises(HandshakeError, match=f"type {kind}"):
            hello.read_hello(Frame(kind, 0, 1, body))


@pytest.mark.parametrize("status", [status for status in Status if status])
def test_a_refusal_becomes_an_error_with_its_status(status: Status) -> None:
    with pytest.raises(HandshakeError, match="the server refused: why and what") as caught:
        hello.read_welcome(frame_of(hello.refusal(status, "why and what")))
    assert caught.value.status is status


def test_a_refusal_with_an_unknown_status_counts_as_handler_raised() -> None:
    with pytest.raises(HandshakeError) as caught:
        hello.read_welcome(as_frame({"refused": {"status": -99, "text": "x"}}))
    assert caught.value.status is Status.HANDLER_RAISED


@pytest.mark.parametrize("refused", [{}, [], 5, {"status": -7}, {"text": "x"}, {"status": 0, "text": "x"}])
def test_a_bad_refusal_opens_nothing(refused: Any) -> None:
    with pytest.raises(HandshakeError):
        hello.read_welcome(as_frame({**WELCOME, "refused": refused}))


def test_a_refusal_that_says_much_is_cut() -> None:
    with pytest.raises(HandshakeError, match=r": x{1000}$"):
        hello.read_welcome(frame_of(hello.refusal(-7, "x" * 100_000)))


def test_the_preface() -> None:
    for size in range(9):
        hello.check_preface(wire.PREFACE[:size])
    for version in (0, 2, 255):
        with pytest.raises(HandshakeError, match=f"version {version}, only 1"):
            hello.check_preface(wire.PREFACE[:7] + bytes([version]))
    for at in range(7):
        wrong = bytearray(wire.PREFACE)
        wrong[at] ^= 1
        with pytest.raises(HandshakeError, match="no preface"):
            hello.check_preface(bytes(wrong[: at + 1]))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@LAW
@given(st.sampled_from(sorted({**HELLO, **WELCOME, "features": 0, "software": 0, "refused": 0})), JSON_VALUES)
def test_any_value_in_any_field_is_read_or_refused(field: str, value: Any) -> None:
    for read, good in ((hello.read_hello, HELLO), (hello.read_welcome, WELCOME)):
        try:
            found = read(as_frame({**good, field: value}))
        except HandshakeError:
            continue
        if value is not None and field in asdict(found):
            assert getattr(found, field) == (tuple(value) if isinstance(value, list) else value)
