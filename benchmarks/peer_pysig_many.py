"""pysig's `request_many`: of the requests in flight, all that are asked by one call; else as peer_pysig.py."""

from __future__ import annotations

from itertools import islice
from typing import Any

from benchkit import now
from peer_pysig import connect, responder, start_broker

LABEL = "pysig request_many (MessagePack)"

__all__ = ["LABEL", "requester", "responder", "start_broker"]


def requester(ctx: Any) -> None:
    client = connect(ctx)
    ctx.ready()
    if ctx.inflight == 1:
        ctx.sequential(lambda data: client.request_many([("service", "echo", data)])[0])
        return
    sink = ctx.sink()
    questions = (("service", "echo", ctx.payload(i)) for i in range(ctx.count))
    t0 = now()
    while batch := list(islice(questions, ctx.inflight)):
        for answer in client.request_many(batch, 30):
            sink(answer)
    ctx.answered(sink, t0)
