"""The exchange between fake ports, beside a model that is naive on purpose."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sig_core.errors import NotOwner, OutcomeUnknown, SenderExists, SigError, UnknownMethod, UnknownSender
from sig_core.events import EVENT_CONNECT, EVENT_DISCONNECT, Name, Pattern, is_channel
from sig_core.plugins import default_plugins
from sig_core.protocol.limits import Limits
from sig_core.protocol.runs import split_events
from sig_core.protocol.wire import event_frame, request_tail
from sig_core.routing.exchange import Exchange
from sig_core.routing.ports import RequestBatch, Run, request_each
from sig_core.routing.traffic import Traffic

BUILT_IN = [EVENT_CONNECT, EVENT_DISCONNECT]
NAMES, EVENTS, METHODS = ["s", 7, "t"], ["a", "#c", 5], ["x", "y"]
CODECS = ["json", "msgpack", "cbor"]
codec_of = default_plugins().codecs.get


class FakePort:
    """Notes what it is told, decoded."""

    def __init__(self, codec: str, number: int) -> None:
        self.codec, self.peer = codec, f"port {number}"
        self.heard: list[tuple[Name, Name, Any]] = []
        self.refused: list[type[SigError]] = []
        self.asked: dict[int, tuple[Name, str, Any]] = {}
        self.answers: list[tuple[Any, Any]] = []
        self.routes: dict[int, tuple[Name, Name]] = {}
        self.traffic = Traffic()

    def stats(self) -> dict[str, Any]:
        return self.traffic.describe(0)

    def accepts_codec(self, codec: str) -> bool:
        return codec == self.codec

    def names_at(self, route: int) -> tuple[Name, Name | None] | None:
        return self.routes.get(route)

    def deliver(self, run: Run, sender: Name, event: Name) -> None:
        assert run.codec == self.codec
        assert self.routes.setdefault(run.route, (sender, event)) == (sender, event)
        events = list(split_events(run.data))
        assert len(events) == run.count
        self.heard += [(sender, event, codec_of(self.codec).decode(data)) for _, data in events]

    def rebind(self, route: int, sender: Name, event: Name, missing: int, *, known_only: bool) -> None:
        pass

    def note_lost(self, run: Run, sender: Name, event: Name, count: int, reason: str) -> None:
        raise AssertionError(f"{self.peer} lost {count} events: {reason}")

    def refuse(self, route: int, count: int, error: SigError) -> None:
        self.refused += [type(error)] * count

    def request(self, asked: RequestBatch) -> list[tuple[int, SigError]]:
        return request_each(asked, self.ask)

    def ask(self, token: int, asked: RequestBatch, params: bytes) -> None:
        assert asked.tails[token] == request_tail(asked.method, params)
        self.asked[token] = (asked.sender, asked.method, codec_of(self.codec).decode(params))

    def reply(self, route: int, codec: str, values: list[tuple[Any, bytes]]) -> None:
        self.answers += [(ident, codec_of(codec).decode(value)) for ident, value in values]

    def fail_to(self, ident: Any, route: int, error: SigError) -> None:
        self.answers.append((ident, type(error)))

    def is_slow(self, now: float) -> bool:
        return False

    def recovers(self, now: float) -> bool:
        raise AssertionError("nobody is slow")

    def set_reading_paused(self, on: bool) -> None:
        raise AssertionError("nobody is held")


class Expected:
    """What the model says of one port."""

    def __init__(self) -> None:
        self.heard: list[tuple[Name, Name, Any]] = []
        self.refused: list[type[SigError]] = []
        self.answers: list[tuple[Any, Any]] = []


class ExchangeModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.exchange = Exchange(codec_of, Limits(), lambda: 0.0)
        self.ports: dict[FakePort, Expected] = {}
        self.senders: dict[Name, tuple[FakePort, list[Name], list[str | None] | None]] = {}
        self.listening: list[tuple[FakePort, Pattern]] = []
        self.open: list[dict[str, Any]] = []
        self.routes: dict[tuple[Name, Name | None], int] = {}
        self.count = 0

    # -- the model

    def fire(self, sender: Name, event: Name, value: Any) -> None:
        for port, expected in self.ports.items():
            if any(listener is port and matches(pattern, sender, event) for listener, pattern in self.listening):
                expected.heard.append((sender, event, value))

    def presence(self, sender: Name, event: Name) -> None:
        _, events, methods = self.senders[sender]
        self.fire(sender, event, {"events": [*events, *BUILT_IN], "requests": methods})

    def forget(self, name: Name) -> None:
        self.presence(name, EVENT_DISCONNECT)
        del self.senders[name]

    # -- rules

    @rule(codec=st.sampled_from(CODECS))
    def connect(self, codec: str) -> None:
        if len(self.ports) < 4:
            self.count += 1
            self.ports[FakePort(codec, self.count)] = Expected()

    @precondition(lambda self: self.ports)
    @rule(
        data=st.data(),
        name=st.sampled_from(NAMES),
        events=st.lists(st.sampled_from(EVENTS), unique=True),
        methods=st.none() | st.lists(st.sampled_from([*METHODS, None]), unique=True),
    )
    def add_sender(self, data: Any, name: Name, events: list[Name], methods: list[str | None] | None) -> None:
        port = data.draw(st.sampled_from(list(self.ports)))
        try:
            entry = self.exchange.add_sender(port, name, events, methods)
        except SenderExists:
            assert name in self.senders
            return
        assert name not in self.senders
        self.senders[name] = (port, events, methods)
        assert list(entry.events) == [*events, *BUILT_IN]
        for key, number in [(None, entry.route), *entry.events.items()]:
            assert self.routes.setdefault((name, key), number) == number
        assert len(set(self.routes.values())) == len(self.routes)
        self.presence(name, EVENT_CONNECT)

    @precondition(lambda self: self.ports)
    @rule(data=st.data(), name=st.sampled_from(NAMES))
    def remove_sender(self, data: Any, name: Name) -> None:
        port = data.draw(st.sampled_from(list(self.ports)))
        try:
            self.exchange.remove_sender(port, name)
        except UnknownSender:
            assert name not in self.senders
        except NotOwner:
            assert self.senders[name][0] is not port
        else:
            assert self.senders[name][0] is port
            self.forget(name)

    @precondition(lambda self: self.ports)
    @rule(data=st.data(), sender=st.sampled_from([None, *NAMES]), event=st.sampled_from([None, *EVENTS, *BUILT_IN]))
    def listen_or_not(self, data: Any, sender: Name | None, event: Name | None) -> None:
        wish = (data.draw(st.sampled_from(list(self.ports))), (sender, event))
        if wish in self.listening:
            self.listening.remove(wish)
            self.exchange.unlisten(*wish)
        else:
            self.listening.append(wish)
            self.exchange.listen(*wish)

    @precondition(lambda self: self.routes)
    @rule(data=st.data(), key=st.randoms(use_true_random=False), size=st.integers(1, 3))
    def trigger(self, data: Any, key: Any, size: int) -> None:
        """On any number that was ever given, from any port."""
        if not self.ports:
            return
        port = data.draw(st.sampled_from(list(self.ports)))
        (name, event), number = key.choice(sorted(self.routes.items(), key=repr))
        values = [{"n": self.count + n} for n in range(size)]
        self.count += size
        frames = b"".join(event_frame(number, codec_of(port.codec).encode(value)) for value in values)
        self.exchange.arrive(port, Run(number, port.codec, size, frames), 0.0)
        owner, events, _ = self.senders.get(name, (None, [], None))
        if owner is port and event in events:
            for value in values:
                assert event is not None
                self.fire(name, event, value)
        else:
            self.ports[port].refused += [NotOwner] * size

    @precondition(lambda self: self.ports)
    @rule(data=st.data(), name=st.sampled_from(NAMES), method=st.sampled_from(METHODS), times=st.integers(1, 4))
    def ask(self, data: Any, name: Name, method: str, times: int) -> None:
        port = data.draw(st.sampled_from(list(self.ports)))
        idents = range(self.count + 1, self.count + times + 1)
        self.count += times
        route = self.routes.get((name, None), 10_000)
        tails = {ident: request_tail(method, codec_of(port.codec).encode([ident])) for ident in idents}
        self.exchange.request(port, route, port.codec, method, tails)
        if name not in self.senders:
            self.ports[port].answers += [(ident, UnknownSender) for ident in idents]
            return
        owner, _, methods = self.senders[name]
        if methods is None or (method not in methods and None not in methods):
            self.ports[port].answers += [(ident, UnknownMethod) for ident in idents]
            return
        for ident, token in zip(idents, list(owner.asked)[-times:], strict=True):
            assert owner.asked[token] == (name, method, [ident])
            self.open.append({"asker": port, "ident": ident, "owner": owner, "token": token})

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def answer_many(self, data: Any) -> None:
        """Values for several askers, in any order, and among them some for nobody."""
        owner = data.draw(st.sampled_from(self.open))["owner"]
        there = [one for one in self.open if one["owner"] is owner]
        chosen = data.draw(st.lists(st.sampled_from([*there, None]), unique_by=id))
        value = codec_of(owner.codec).encode("many")
        values = [(2**32 - 1 if one is None else one["token"], value) for one in chosen]
        assert self.exchange.requests.complete(owner, owner.codec, values, len(values)) == chosen.count(None)
        for one in chosen:
            if one is not None:
                self.open.remove(one)
                self.ports[one["asker"]].answers.append((one["ident"], "many"))

    @precondition(lambda self: self.open)
    @rule(data=st.data(), how=st.sampled_from(["value", "error", "cancel", "by another"]))
    def answer(self, data: Any, how: str) -> None:
        one = data.draw(st.sampled_from(self.open))
        owner, asker, requests = one["owner"], one["asker"], self.exchange.requests
        value = {"answer": one["ident"]}
        if how == "by another":
            for port in self.ports:
                if port is not owner:
                    assert requests.complete(port, port.codec, [(one["token"], b"")]) == 1
            return
        self.open.remove(one)
        if how == "value":
            assert not requests.complete(owner, owner.codec, [(one["token"], codec_of(owner.codec).encode(value))])
            self.ports[asker].answers.append((one["ident"], value))
        elif how == "error":
            assert requests.fail(owner, one["token"], NotOwner("no"))
            self.ports[asker].answers.append((one["ident"], NotOwner))
        else:
            assert requests.cancel(asker, one["ident"])
        assert not requests.cancel(asker, one["ident"])
        assert not requests.fail(owner, one["token"], NotOwner("late"))

    @precondition(lambda self: self.ports)
    @rule(data=st.data())
    def leave(self, data: Any) -> None:
        self.close(data.draw(st.sampled_from(list(self.ports))))

    def close(self, port: FakePort) -> None:
        self.exchange.close(port, [pattern for listener, pattern in self.listening if listener is port])
        self.listening = [wish for wish in self.listening if wish[0] is not port]
        for name in [name for name, (owner, _, _) in self.senders.items() if owner is port]:
            self.forget(name)
        for one in [one for one in self.open if port in (one["asker"], one["owner"])]:
            self.open.remove(one)
            if one["asker"] is not port:
                self.ports[one["asker"]].answers.append((one["ident"], OutcomeUnknown))
        self.compare(port, self.ports.pop(port))

    # -- the laws

    def compare(self, port: FakePort, expected: Expected) -> None:
        assert port.heard == expected.heard
        assert port.refused == expected.refused
        assert port.answers == expected.answers

    @invariant()
    def everyone_is_told_what_the_model_says(self) -> None:
        for port, expected in self.ports.items():
            self.compare(port, expected)
        assert {entry.name for entry in self.exchange.senders.values()} == set(self.senders)
        assert len(self.exchange.requests) == len(self.open)

    def teardown(self) -> None:
        for port in list(self.ports):
            self.close(port)
        exchange = self.exchange
        assert not exchange.senders
        assert not exchange._routes
        assert not exchange._targets
        assert not exchange.flow_control
        assert not exchange.requests._open
        assert not exchange.requests._tokens
        assert not any(exchange._table.at((s, e)) for s in [None, *NAMES] for e in [None, *EVENTS, *BUILT_IN])


def matches(pattern: Pattern, sender: Name, event: Name) -> bool:
    wanted_sender, wanted_event = pattern
    if wanted_sender is None and wanted_event is not None:
        return is_channel(event) and event == wanted_event
    return wanted_sender in (None, sender) and wanted_event in (None, event)


@pytest.mark.slow
class TestExchangeModel(ExchangeModel.TestCase):
    settings = settings(max_examples=400, stateful_step_count=60, deadline=None, derandomize=True)


class TestExchangeModelBriefly(ExchangeModel.TestCase):
    settings = settings(max_examples=50, stateful_step_count=40, deadline=None, derandomize=True)
