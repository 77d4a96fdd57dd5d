"""What the URLs of links with faults may say, and what such a link says of itself."""

from __future__ import annotations

from typing import Any

import pytest

import sig_core as sig
from sig_carriers.fault_half_open import half_open
from sig_carriers.fault_lossy import lossy
from sig_carriers.fault_slow import slow
from sig_core.address import Address
from sig_core.contract import LinkTraits
from tests.support import sig_threads


class Nothing:
    """A link on which nothing happens."""

    peer = "nothing://here"

    def __init__(self, **traits: Any) -> None:
        self.traits = LinkTraits(**{"packets": False, "reliable": True, **traits})

    def send(self, data: bytes, /) -> None: ...
    def receive(self, timeout: float, /) -> bytes | None: ...
    def close(self) -> None: ...


def traits(wrapper: Any, query: str, **inner: Any) -> LinkTraits:
    link = wrapper(Nothing(**inner), Address.parse(f"x+nothing://here?{query}" if query else "x+nothing://here"))
    link.close()
    assert not sig_threads()
    found: LinkTraits = link.traits
    return found


@pytest.mark.parametrize(
    ("query", "packets", "reliable"),
    [
        ("", False, False),
        ("drop=0", False, False),
        ("flip=1e-5", True, False),
        ("seed=7", False, False),
        ("cut=30s", False, True),
        ("cut=30s&seed=7", True, True),
        ("cut=30s&jitter=5ms", False, True),
        ("jitter=5ms", True, False),
        ("cut=30s&dup=0.1", False, False),
    ],
)
def test_a_link_that_may_lose_says_so(query: str, packets: bool, reliable: bool) -> None:
    assert traits(lossy, query, packets=packets) == LinkTraits(packets=packets, reliable=reliable)
    assert not traits(lossy, query, packets=packets, reliable=False).reliable


def test_a_slow_link_tells_its_rate() -> None:
    assert traits(slow, "rate=9600") == LinkTraits(packets=False, reliable=True, bitrate=9600)
    assert traits(slow, "rate=9600", bitrate=300, packets=True, mtu=64) == LinkTraits(
        packets=True, reliable=True, mtu=64, bitrate=300
    )
    assert traits(slow, "delay=5ms") == LinkTraits(packets=False, reliable=True)
    assert traits(half_open, "after=5s", mtu=64, packets=True) == LinkTraits(packets=True, reliable=True, mtu=64)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("lossy+tcp://127.0.0.1:0?drop=2", "option drop='2' is no number from 0 to 1"),
        ("lossy+tcp://127.0.0.1:0?flip=often", "option flip='often' is no number from 0 to 1"),
        ("lossy+tcp://127.0.0.1:0?jitter=-5ms", "option jitter='-5ms' is no time from 0 to 86400 s; write seconds, or"),
        ("lossy+tcp://127.0.0.1:0?cut=2days", "option cut='2days' is no time from 0 to 86400 s"),
        ("slow+tcp://127.0.0.1:0?rate=0", "option rate='0' is no number from 10 to 1e[+]12"),
        ("slow+tcp://127.0.0.1:0?delay=25h", "option delay='25h' is no time from 0 to 86400 s"),
        ("half-open+tcp://127.0.0.1:0?after=", "option after='' is no time from 0 to 86400 s"),
        (
            "lossy+tcp://127.0.0.1:0?dorp=1",
            "unknown option 'dorp', did you mean 'drop'[?]; lossy knows: cut, drop, dup, flip, jitter, seed; "
            "tcp knows: backlog, name, nodelay, open, prefix, timeout",
        ),
        (
            "slow+lossy+tcp://127.0.0.1:0?after=1",
            "unknown option 'after', did you mean 'rate'[?]; slow knows: delay, rate; lossy knows: ",
        ),
        ("tcp://127.0.0.1:0?drop=0.1", "unknown option 'drop'; tcp knows: "),
        ("lossy+lossy+tcp://127.0.0.1:0?drop=0.1", "option 'drop' is taken by lossy and by lossy"),
        ("lossi+tcp://127.0.0.1:0", "unknown wrapper 'lossi', did you mean 'lossy'[?]; installed: half-open, lossy"),
    ],
)
def test_what_a_url_can_not_mean_is_said_when_it_is_taken(url: str, said: str) -> None:
    with pytest.raises((sig.ConfigError, sig.UnknownPlugin), match=said):
        sig.ServerRouter(url).start()
    with pytest.raises((sig.ConfigError, sig.UnknownPlugin)):
        sig.ClientRouter(url.replace(":0", ":1")).start()
