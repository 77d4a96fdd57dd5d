"""pysig as a peer of the benchmark kit: clients -> a ServerRouter in a process of its own, over TCP.

The dict goes into `trigger` and comes out of the listener: encoding is inside, as for any user.
"""

from __future__ import annotations

import time
from typing import Any

from benchkit import handle, now, run_async, spawn_python, wait_port

LABEL = "pysig (MessagePack)"
CODEC = "msgpack"
LISTEN = CONNECT = "tcp://127.0.0.1:{port}"
WITH_SENDER = True  # listeners are f(info, data)


def router(ctx: Any) -> None:
    import sig_core as sig

    limits = sig.Limits(max_links=20_000, max_source_links=20_000)
    with sig.ServerRouter(LISTEN.format(port=ctx.port), limits=limits):
        time.sleep(ctx.life)


def start_broker(port: int, log: str) -> Any:
    process = spawn_python("pysig", "router", port, log)
    wait_port(port)
    return process


def connect(ctx: Any, codec: str = "") -> Any:
    import sig_core as sig

    return sig.ClientRouter(CONNECT.format(port=ctx.port), codec or CODEC).start()


def publisher(ctx: Any) -> None:
    client = connect(ctx)
    trigger = client.add_remote_sender("bench", ["event"]).get_signal("event").trigger
    ctx.ready()
    t0 = now()
    for i in ctx.schedule():
        trigger(ctx.payload(i))
    client.flush(60)
    ctx.published(t0)
    ctx.wait_stop()


def subscriber(ctx: Any) -> None:
    sink = ctx.sink()
    clients = [connect(ctx) for _ in range(ctx.nsubs)]
    for client in clients:
        client.add_remote_listener(lambda info, data: sink(data), "bench", "event")
    ctx.ready()
    sink.wait()
    ctx.received(sink)


def responder(ctx: Any) -> None:
    client = connect(ctx)
    client.add_remote_sender("service", [], {"echo": handle})
    ctx.ready()
    ctx.wait_stop()
    ctx.result()


def requester(ctx: Any) -> None:
    client = connect(ctx)
    ctx.ready()
    if ctx.inflight == 1:
        ctx.sequential(lambda d: client.remote_request("service", "echo", d))
        return
    sink = ctx.sink()
    numbers = iter(range(ctx.count))

    def ask() -> None:
        i = next(numbers, None)
        if i is not None:
            client.request_async("service", "echo", ctx.payload(i)).add_done_callback(answered)

    def answered(future: Any) -> None:
        sink(future.result())
        ask()

    t0 = now()
    for _ in range(ctx.inflight):
        ask()
    sink.done.wait(30)
    ctx.answered(sink, t0)


def idle(ctx: Any) -> None:
    """Hold connections by the asyncio client: one thread for all of them, and the server can't tell."""
    import peer_pysig_aio

    async def hold() -> None:
        keep = []
        for i in range(ctx.count):
            client = await peer_pysig_aio.connect(ctx)
            await client.add_remote_listener(lambda info, data: None, f"idle/{ctx.index}", str(i))
            keep.append(client)
        await ctx.aready()
        await ctx.await_stop()
        ctx.result(connections=len(keep))

    run_async(hold())


def emitter(listeners: list[Any]) -> Any:
    import sig_core as sig

    router = sig.Router()
    sender = router.add_sender("bench", ["event"])
    for function in listeners:
        sender.add_listener(function, "event")
    return sender.get_signal("event").trigger
