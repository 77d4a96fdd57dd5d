"""python-socketio: an AsyncServer on aiohttp, and AsyncClients, over websockets, on uvloop and with MessagePack.

Events go through the server to a room; a request is a call to the server, which calls the client that answers and
gives back what that one gave.  The queues of server and clients have no bound: the publisher waits for its own."""
import asyncio

import socketio
from aiohttp import web
from benchkit import handle, now, run_async, spawn_python, wait_port

LABEL = "python-socketio"
UNSENT = 1000                # packets that may wait in the publisher
PATIENCE = 120               # seconds without a pong that end no link: under full load it comes late


def server(ctx):
    hub = socketio.AsyncServer(async_mode="aiohttp", serializer="msgpack", ping_interval=PATIENCE,
                               ping_timeout=PATIENCE, max_http_buffer_size=8_000_000)
    answering = {}

    @hub.event
    async def join(sid, room):
        await hub.enter_room(sid, room)
        return True

    @hub.event
    async def answer(sid):
        answering["echo"] = sid
        return True

    @hub.event
    async def publish(sid, data):
        await hub.emit("event", data, room="bench")

    @hub.event
    async def ask(sid, data):
        return await hub.call("ask", data, to=answering["echo"], timeout=10)

    async def main():
        app = web.Application()
        hub.attach(app)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", ctx.port, backlog=2000).start()
        await asyncio.sleep(ctx.life)
    run_async(main())


def start_broker(port, log):
    p = spawn_python("socketio", "server", port, log)
    wait_port(port)
    return p


async def connect(ctx, **handlers):
    client = socketio.AsyncClient(reconnection=False, serializer="msgpack")
    for name, function in handlers.items():
        client.on(name, function)
    await client.connect(f"http://127.0.0.1:{ctx.port}", transports=["websocket"])
    return client


def publisher(ctx):
    async def main():
        client = await connect(ctx)
        unsent = client.eio.queue
        await ctx.aready()
        t0 = now()
        for i in range(ctx.count):
            if ctx.rate:
                await ctx.tick()
            await client.emit("publish", ctx.payload(i))
            if unsent.qsize() >= UNSENT:
                await unsent.join()
        await unsent.join()
        ctx.published(t0)
        await ctx.await_stop()
    run_async(main())


def subscriber(ctx):
    async def main():
        sink = ctx.sink()
        clients = [await connect(ctx, event=sink) for _ in range(ctx.nsubs)]
        for client in clients:
            await client.call("join", "bench")
        await ctx.aready()
        await sink.wait_async()
        ctx.received(sink)
    run_async(main())


def responder(ctx):
    async def main():
        client = await connect(ctx, ask=handle)
        await client.call("answer")
        await ctx.aready()
        await ctx.await_stop()
        ctx.result()
    run_async(main())


def requester(ctx):
    async def main():
        client = await connect(ctx)

        async def call(d):
            return await client.call("ask", d, timeout=10)
        await ctx.aready()
        await ctx.requests_async(call)
    run_async(main())


def idle(ctx):
    async def main():
        keep = []
        for i in range(ctx.count):
            client = await connect(ctx)
            await client.call("join", f"idle/{ctx.index}/{i}")
            keep.append(client)
        await ctx.aready()
        await ctx.await_stop()
        ctx.result(connections=len(keep))
    run_async(main())
