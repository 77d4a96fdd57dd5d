"""Eclipse Zenoh: clients -> a Python process that runs a zenoh session in router mode.

Shared memory is off: zenoh would move big payloads by it instead of TCP (on by default)."""
import json
import threading
import time

import zenoh
from benchkit import TOPIC, decode, encode, handle, now, spawn_python, wait_port
from zenoh.handlers import Callback

LABEL = "zenoh (router)"
RPC = "bench/rpc"
BLOCK = zenoh.CongestionControl.BLOCK


def config(mode, listen=None, connect=None):
    c = zenoh.Config()
    c.insert_json5("mode", json.dumps(mode))
    c.insert_json5("scouting/multicast/enabled", "false")
    c.insert_json5("scouting/gossip/enabled", "false")
    c.insert_json5("transport/shared_memory/enabled", "false")
    c.insert_json5("transport/unicast/max_sessions", "20000")     # the default is 1000
    c.insert_json5("listen/endpoints", json.dumps([f"tcp/127.0.0.1:{listen}"] if listen else []))
    c.insert_json5("connect/endpoints", json.dumps([f"tcp/127.0.0.1:{connect}"] if connect else []))
    return c


def router(ctx):
    with zenoh.open(config("router", listen=ctx.port)):
        time.sleep(ctx.life)


def start_broker(port, log):
    p = spawn_python("zenoh", "router", port, log)
    wait_port(port)
    return p


def open_client(ctx, listen=False):
    return zenoh.open(config("client", connect=ctx.port))


def publisher(ctx, open_session=open_client):
    session = open_session(ctx, True)
    publication = session.declare_publisher(TOPIC, congestion_control=BLOCK)
    ctx.ready()
    t0 = now()
    put = publication.put
    for i in ctx.schedule():
        put(encode(ctx.payload(i)))
    ctx.published(t0)
    ctx.wait_stop()


def subscriber(ctx, open_session=open_client):
    sink = ctx.sink()

    def on_sample(sample):
        sink(decode(sample.payload.to_bytes()))
    sessions = [open_session(ctx, False) for _ in range(ctx.nsubs)]
    keep = [s.declare_subscriber(TOPIC, on_sample) for s in sessions]
    ctx.ready()
    sink.wait()
    ctx.received(sink)
    del keep


def responder(ctx, open_session=open_client):
    session = open_session(ctx, True)

    def on_query(query):
        with query:
            query.reply(RPC, encode(handle(decode(query.payload.to_bytes()))))
    session.declare_queryable(RPC, on_query, complete=True)
    ctx.ready()
    ctx.wait_stop()
    ctx.result()


def requester(ctx, open_session=open_client):
    session = open_session(ctx, False)
    querier = session.declare_querier(RPC, target=zenoh.QueryTarget.BEST_MATCHING)
    ctx.ready()
    if ctx.inflight == 1:
        def call(d):
            for reply in querier.get(payload=encode(d)):
                return decode(reply.ok.payload.to_bytes())
        ctx.sequential(call)
        return
    sink = ctx.sink()
    window = threading.Semaphore(ctx.inflight)

    def on_reply(reply):
        sink(decode(reply.ok.payload.to_bytes()))
        window.release()
    direct = Callback(on_reply, indirect=False)     # the default starts a Python thread per get()
    t0 = now()
    for i in range(ctx.count):
        window.acquire(timeout=10)
        querier.get(direct, payload=encode(ctx.payload(i)))
    sink.done.wait(10)
    ctx.answered(sink, t0)


def idle(ctx):
    keep = []
    for i in range(ctx.count):
        session = open_client(ctx)
        keep.append((session, session.declare_subscriber(f"idle/{ctx.index}/{i}", lambda _: None)))
    ctx.ready()
    ctx.wait_stop()
    ctx.result(connections=len(keep))
