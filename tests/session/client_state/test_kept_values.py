"""The last values of a client's own state events: what is told to a server that comes is the newest there is."""

from __future__ import annotations

from typing import Any

import pytest

from sig_core.session.client_state.reconnect import Reconnect
from tests.session.client_state.support import Client
from tests.support.sessions import Net

SMALL = Reconnect(keep=30)  # bytes: one event, or two


def owner(net: Net, policy: Reconnect = SMALL) -> Client:
    """A client with the sender "s", whose event "e" is its state, and "f" is not."""
    client = Client(net, policy).connect()
    sender = client.router._make_sender("s", ("e", "f"), None, state=("e",))
    client.run(client.registrations.add_senders(client.session, [sender], all_or_none=False))
    return client


def values(client: Client) -> list[Any]:
    heard, client.heard = client.heard, []
    return [value for _, _, value in heard]


@pytest.mark.parametrize("offline", [[1], [1, 2, 3], [1, "long" * 20]])
def test_a_value_that_gave_way_while_there_was_no_link_is_told_as_the_last_one(offline: list[Any]) -> None:
    net = Net()
    client, witness = owner(net), Client(net).connect()
    witness.listen("s", "e")
    client.trigger("s", 0)
    net.pump()
    assert values(witness) == [0]
    client.lose()
    for value in offline:
        client.trigger("s", value)
    for number in range(5):  # those before give way to these
        client.trigger("s", number, "f")
    assert client.registrations.senders["s"].kept["e"].sent is not None
    client.connect()
    net.pump()
    assert values(witness) == offline[-1:]
    assert witness.state.lost.total() == len(offline)  # as events they were lost: only the newest is told
    late = Client(net).connect()
    late.listen("s", "e")
    net.pump()
    assert values(late) == offline[-1:]


def test_what_still_waits_comes_as_an_event() -> None:
    net = Net()
    client, witness = owner(net), Client(net).connect()
    witness.listen("s", "e")
    client.lose()
    for value in range(5):
        client.trigger("s", value)
    client.connect()
    net.pump()
    assert values(witness)[-1] == 4
    assert client.counts()["dropped"] == 2
