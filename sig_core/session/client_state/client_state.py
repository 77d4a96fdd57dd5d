"""A client, but for its threads or its loop: all that it decides, in one place.

A face gives it a lock, a way to wait for answers and callbacks that wake it; it moves bytes between the session and a
link, drives the plans, and runs callbacks.
"""

from __future__ import annotations

import traceback
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from sig_core.errors import ConfigError, ConnectFailed, NotAdmitted, RemoteProtocolError, SigError, UnknownSender
from sig_core.events import Info, Name, Pattern, check_name
from sig_core.protocol.limits import Limits
from sig_core.routing.entities import Sender, Subscription
from sig_core.routing.table import Table
from sig_core.routing.traffic import Traffic, latencies
from sig_core.session.binary.client import ClientSession
from sig_core.session.binary.reports import Last
from sig_core.session.client_state.asks import Ask, Lock, Log, Reply, Steps
from sig_core.session.client_state.connection_state import ConnectionState
from sig_core.session.client_state.inbound import Inbound
from sig_core.session.client_state.last_listeners import last_of
from sig_core.session.client_state.offline_queue import OfflineQueue
from sig_core.session.client_state.outlet import Outlet
from sig_core.session.client_state.reconnect import Reconnect
from sig_core.session.client_state.registrations import Registrations
from sig_core.session.client_state.state_callbacks import StateCallbacks

__all__ = ["ClientState"]

LATENCIES = 1000  # requests whose times are remembered


