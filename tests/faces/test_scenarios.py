"""What a client does, whatever its face."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

import sig_core as sig
from tests.support import within
from tests.support.faces import Face
from tests.support.until import until


def test_the_four_subscriptions(face: Face, url: str) -> None:
    async def scenario() -> None:
        heard: list[tuple[str, Any, Any]] = []

        def listener(name: str) -> Any:
            return lambda info, data: heard.append((name, info["event"], data))

        async with face.client(url) as one, face.client(url, "msgpack") as two:
            sender = await one.add_remote_sender("temp", ["#changed", "cold"])
            await two.add_remote_listener(listener("specific"), "temp", "#changed")
            await two.add_remote_listener(listener("channel"), None, "#changed")
            await two.add_remote_listener(listener("sender"), "temp")
            await two.add_remote_listener(listener("router"))
            sender.get_signal("#changed").trigger(21.5)
            sender.get_signal("cold").trigger({"now": True})
            await one.flush()
            await until(lambda: len(heard) == 6)
            changed = [(name, "#changed", 21.5) for name in ("router", "sender", "channel", "specific")]
            assert heard == [*changed, ("router", "cold", {"now": True}), ("sender", "cold", {"now": True})]

    face.run(scenario())


def test_events_keep_their_order_and_their_additions(face: Face, url: str) -> None:
    async def scenario() -> None:
        heard: list[int] = []
        async with face.client(url) as one, face.client(url) as two:
            await two.add_remote_listener(lambda info, data: heard.append(info.get("n", data)), "s")
            sender = await one.add_remote_sender("s", ["a", "b"])
            signals = [sender.get_signal(event) for event in ("a", "b")]
            for number in range(2000):
                signal = signals[number % 2]
                if number % 3 == 0:
                    signal.event_info["n"] = number
                signal.trigger(number)
                signal.event_info.pop("n", None)
            await one.flush()
            await until(lambda: len(heard) >= 2000)
            assert [each for each in heard if isinstance(each, int)] == list(range(2000))
            assert one.stats()["events"]["fired"] == 2000 and two.lost.total() == 0

    face.run(scenario())


def test_presence_and_the_list_of_senders(face: Face, url: str) -> None:
    async def scenario() -> None:
        seen: list[tuple[str, Any]] = []
        async with face.client(url) as one, face.client(url) as two:
            for channel in (sig.EVENT_CONNECT, sig.EVENT_DISCONNECT):
                await two.add_remote_listener(lambda info, data: seen.append((info["event"], data)), None, channel)
            sender = await one.add_remote_sender("s", ["e"], {"m": lambda params: params})
            assert await two.list_remote_senders() == ["s"]
            assert await two.remote_senders() == {"s": ["e", sig.EVENT_CONNECT, sig.EVENT_DISCONNECT]}
            assert one.has_sender("s") and not two.has_sender("s")
            assert await one.remove_sender(sender) is True
            assert await one.remove_sender(sender) is False
            await until(lambda: len(seen) == 2)
            facts = {"events": ["e", sig.EVENT_CONNECT, sig.EVENT_DISCONNECT], "requests": ["m"]}
            assert seen == [(sig.EVENT_CONNECT, facts), (sig.EVENT_DISCONNECT, facts)]
            with pytest.raises(sig.UnknownSender, match="no longer connected"):
                sender.get_signal("e")

    face.run(scenario())


def test_requests_and_what_can_become_of_them(face: Face, url: str) -> None:
    def fail(params: Any) -> Any:
        raise ValueError("no such luck")

    async def scenario() -> None:
        handlers = {"echo": lambda params: params, "fail": fail, "bad": lambda params: {1, 2}}
        async with face.client(url) as one, face.client(url, "msgpack") as two:
            await one.add_remote_sender("s", [], handlers)
            assert await two.remote_request("s", "echo", {"a": [1, None, 2.5]}) == {"a": [1, None, 2.5]}
            assert await two.request("s", "echo", 1) == 1
            assert await one.request("s", "echo", 2) == 2, "its own sender"
            assert await asyncio.gather(*(two.request_async("s", "echo", n) for n in range(200))) == list(range(200))
            for what, error, text in (
                (("nobody", "echo"), sig.UnknownSender, "nobody"),
                (("s", "other"), sig.UnknownMethod, "other"),
                (("s", "fail"), sig.RemoteError, "ValueError: no such luck"),
                (("s", "bad"), sig.EncodeError, "set"),
                (("s", "echo", {1}), sig.EncodeError, "request 'echo'"),
                (("s", ""), sig.ConfigError, "method"),
                (("", "echo"), sig.ConfigError, "sender"),
                (("s", "echo", "x" * (17 << 20)), sig.MessageTooBig, "bytes"),
            ):
                with pytest.raises(error, match=text):
                    await two.remote_request(*what)
                with pytest.raises(error, match=text):
                    await two.request_async(*what)
            assert two.stats()["requests"]["p50"] > 0

    face.run(scenario())


def test_a_request_that_takes_too_long(face: Face, url: str) -> None:
    async def scenario() -> None:
        async with face.client(url) as one, face.client(url) as two:
            release = asyncio.Event()
            loop = asyncio.get_running_loop()

            async def wait(params: Any) -> Any:
                await release.wait()
                return params

            def wait_on_thread(params: Any) -> Any:
                return asyncio.run_coroutine_threadsafe(wait(params), loop).result()

            handler = wait_on_thread if face.name == "threads" else wait
            await one.add_remote_sender("s", [], {"slow": handler, "echo": lambda params: params})
            with pytest.raises(sig.RequestTimeout, match=r"request 'slow' to sender 's': no answer within 0\.05 s"):
                await two.remote_request("s", "slow", 1, 0.05)
            with pytest.raises(sig.RequestTimeout, match=r"'slow'"):
                await two.request_async("s", "slow", 1, 0.05)
            with pytest.raises(sig.ConfigError, match="timeout -1"):
                await two.remote_request("s", "slow", 1, -1)
            release.set()
            assert await two.remote_request("s", "slow", 2) == 2

    face.run(scenario())


def test_what_is_refused_at_once_and_how(face: Face, url: str) -> None:
    async def scenario() -> None:
        async with face.client(url) as client:
            for what, text in (
                (client.add_remote_sender(""), "sender"),
                (client.add_remote_sender("s", [""]), "event"),
                (client.add_remote_sender("s", [], {"m": 5}), "'m'"),
                (client.add_remote_sender("s", [], object()), "no public method"),
                (client.add_remote_listener(5, "s"), "can't be called"),
                (client.add_remote_listener(print, ""), "sender"),
                (client.flush(float("nan")), "timeout"),
            ):
                with pytest.raises(sig.ConfigError, match=text):
                    await what
            with pytest.raises(sig.ConfigError, match="one of connected"):
                client.on("conected", print)
            with pytest.raises(sig.ConfigError, match="can't be called"):
                client.on("connected", 5)
            assert client.stats()["senders"] == client.stats()["subscriptions"] == 0
            await client.add_remote_sender("s", ["e"])

    face.run(scenario())
    with pytest.raises(sig.ConfigError, match="address 5"):
        face.client(5)  # type: ignore[arg-type]


def test_names_are_taken_once(face: Face, url: str) -> None:
    async def scenario() -> None:
        async with face.client(url) as one, face.client(url) as two:
            await one.add_remote_sender("s")
            one.add_sender("local")
            for name in ("s", "local"):
                with pytest.raises(sig.SenderExists, match=f"'{name}' is already connected, by this program"):
                    await one.add_remote_sender(name)
            with pytest.raises(sig.SenderExists, match="'s'"):
                await two.add_remote_sender("s")
            assert not two.has_sender("s") and two.senders == {}
            with pytest.raises(sig.NotOwner):
                await two.remove_remote_sender("s")
            assert await two.remove_remote_sender("nobody") is False
            assert await one.remove_remote_sender("s") is True
            await two.add_remote_sender("s")

    face.run(scenario())


def test_many_senders_or_none(face: Face, url: str) -> None:
    async def scenario() -> None:
        async with face.client(url) as one, face.client(url) as two:
            await two.add_remote_sender("s7")
            connected: list[Any] = []
            one.add_listener(lambda info, data: connected.append(info["sender"]), None, sig.EVENT_CONNECT)
            wanted = {f"s{n}": ["e"] for n in range(20)}
            with pytest.raises(sig.SenderExists, match="'s7'"):
                await one.add_remote_senders(wanted)
            assert await two.list_remote_senders() == ["s7"] and one.senders == {} and connected == []
            await two.remove_sender("s7")
            made = await one.add_remote_senders(wanted, {"who": lambda params: "one"})
            assert [each.name for each in made] == list(wanted) == connected
            assert await two.remote_request("s19", "who") == "one"

    face.run(scenario())


def test_subscriptions_end(face: Face, url: str) -> None:
    async def scenario() -> None:
        heard: list[Any] = []

        def listener(info: sig.Info, data: Any) -> None:
            heard.append(data)

        async with face.client(url) as client:
            signal = (await client.add_remote_sender("s", ["e"])).get_signal("e")
            first = await client.add_remote_listener(listener, "s", "e")
            with await client.add_remote_listener(listener, "s", "e"):
                signal.trigger(1)
                await client.flush()
                await until(lambda: len(heard) == 2)
            signal.trigger(2)
            await client.flush()
            await until(lambda: len(heard) == 3)
            assert await client.remove_remote_listener(listener, "s", "e") is True
            assert await client.remove_remote_listener(listener, "s", "e") is False
            assert not first.active
            first.remove()
            signal.trigger(3)
            await client.flush()
            assert heard == [1, 1, 2]
            assert (await client.server_stats())["subscriptions"] == 0

    face.run(scenario())


def test_a_listener_that_raises_hinders_nobody(face: Face, url: str, caplog: pytest.LogCaptureFixture) -> None:
    def bad(info: sig.Info, data: Any) -> None:
        raise KeyError(data)

    async def scenario() -> None:
        heard: list[Any] = []
        async with face.client(url) as client:
            signal = (await client.add_remote_sender("s", ["e"])).get_signal("e")
            await client.add_remote_listener(bad, "s", "e")
            await client.add_remote_listener(lambda info, data: heard.append(data), "s", "e")
            for number in range(3):
                signal.trigger(number)
            await client.flush()
            await until(lambda: heard == [0, 1, 2] and client.listener_errors == 3)
            assert "KeyError: 2" in caplog.text

    face.run(scenario())


def test_before_the_start_and_after_the_stop(face: Face, url: str) -> None:
    async def scenario() -> None:
        client = face.client(url)
        with pytest.raises(sig.LocalProtocolError, match="not started"):
            await client.flush()
        with pytest.raises(sig.LocalProtocolError, match="not started"):
            await client.add_remote_listener(print, "s")
        async with client:
            with pytest.raises(sig.LocalProtocolError, match="starts once"):
                await client.start()
            signal = (await client.add_remote_sender("s", ["e"])).get_signal("e")
            assert client.codec == "json" and client.is_connected
        await client.stop()
        for call in (client.flush(), client.remote_request("s", "m"), client.add_remote_sender("t")):
            with pytest.raises(sig.SigError, match="stopped"):
                await call
        with pytest.raises(sig.LinkClosed):
            signal.trigger(1)
        assert not client.is_connected and client.stats()["state"] == "stopped"

    face.run(scenario())


def test_a_second_stop_returns_when_the_first_has_ended(face: Face, url: str) -> None:
    async def scenario() -> None:
        async with face.client(url) as asker, face.client(url) as client:
            begun, release, loop = asyncio.Event(), asyncio.Event(), asyncio.get_running_loop()

            async def wait(params: Any) -> str:
                begun.set()
                await release.wait()
                return "answered"

            def wait_on_thread(params: Any) -> str:
                return asyncio.run_coroutine_threadsafe(wait(params), loop).result()

            await client.add_remote_sender("s", [], {"m": wait_on_thread if face.name == "threads" else wait})
            asked = asyncio.ensure_future(asker.remote_request("s", "m"))
            await begun.wait()
            stops = [asyncio.ensure_future(client.stop()) for _ in range(2)]
            await until(lambda: client.stats()["state"] == "stopped")
            with pytest.raises(sig.LocalProtocolError, match="stopped"):  # nothing new is taken while it answers
                await client.add_remote_sender("t")
            assert not any(stop.done() for stop in stops)
            release.set()
            assert await asked == "answered"
            await asyncio.gather(*stops)
            assert not client.is_connected

    face.run(scenario())


def test_a_stop_inside_a_handler_beside_another_stop(face: Face, url: str) -> None:
    async def scenario() -> None:
        async with face.client(url) as asker, face.client(url) as client:
            begun, release, loop = asyncio.Event(), asyncio.Event(), asyncio.get_running_loop()

            async def wait() -> None:
                begun.set()
                await release.wait()

            def on_thread(params: Any) -> str:
                asyncio.run_coroutine_threadsafe(wait(), loop).result()
                client.real.stop()
                return "answered"

            async def on_loop(params: Any) -> str:
                await wait()
                await client.stop()
                return "answered"

            await client.add_remote_sender("s", [], {"m": on_thread if face.name == "threads" else on_loop})
            asked = asyncio.ensure_future(asker.remote_request("s", "m"))
            await begun.wait()
            stop = asyncio.ensure_future(client.stop())
            await until(lambda: client.stats()["state"] == "stopped")
            release.set()
            assert await asked == "answered"  # the stop in the handler waits for none
            await stop

    face.run(scenario())


def test_nobody_is_there_or_it_refuses(face: Face, place: Any) -> None:
    async def scenario() -> None:
        with pytest.raises(sig.ConnectFailed):
            await face.client(place.url).start()
        with pytest.raises(sig.UnknownPlugin, match="nowhere"):
            await face.client("nowhere://x").start()
        with pytest.raises(sig.UnknownPlugin, match="jason"):
            await face.client(place.url, "jason").start()
        place.open(codecs=["msgpack"])
        with pytest.raises(sig.HandshakeError, match="no codec in common"):
            await face.client(place.url, "json").start()
        await place.close()

    face.run(scenario())


def test_values_that_can_not_be_sent(face: Face, url: str) -> None:
    async def scenario() -> None:
        heard: list[Any] = []
        async with face.client(url) as client:
            await client.add_remote_listener(lambda info, data: heard.append(data), "s", "e")
            signal = (await client.add_remote_sender("s", ["e"])).get_signal("e")
            long = "x" * (17 << 20)
            for value, error in (({1, 2}, sig.EncodeError), (b"x", sig.EncodeError), (long, sig.MessageTooBig)):
                with pytest.raises(error, match="event 'e' of sender 's'"):
                    signal.trigger(value)
            signal.trigger("good")
            await client.flush()
            await until(lambda: heard)
            assert heard == ["good"]

    face.run(scenario())


def test_a_name_can_be_taken_again_when_its_farewell_is_heard(face: Face, url: str) -> None:
    async def scenario() -> None:
        again: list[Any] = []
        async with face.client(url) as client:
            await client.add_remote_sender("s")
            client.add_listener(lambda info, data: again.append(client.add_sender("s")), "s", sig.EVENT_DISCONNECT)
            assert await client.remove_sender("s") is True
            assert len(again) == 1 and client.senders == {"s": again[0]} and client.stats()["senders"] == 0
            assert client.listener_errors == 0

    face.run(scenario())


@pytest.mark.parametrize("error", [asyncio.CancelledError, GeneratorExit, BaseExceptionGroup])
def test_what_is_no_exception_out_of_a_callback(face: Face, url: str, error: Any) -> None:
    """It is a failure as any other: logged, counted, told to who asked; everything else goes on."""

    def boom(value: Any) -> Any:
        if value == 1:
            raise error("boom", [KeyboardInterrupt()]) if error is BaseExceptionGroup else error
        return value

    async def scenario() -> None:
        heard: list[Any] = []
        states: list[str] = []

        def told(state: str, problem: Any) -> None:
            states.append(state)
            boom(1)

        client = face.client(url)
        client.on("connected", told)
        client.on("disconnected", told)
        async with client, face.client(url) as other:
            await client.add_remote_listener(lambda info, data: (heard.append(data), boom(data)), "s", "e")
            await client.add_remote_sender("asked", [], {"m": boom})
            signal = (await other.add_remote_sender("s", ["e"])).get_signal("e")
            for number in range(5):
                signal.trigger(number)
            await until(lambda: heard == [0, 1, 2, 3, 4])
            assert client.listener_errors == 1 and client.is_connected
            with pytest.raises(sig.RemoteError, match=error.__name__):
                await other.remote_request("asked", "m", 1)
            assert await other.remote_request("asked", "m", 2) == 2
            await until(lambda: states == ["connected"])

    face.run(scenario())


@pytest.mark.parametrize("error", [asyncio.CancelledError, GeneratorExit, BaseExceptionGroup])
def test_what_is_no_exception_out_of_a_listener_here(face: Face, url: str, error: Any) -> None:
    """Who triggers in this program hears nothing of it, and the other listeners hear the event."""

    def boom(info: Any, data: Any) -> None:
        raise error("boom", [KeyboardInterrupt()]) if error is BaseExceptionGroup else error

    async def scenario() -> None:
        heard: list[Any] = []
        async with face.client(url) as client:
            client.add_listener(boom)
            client.add_listener(lambda info, data: heard.append(info["event"]))
            client.add_sender("s", ["e"]).get_signal("e").trigger(1)
            assert await client.remove_sender("s")
            assert heard == [sig.EVENT_CONNECT, "e", sig.EVENT_DISCONNECT] and client.listener_errors == 3

    face.run(scenario())


def test_a_listener_here_that_ends_the_program_spoils_no_event(face: Face, url: str) -> None:
    def leave(info: Any, data: Any) -> None:
        raise SystemExit(3)

    async def scenario() -> None:
        heard: list[Any] = []
        async with face.client(url) as client:
            client.add_listener(leave, "s", "e")
            client.add_listener(lambda info, data: heard.append(data), "s", "e")
            with pytest.raises(SystemExit):
                client.add_sender("s", ["e"]).get_signal("e").trigger(1)
            assert heard == [1]

    face.run(scenario())


def test_many_requests_at_once(face: Face, url: str) -> None:
    class Square:
        def square(self, number: int) -> int:
            if number == 13:
                raise ValueError("unlucky")
            return number * number

    async def scenario() -> None:
        async with face.client(url) as one, face.client(url, "msgpack") as two:
            await one.add_remote_sender("s", [], Square())
            found = await two.request_many(("s", "square", n) for n in range(1000))
            assert isinstance(found[13], sig.RemoteError) and "unlucky" in str(found[13])
            assert found[:13] + found[14:] == [n * n for n in range(1000) if n != 13]
            assert await two.request_many([]) == []
            questions = [("s", "square", 3), ("nobody", "x", 1), ("s", "cube", 1), ("s", "square", {1})]
            mixed = await two.request_many(questions)
            kinds = [int, sig.UnknownSender, sig.UnknownMethod, sig.EncodeError]
            assert [type(each) for each in mixed] == kinds

    face.run(scenario())


def test_what_of_many_is_not_answered_in_time(face: Face, url: str) -> None:
    gate = threading.Event()

    class Slow:
        def quick(self, params: object) -> object:
            return params

        def slow(self, params: object) -> None:
            gate.wait(within(20))

    async def scenario() -> None:
        owner = await asyncio.to_thread(sig.ClientRouter(url).start)
        try:
            owner.add_remote_sender("s", [], Slow())
            async with face.client(url) as asker:
                found = await asker.request_many([("s", "quick", 1), ("s", "slow", 2), ("s", "quick", 3)], 0.2)
                assert found[0] == 1 and {type(each) for each in found[1:]} == {sig.RequestTimeout}
                gate.set()
                assert await asker.request_many([("s", "quick", 4)]) == [4]
        finally:
            gate.set()
            await asyncio.to_thread(owner.stop)

    face.run(scenario())
