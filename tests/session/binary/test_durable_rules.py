"""Durable listeners at a server with rules: whose they are, what they may hear, who manages them."""

from __future__ import annotations

from typing import Any

import pytest

from sig_core.errors import AccessDenied, NotOwner
from sig_core.session.binary.reports import KeptLost
from tests.support.hand_store import HandStore, kept, listed, listen
from tests.support.ruled import RuledNet, rules_of
from tests.support.sessions import Link

SHOP: dict[str, Any] = {"add": ["shop"], "see": ["*"]}
HEARS: dict[str, Any] = {"see": ["*"], "listen": [{"sender": "shop"}]}
OPERATOR: dict[str, Any] = {"see": ["*"], "operate": ["durable"]}
RULES = rules_of(shop=SHOP, billing=HEARS, audit=HEARS, nothing={"see": ["*"]}, operator=OPERATOR)


def known(net: RuledNet, user: str) -> Link:
    link = net.connect()
    net.know(link.server.port, user)
    return link


def house() -> tuple[RuledNet, HandStore, Link]:
    net = RuledNet(RULES)
    store, shop = HandStore(net), known(net, "shop")
    shop.add_sender("shop", ["#order"])
    return net, store, shop


def test_it_belongs_to_the_user_who_made_it() -> None:
    net, store, shop = house()
    link = known(net, "billing")
    listen(link)
    link.lose()
    with pytest.raises(NotOwner, match="belongs to another user"):
        listen(known(net, "audit"))
    shop.fire("shop", "#order", 1)
    store.run()
    again = known(net, "billing")
    assert listen(again)["waiting"] == 1
    assert kept(again) == [(1, 1)]


def test_who_may_hear_nothing_of_it_is_refused() -> None:
    net, _, _ = house()
    with pytest.raises(AccessDenied):
        listen(known(net, "nothing"))


def test_what_may_not_be_heard_any_more_is_not_told_but_counted() -> None:
    net, store, shop = house()
    link = known(net, "billing")
    listen(link)
    net.exchange.apply(rules_of(shop=SHOP, billing={"see": ["*"], "listen": [{"sender": "other"}]}))
    shop.fire("shop", "#order", 1)
    store.run()
    assert kept(link) == []
    assert [lost.reason for lost in link.of(KeptLost)] == ["not allowed any more"]


def test_one_s_own_are_listed_and_dropped_and_those_of_all_for_operators() -> None:
    net, store, _ = house()
    billing, audit, operator = (known(net, user) for user in ("billing", "audit", "operator"))
    listen(billing)
    listen(audit, "books")
    assert [found["durable"] for found in listed(store, billing)] == ["billing"]
    assert [found["owner"] for found in listed(store, operator)] == ["billing", "audit"]
    with pytest.raises(NotOwner):
        billing.call("drop_durable", durable="books")
    told: list[Any] = []
    operator.client.call("drop_durable", {"durable": "books"}, lambda value, error: told.append(error))
    store.run()
    assert told == [None] and [found["durable"] for found in listed(store, operator)] == ["billing"]


def test_who_has_the_last_word_is_asked() -> None:
    net = RuledNet(RULES, asks=True)
    store, link = HandStore(net), known(net, "billing")
    told: list[Any] = []
    params = {"sender": None, "event": "#order", "durable": "billing"}
    link.client.call("add_listener", params, lambda value, error: told.append((value, error)))
    net.pump()
    assert not told
    assert net.answer() == [("listen", None, "#order")]
    store.run()
    ((value, error),) = told
    assert error is None and value["listener_id"] == 1
