"""SYN, SYNACK and HELLO: the vectors, and what can't be believed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sig_core.line.handshake import LineHello, Syn, SynAck, read_hello, read_syn, read_synack
from sig_core.line.packets import HELLO, SYN, SYNACK
from tests.line.harness import vectors

LAW = settings(derandomize=True, deadline=None, max_examples=300)
READ: dict[int, Any] = {SYN: read_syn, SYNACK: read_synack, HELLO: read_hello}
GOOD = [entry for entry in vectors("handshakes") if entry["fields"]]
BAD = [entry for entry in vectors("handshakes") if not entry["fields"]]


@pytest.mark.parametrize("entry", GOOD, ids=lambda entry: entry["name"])
def test_vectors(entry: dict[str, Any]) -> None:
    payload, fields = bytes.fromhex(entry["payload"]), entry["fields"]
    found = READ[entry["kind"]](payload)
    for name, value in fields.items():
        if (entry["kind"], name) != (SYNACK, "resume"):
            assert getattr(found, {"crc32": "long_crc"}.get(name, name)) == value
    size = 5 if entry["kind"] == HELLO else 12
    assert found.pack() == payload[:size]


@pytest.mark.parametrize("entry", BAD, ids=lambda entry: entry["name"])
def test_what_is_to_be_ignored(entry: dict[str, Any]) -> None:
    assert READ[entry["kind"]](bytes.fromhex(entry["payload"])) is None


SIDS, WINDOWS, MTUS = st.integers(1, 2**32 - 1), st.integers(1, 8), st.integers(16, 246)
TENTHS, MESSAGES = st.integers(1, 255).map(lambda n: n / 10), st.integers(0, 65535)
SYNS = st.builds(
    Syn,
    sid=SIDS,
    mtu=MTUS,
    window=WINDOWS,
    keepalive=TENTHS,
    rto=st.integers(1, 255).map(lambda n: n / 100),
    message=MESSAGES,
    long_crc=st.booleans(),
    resume=st.booleans(),
)
SYNACKS = st.builds(
    SynAck,
    sid=SIDS,
    mtu=MTUS,
    window=WINDOWS,
    keepalive=TENTHS,
    dialect=st.integers(0, 1),
    message=MESSAGES,
    long_crc=st.booleans(),
)


@LAW
@given(SYNS, SYNACKS, st.integers(0, 2**32 - 1), st.binary(max_size=5))
def test_what_is_packed_is_read(syn: Syn, synack: SynAck, sid: int, more: bytes) -> None:
    assert read_syn(syn.pack() + more) == syn
    assert read_synack(synack.pack() + more) == synack
    assert read_hello(LineHello(sid=sid).pack() + more) == LineHello(sid=sid)


@LAW
@given(st.binary(max_size=20))
def test_any_bytes(payload: bytes) -> None:
    for read in READ.values():
        read(payload)


def test_times_that_can_not_be_said_are_said_as_the_next_greater_one() -> None:
    syn = Syn(sid=1, mtu=16, window=1, keepalive=0.21, rto=0.101, message=0, long_crc=False, resume=False)
    found = read_syn(syn.pack())
    assert found is not None
    assert (found.keepalive, found.rto) == (0.3, 0.11)
    slow = read_syn(Syn(sid=1, mtu=16, window=1, keepalive=99, rto=99, message=0, long_crc=False, resume=False).pack())
    assert slow is not None
    assert (slow.keepalive, slow.rto) == (25.5, 2.55)


@pytest.mark.parametrize("payload", ["02" + "00" * 11, "02" + "ff" * 11, "ff" * 20])
def test_of_another_version_only_the_version_is_believed(payload: str) -> None:
    data = bytes.fromhex(payload)
    found = read_syn(data)
    assert found is not None
    assert found.version == data[0]
    assert read_synack(data) is None
