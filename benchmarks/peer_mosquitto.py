"""MQTT 3.1.1: mosquitto (C) and paho-mqtt, QoS 0.  Requests = request topic + reply topic."""
import socket
import threading

import paho.mqtt.client as mqtt
from benchkit import TOPIC, decode, encode, handle, now, program, spawn, wait_port

LABEL = "mosquitto + paho QoS0"
PROGRAM = "mosquitto"
qos = 0


def start_broker(port, log):
    conf = log + ".conf"
    with open(conf, "w") as f:
        f.write(f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n"
                "max_queued_messages 0\nmax_queued_bytes 0\nmax_inflight_messages 0\n"
                "max_connections -1\npersistence false\nlog_type error\nuser root\n")
    p = spawn([program(PROGRAM), "-c", conf], log)
    wait_port(port)
    return p


def connect(ctx, topic=None, on_message=None):
    c = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    c.max_inflight_messages_set(1000 if qos else 0)
    c.max_queued_messages_set(0)
    up = threading.Event()

    def on_connect(client, *_):
        if topic:
            client.subscribe(topic, qos)
        else:
            up.set()
    c.on_connect = on_connect
    c.on_subscribe = lambda *_: up.set()
    c.on_message = on_message
    c.connect("127.0.0.1", ctx.port, 120)
    c.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    c.loop_start()
    if not up.wait(10):
        raise RuntimeError("no connection")
    return c


def publisher(ctx):
    c = connect(ctx)
    ctx.ready()
    t0 = now()
    publish = c.publish
    for i in ctx.schedule():
        last = publish(TOPIC, encode(ctx.payload(i)), qos)
        if not qos and not i % 1000:         # paho queues without bound: keep about 1000 unsent
            last.wait_for_publish(60)
    last.wait_for_publish(60)
    ctx.published(t0)
    ctx.wait_stop()


def subscriber(ctx):
    sink = ctx.sink()

    def on_message(client, userdata, msg):
        sink(decode(msg.payload))
    keep = [connect(ctx, TOPIC, on_message) for _ in range(ctx.nsubs)]
    ctx.ready()
    sink.wait()
    ctx.received(sink)
    del keep


def responder(ctx):
    def on_message(client, userdata, msg):
        client.publish("rep" + msg.topic[3:], encode(handle(decode(msg.payload))), qos)
    connect(ctx, "req/#", on_message)
    ctx.ready()
    ctx.wait_stop()
    ctx.result()


def requester(ctx):
    if ctx.inflight == 1:
        one_by_one(ctx)
        return
    sink = ctx.sink()
    sent = min(ctx.inflight, ctx.count)

    def on_message(client, userdata, msg):
        nonlocal sent
        sink(decode(msg.payload))
        if sent < ctx.count:
            client.publish(f"req/1/{sent}", encode(ctx.payload(sent)), qos)
            sent += 1
    c = connect(ctx, "rep/1/#", on_message)
    ctx.ready()
    t0 = now()
    for i in range(sent):
        c.publish(f"req/1/{i}", encode(ctx.payload(i)), qos)
    sink.done.wait(30)
    ctx.answered(sink, t0)


def one_by_one(ctx):
    replies = []
    got = threading.Semaphore(0)

    def on_message(client, userdata, msg):
        replies.append(decode(msg.payload))
        got.release()
    c = connect(ctx, "rep/1/#", on_message)

    def call(d):
        c.publish("req/1/x", encode(d), qos)
        if not got.acquire(timeout=10):
            raise RuntimeError("no reply")
        return replies.pop()
    ctx.ready()
    ctx.sequential(call)


def idle(ctx):
    """Plain sockets: paho's loop() uses select(), which ends at descriptor 1023."""
    keep = []
    for i in range(ctx.count):
        name = f"idle/{ctx.index}/{i}".encode()
        s = socket.create_connection(("127.0.0.1", ctx.port))
        body = b"\0\4MQTT\4\2\0\x78" + len(name).to_bytes(2, "big") + name
        s.sendall(b"\x10" + bytes([len(body)]) + body)
        if s.recv(4) != b"\x20\2\0\0":
            raise RuntimeError("no CONNACK")
        body = b"\0\1" + len(name).to_bytes(2, "big") + name + b"\0"
        s.sendall(b"\x82" + bytes([len(body)]) + body)
        if s.recv(5)[:1] != b"\x90":
            raise RuntimeError("no SUBACK")
        keep.append(s)
    ctx.ready()
    ctx.wait_stop()
    ctx.result(connections=len(keep))
