"""Interleavings and callbacks that a busy day brings once a year, made to happen every time."""

from __future__ import annotations

import sys
import threading
from collections import deque
from typing import Any

import pytest

import sig_core as sig
from sig_core.io.server.dispatcher import Dispatcher
from sig_core.testing import begin
from tests.support import eventually, within
from tests.support.heard import Heard
from tests.support.held import is_free


@pytest.fixture(name="server")
def _server() -> Any:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        yield server


@pytest.mark.slow
def test_a_request_on_the_heels_of_the_answer_to_add_sender(server: sig.ServerRouter) -> None:
    """Both lie in one read: what the answer says must be known before the next frame is looked at."""
    url = server.addresses[0]
    with sig.ClientRouter(url) as busy, sig.ClientRouter(url) as eager:
        for number in range(3):
            asked: list[Any] = []

            def ask(info: sig.Info, data: Any, asked: list[Any] = asked) -> None:
                asked.append(eager.request_async(info["sender"], "x", 5))

            listener = eager.add_remote_listener(ask, number, sig.EVENT_CONNECT)
            reader = busy._connection.link.reader  # type: ignore[union-attr]
            with reader.role.lock:  # nobody reads: as while a callback runs
                adding = threading.Thread(target=busy.add_remote_sender, args=(number, [], {"x": lambda p: p + 1}))
                adding.start()
                eventually(lambda: len(server._exchange.requests) == 1)
            adding.join(within(10))
            assert asked[0].result(within(10)) == 6
            listener.remove()
        assert busy.is_connected


def test_the_dispatch_role_is_taken_up_again_although_spare_threads_sleep() -> None:
    """A job that comes while the holder is about to end as one thread too many must wake one of those that stay."""
    jobs: deque[Any] = deque()
    ran, comes_late, gate = threading.Event(), threading.Event(), threading.Event()

    def take() -> Any:
        if jobs:
            return jobs.popleft()
        if comes_late.is_set():  # after the holder's last look at the queue, before it lets go of the role
            comes_late.clear()
            jobs.append(ran.set)
            dispatcher.kick()
        return None

    def wait() -> None:
        with dispatcher.waiting():
            gate.wait(within(10))

    def last() -> None:
        gate.set()
        eventually(lambda: dispatcher._idle == 2)
        comes_late.set()

    dispatcher = Dispatcher(take, 16, "sig-test-dispatch")
    jobs.extend([wait, wait, last])
    dispatcher.kick()
    try:
        assert ran.wait(within(5))
    finally:
        dispatcher.stop(within(5))


def test_a_callback_that_exits_its_thread_does_not_leave_a_dead_link(server: sig.ServerRouter) -> None:
    """`sys.exit()` in a listener raises no Exception."""
    with sig.ClientRouter(server.addresses[0]) as client:
        heard: list[Any] = []
        client.add_remote_listener(lambda info, data: sys.exit(1) if data == 0 else heard.append(data), "s", "e")
        signal = client.add_remote_sender("s", ["e"], {"x": lambda params: sys.exit(2)}).get_signal("e")
        for n in range(3):
            signal.trigger(n)
        eventually(lambda: heard == [1, 2] or not client.is_connected, 5)
        if client.is_connected:
            with pytest.raises(sig.RemoteError, match="SystemExit"):
                client.remote_request("s", "x", timeout=within(2))


def test_a_callback_that_exits_its_thread_does_not_end_the_servers_dispatch(server: sig.ServerRouter) -> None:
    with sig.ClientRouter(server.addresses[0]) as client:
        heard: list[Any] = []
        server.add_listener(lambda info, data: sys.exit(1) if data == 0 else heard.append(data), "s", "e")
        signal = client.add_remote_sender("s", ["e"]).get_signal("e")
        for n in range(3):
            signal.trigger(n)
        eventually(lambda: heard == [1, 2], 5)


@pytest.mark.parametrize("where", ["client", "server"])
def test_a_handler_whose_words_no_codec_carries(server: sig.ServerRouter, where: str) -> None:
    """Names of files have lone surrogates, so messages of OSErrors do."""

    def fail(params: Any) -> None:
        raise FileNotFoundError("no file \udcff")

    with sig.ClientRouter(server.addresses[0]) as owner, sig.ClientRouter(server.addresses[0], "cbor") as asker:
        if where == "server":
            server.add_sender("s", [], {"x": fail})
        else:
            owner.add_remote_sender("s", [], {"x": fail})
        with pytest.raises(sig.RemoteError, match="no file"):
            asker.remote_request("s", "x", timeout=within(3))


