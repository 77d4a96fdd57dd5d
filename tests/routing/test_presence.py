"""What tells that a sender is here, or is not any more, is made once for all who hear it."""

from __future__ import annotations

import pytest

from sig_codecs.json_codec import JsonCodec
from sig_core.protocol.limits import Limits
from sig_core.routing.exchange import Exchange
from sig_core.routing.ports import Run
from tests.routing.lone_port import Port

MANY = 100


class Hearer(Port):
    """A port that hears everything, and keeps what it gets."""

    def __init__(self, codec: str) -> None:
        super().__init__()
        self.codec, self.runs = codec, list[Run]()

    def deliver(self, run: Run, sender: object, event: object) -> None:
        self.runs.append(run)


def test_it_is_encoded_once_for_all_of_a_codec(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[str] = []

    def codec(name: str) -> JsonCodec:
        encoded.append(name)
        return JsonCodec()

    exchange = Exchange(codec, Limits(), lambda: 0.0)
    owner, hearers = Port(), [Hearer("json" if number % 2 else "other") for number in range(MANY)]
    for each in hearers:
        exchange.join(each)
        exchange.listen(each, (None, None))
    exchange.add_sender(owner, "s", ["e"], None)
    exchange.remove_sender(owner, "s")
    assert sorted(encoded) == ["json", "json", "other", "other"], "once for each event"
    assert len({id(run.data) for each in hearers for run in each.runs}) == 4
    assert all(len(each.runs) == 2 for each in hearers)
