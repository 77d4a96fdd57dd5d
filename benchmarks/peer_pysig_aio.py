"""pysig's asyncio client, on uvloop where that is installed; the server is the same as in peer_pysig.py."""
import peer_pysig
from benchkit import handle, now, run_async
from peer_pysig import CODEC, start_broker  # noqa: F401 - the broker

LABEL = "pysig asyncio (MessagePack)"


async def connect(ctx):
    from sig_core import aio

    return await aio.ClientRouter(peer_pysig.CONNECT.format(port=ctx.port), CODEC).start()


def publisher(ctx):
    from sig_core import Backpressure

    async def publish():
        client = await connect(ctx)
        sender = await client.add_remote_sender("bench", ["event"])
        signal = sender.get_signal("event")
        trigger = signal.trigger
        await ctx.aready()
        t0 = now()
        for i in range(ctx.count):
            if ctx.rate:
                await ctx.tick()
            try:
                trigger(ctx.payload(i))
            except Backpressure:  # the server does not keep up
                await signal.trigger_wait(ctx.payload(i))
        await client.flush(60)
        ctx.published(t0)
        await ctx.await_stop()

    run_async(publish())


def subscriber(ctx):
    async def subscribe():
        sink = ctx.sink()
        clients = [await connect(ctx) for _ in range(ctx.nsubs)]
        for client in clients:
            await client.add_remote_listener(lambda info, data: sink(data), "bench", "event")
        await ctx.aready()
        await sink.wait_async()
        ctx.received(sink)

    run_async(subscribe())


def responder(ctx):
    async def respond():
        client = await connect(ctx)
        await client.add_remote_sender("service", [], {"echo": handle})
        await ctx.aready()
        await ctx.await_stop()
        ctx.result()

    run_async(respond())


def requester(ctx):
    async def request():
        client = await connect(ctx)
        await ctx.aready()

        async def call(data):
            return await client.remote_request("service", "echo", data)

        await ctx.requests_async(call)

    run_async(request())
