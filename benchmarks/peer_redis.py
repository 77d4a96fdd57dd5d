"""Redis pub/sub: redis-server (C) and redis-py with hiredis.  The publisher pipelines 500 at a time.

Requests = PUBLISH to a request channel, replies PUBLISHed to the caller's (number in the payload)."""
import os
import threading

import redis
from benchkit import decode, encode, handle, now, program, spawn, wait_port

LABEL = "redis pub/sub"
PROGRAM = "redis-server"
CHANNEL = "bench"


def start_broker(port, log):
    p = spawn([program(PROGRAM), "--bind", "127.0.0.1", "--port", str(port), "--save", "",
               "--appendonly", "no", "--dir", os.path.dirname(log), "--maxclients", "15000",
               "--client-output-buffer-limit", "pubsub 0 0 0"], log)
    wait_port(port)
    return p


def connect(ctx):
    return redis.Redis(host="127.0.0.1", port=ctx.port, protocol=2)


def subscribe(ctx, channel):
    subscription = connect(ctx).pubsub(ignore_subscribe_messages=False)
    subscription.subscribe(channel)
    subscription.parse_response(block=True)
    return subscription


def publisher(ctx):
    r = connect(ctx)
    r.ping()
    batch = ctx.batch(16 if ctx.size else 500)
    ctx.ready()
    t0 = now()
    for i in ctx.schedule(batch):
        p = r.pipeline(transaction=False)
        for k in range(i, min(i + batch, ctx.count)):
            p.publish(CHANNEL, encode(ctx.payload(k)))
        p.execute()
    ctx.published(t0)
    ctx.wait_stop()


def subscriber(ctx):
    sink = ctx.sink()

    def serve(subscription):
        parse = subscription.parse_response
        while True:
            sink(decode(parse(block=True)[2]))
    for subscription in [subscribe(ctx, CHANNEL) for _ in range(ctx.nsubs)]:
        threading.Thread(target=serve, args=(subscription,), daemon=True).start()
    ctx.ready()
    sink.wait()
    ctx.received(sink)


def responder(ctx):
    r = connect(ctx)
    requests = subscribe(ctx, "req")

    def answer():
        return encode(handle(decode(requests.parse_response(block=True)[2])))

    def serve():
        while True:
            one = answer()
            if not requests.connection.can_read(0):
                r.publish("rep", one)
                continue
            p = r.pipeline(transaction=False)          # more is waiting: answer up to 100 at once
            p.publish("rep", one)
            for _ in range(99):
                p.publish("rep", answer())
                if not requests.connection.can_read(0):
                    break
            p.execute()
    threading.Thread(target=serve, daemon=True).start()
    ctx.ready()
    ctx.wait_stop()
    ctx.result()


def requester(ctx):
    r = connect(ctx)
    replies = subscribe(ctx, "rep")
    ctx.ready()
    if ctx.inflight == 1:
        def call(d):
            r.publish("req", encode(d))
            return decode(replies.parse_response(block=True)[2])
        ctx.sequential(call)
        return
    sink = ctx.sink()
    t0 = now()
    sent = 0
    while not sink.done.is_set():
        room = min(ctx.inflight - (sent - sink.n), ctx.count - sent)
        if room >= 25 or (room and sent == sink.n):
            p = r.pipeline(transaction=False)
            for k in range(sent, sent + room):
                p.publish("req", encode(ctx.payload(k)))
            p.execute()
            sent += room
        sink(decode(replies.parse_response(block=True)[2]))
    ctx.answered(sink, t0)


def idle(ctx):
    keep = [subscribe(ctx, f"idle/{ctx.index}/{i}") for i in range(ctx.count)]
    ctx.ready()
    ctx.wait_stop()
    ctx.result(connections=len(keep))
