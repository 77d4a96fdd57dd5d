"""What must hold when all has come to rest, and when all is over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sig_core.events import Name
from sig_core.line.host import HostLine
from sig_core.protocol.runs import split_events
from sig_core.routing.transcode import decode
from sig_core.session.binary.client_port import ClientPort
from sig_core.session.plain.session import PlainSession
from tests.simulation.board_node import BoardNode
from tests.simulation.client_node import ClientNode
from tests.simulation.durables import is_writing, left_of_durables
from tests.simulation.line_end import says_more
from tests.simulation.network import Network
from tests.simulation.observer import LIFE, Subscribed, Track, matches, number_of
from tests.simulation.packet_end import PacketEnd
from tests.simulation.permissions import ANYONE
from tests.simulation.plain_node import PlainNode
from tests.simulation.world import Breach

__all__ = ["at_rest", "at_the_end", "busy", "counts_are_known", "fire_last", "last_values_are_known"]

ROOMY = 1 << 20  # bytes
SIGNS_OF_LIFE = 44  # bytes: keep-alives, and acks of these, are always on their way


def busy(network: Network) -> list[str]:
    """Name who has not come to rest."""
    found = [each.who for each in (*network.clients, *network.peers) if each.is_busy]
    server = network.server
    known = {client.state.connection._client for client in network.clients}
    if server.is_stopped_still or server._dirty or server.exchange.flow_control:
        found.append("the server")
    found += ["a session that waits for a link"] * bool(server.resumptions)
    whole = [cable for cable in network.cables if cable.is_whole]
    found += ["the store"] * is_writing(server)
    if any(max(cable.near.under_way, cable.far.under_way) > SIGNS_OF_LIFE for cable in whole):
        found.append("bytes on their way")
    if not all(cable.is_whole or cable.is_over for cable in network.cables) or any(air.is_torn for air in network.airs):
        found.append("an end that does not know that its link is gone")
    if any(isinstance(each.end, PacketEnd) and each.end.is_busy for each in server.connections.values()):
        found.append("packets on their way")
    if not all(line.is_plugged for line in network.lines):
        found.append("a line that is not plugged in")
    found += [station.peer for station in server.stations._all if _is_under_way(station.line)]
    for connection in server.connections.values():
        session: Any = connection.session
        if connection._rest or session.has_output or session.reading_paused or _waits_for_answer(session):
            found.append(f"{session.peer} has output")
        elif session.client and session.client not in known:
            found.append(f"{session.peer} has gone")
    return found


def _is_under_way(line: HostLine) -> bool:
    """Whether more than a sign of life is on its way over a line, or whoever is there does not answer."""
    return says_more(line.window) or bool(line._splitter) or (line.has_session and not line.up)


def _waits_for_answer(session: Any) -> bool:
    return isinstance(session, PlainSession) and session.port.output.calls.size > 0


def fire_last(network: Network) -> None:
    """Fire each event of each sender once more: whoever listens has to hear it, and to know of all before."""
    _forget_taken(network)
    for client in network.clients:
        for name in client.claims:
            for event in client.state.registrations.senders[name].counters:
                client.trigger(name, event, 1, 0)
    for plain in network.plains:
        for number in range(len(plain.claims)):
            plain.trigger(number, "e", 1, 0)
            plain.trigger(number, "#c", 1, 0)
    for board in network.boards:
        board.fire(0, 1, 0)
        board.fire(1, 1, 0)


# -- at rest


def last_values_are_known(network: Network) -> None:
    """Check, before anything more is fired, that who listens has heard the last value that the server keeps."""
    server = network.server
    if network.rules is not None or network.limits.max_outbox < ROOMY:  # else it may have been dropped
        return
    for value in server.exchange.last_values._values.values():
        ((_, data),) = split_events(value.run.data) if value.run is not None else ((None, b"null"),)
        if value.run is None:
            continue
        told = decode(server.codec(value.run.codec), data)
        life, count = divmod(number_of(told), LIFE)
        for client in network.clients:
            if client.is_up and (client.codec != "json" or type(told) is not list or b"x" not in told):
                for each in _hearing(network, client, value.sender, value.event):
                    last = each.last.get((value.sender, value.event, life), 0)
                    if each.answered is not None and last < count:
                        what = f"{value.event!r} of {value.sender!r}, life {life}"
                        raise Breach("last", f"{client.who}: {each.pattern} heard {last} of {what}; {count} is kept")


def counts_are_known(network: Network) -> None:
    """Check that everybody knows of all that was fired, before anything more is: where it may know of that always."""
    if network.rules is not None and len(network.rules.all) > 1:
        return
    for listener in network.clients:
        observer = listener.observer
        for owner in network.clients if listener.is_up else ():
            for name in owner.claims:
                for event in owner.state.registrations.senders[name].counters:
                    track = observer.tracks.get((name, event))
                    if track is not None and network.hears(listener.user, name, event):
                        problem = _unknown(network, owner, name, event, track)
                        if problem and track.life == int(owner.state.registrations.senders[name].life, 16):
                            raise Breach("loss", f"{listener.who}: {problem}")


def _unknown(network: Network, owner: ClientNode, name: Name, event: Name, track: Track) -> str:
    """Say how many events of a sender a listener does not know of; "": it knows of all."""
    life = int(owner.state.registrations.senders[name].life, 16)
    fired = network.fired.get((life, event), 0)
    if track.life == life and track.total == fired:
        return ""
    return f"{fired} of {event!r} of {name!r} were fired, life {life}: {track}"


def at_rest(network: Network) -> None:
    """Check what holds as soon as nothing is under way any more."""
    _forget_taken(network)
    _names_have_one_owner(network)
    for client in network.clients:
        if client.is_up:
            for problem in (*_unheard(network, client), *_uncounted(network, client)):
                raise Breach("delivery", f"{client.who}: {problem}")
            _presence_is_right(network, client)
            _subscriptions_are_there(network, client)
        _counts_add_up(network, client)
        for request in client.requests:
            if request.ends + request.cancelled != 1:
                raise Breach("request", f"{request} ended {request.ends} times")
    for plain in network.plains:
        _plain_has_all(network, plain)
    for board in network.boards:
        _board_has_all(network, board)
    _ports_add_up(network)
    _rules_are_kept(network)
    if len(network.server.exchange.requests):
        raise Breach("left", f"{len(network.server.exchange.requests)} requests are open at the server")


def _names_have_one_owner(network: Network) -> None:
    claimed: dict[Name, str] = {}
    for client in network.clients:
        for name in client.claims:
            if name in claimed:
                raise Breach("names", f"{name!r} is {claimed[name]}'s and {client.who}'s")
            claimed[name] = client.who
    for peer in network.peers:
        for name in peer.claims:
            if name in claimed:
                raise Breach("names", f"{name!r} is {claimed[name]}'s and {peer.who}'s")
            claimed[name] = peer.who
    there = {entry.name for entry in network.server.exchange.senders.values()}
    if there != set(claimed):
        raise Breach("names", f"at the server there are {there}, and {claimed} are claimed")


def _forget_taken(network: Network) -> None:
    """Let plain peers know which of their senders rules have removed: nobody else tells them."""
    if network.rules is not None:
        owned = {each.end: each.session for each in network.server.connections.values()}
        for plain in network.plains:
            session: Any = owned.get(plain.end.other)
            mine = {entry.name for entry in network.server.exchange.senders.values() if entry.owner is session.port}
            plain.claims = {name: life for name, life in plain.claims.items() if name in mine}


def _rules_are_kept(network: Network) -> None:
    """Who has a sender may have it."""
    if network.rules is not None:
        owners = [(name, client.user) for client in network.clients for name in client.claims]
        owners += [(name, ANYONE) for peer in network.peers for name in peer.claims]
        for name, user in owners:
            if not network.rules.now.adds(user, name):
                raise Breach("denied", f"user {user!r} has {name!r}")


def _hearing(network: Network, listener: ClientNode, name: Name, event: Name) -> list[Subscribed]:
    """Return what a client has listened to an event with, if it may hear it."""
    if not network.hears(listener.user, name, event):
        return []
    there = [each for each in listener.observer.subscribed if matches(each.pattern, name, event)]
    return there if network.rules is None else [each for each in there if not listener.is_refused(each.pattern)]


def _unheard(network: Network, listener: ClientNode) -> Iterator[str]:
    """Name what a client has not heard, and was not told of."""
    observer = listener.observer
    for owner in network.clients:
        for name in owner.claims:
            remote = owner.state.registrations.senders[name]
            life = int(remote.life, 16)
            for event in remote.counters:
                fired = network.fired.get((life, event), 0)
                hearing = _hearing(network, listener, name, event)
                for each in hearing:
                    last = each.last.get((name, event, life))
                    if last != fired:
                        yield f"{each.pattern} heard {last} of {event!r} of {name!r} last, life {life}, not {fired}"
                track = observer.tracks.get((name, event))
                if hearing:
                    problem = _unknown(network, owner, name, event, track) if track is not None else "no bind came"
                    if problem:
                        yield problem


def _lives(network: Network) -> Iterator[tuple[Name, int]]:
    """Yield the senders whose events nobody counts over several links, and their lives."""
    for peer in network.peers:
        yield from peer.claims.items()


def _uncounted(network: Network, listener: ClientNode) -> Iterator[str]:
    """Name what a client has not heard of senders that nobody counts over several links; on the last link all is."""
    observer = listener.observer
    for name, life in _lives(network):
        for event in ("e", "#c"):
            fired = network.fired.get((life, event), 0)
            hearing = _hearing(network, listener, name, event)
            for each in hearing:
                if each.last.get((name, event, life), 0) != fired:
                    yield f"{each.pattern} has not heard number {fired} of {event!r} of {name!r}, life {life}"
            answered = [each.answered for each in hearing if each.answered is not None]
            if answered:
                due = sum(topic == (life, event) for topic, _ in network.routed[min(answered) :])
                known = observer.on_link.get((life, event), 0) + observer.gaps.get((name, event), 0)
                if known < due:
                    yield f"{due} of {event!r} of {name!r} were routed, life {life}, {known} are known of"


def _plain_has_all(network: Network, plain: PlainNode) -> None:
    """A plain peer has heard all that left for it; what did not is counted at the server."""
    for connection in network.server.connections.values():
        if connection.end is plain.end.other:
            port: Any = connection.session.port  # type: ignore[attr-defined]
            sent = port.stats()["events"]["out"]
            if sent != plain.heard:
                raise Breach("plain", f"{sent} events left for {plain.who}, {plain.heard} came")


def _board_has_all(network: Network, board: BoardNode) -> None:
    """A board has heard all that left for it in its session, and was told how much did not."""
    for station in network.server.stations._all:
        if station.session is not None and station.line.sid == board.sid:
            counts = station.session.port.stats()["events"]
            if (counts["out"], sum(counts["lost"].values())) != (board.heard, board.missed):
                raise Breach("board", f"{board.who} heard {board.heard}, was told of {board.missed} lost: {counts}")


def _presence_is_right(network: Network, client: ClientNode) -> None:
    there, present = {entry.name for entry in network.server.exchange.senders.values()}, client.observer.present
    if network.rules is not None and present is not None:
        now, user = network.rules.now, client.user
        there, present = ({name for name in some if now.sees(user, name)} for some in (there, present))
    if present is not None and present != there:
        raise Breach("presence", f"{client.who} believes that {present} are there, {there} are")


def _subscriptions_are_there(network: Network, client: ClientNode) -> None:
    """A server has the listeners of each client, and no others."""
    identity = client.state.connection._client
    for connection in network.server.connections.values():
        session: Any = connection.session
        inner = getattr(session, "session", None)
        ports = (session, inner, getattr(network.server.station_of(session), "session", None))
        for port in (getattr(each, "port", None) for each in ports):
            if isinstance(port, ClientPort) and port.client == identity:
                there, wanted = set(port.calls.patterns), set(client.state.registrations.table.patterns())
                if network.rules is not None:
                    wanted = {pattern for pattern in wanted if not client.is_refused(pattern)}
                if there != wanted:
                    raise Breach("listeners", f"{client.who} listens to {wanted}, at the server there are {there}")


def _counts_add_up(network: Network, client: ClientNode) -> None:
    fired = client.state.stats()["events"]["fired"]
    known = sum(count for (life, _), count in network.fired.items() if life in client.lives)
    if fired != known:
        raise Breach("count", f"{client.who} has counted {fired} events, and fired {known}")


def _ports_add_up(network: Network) -> None:
    for session in network.server.exchange._ports:
        counts = session.stats()["events"]
        if counts["fired"] != counts["out"] + counts["waiting"] + sum(counts["lost"].values()):
            raise Breach("count", f"{session.peer}: {counts}")
    total = network.server.exchange.stats(peers=False)["events"]
    if total["fired"] != total["out"] + total["waiting"] + sum(total["lost"].values()):
        raise Breach("count", f"the server: {total}")


# -- at the end


def at_the_end(network: Network) -> None:
    """Check that nothing is left when everybody has gone."""
    exchange, server = network.server.exchange, network.server
    left = {
        "connections": len(server.connections),
        "senders": len(exchange.senders),
        "subscriptions": exchange._table.size,
        "topics": sum(map(len, exchange._table._topics.values())),
        "requests": len(exchange.requests),
        "askers": len(exchange.requests._tokens),
        "slow ports": len(exchange.flow_control._feeders),
        "ports": len(exchange._ports),
        "open routes": len(exchange._routes) + len(exchange._targets),
        "clients": len(server.identities),
        "stations": len(server.stations._all),
    }
    left.update(left_of_durables(network))
    for client in network.clients:
        link = client.link
        if link is not None:
            left[f"calls of {client.who}"] = len(link.session._calls) + len(link.session._requests)
        left[f"events of {client.who}"] = len(client.state.offline)
        left[f"questions of {client.who}"] = int(client.is_asking)
        for request in client.requests:
            if request.ends + request.cancelled != 1:
                raise Breach("request", f"{request} ended {request.ends} times")
    found = {what: count for what, count in left.items() if count}
    if found:
        raise Breach("left", ", ".join(f"{count} {what}" for what, count in found.items()))
