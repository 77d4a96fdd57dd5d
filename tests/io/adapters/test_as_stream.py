"""Which links are turned into streams, into which, and at which end."""

from __future__ import annotations

import pytest

from sig_core.contract import LinkTraits
from sig_core.errors import ConfigError, ConnectFailed
from sig_core.io.adapters import line_stream
from sig_core.io.adapters.as_stream import as_stream
from sig_core.io.adapters.datagram_stream import DatagramStream, FragmentingLink
from sig_core.testing import begin
from tests.support import nothing_left_behind, within
from tests.support.wires import Lossy

__all__ = ["nothing_left_behind"]

SOON = within(10.0)


def link(**traits: object) -> Lossy:
    made = Lossy()
    made.traits = LinkTraits(**traits)  # type: ignore[arg-type]
    return made


@pytest.mark.parametrize("dialing", [True, False])
@pytest.mark.parametrize(
    "traits",
    [
        LinkTraits(packets=False, reliable=True),
        LinkTraits(packets=True, reliable=True),
    ],
)
def test_what_needs_no_help_stays_as_it_is(traits: LinkTraits, dialing: bool) -> None:
    raw = Lossy()
    raw.traits = traits
    assert as_stream(raw, dialing=dialing, patience=SOON) is raw


def test_the_side_that_accepted_leaves_a_line_as_it_is() -> None:
    raw = link(packets=False, reliable=False)
    assert as_stream(raw, dialing=False, patience=SOON) is raw


def test_the_side_that_dials_has_a_stream_on_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_stream, "LineStream", lambda *args: args)
    raw = link(packets=False, reliable=False)
    assert as_stream(raw, dialing=True, patience=3.0) == (raw, 3.0)


@pytest.mark.parametrize("reliable", [True, False])
def test_packets_that_are_too_short_are_refused(reliable: bool) -> None:
    raw = link(packets=True, reliable=reliable, mtu=7)
    with pytest.raises(ConfigError, match="lossy://peer: packets of 7 bytes; at least 8 are needed"):
        as_stream(raw, dialing=True, patience=SOON)
    assert raw.closed == 1


@pytest.mark.parametrize("dialing", [True, False])
def test_reliable_packets_are_filled_with_fragments(dialing: bool) -> None:
    raw = link(packets=True, reliable=True, mtu=8)
    made = as_stream(raw, dialing=dialing, patience=SOON)
    assert isinstance(made, FragmentingLink)
    assert made.peer == "lossy://peer"


def test_packets_that_may_be_lost_make_a_reliable_stream_at_both_ends() -> None:
    one, two = Lossy.pair()
    server = as_stream(two, dialing=False, patience=SOON)
    client = as_stream(one, dialing=True, patience=SOON)
    assert isinstance(client, DatagramStream) and isinstance(server, DatagramStream)
    for closing in [begin(end.close) for end in (client, server)]:
        closing.result(SOON)


def test_where_nobody_answers_the_link_is_closed() -> None:
    raw = Lossy()
    with pytest.raises(ConnectFailed):
        as_stream(raw, dialing=True, patience=0.0)
    assert raw.closed == 1
