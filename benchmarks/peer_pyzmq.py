"""pyzmq: a Python process with zmq.proxy (XSUB/XPUB for events, ROUTER/DEALER for requests)."""
import threading

import zmq
from benchkit import GRACE, QUIET, decode, encode, handle, now, spawn_python, wait_port

LABEL = "pyzmq + zmq.proxy"
TOPIC = b"bench"
EVENTS_IN, EVENTS_OUT, REQUESTS, RESPONDERS = range(4)       # added to the port


def proxy(ctx):
    context = zmq.Context()
    context.set(zmq.MAX_SOCKETS, 4096)

    def bind(kind, offset):
        s = context.socket(kind)
        s.set_hwm(0)
        if kind == zmq.XPUB:
            s.setsockopt(zmq.XPUB_NODROP, 1)
        s.bind(f"tcp://127.0.0.1:{ctx.port + offset}")
        return s
    threading.Thread(target=zmq.proxy, daemon=True,
                     args=(bind(zmq.ROUTER, REQUESTS), bind(zmq.DEALER, RESPONDERS))).start()
    zmq.proxy(bind(zmq.XSUB, EVENTS_IN), bind(zmq.XPUB, EVENTS_OUT))


def start_broker(port, log):
    p = spawn_python("pyzmq", "proxy", port, log)
    for offset in range(4):
        wait_port(port + offset)
    return p


def open_socket(kind, port, bind=False):
    s = zmq.Context.instance().socket(kind)
    s.set_hwm(0)
    s.linger = 5000
    if kind == zmq.SUB:
        s.subscribe(TOPIC)
    (s.bind if bind else s.connect)(f"tcp://127.0.0.1:{port}")
    return s


def publisher(ctx, bind=False):
    s = open_socket(zmq.PUB, ctx.port + EVENTS_IN, bind)
    ctx.ready()
    t0 = now()
    send = s.send_multipart
    for i in ctx.schedule():
        send((TOPIC, encode(ctx.payload(i))), copy=True)
    ctx.published(t0)
    ctx.wait_stop()


def read_one(s, sink):
    recv, done = s.recv, sink.done.is_set
    s.rcvtimeo = int(QUIET * 1000)
    try:
        while not done():
            recv()
            sink(decode(recv()))
        s.rcvtimeo = int(GRACE * 1000)
        while True:
            recv()
            sink(decode(recv()))
    except zmq.Again:
        pass


def read_many(socks, sink):
    poller = zmq.Poller()
    for s in socks:
        poller.register(s, zmq.POLLIN)
    while events := poller.poll(1000 * (GRACE if sink.done.is_set() else QUIET)):
        for s, _ in events:
            recv = s.recv
            try:
                for _ in range(100):
                    recv(zmq.NOBLOCK)
                    sink(decode(recv()))
            except zmq.Again:
                pass


def subscriber(ctx, offset=EVENTS_OUT):
    socks = [open_socket(zmq.SUB, ctx.port + offset) for _ in range(ctx.nsubs)]
    sink = ctx.sink()
    ctx.ready()
    if len(socks) == 1:
        read_one(socks[0], sink)
    else:
        read_many(socks, sink)
    ctx.received(sink)


def responder(ctx, kind=zmq.DEALER, offset=RESPONDERS, bind=False):
    s = open_socket(kind, ctx.port + offset, bind)
    s.rcvtimeo = 500

    def turn():
        try:
            parts = s.recv_multipart()
        except zmq.Again:
            return
        parts[-1] = encode(handle(decode(parts[-1])))
        s.send_multipart(parts)
    ctx.serve(turn)


def requester(ctx):
    s = open_socket(zmq.DEALER, ctx.port + REQUESTS)
    s.rcvtimeo = 10000
    ctx.ready()
    if ctx.inflight == 1:
        def call(d):
            s.send(encode(d))
            return decode(s.recv())
        ctx.sequential(call)
        return
    sink = ctx.sink()
    t0 = now()
    sent = 0
    while not sink.done.is_set():
        while sent < ctx.count and sent - sink.n < ctx.inflight:
            s.send(encode(ctx.payload(sent)))
            sent += 1
        sink(decode(s.recv()))
    ctx.answered(sink, t0)


def idle(ctx):
    context = zmq.Context()
    context.set(zmq.MAX_SOCKETS, 8192)
    keep = []
    for i in range(ctx.count):
        s = context.socket(zmq.SUB)
        s.subscribe(f"idle{ctx.index}/{i}")
        connected = s.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        s.connect(f"tcp://127.0.0.1:{ctx.port + EVENTS_OUT}")
        if not connected.poll(1000 * QUIET):         # it connects in the background
            raise RuntimeError(f"connection {i} is not there after {QUIET:.0f} s")
        s.disable_monitor()
        keep.append(s)
    ctx.ready()
    ctx.wait_stop()
    ctx.result(connections=len(keep))
