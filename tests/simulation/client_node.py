"""A program with a client: what it decides is the product's, what it does is drawn by lot."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import RLock
from typing import TYPE_CHECKING, Any

from sig_core.errors import ConnectFailed, NotOwner, RemoteError, SenderExists, SigError
from sig_core.events import Info, Name, Pattern, key_of
from sig_core.protocol.hello import Auth
from sig_core.router import Router
from sig_core.routing.entities import Subscription
from sig_core.routing.transcode import encode
from sig_core.session.binary.client import ClientSession
from sig_core.session.client_state.asks import Steps
from sig_core.session.client_state.client_state import ClientState
from sig_core.session.client_state.dialling import StopStep, come, come_back, stop
from sig_core.session.client_state.reconnect import Reconnect
from sig_core.session.client_state.remote_sender import RemoteSender
from sig_core.session.client_state.state_callbacks import STATES
from tests.simulation.choices import EVENTS, SPOKEN, STATEFUL
from tests.simulation.client_link import ClientLink
from tests.simulation.comeback import Comeback
from tests.simulation.durable_node import DurableNode
from tests.simulation.line_end import LineEnd
from tests.simulation.no_log import NoLog
from tests.simulation.observer import LIFE, WATCHED, Observer, Subscribed
from tests.simulation.packet_end import Air, PacketEnd
from tests.simulation.permissions import ANYONE, USERS, token_of
from tests.simulation.plans import PlanTask, SimReply
from tests.simulation.questions import Questions
from tests.simulation.serial_line import SerialLine
from tests.simulation.world import Breach, World

if TYPE_CHECKING:
    from tests.simulation.network import Network

__all__ = ["ClientNode", "Request"]

MOST_LINKS = 50  # that there ever are at one time
SLOW_HANDLERS = 0.3  # of requests that are answered some time later
MOST_SLOW = 0.3  # seconds
NEXT = {None: ("connected",), "connected": ("disconnected",), "disconnected": ("reconnected", "gave_up")}
NEXT["reconnected"] = NEXT["connected"]


class Request:
    """A request, and how it ended.

    Attributes:
        number: of all requests there are.
        ends: how often it ended.
        cancelled: nobody waits for it any more.
    """

    __slots__ = ("cancelled", "ends", "error", "ident", "link", "number", "what")

    def __init__(self, number: int, link: ClientLink, what: str) -> None:
        self.number = number
        self.link = link
        self.what = what
        self.ident = 0
        self.ends = 0
        self.error: SigError | None = None
        self.cancelled = False

    def tell(self, value: Any, error: SigError | None) -> None:
        """Take the answer."""
        self.ends += 1
        self.error = error
        if self.ends > 1 or self.cancelled:
            raise Breach("request", f"{self} ended {self.ends} times: {value!r}, {error!r}")
        if error is None and value != ["answer", self.number]:
            raise Breach("answer", f"{self} got {value!r}")
        if isinstance(error, RemoteError) and error.text != f"refused {self.number}":
            raise Breach("answer", f"{self} got {error!r}")

    def __repr__(self) -> str:
        return f"request {self.number} ({self.what} by client {self.link.client.number})"


class Confirm(Request):
    """An event that is to be confirmed. `routed`: what has been routed then."""

    __slots__ = ("routed",)
    routed: tuple[tuple[int, Name], int]

    def tell(self, value: Any, error: SigError | None) -> None:
        """Take the answer."""
        self.ends += 1
        self.error = error
        if self.ends > 1 or self.cancelled:
            raise Breach("confirm", f"{self} ended {self.ends} times: {value!r}, {error!r}")
        is_there = self.routed in self.link.client.network.routed
        if error is None and not is_there:
            raise Breach("confirm", f"{self} is confirmed, and was not routed")
        if error is None:
            self.link.client.network.check_confirmed(self.routed)
        if error is None and not 0 <= value <= MOST_LINKS:
            raise Breach("confirm", f"{self} went to {value} links")
        if isinstance(error, NotOwner) and is_there:
            raise Breach("confirm", f"{self} is refused, and was routed")


class ClientNode:
    """A process with one client.

    Args:
        network: that it is in.
        codec: that it speaks.
        policy: how it comes back.
        line: that leads to the server, or the air between; None: it dials.

    Attributes:
        number: of all nodes.
        offset: seconds by which its clock is ahead.
        is_gone, is_dead: it has ended, or was killed; it was killed.
        is_stopped_still: its process does nothing for a while.
        link, latest: the link that is its own, or was last; the one that was dialled last.
        observer: what it hears.
        durables: its durable listeners.
        requests, questions: that it made.
        resumed: how often a session of it went on over another link.
        user: whom the rules of its server know it as.
    """

    def __init__(
        self, network: Network, codec: str, policy: Reconnect | None, line: SerialLine | Air | None = None
    ) -> None:
        self.network = network
        self.world: World = network.world
        self.codec = codec
        self.line = line
        self.number = self.world.number()
        self.who = f"client {self.number}"
        self.offset = 0.0
        self.is_gone = self.is_dead = self.is_stopped_still = False
        self.link: ClientLink | None = None
        self.observer = Observer(self, lambda *topic: self.state.registrations.losses.knows(*topic))
        self.requests: list[Request] = []
        self.questions: list[Questions] = []
        self.plans: list[PlanTask] = []
        self.latest: ClientLink | None = None
        self._waiting: list[Callable[[], object]] = []
        self.lives: set[int] = set()
        self.durables = DurableNode(self)
        self._told: str | None = None
        self.resumed = 0
        self._codecs = SPOKEN[codec]
        self._router = Router()
        self.state = ClientState(
            *(f"sim://{self.number}", network.limits, policy),
            lock=RLock(),  # one thread needs none; this one costs least
            topics=self._router._table,
            installed=self._router._senders,
            make_reply=SimReply,
            wake_callbacks=lambda: self.world.soon(self._run_callbacks),
            new_id=network.new_id,
            chance=self.world.random,
            failed=self._failed,
            log=NoLog(),
            resume=network.resume,
        )
        self.user = self._user()
        self._taken: dict[RemoteSender, ClientSession] = {}  # by the rules of the server, on which link
        for state in STATES:
            self.state.callbacks.add(state, self._note_state)

    def _user(self) -> str:
        network = self.network
        user = ANYONE if network.rules is None else USERS[network.number_of_user() % len(USERS)]
        if user != ANYONE:
            self.state.connection.auth = Auth(token_of(user))
        return user

    def now(self) -> float:
        """Return the time by its clock."""
        return self.world.now + self.offset

    def _trace(self, text: str, *values: object) -> None:
        if self.world.trace is not None:
            self.world.note(self.who, text, *values)

    # -- what the state tells

    def _run_callbacks(self) -> None:
        while (news := self.state.callbacks.take()) is not None:
            callback, state, error = news
            callback(state, error)

    def _note_state(self, state: str, error: SigError | None) -> None:
        if state == "refused":  # by the rules, which may come at any time
            return
        if state not in NEXT.get(self._told, ()):
            raise Breach("state", f"{self.who} is told {state!r} after {self._told!r}")
        self._told = state
        self._trace("is told {!r}: {}", state, error)
        if isinstance(error, SenderExists):
            self._check_refusals()

    def _failed(self, callback: Any, info: Info, error: BaseException) -> None:
        raise error

    # -- links

    @property
    def is_up(self) -> bool:
        """Whether it is at its server, with all that it has."""
        return self.state.connection.state == "connected" and self.state.connection.is_up

    def start(self) -> None:
        """Come to the server for the first time."""
        self.state.connection.begin()
        PlanTask(self, come(self.state, self, self.now), self._started)

    def _started(self, value: Any, error: BaseException | None) -> None:
        if error is not None:
            self._trace("does not start: {}", error)
            self.state.stop()
            self.is_gone = True
        elif self.link is not None:
            self._arrived(self.link)

    def dial(self, done: Callable[[ClientSession | None, SigError | None], object]) -> None:
        """Bring up a link; `done` is called with its session, open, or with why not."""
        end: Any = self._dial()
        if end is None:
            self.world.after(0.01, lambda: done(None, ConnectFailed("nobody listens")))
            return
        session = self.state.connection.new_session(self._codecs, packets=False, now=self.now())
        session.traffic = self.state.traffic
        self.network.users[self.state.connection._client] = self.user  # which may be another than before
        self._trace("dials")
        self.latest = ClientLink(self, end, session, lambda error: done(session, error))

    def dial_again(self, link: ClientLink, done: Callable[[SigError | None], object]) -> None:
        """Bring up another link for a session that waits for one; `done` is called with why it did not come about."""
        end: Any = self._dial()
        if end is None:
            self.world.after(0.01, lambda: done(ConnectFailed("nobody listens")))
        else:
            self._trace("dials to resume")
            Comeback(link, end, done)

    def _dial(self) -> Any:
        if self.line is None:
            return self.network.dial()
        if isinstance(self.line, Air):
            return self.line.dial(self.now)
        return LineEnd(self, self.line) if self.line.is_plugged else None

    def adopted(self) -> None:
        """See `Dialler`."""
        self.link = self.latest

    def dropped(self) -> None:
        """See `Dialler`."""
        if self.latest is not None:
            self.latest.close()

    def _arrived(self, link: ClientLink) -> None:
        self._trace("is there, with all that it has")
        routed = len(self.network.routed)
        for each in self.observer.subscribed:
            if each.subscription is not None:
                each.answered = routed
        with suppress(SigError):
            link.session.call("list_senders", {}, lambda value, error: self._listed(link, value, error))
            link.flush()

    def _listed(self, link: ClientLink, value: Any, error: SigError | None) -> None:
        if error is None and link is self.link:
            watched = {each.pattern for each in self.observer.subscribed if each.answered is not None}
            if watched >= set(WATCHED) and not any(map(self.is_refused, WATCHED)):
                self.observer.present = {each["sender"] for each in value}

    def departed(self, link: ClientLink, error: SigError) -> None:
        """Note that a link has ended."""
        self._trace("has lost its link: {}", error)
        if link is self.link or link is self.latest:
            self.observer.link_ended()
        if self.state.departed(link.session, error, self.now()):
            PlanTask(self, come_back(self.state, self, self.now), self._came_back)

    def _came_back(self, value: Any, error: BaseException | None) -> None:
        assert error is None, error
        if self.link is not None and self.is_up:
            self._arrived(self.link)

    def _check_refusals(self) -> None:
        """What is taken by the link that it had before is its own: it is never refused because of that."""
        if any(plan.waits for plan in self.plans):
            return  # maybe for a removal
        for name, remote in self.state.registrations.senders.items():
            entry = self.network.server.exchange.senders.get(key_of(name))
            own = entry is not None and getattr(entry.owner, "client", "") == self.state.connection._client
            if self.is_up and own and remote.session is None and remote.name in self._router._senders:
                raise Breach("names", f"{self.who} was refused {name!r}, which a link of its own still has")

    # -- its process

    def stop(self) -> None:
        """End in order."""
        if self.is_gone:
            return
        self._trace("stops")
        self.is_gone = True
        for step in stop(self.state):
            if step is StopStep.OUTPUT and self.link is not None:
                self.link.flush()
            elif step is StopStep.LINK:
                for link in {self.link, self.latest}:
                    if link is not None:
                        link.close()

    def kill(self, notice: float | None) -> None:
        """Die at once; its link breaks at the server when `notice` says so."""
        self._trace("is killed")
        self.is_gone = self.is_dead = True
        if self.latest is not None and not self.latest.closed:
            self.latest.kill(notice)

    def stand_still(self, seconds: float) -> None:
        """Do nothing for a while, as a process that is stopped."""
        if not self.is_stopped_still and not self.is_gone:
            self._trace("is stopped for {:.2f} s", seconds)
            self.is_stopped_still = True
            if self.latest is not None:
                self.latest.end.set_reading(False)
            self.world.after(seconds, self._go_on)

    def when_it_goes_on(self, job: Callable[[], object]) -> None:
        """Do something as soon as the process goes on."""
        self._waiting.append(job)

    def _go_on(self) -> None:
        self._trace("goes on")
        self.is_stopped_still = False
        waiting, self._waiting = self._waiting, []
        if self.is_gone:
            return
        for job in waiting:
            job()
        if self.latest is not None and not self.latest.closed:
            if isinstance(self.latest.end, LineEnd | PacketEnd):
                self.latest.end.pump()
            self.latest.set_reading(True)
            self.latest.tick_now()
            self.latest.flush()

    def read_slowly(self, seconds: float) -> None:
        """Read nothing for a while, as a program whose callbacks take long."""
        link = self.latest
        if link is not None and not link.closed and not self.is_stopped_still:
            self._trace("reads nothing for {:.2f} s", seconds)
            link.set_reading(False)
            self.world.after(seconds, lambda: self._read_on(link))

    def _read_on(self, link: ClientLink) -> None:
        if self.is_stopped_still:
            self.when_it_goes_on(lambda: self._read_on(link))
        elif not link.closed:
            link.set_reading(True)

    def jump(self, seconds: float) -> None:
        """The clock jumps, as after a sleep of the machine."""
        self._trace("its clock jumps by {:.1f} s", seconds)
        self.offset += seconds
        if self.latest is not None and not self.latest.closed:
            self.latest.tick_now()

    def handler_delay(self) -> float:
        """Return how long a handler takes."""
        return self.world.random() * MOST_SLOW if self.world.random() < SLOW_HANDLERS else 0.0

    # -- what its program does

    def _run(self, steps: Steps[Any], done: Callable[[Any, BaseException | None], object]) -> None:
        assert self.link is not None
        self.plans = [plan for plan in self.plans if plan.waits]
        self.plans.append(PlanTask(self, steps, done))

    def _open_link(self) -> ClientLink | None:
        """Return the link that lives, if there is one."""
        link = self.link
        if link is None or link.session.error is not None or not self.is_up:
            return None
        return link

    def interrupt(self, which: int) -> None:
        """Interrupt one of the calls that its program waits for."""
        plans = [plan for plan in self.plans if plan.waits]
        if plans:
            self._trace("interrupts what it waits for")
            plans[which % len(plans)].cancel()

    def add_senders(self, names: list[Name], all_or_none: bool) -> None:
        """Add senders."""
        link = self._open_link()
        if link is None:
            return
        self._trace("adds {}", names)
        state = {name: ["#c"] if name in STATEFUL else [] for name in names}
        made = [self._router._make_sender(name, EVENTS, self._handlers(), state[name]) for name in state]
        steps = self.state.registrations.add_senders(link.session, made, all_or_none=all_or_none)
        self._run(steps, lambda value, error: self._trace("has added {}: {}", names, error))

    def remove_sender(self, name: Name) -> None:
        """Remove one of its senders."""
        self._trace("removes {!r}", name)

        def forget() -> bool:
            removed = self._router._remove_local(name)
            self.state.registrations.forget_sender(name)
            return removed

        if self.link is not None:
            self._run(self.state.remove_own(name, forget), lambda value, error: None)

    def listen(self, pattern: Pattern) -> None:
        """Add a listener."""
        link = self._open_link()
        if link is None:
            return
        self._trace("listens to {}", pattern)
        noted = Subscribed(pattern, len(self.network.routed))
        made = Subscription(self._listener(noted), pattern, self._unsubscribe)
        made.latest = len(self.observer.subscribed) % 3 == 2  # wants only the newest, which the rules do not tell
        noted.subscription = made
        self.observer.subscribes(noted, self.state.registrations.losses._expected)

        def done(value: Any, error: BaseException | None) -> None:
            self._trace("listens to {} now: {}", pattern, error)
            if noted in self.observer.subscribed:
                if error is not None:
                    self.observer.unsubscribed(noted)
                elif link is self.link and noted.answered is None and link.session.error is None:
                    noted.answered = len(self.network.routed)

        self._run(self.state.registrations.subscribe(link.session, made), done)

    def _listener(self, noted: Subscribed) -> Callable[[Info, Any], None]:
        def listener(info: Info, value: Any) -> None:
            if self.world.trace is not None:
                self._trace("hears {!r} of {!r}: {}", info["event"], info["sender"], str(value)[:40])
            self.observer.hear(noted, info, value)

        return listener

    def _unsubscribe(self, subscription: Subscription) -> None:
        noted = next(each for each in self.observer.subscribed if each.subscription is subscription)
        if self.state.registrations.unsubscribe(subscription) and self.link is not None:
            self.link.added(0)
        self.observer.unsubscribed(noted)

    def unlisten(self, which: int) -> Pattern | None:
        """Remove a listener; return what it heard."""
        there = [each for each in self.observer.subscribed if each.pattern not in WATCHED]
        if not there:
            return None
        gone = there[which % len(there)]
        self._trace("listens to {} no more", gone.pattern)
        gone.subscription.remove()
        return gone.pattern

    def trigger(self, name: Name, event: Name, times: int, size: int) -> None:
        """Fire an event of one of its senders, some times."""
        sender, remote = self._router._senders.get(name), self.state.registrations.senders.get(name)
        if sender is None or remote is None:
            return
        life, fired = int(remote.life, 16), self.network.fired
        self.lives.add(life)
        self.network.owners[life] = self
        signal = sender.get_signal(event)
        before = fired.get((life, event), 0)
        self._trace("fires {!r} of {!r} {} times, life {}, after {}", event, name, times, life, before)
        for _ in range(times):
            number = fired.get((life, event), 0) + 1
            value = life * LIFE + number
            try:
                signal.trigger(self._data(value, size))
            except SigError as error:
                self._trace("could not: {}", error)
                return
            fired[life, event] = number

    def confirm(self, name: Name, event: Name, times: int) -> None:
        """Fire an event of one of its senders, some times, without waiting until each is confirmed."""
        link, remote = self._open_link(), self.state.registrations.senders.get(name)
        if link is None or remote is None or name not in self._router._senders:
            return
        life, fired = int(remote.life, 16), self.network.fired
        self.lives.add(life)
        self.network.owners[life] = self
        info: Info = {"sender": name, "event": event}
        for _ in range(times):
            number = fired.get((life, event), 0) + 1
            request = Confirm(self.network.new_request(self.user, name), link, f"number {number} of {event!r}")
            request.routed = (life, event), number
            self._trace("fires {!r} of {!r}, to be confirmed, life {}, number {}", event, name, life, number)
            try:
                value = life * LIFE + number
                when = request.tell
                request.ident = self.state.registrations.confirm(link.session, name, event, info, value, when)
            except SigError as error:
                self._trace("could not: {}", error)
                return
            fired[life, event] = number
            self.requests.append(request)

    def _data(self, value: int, size: int) -> Any:
        """Return what carries a number: with so many bytes more; or, where size is -1, with what JSON can't carry."""
        if size < 0:
            return value if self.codec == "json" else [value, b"x"]
        return [value, "x" * size] if size else value

    # -- requests

    def _handlers(self) -> dict[str | None, Any]:
        return {"answer": self._answer, "refuse": self._refuse}

    def _answer(self, number: int) -> Any:
        self.network.note_handled(number)
        return ["answer", number]

    def _refuse(self, number: int) -> Any:
        self.network.note_handled(number)
        raise ValueError(f"refused {number}")

    def ask(self, sender: Name, method: str) -> None:
        """Make a request."""
        link = self._open_link()
        if link is None:
            return
        number = self.network.new_request(self.user, sender)
        request = Request(number, link, f"{method} of {sender!r}")
        self._trace("makes {}", request)
        assert link.session.encoding is not None
        deadline = self.now() + self.network.limits.request_timeout
        params = encode(link.session.encoding, number)
        try:
            request.ident = link.session.request(sender, method, params, request.tell, deadline)
        except SigError as error:
            request.tell(None, error)
        self.requests.append(request)
        link.added(0)
        link.tick_before(self.world.now + self.network.limits.request_timeout)

    def ask_many(self, asked: list[tuple[Name, str]]) -> None:
        """Ask some questions at once."""
        link = self._open_link()
        if link is not None:
            self._trace("asks {}", asked)
            self.questions = [each for each in self.questions if not each.is_done]
            self.questions.append(Questions(self, link, asked))

    def cancel(self, which: int) -> None:
        """Wait for one of its requests no longer."""
        there = [request for request in self.requests if not request.ends and not request.cancelled]
        if there:
            request = there[which % len(there)]
            self._trace("cancels {}", request)
            request.cancelled = True
            request.link.session.cancel(request.ident)
            request.link.added(0)

    # -- how it stands

    @property
    def is_asking(self) -> bool:
        """Whether it waits for answers to many questions."""
        return any(not each.is_done for each in self.questions)

    def is_refused(self, pattern: Pattern) -> bool:
        """Whether the rules of the server did not allow a listener when the link came back."""
        asked = self.state.registrations._subscriptions
        found = [asked[*pattern, latest] for latest in (False, True) if (*pattern, latest) in asked]
        return bool(found) and all(remote.is_refused for remote in found)

    @property
    def claims(self) -> list[Name]:
        """The senders that it has at its server, as far as it knows."""
        link = self.link
        if link is None or not self.is_up:
            return []
        senders = self.state.registrations.senders.values()
        session, taken = link.session, self._taken
        return [each.name for each in senders if each.session is session and taken.get(each) is not session]

    def note_taken(self, name: Name, session: ClientSession) -> None:
        """Note that the server has removed one of its senders."""
        self._trace("has lost {!r}", name)
        remote = self.state.registrations.senders.get(name)
        if remote is not None and remote.session is session:
            self._taken[remote] = session

    @property
    def is_busy(self) -> bool:
        """Whether it waits for anything, or is on its way."""
        if self.is_gone:
            return False
        if self.durables.is_busy:
            return True
        if self.is_stopped_still or any(plan.waits for plan in self.plans):
            return True
        if any(not request.ends and not request.cancelled for request in self.requests) or self.is_asking:
            return True
        if self.state.connection.state in ("gave up", "disconnected"):
            return False
        link = self.link
        if link is None or not self.is_up or link.session.out or not link.end.reading or link.session.suspended:
            return True
        return isinstance(link.end, LineEnd | PacketEnd) and link.end.is_busy