def test_listeners_come_and_go_while_events_of_new_senders_arrive(server: sig.ServerRouter) -> None:
    interval = sys.getswitchinterval()
    with sig.ClientRouter(server.addresses[0]) as listener, sig.ClientRouter(server.addresses[0]) as sender:
        done, failed = threading.Event(), []

        def churn() -> None:
            try:
                while not done.is_set():
                    listener.add_remote_listener(lambda info, data: None).remove()
            except Exception as error:
                failed.append(error)

        listener.add_remote_listener(lambda info, data: None)
        thread = threading.Thread(target=churn)
        sys.setswitchinterval(1e-6)
        try:
            thread.start()
            for number in range(400):
                sender.add_remote_sender(number, ["e"])
        finally:
            sys.setswitchinterval(interval)
            done.set()
            thread.join(within(20))
        assert failed == []


def test_a_bad_timeout_sends_nothing(server: sig.ServerRouter) -> None:
    ran: list[Any] = []
    server.add_sender("s", [], {"x": ran.append})
    with sig.ClientRouter(server.addresses[0]) as client:
        for timeout in (-1, float("nan"), "1", True):
            with pytest.raises(sig.ConfigError, match="timeout"):
                client.remote_request("s", "x", 1, timeout)  # type: ignore[arg-type]
            with pytest.raises(sig.ConfigError, match="timeout"):
                client.flush(timeout)  # type: ignore[arg-type]
        client.remote_request("s", "x", 2)
        assert ran == [2]
        assert not client._connection.link.session._requests  # type: ignore[union-attr]


def test_many_futures_whose_callbacks_ask(server: sig.ServerRouter) -> None:
    """Each callback waits inside the one before it, unless somebody bounds it: no recursion error, none forgotten."""
    server.add_sender("s", ["go"], {"x": lambda params: params})
    with sig.ClientRouter(server.addresses[0]) as client:
        answers: list[Any] = []
        count = 300

        def then(future: Any) -> None:
            answers.append(client.remote_request("s", "x", future.result(), timeout=within(20)))

        def go(info: sig.Info, data: Any) -> None:
            for n in range(count):
                client.request_async("s", "x", n).add_done_callback(then)

        client.add_remote_listener(go, "s", "go")
        sender = server.get_sender("s")
        assert sender is not None
        sender.get_signal("go").trigger()
        eventually(lambda: len(answers) == count, 20)
        assert sorted(answers) == list(range(count))


def test_what_is_kept_while_another_thread_waits_is_bounded(server: sig.ServerRouter) -> None:
    """A thread that waits reads on; what it reads for a listener that is busy must not grow without end."""
    url, release = server.addresses[0], threading.Event()
    limits = sig.Limits(max_inbound=1 << 20)
    server.add_sender("s", [], {"hang": lambda params: release.wait(within(30))})
    with sig.ClientRouter(url, "msgpack", limits=limits) as client, sig.ClientRouter(url, "msgpack") as flood:
        entered = threading.Event()
        client.add_remote_listener(lambda info, data: (entered.set(), release.wait(within(30))), "flood", "e")
        signal = flood.add_remote_sender("flood", ["e"]).get_signal("e")
        signal.trigger()
        assert entered.wait(within(10))
        ended: list[Any] = []

        def ask() -> None:
            try:
                ended.append(client.remote_request("s", "hang", timeout=within(30)))
            except sig.SigError as error:
                ended.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        eventually(lambda: len(server._exchange.requests))
        for _ in range(200):
            signal.trigger("x" * 100_000)  # 20 MB
        flood.flush(within(30))
        reader = client._connection.link.reader  # type: ignore[union-attr]
        most = 0
        for _ in range(100):
            most = max(most, reader.inbox.event_bytes)
            threading.Event().wait(0.005)
        release.set()
        asking.join(within(30))
        assert most <= limits.max_inbound + (1 << 19)


