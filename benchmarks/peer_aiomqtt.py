"""MQTT 3.1.1 from asyncio: mosquitto (C) and aiomqtt on uvloop, QoS 0.  Requests = request topic + reply topic.

At QoS 0 nothing is confirmed, and a broker may drop what a slow subscriber does not take; mosquitto is told to
keep all of it."""
import asyncio

import aiomqtt
from benchkit import TOPIC, decode, encode, handle, now, run_async
from peer_mosquitto import PROGRAM, idle, start_broker  # noqa: F401 - the same broker, and connections that no client holds

LABEL = "mosquitto + aiomqtt QoS0"


def connect(ctx):
    return aiomqtt.Client("127.0.0.1", ctx.port, keepalive=120)


def publisher(ctx):
    async def main():
        async with connect(ctx) as client:
            await ctx.aready()
            t0 = now()
            for i in range(ctx.count):
                if ctx.rate:
                    await ctx.tick()
                await client.publish(TOPIC, encode(ctx.payload(i)))
            ctx.published(t0)
            await ctx.await_stop()
    run_async(main())


async def take(client, sink):
    async for message in client.messages:
        sink(decode(message.payload))


def subscriber(ctx):
    async def main():
        sink = ctx.sink()
        clients = [await connect(ctx).__aenter__() for _ in range(ctx.nsubs)]
        for client in clients:
            await client.subscribe(TOPIC)
        tasks = [asyncio.create_task(take(client, sink)) for client in clients]
        await ctx.aready()
        await sink.wait_async()
        ctx.received(sink)
        del tasks
    run_async(main())


def responder(ctx):
    async def answer(client):
        async for message in client.messages:
            await client.publish("rep" + message.topic.value[3:], encode(handle(decode(message.payload))))

    async def main():
        async with connect(ctx) as client:
            await client.subscribe("req/#")
            task = asyncio.create_task(answer(client))
            await ctx.aready()
            await ctx.await_stop()
            ctx.result()
            task.cancel()
    run_async(main())


def requester(ctx):
    """Each request has a reply topic of its own, by which its answer finds who waits."""
    waiting = {}

    async def settle(client):
        async for message in client.messages:
            waiting.pop(message.topic.value).set_result(decode(message.payload))

    async def main():
        async with connect(ctx) as client:
            await client.subscribe("rep/#")
            task = asyncio.create_task(settle(client))
            loop = asyncio.get_running_loop()

            async def call(d):
                number = d["n"]
                answered = waiting[f"rep/{number}"] = loop.create_future()
                await client.publish(f"req/{number}", encode(d))
                return await answered
            await ctx.aready()
            await ctx.requests_async(call)
            task.cancel()
    run_async(main())