class ClientState:
    """What a client has, wants, and knows of its server, over all its links.

    Args:
        url, limits: of the client.
        policy: how to come back; None: not at all.
        lock: guards what threads share.
        topics, installed: of the client's router; see `Registrations`.
        make_reply: see `Registrations`.
        wake_callbacks: called when state callbacks have something to be told.
        new_id: returns so many random bytes as hex digits.
        chance: returns a random number from 0 to 1.
        failed: called when a listener raised, with (callback, info, error).
        log: where a user should read something.
        resume: seconds for which a session should outlive its link; None: it ends with that.

    Attributes:
        connection: where it stands.
        registrations: its senders and listeners.
        offline: events that wait for the next link.
        callbacks: who is told what becomes of the link.
        lost: events that did not reach this program, by (sender, event), as far as their counts tell.
        traffic: what passed, over all links.
        times: seconds that the last requests took.
        is_stopped: it was stopped, or is just now.
        resumptions: links that were cut, and after which the session went on over another one.
    """

    def __init__(
        self,
        url: str,
        limits: Limits,
        policy: Reconnect | None,
        *,
        lock: Lock,
        topics: Table[Subscription],
        installed: dict[Name, Sender],
        make_reply: Callable[[], Reply],
        wake_callbacks: Callable[[], None],
        new_id: Callable[[int], str],
        chance: Callable[[], float],
        failed: Callable[[Any, Info, BaseException], None],
        log: Log,
        resume: float | None = None,
    ) -> None:
        self.callbacks = StateCallbacks(wake_callbacks, log)
        self.connection = ConnectionState(url, limits, policy, chance, lambda: new_id(16), self.callbacks, resume)
        self.offline = OfflineQueue(policy.keep if policy is not None else 0, lock)
        outlet = Outlet(self.connection, self.offline)
        self.registrations = Registrations(lock, topics, installed, outlet, make_reply, lambda: new_id(8), log)
        self.is_stopped = False
        self.resumptions = 0
        self.lost: Counter[tuple[Name, Name | None]] = Counter()
        self.traffic = Traffic()
        self.times: deque[float] = deque(maxlen=LATENCIES)
        self._url = url
        self._lock = lock
        self._make_reply = make_reply
        self._failed = failed
        self._log = log

    # -- a link

    def inbound(self, session: ClientSession) -> Inbound:
        """Return what takes what arrives on a session; what passes there is counted with the rest."""
        session.traffic = self.traffic
        return Inbound(session, self.registrations, self.lost, self.traffic, self._failed, self._log, self._refused)

    def _refused(self, error: SigError) -> None:
        """Tell of what the rules of the server do not allow any more."""
        self._log.error(f"{self._url}: {error}")
        self.callbacks.tell("refused", error)
        self.callbacks.wake()

    def departed(self, session: ClientSession, error: SigError, now: float) -> bool:
        """Note and tell that a link has ended; return whether the client is to come back now."""
        say = self._log.info if self.connection.is_expected(error) else self._log.warning
        say(f"{self._url}: link closed: {error}")
        with self._lock:
            returns = self.connection.departed(session, error, now)
        self.callbacks.wake()
        return returns

    def suspended(self, error: SigError) -> None:
        """Note that a link was cut, and its session waits for another one."""
        self._log.info(f"{self._url}: link cut: {error}; its session is resumed")

    def resumed(self) -> None:
        """Note that a session went on over another link."""
        self.resumptions += 1
        self._log.info(f"{self._url}: resumed")

    def arrived(self, session: ClientSession, problem: SigError | None, now: float) -> None:
        """Note and tell that the client is at its server; see `ConnectionState.arrived`."""
        with self._lock:
            self.connection.arrived(session, problem, now)
        if self.connection.losses:
            self._log.info(f"{self._url}: back again")
        self.callbacks.wake()

    def restore(self, session: ClientSession, adopted: Callable[[], None]) -> Steps[SigError | None]:
        """Have on a new link all that the client had on the one before; see `Registrations.restore`.

        Args:
            session: of the new link, open.
            adopted: called under the lock when it is the client's, before anything is asked on it.
        """

        def adopt(session: ClientSession) -> None:
            self.connection.adopt(session)
            adopted()

        return self.registrations.restore(session, adopt)

    def attempt_failed(self, error: Exception) -> None:
        """Note that an attempt to come back failed, and tell it once for each cause; what nobody foresaw each time."""
        assert self.connection.schedule is not None
        if isinstance(error, SigError):
            text = self.connection.schedule.failed(error)
            if text is not None:
                self._log.warning(text)
                if isinstance(error, NotAdmitted):
                    self.callbacks.tell("refused", error)
                    self.callbacks.wake()
        else:
            trace = "".join(traceback.format_exception(error)).rstrip()
            self._log.error(f"an attempt to come back to {self._url} failed\n{trace}")
            self.connection.schedule.last = ConnectFailed(f"{self._url}: {type(error).__name__}: {error}")

    def give_up(self) -> None:
        """Note and tell that all attempts are used up."""
        with self._lock:
            gave_up = self.connection.give_up()
        if gave_up and self.connection.schedule is not None:
            self.offline.clear()  # there is no next link
            self._log.error(f"{self._url}: gave up coming back: {self.connection.schedule.last}")
            self.callbacks.wake()

    def stop(self) -> bool:
        """End, for good; return whether there is anything to end. In which order the rest ends: see `dialling`."""
        self.is_stopped = True
        with self._lock:
            running = self.connection.stop()
        self.offline.clear()
        return running

    # -- what is asked

    def ask(self, session: ClientSession, method: str, params: dict[str, Any], what: str) -> Ask:
        """Ask the server, with a call of the protocol."""
        reply = self._make_reply()
        return Ask(reply, session.call(method, params, reply.tell), what)

    def last_values(self, session: ClientSession, pattern: Pattern) -> Steps[list[tuple[Info, Any]]]:
        """Ask for the last values of what matches a pattern, and return info and data of each.

        Args:
            session: to the server.
            pattern: sender and event.

        Raises:
            LocalProtocolError: the server keeps none.
            CodecError: one is no value.
        """
        reply = self._make_reply()
        _, call, forget = session.ask_last(pattern, reply.tell, collect=True)
        try:
            values: list[Last] = yield Ask(reply, call, f"last values of {pattern}")
        finally:
            forget()
        return [last_of(value, session) for value in values]

    def remove_own(self, name: Name, forget: Callable[[], bool]) -> Steps[bool]:
        """Disconnect a sender of this program: at the server, if it is there, then here; return whether it was here.

        Args:
            name: of the sender.
            forget: disconnects it here, and returns whether it was connected.

        Raises:
            LinkClosed, RequestTimeout: the server can't be asked; it is connected then.
        """
        if name in self.registrations.senders and self.connection.is_up:
            try:
                yield self.registrations.ask_removal(self.connection.open_session(), name)
            except SigError:
                raise
            except BaseException as error:  # whoever waited is interrupted: what was asked happens all the same
                try:
                    forget()
                except BaseException:  # a second interrupt
                    forget()
                    raise
                if not isinstance(error, GeneratorExit):  # who closes a plan goes no further
                    yield None
                raise
        return forget()

    def remove_other(self, session: ClientSession, name: Name) -> Steps[bool]:
        """Ask the server to disconnect a sender that is not of this program; return whether there is one.

        Raises:
            NotOwner: there is.
        """
        try:
            yield self.ask(session, "remove_sender", {"sender": name}, f"remove_sender {name!r}")
        except UnknownSender:
            return False
        return True

    @staticmethod
    def read_senders(listed: Any) -> dict[Name, list[Name]]:
        """Return the events of all senders by name, from the response to `list_senders`.

        Raises:
            RemoteProtocolError: it is no such response.
        """
        try:
            return {
                check_name(item["sender"]): [check_name(each["event"]) for each in item["events"]] for item in listed
            }
        except (ConfigError, LookupError, TypeError) as error:
            raise RemoteProtocolError(f"list_senders: the answer is no list of senders: {error!r}") from error

    @staticmethod
    def read_state(listed: Any) -> dict[Name, list[Name]]:
        """Return the state events of those senders that have any, by name, from the response to `list_senders`.

        Raises:
            RemoteProtocolError: it is no such response.
        """
        try:
            return {
                check_name(item["sender"]): [check_name(each) for each in item["state"]]
                for item in listed
                if item.get("state")
            }
        except (ConfigError, LookupError, TypeError, AttributeError) as error:
            raise RemoteProtocolError(f"list_senders: the answer is no list of senders: {error!r}") from error

    # -- how it stands

    def stats(self) -> dict[str, Any]:
        """Return how it stands, over all its links: docs/statistics.md."""
        connection, offline, registrations, traffic = self.connection, self.offline, self.registrations, self.traffic
        with self._lock:  # so that the four add up
            fired, unsent = registrations.fired(), registrations.unsent.total()
            sent = {"fired": fired, "waiting": len(offline), "dropped": offline.dropped.total(), "unsent": unsent}
            subscriptions = registrations.table.size
        return {
            "url": self._url,
            "state": connection.state,
            "losses": connection.losses,
            "resumed": self.resumptions,
            "senders": len(registrations.senders),
            "subscriptions": subscriptions,
            "events": {"in": traffic.delivered, "lost": self.lost.total(), **sent},
            "bytes": {"in": traffic.bytes_in, "out": traffic.bytes_out},
            "requests": latencies(list(self.times)),
        }