@pytest.mark.slow
def test_a_future_settles_although_the_answer_was_read_by_another_thread_at_the_end(server: sig.ServerRouter) -> None:
    """The reading thread must not end between another's reading and its handing over."""
    release = threading.Event()
    server.add_sender("s", [], {"hang": lambda params: release.wait(within(30))})
    client = sig.ClientRouter(server.addresses[0]).start()
    link = client._connection.link
    assert link is not None
    future = client.request_async("s", "hang")
    client.flush()
    link.reader.role._asked = float("inf")  # the reading thread keeps away until somebody else asks
    eventually(lambda: is_free(link.reader.role.lock, 0))
    receive = link.session.receive_data

    def receiving(data: bytes, now: float) -> Any:
        reports = receive(data, now)
        if not client.is_connected:
            link.reader._thread.join(within(2))  # the other thread is not scheduled for a while
        return reports

    link.session.receive_data = receiving  # type: ignore[method-assign]

    def wait() -> None:
        with pytest.raises(sig.SigError):
            client.remote_request("s", "hang")

    waiting = threading.Thread(target=wait)
    waiting.start()
    eventually(lambda: not is_free(link.reader.role.lock, 0) and len(server._exchange.requests) == 2)
    server.stop()
    waiting.join(within(20))
    release.set()
    with pytest.raises(sig.SigError):
        future.result(within(5))
    client.stop()


def test_each_thread_gets_its_answer_while_a_callback_blocks(server: sig.ServerRouter) -> None:
    """Who reads leaves with its own answer; the reading thread is in the callback: another that waits must read on."""
    answers = [threading.Event(), threading.Event()]
    sender = server.add_sender("s", ["e"], {"wait": lambda number: answers[number].wait(within(30))})
    entered, release = threading.Event(), threading.Event()
    with sig.ClientRouter(server.addresses[0]) as client:
        client.add_remote_listener(lambda info, data: (entered.set(), release.wait(within(30))), "s", "e")
        sender.get_signal("e").trigger()
        assert entered.wait(within(10))
        role = client._connection.link.reader.role  # type: ignore[union-attr]
        first = begin(client.remote_request, "s", "wait", 0, timeout=within(30))
        eventually(lambda: not is_free(role.lock, 0))
        second = begin(client.remote_request, "s", "wait", 1, timeout=within(30))
        eventually(lambda: role._waiters)
        for asked, answer in zip((first, second), answers, strict=True):
            answer.set()
            assert asked.result(within(10)) is True
        release.set()


def test_additions_that_are_too_long(server: sig.ServerRouter) -> None:
    class Long(sig.Signal):
        def trigger(self, data: Any = None) -> None:
            self.event_info["more"] = "x" * 70_000
            super().trigger(data)

    with sig.ClientRouter(server.addresses[0], class_signal=Long) as client:
        client.add_remote_listener(lambda info, data: None)
        server.class_signal = Long
        for sender in (server.add_sender("a", ["e"]), client.add_remote_sender("b", ["e"])):
            with pytest.raises(sig.MessageTooBig, match="additions"):
                sender.get_signal("e").trigger(1)


def test_many_open_futures_of_a_server_cost_no_thread_each(server: sig.ServerRouter) -> None:
    release = threading.Event()
    with sig.ClientRouter(server.addresses[0]) as client:
        client.add_remote_sender("c", [], {"hang": lambda params: release.wait(within(30))})
        before = threading.active_count()
        futures = [server.request_async("c", "hang") for _ in range(200)]
        after = threading.active_count()
        release.set()
        for future in futures:
            future.result(within(20))
        assert after - before < 20


def test_big_answers_to_a_client_that_is_busy_do_not_end_its_link(server: sig.ServerRouter) -> None:
    with sig.ClientRouter(server.addresses[0]) as owner, sig.ClientRouter(server.addresses[0]) as asker:
        owner.add_remote_sender("big", [], {"x": lambda params: "x" * (1 << 20)})
        release, entered = threading.Event(), threading.Event()
        asker.add_remote_listener(lambda info, data: (entered.set(), release.wait(within(30))), "s", "e")
        server.add_sender("s", ["e"]).get_signal("e").trigger()
        assert entered.wait(within(10))
        futures = [asker.request_async("big", "x") for _ in range(40)]
        owner.flush()
        eventually(lambda: not server._exchange.requests or not asker.is_connected)
        release.set()
        assert [len(future.result(within(20))) for future in futures] == [1 << 20] * 40


def test_a_late_future_is_told_while_a_callback_keeps_the_reading_thread(server: sig.ServerRouter) -> None:
    entered, release, told = threading.Event(), threading.Event(), Heard()
    sender = server.add_sender("s", ["e"], {"hang": lambda params: release.wait(within(30))})
    with sig.ClientRouter(server.addresses[0]) as client:
        client.add_remote_listener(lambda info, data: (entered.set(), release.wait(within(30))), "s", "e")
        sender.get_signal("e").trigger()
        assert entered.wait(within(10))
        asked = client.request_async("s", "hang", None, 0.05)
        asked.add_done_callback(lambda future: told(None, future.exception()))
        try:
            assert isinstance(told.wait_for(1)[0], sig.RequestTimeout)
        finally:
            release.set()
