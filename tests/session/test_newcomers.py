"""Links of strangers: who gives way to one more."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from sig_core.protocol.source import source_of
from sig_core.session.newcomers import Newcomers


@dataclass(eq=False)
class Link:
    peer: str
    is_stranger: bool = True


def newcomers(most: int, *peers: str) -> tuple[Newcomers[Link], list[Link]]:
    made: Newcomers[Link] = Newcomers(most, lambda link: link.is_stranger)
    links = [Link(peer) for peer in peers]
    for link in links:
        made.add(link, link.peer)
    return made, links


@pytest.mark.parametrize(
    ("peer", "source"),
    [
        ("tcp://10.0.0.5:41832", "tcp://10.0.0.5:"),
        ("tcp://[fe80::1]:9", "tcp://[fe80::1]:"),
        ("unix:pid=77,uid=1000", "unix:pid=,uid=1000"),
        ("carrier://Lab#17", "carrier://Lab#"),
        ("can://5", "can://5"),
        ("/dev/ttyUSB0", "/dev/ttyUSB0"),
        ("", ""),
    ],
)
def test_the_source_of_a_peer(peer: str, source: str) -> None:
    assert source_of(peer) == source


def test_the_oldest_of_the_busiest_source_goes() -> None:
    few, links = newcomers(5, "tcp://a:1", "tcp://b:1", "tcp://b:2", "tcp://a:2", "tcp://b:3")
    assert few.to_drop(full=False) is links[1]
    few.remove(links[1])
    assert few.to_drop(full=False) is None
    few.add(last := Link("tcp://c:1"), last.peer)
    assert few.to_drop(full=False) is links[0], "of two sources with as many the one that came first"


def test_who_is_known_stays_and_makes_room() -> None:
    few, links = newcomers(3, "tcp://a:1", "tcp://a:2", "tcp://a:3")
    links[0].is_stranger = False
    assert few.to_drop(full=False) is None
    few.add(last := Link("tcp://b:1"), last.peer)
    assert few.to_drop(full=False) is links[1]


def test_where_there_is_no_room_at_all_any_stranger_goes() -> None:
    few, links = newcomers(100, "tcp://a:1", "tcp://a:2")
    assert few.to_drop(full=True) is links[0]
    for link in links:
        link.is_stranger = False
    assert few.to_drop(full=True) is None
