"""The way of events into a client: one frame for each, decoded once, then every listener in order."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from itertools import islice
from typing import Any, TypeAlias

from sig_core.contract import Codec
from sig_core.events import Info
from sig_core.interrupts import pass_interrupt_on
from sig_core.protocol.runs import split_events
from sig_core.routing.entities import Subscription
from sig_core.routing.info import info_of
from sig_core.routing.table import Topic
from sig_core.routing.transcode import OFFERS, decode
from sig_core.session.binary.reports import Events

__all__ = ["MOST", "fan_out", "fan_out_pieces"]

MOST = 64  # events of one piece, once those before it were quick

Failed = Callable[[Any, Info, BaseException], None]
Prepared: TypeAlias = tuple[Callable[[bytes], object] | None, Iterable[tuple[bytes | None, Any]]]


def fan_out(
    report: Events,
    topic: Topic[Subscription],
    codec: Codec,
    failed: Failed,
    bad: Callable[[BaseException], None],
    prepared: Prepared | None = None,
) -> None:
    """Call the listeners of a topic for each event of a run.

    Args:
        failed: called when a listener raised, with (callback, info, error).
        bad: called when a payload can't be decoded; the event is left out.
        prepared: a piece of the run; None: all of it.
    """
    sender, event = topic.sender, topic.event
    decode_it, events = prepared or _prepared(report, codec)
    for additions, data in events:
        targets = topic.targets
        if targets is None:
            targets = topic.refresh()
        if not targets:
            continue
        info: Info = {"sender": sender, "event": event}
        try:
            try:
                value = decode_it(data) if decode_it is not None else data
            except BaseException as error:
                pass_interrupt_on(error)
                decode_it = codec.decode  # for the rest of the run: one kind of event has one kind of value, mostly
                value = decode_it(data)
            if additions is not None:
                info = info_of(sender, event, decode(codec, additions))
        except BaseException as error:  # compiled codecs have panics that are no Exception
            pass_interrupt_on(error)
            bad(error)
            continue
        for target in targets:
            try:
                target.call(info, value)
            except BaseException as error:  # whoever reads a link must outlive whatever its callbacks raise
                failed(target.callback, info, error)


def fan_out_pieces(
    report: Events,
    topic: Topic[Subscription],
    codec: Codec,
    failed: Failed,
    bad: Callable[[BaseException], None],
    most: int,
) -> Generator[int, int | None, None]:
    """Do the same piece by piece; between two of them, yield how many events are left.

    Each piece has twice the events of the one before, up to MOST, unless it is sent how many: so who has a bound of
    time looks at its clock seldom while listeners are quick, and often enough when they are not.

    Args:
        most: events of the first piece.
    """
    left = report.count
    decode_it, prepared = _prepared(report, codec)
    events = iter(prepared)
    while True:
        fan_out(report, topic, codec, failed, bad, (decode_it, islice(events, most)))
        left -= most
        if left <= 0:
            return
        most = (yield left) or min(2 * most, MOST)


def _prepared(report: Events, codec: Codec) -> Prepared:
    """Return how to decode the events of a run, and of each (additions or None, data); None: they are decoded."""
    events = split_events(report.data)
    most, many, _ = OFFERS[codec]
    if many is not None and report.count > 1:
        events = list(events)
        additions, payloads = zip(*events, strict=True)
        try:
            values = many(payloads)
        except BaseException as error:  # why, and which of them, is found one by one
            pass_interrupt_on(error)
        else:
            if len(values) == len(payloads):
                return None, zip(additions, values, strict=True)
    return most, events
