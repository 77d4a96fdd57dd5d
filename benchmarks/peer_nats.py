"""NATS: nats-server (Go) and nats-py on uvloop; requests over its muxed inbox."""
import nats
from benchkit import decode, encode, handle, now, program, run_async, spawn, wait_port

LABEL = "NATS"
PROGRAM = "nats-server"
SUBJECT = "bench.topic"
RPC = "bench.rpc"


def start_broker(port, log):
    conf = log + ".conf"
    with open(conf, "w") as f:
        f.write(f'listen: "127.0.0.1:{port}"\n'
                'max_pending: 4GB\nmax_payload: 8MB\nwrite_deadline: "60s"\n')
    p = spawn([program(PROGRAM), "-c", conf], log)
    wait_port(port)
    return p


def connect(ctx):
    return nats.connect(f"nats://127.0.0.1:{ctx.port}", allow_reconnect=False)


def publisher(ctx):
    async def main():
        nc = await connect(ctx)
        paced = ctx.rate
        await ctx.aready()
        t0 = now()
        publish = nc.publish
        for i in range(ctx.count):
            if paced:
                await ctx.tick()
            await publish(SUBJECT, encode(ctx.payload(i)))
        await nc.flush(60)
        ctx.published(t0)
        await ctx.await_stop()
    run_async(main())


def subscriber(ctx):
    async def main():
        sink = ctx.sink()

        async def on_message(msg):
            sink(decode(msg.data))
        for _ in range(ctx.nsubs):
            nc = await connect(ctx)
            await nc.subscribe(SUBJECT, cb=on_message, pending_msgs_limit=10**8,
                               pending_bytes_limit=2**40)
            await nc.flush()
        await ctx.aready()
        await sink.wait_async()
        ctx.received(sink)
    run_async(main())


def responder(ctx):
    async def main():
        nc = await connect(ctx)

        async def on_request(msg):
            await msg.respond(encode(handle(decode(msg.data))))
        await nc.subscribe(RPC, cb=on_request)
        await nc.flush()
        await ctx.aready()
        await ctx.await_stop()
        ctx.result()
    run_async(main())


def requester(ctx):
    async def main():
        nc = await connect(ctx)

        async def call(d):
            return decode((await nc.request(RPC, encode(d), timeout=10)).data)
        await ctx.aready()
        await ctx.requests_async(call)
    run_async(main())


def idle(ctx):
    async def main():
        async def on_message(msg):
            pass
        keep = []
        for i in range(ctx.count):
            nc = await connect(ctx)
            await nc.subscribe(f"idle.{ctx.index}.{i}", cb=on_message)
            await nc.flush()
            keep.append(nc)
        await ctx.aready()
        await ctx.await_stop()
        ctx.result(connections=len(keep))
    run_async(main())
