"""Sessions of a server's clients that outlive their links: which there are, and which of them wait for the next one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

from sig_core.clock import NEVER, Clock
from sig_core.errors import Busy, LinkLost, SigError
from sig_core.protocol.hello import Hello, Resume, welcome_frame
from sig_core.protocol.limits import Limits
from sig_core.protocol.source import source_of
from sig_core.protocol.wire import MAX_HELLO
from sig_core.session.binary.resumable_link import ResumableLink
from sig_core.session.binary.server import ServerSession
from sig_core.session.kept_stream import KeptStream

__all__ = ["LinkToLast", "Resumptions"]

SHORTEST = 0.1  # seconds that are worth to be agreed on


class _Lasting:
    """A session that may outlive its link.

    Attributes:
        link: that it has; None: it waits for one.
        until: it waits until then, monotonic seconds.
    """

    def __init__(self, stream: KeptStream, link: ResumableLink) -> None:
        self.stream = stream
        self.link: ResumableLink | None = link
        self.until = NEVER


class Resumptions:
    """Finds the session that a client comes back to. Not thread-safe.

    Args:
        limits: `max_resume` and `max_unacked` are used.
        clock: monotonic seconds.
        on_end: called with a session that ended while it waited for a link.
        tick_at: called with the time at which `tick` is needed, monotonic seconds.

    Attributes:
        resumed: how often a session went on over another link.
    """

    def __init__(
        self,
        limits: Limits,
        clock: Clock,
        on_end: Callable[[ServerSession], None],
        tick_at: Callable[[float], None],
    ) -> None:
        self.resumed = 0
        self._limits = limits
        self._clock = clock
        self._on_end = on_end
        self._tick_at = tick_at
        self._all: dict[ServerSession, _Lasting] = {}
        self._waiting: dict[ServerSession, _Lasting] = {}  # of these, those without a link, the first one first

    def __len__(self) -> int:
        return len(self._waiting)

    def stats(self) -> dict[str, int]:
        """Return how many sessions wait for a link, and how often one went on over another link."""
        return {"waiting": len(self._waiting), "resumed": self.resumed}

    # -- links

    def begin(self, session: ServerSession, asked: Resume) -> ResumableLink | None:
        """Let a new session outlive its link; return what stands between the two. None: this server has no such."""
        seconds = min(asked.seconds, self._limits.max_resume)
        if seconds < SHORTEST:
            return None
        stream = KeptStream(seconds, self._limits.max_unacked, MAX_HELLO + 5)
        stream.agree(asked)
        session.last(stream)
        link = ResumableLink(session, stream, self)
        self._all[session] = _Lasting(stream, link)
        return link

    def go_on(self, session: ServerSession, before: ServerSession, token: str, hello: Hello) -> ResumableLink | None:
        """Let a session go on over the link of another one, which was made for it; None: it may not. See `Lasting`."""
        lasting = self._all.get(before)
        asked = hello.resume
        if lasting is None or before.error is not None or asked is None or asked.received is None:
            return None
        if not lasting.stream.can_resume(asked.received):
            return None
        if lasting.link is not None:
            lasting.link.replace()
        self._waiting.pop(before, None)
        self.resumed += 1
        lasting.until = NEVER
        lasting.stream.resume(asked.received)
        before.take_link(session, self._clock())
        head = welcome_frame(before.welcome(token, lasting.stream.terms(again=True)))
        lasting.link = link = ResumableLink(before, lasting.stream, self, head)
        return link

    def note_cut(self, link: ResumableLink) -> None:
        """See `LinkOwner`."""
        session = link.session
        lasting = self._all[session]
        lasting.link, lasting.until = None, self._clock() + lasting.stream.seconds
        self._waiting[session] = lasting
        session.on_change = lasting.stream.on_due = partial(self._changed, session)
        self._tick_at(lasting.until)

    def note_end(self, link: ResumableLink) -> None:
        """See `LinkOwner`."""
        self._all.pop(link.session, None)

    def _changed(self, session: ServerSession) -> None:
        """Note that a session without a link has changed, and whether it has ended."""
        if session.error is not None and self._waiting.pop(session, None) is not None:
            self._all.pop(session, None)
            self._on_end(session)

    # -- the end

    def tick(self, now: float) -> float:
        """End the sessions whose time is over; return when to call again, monotonic seconds."""
        due = NEVER
        for session, lasting in self._waiting.copy().items():
            if lasting.until <= now:
                session.fail(
                    LinkLost(f"its link was cut, and it did not come back within {lasting.stream.seconds:g} s")
                )
            else:
                due = min(due, lasting.until)
        return due

    def drop_waiting(self) -> bool:
        """End the session that has waited longest, of the source that has most that wait; false: none does."""
        if not self._waiting:
            return False
        sources = {session: source_of(session.peer) for session in self._waiting}
        ((busiest, _),) = Counter(sources.values()).most_common(1)
        oldest = next(session for session, source in sources.items() if source == busiest)
        oldest.fail(Busy("its link was cut, and other links need the room"))
        return True

    def close(self, error: SigError) -> None:
        """End all sessions that wait, because of `error`."""
        for session in list(self._waiting):
            session.fail(error)


class LinkToLast:
    """Lets the sessions of one link outlive it: the `Lasting` of a `ServerSession`.

    Args:
        resumptions: of the server.
        switch_to: called with what the link feeds from now on.
    """

    def __init__(self, resumptions: Resumptions, switch_to: Callable[[ResumableLink], None]) -> None:
        self._resumptions = resumptions
        self._switch_to = switch_to

    def begin(self, session: ServerSession, asked: Resume) -> Resume | None:
        """See `Lasting`."""
        link = self._resumptions.begin(session, asked)
        if link is None:
            return None
        self._switch_to(link)
        return link.terms

    def go_on(self, session: ServerSession, before: ServerSession, token: str, hello: Hello) -> bool:
        """See `Lasting`."""
        link = self._resumptions.go_on(session, before, token, hello)
        if link is not None:
            self._switch_to(link)
            link.on_change()  # it has something to say, and so may what waited
        return link is not None
