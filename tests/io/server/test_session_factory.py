"""Which session a link gets, and what its server is told: without a socket, and with a clock that the test turns."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from sig_core.contract import Codec, LinkTraits
from sig_core.errors import HandshakeError, LinkClosed, PluginError, RemoteProtocolError, SigError, Status
from sig_core.io.server.session_factory import SessionFactory, log_session_end
from sig_core.line.handshake import BINARY, BOARD, LineHello, SynAck
from sig_core.line.packets import HELLO, seal
from sig_core.log import LimitedLog
from sig_core.protocol.limits import Limits
from sig_core.session.base import State
from sig_core.session.binary.resumptions import Resumptions
from sig_core.session.binary.server import ServerSession
from sig_core.session.board.renaming import Renaming
from sig_core.session.board.session import BoardSession
from sig_core.session.dialect_detector import DialectDetector
from sig_core.session.line.line_session import MAX_NOISE, LineSession
from sig_core.session.line.stations import Stations
from sig_core.session.line.stream_on_line import StreamOnLine
from sig_core.session.plain.session import PlainSession
from tests.support.sessions import EVERYTHING, PLUGINS, Net, opening

STREAM = LinkTraits(packets=False, reliable=True)
PACKETS = LinkTraits(packets=True, reliable=True)
LINE = LinkTraits(packets=False, reliable=False, bitrate=9600)


class Link:
    """A link of which only the facts matter."""

    def __init__(self, traits: LinkTraits = STREAM, peer: str = "peer") -> None:
        self.traits = traits
        self.peer = peer


class Acceptor:
    """An acceptor of which only the facts matter."""

    def __init__(self, **facts: Any) -> None:
        self.__dict__.update(facts)


class Context:
    """What a server gives its factories, and what they told it."""

    def __init__(self, codecs: dict[str, Codec] | None = None) -> None:
        self.net = Net(Limits(handshake=5.0))
        self.exchange, self.identities, self.limits = self.net.exchange, self.net.identities, self.net.limits
        self.peer_log = LimitedLog(self.clock)
        self.stations = Stations()
        self.resumptions = Resumptions(self.limits, self.clock, lambda session: None, lambda when: None)
        self.access = None
        self.now = 100.0
        self.opened: list[tuple[Any, float]] = []
        self.ended: list[Any] = []
        self.station_ticks: list[float] = []
        self.session_ticks: list[float] = []
        self.backlog: list[Any] = []
        self.jobs: list[Callable[[], None]] = []
        self._codecs = codecs

    def clock(self) -> float:
        return self.now

    def codec(self, name: str) -> Codec:
        if self._codecs is None:
            return PLUGINS.codecs.get(name)
        if name not in self._codecs:
            raise PluginError(f"there is no codec {name!r}")
        return self._codecs[name]

    def session_opened(self, session: Any, keepalive: float) -> None:
        self.opened.append((session, keepalive))

    def session_ended(self, session: Any) -> None:
        self.ended.append(session)

    def tick_stations_at(self, when: float) -> None:
        self.station_ticks.append(when)

    def tick_sessions_at(self, when: float) -> None:
        self.session_ticks.append(when)

    def later(self, job: Callable[[], None]) -> None:
        self.jobs.append(job)

    def do_what_is_later(self) -> None:
        jobs, self.jobs = self.jobs, []
        for job in jobs:
            job()

    def add_backlog(self, session: Any) -> None:
        self.backlog.append(session)


class Made:
    """A factory, the session of a link, and the one that took its place."""

    def __init__(
        self,
        traits: LinkTraits = STREAM,
        *,
        codecs: tuple[str, ...] = ("json", "msgpack"),
        rename: Renaming | None = None,
        context: Context | None = None,
        acceptor: Acceptor | None = None,
    ) -> None:
        self.context = context or Context()
        source: Any = acceptor or Acceptor()
        self.factory = SessionFactory(
            self.context, PLUGINS.choose_codecs(list(codecs)), rename or Renaming(), source
        )
        self.link(traits)

    def link(self, traits: LinkTraits = STREAM) -> Any:
        """One more link comes."""
        link: Any = Link(traits)
        self.session: Any = self.factory.make_link_session(link, self._switch)
        return self.session

    def _switch(self, session: Any) -> None:
        self.session = session

    def receive(self, data: bytes) -> Any:
        """Bytes come; give the session that has the link then."""
        self.session.receive_data(data, self.context.now)
        return self.session

    def said(self) -> bytes:
        data: bytes = self.session.take(EVERYTHING)
        return data


def hello_of(sid: int) -> bytes:
    return seal(HELLO, 15, 0, 0, LineHello(sid=sid).pack())


# -- refusals


def test_a_link_that_loses_bytes_is_refused_where_there_is_no_codec_for_boards() -> None:
    made = Made(context=Context(codecs={}))
    line: Any = Link(LINE)
    stream: Any = Link(STREAM)
    assert made.factory.refusal(line) == "boards can't be served: there is no codec 'cbor-board'"
    assert made.factory.refusal(stream) is None, "who comes there may well be no board"


def test_a_link_that_loses_bytes_is_served_where_there_is_one() -> None:
    line: Any = Link(LINE)
    assert Made().factory.refusal(line) is None


# -- the first byte


def test_a_stream_waits_for_its_first_byte() -> None:
    made = Made()
    assert isinstance(made.session, DialectDetector)
    assert (made.session.peer, made.session.state, made.context.opened) == ("peer", State.OPENING, [])


def test_a_program_opens_with_its_hello_and_the_keepalive_that_it_wants() -> None:
    made = Made()
    session = made.receive(opening(keepalive=7))
    assert isinstance(session, ServerSession)
    assert (session.state, session.codec, made.context.opened) == (State.OPEN, "json", [(session, 7)])


def test_a_program_that_offers_no_codec_of_this_address_is_refused() -> None:
    made = Made(codecs=("msgpack",))
    session = made.receive(opening(codecs=["json"]))
    assert isinstance(session.error, HandshakeError) and made.context.opened == []
    assert b"no codec in common" in made.said()


def test_a_plain_peer_opens_with_a_brace() -> None:
    made = Made()
    session = made.receive(b'{"id":1,"method":"get_version"}')
    assert isinstance(session, PlainSession)
    assert made.context.opened == [(session, made.context.limits.keepalive)]
    told = made.said()
    assert b'"status":0' in told
    session.sent(len(told), 100.0)
    assert made.context.session_ticks == [pytest.approx(100.02)], "an old client gets no two messages at once"


def test_a_plain_peer_with_more_than_one_turn_takes_is_in_the_backlog() -> None:
    made = Made()
    session = made.receive(b'{"status":0}' * 1000)
    assert made.context.backlog == [session]


def test_without_json_there_are_no_plain_peers() -> None:
    made = Made(codecs=("msgpack",))
    session = made.receive(b"{")
    assert isinstance(session, ServerSession) and isinstance(session.error, HandshakeError)
    assert "the plain JSON dialect, which is not served at this address" in str(session.error)
    assert made.said().startswith(b'{"id": null, "status": -7')


def test_a_board_on_a_stream_opens_with_a_zero() -> None:
    made = Made()
    session = made.receive(b"\0")
    assert isinstance(session, LineSession) and session.state is State.OPENING
    session = made.receive(hello_of(0))
    assert session.state is State.OPEN and made.context.station_ticks


def test_there_are_no_boards_on_packets() -> None:
    made = Made(PACKETS)
    session = made.receive(b"\0")
    assert isinstance(session, ServerSession)
    assert "the board link, which is not served at this address" in str(session.error)


@pytest.mark.parametrize("first", [b"", b"\0", b"{"], ids=["nothing", "board", "plain"])
def test_who_says_no_more_is_ended_after_the_handshake_time(first: bytes) -> None:
    made = Made()
    if first:
        made.receive(first)
    made.session.tick(104.9)
    assert made.session.error is None
    made.session.tick(105.0)
    assert isinstance(made.session.error, HandshakeError)
    assert made.session.error.status is Status.TIMEOUT


# -- lines


def test_a_line_leads_to_its_one_station_again_and_again() -> None:
    made = Made(LINE)
    first = made.session
    assert isinstance(first, LineSession) and first.state is State.OPEN
    second = made.link(LINE)
    assert first.state is State.CLOSED and str(first.error) == "the board came back on another link"
    assert (second.state, bool(made.context.stations)) == (State.OPEN, True)


def test_two_addresses_have_two_stations() -> None:
    context = Context()
    first, second = Made(LINE, context=context), Made(LINE, context=context)
    assert (first.session.state, second.session.state) == (State.OPEN, State.OPEN)


def test_where_many_boards_come_each_has_to_say_which_it_is() -> None:
    made = Made(LINE, acceptor=Acceptor(one_peer=False))
    assert (made.session.state, made.session.has_output) == (State.OPENING, False)
    made.receive(b"\0noise\0" + hello_of(0))
    assert made.session.state is State.OPEN


def test_noise_without_end_is_no_board() -> None:
    made = Made(LINE, acceptor=Acceptor(one_peer=False))
    made.receive(b"x" * MAX_NOISE)
    assert made.session.error is None, "its HELLO may be lost, and come again"
    made.receive(b"x")
    assert isinstance(made.session.error, HandshakeError)


# -- what stations ask


def terms_of(dialect: int) -> SynAck:
    return SynAck(sid=1, mtu=246, window=4, keepalive=1.0, dialect=dialect, message=4096, long_crc=False)


def station_of(made: Made) -> Any:
    """The station that the link of `made` leads to."""
    return made.session._station


def test_a_board_is_taken_in_under_its_name_here() -> None:
    made = Made(LINE, rename=Renaming(prefix="arm1/"))
    station = station_of(made)
    session = made.factory.make_session(station, terms_of(BOARD))
    assert isinstance(session, BoardSession)
    assert made.context.opened == [(session, made.context.limits.keepalive)]
    codec = made.context.codec("cbor-board")
    session.message(codec.encode([0, 0, "uno", 0]), 100.0)
    assert list(made.context.exchange.senders) == ["arm1/uno"]


def test_a_program_on_a_line_is_told_of_when_it_has_said_hello() -> None:
    made = Made(LINE)
    session = made.factory.make_session(station_of(made), terms_of(BINARY))
    assert isinstance(session, StreamOnLine) and made.context.opened == []
    session.message(opening(), 100.0)
    assert made.context.opened == [(session.program, 10.0)]


def test_the_end_of_a_board_is_told_and_counted() -> None:
    made = Made(LINE)
    session = made.factory.make_session(station_of(made), terms_of(BOARD))
    assert made.context.exchange.stats(peers=False)["links"]["open"] == 1
    session.end(LinkClosed("enough"), 0)
    made.factory.session_ended(session)
    assert made.context.ended == [session.port]
    assert made.context.exchange.stats(peers=False)["links"]["open"] == 0


def test_the_end_of_a_program_that_never_said_hello_is_told_to_nobody() -> None:
    made = Made(LINE)
    silent, known = (made.factory.make_session(station_of(made), terms_of(BINARY)) for _ in range(2))
    known.message(opening(), 100.0)
    for session in (silent, known):
        session.end(LinkClosed("enough"), 0)
        made.factory.session_ended(session)
    assert made.context.ended == [known.program]


def test_the_ticks_of_a_station_are_asked_for() -> None:
    made = Made(LINE)
    made.context.station_ticks.clear()
    made.factory.tick_at(123.0)
    assert made.context.station_ticks == [123.0]


@pytest.mark.parametrize(("warning", "level"), [(True, logging.WARNING), (False, logging.INFO)])
def test_what_a_station_reports_is_logged(warning: bool, level: int, caplog: pytest.LogCaptureFixture) -> None:
    made = Made(LINE)
    caplog.set_level(logging.INFO)
    made.factory.report(station_of(made), "does not answer", warning=warning)
    assert not caplog.records, "it is called under the lock, and a logger is code of a user"
    made.context.do_what_is_later()
    assert [(record.levelno, record.message) for record in caplog.records] == [(level, "peer: does not answer")]


# -- the log


@pytest.mark.parametrize(
    ("error", "lost", "level"),
    [
        (LinkClosed("closed"), 0, logging.INFO),
        (LinkClosed("closed"), 3, logging.WARNING),
        (RemoteProtocolError("nonsense"), 0, logging.WARNING),
    ],
    ids=["in order", "with losses", "by a breach"],
)
def test_an_end_is_a_warning_if_something_went_wrong(
    error: SigError, lost: int, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    session = Net().server_session()
    if lost:
        session.lost["slow listener"] += lost
    session.fail(error)
    caplog.set_level(logging.INFO)
    log_session_end(session, "link closed", LimitedLog(lambda: 0.0))
    (record,) = caplog.records
    words = f"; {lost} events did not reach it" if lost else ""
    assert (record.levelno, record.message) == (level, f"peer: link closed: {error}{words}")
