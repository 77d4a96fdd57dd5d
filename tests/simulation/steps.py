"""What programs do, and what goes wrong: each kind of step, and how often it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from sig_core.events import Name, Pattern
from tests.simulation.board_node import BoardNode
from tests.simulation.choices import CODECS, DURABLES, EVENTS, KEPT_PATTERNS, METHODS, NAMES, PATTERNS, Lots
from tests.simulation.client_node import ClientNode
from tests.simulation.observer import matches
from tests.simulation.packet_end import Air
from tests.simulation.permissions import draw_permissions
from tests.simulation.plain_node import PlainNode

if TYPE_CHECKING:
    from tests.simulation.network import Network
    from tests.simulation.running import Running

__all__ = ["STEPS", "WEIGHTS"]

MOST_CLIENTS, MOST_PLAIN = 5, 2
RULES_AFTER = 4  # times the delay of links: what was fired has come to the server
SENDS = ((1, 0), (1, 0), (2, 0), (6, 1200), (3, 1500), (1, -1))  # how often it fires at once, with how many bytes

Do: TypeAlias = Callable[["Running", Lots], None]
ClientDoes: TypeAlias = Callable[["Running", ClientNode, Lots], None]

STEPS: dict[str, Do] = {}
WEIGHTS: dict[str, float] = {}


def step(weight: float) -> Callable[[Do], Do]:
    """Return what notes a kind of step: it is drawn so often, in relation to the others."""

    def note(do: Do) -> Do:
        STEPS[do.__name__], WEIGHTS[do.__name__] = do, weight
        return do

    return note


def client_step(weight: float) -> Callable[[ClientDoes], ClientDoes]:
    """Return what notes a kind of step of a client, which is drawn by lot."""

    def note(do: ClientDoes) -> ClientDoes:
        def by_client(running: Running, lots: Lots) -> None:
            client = running.client(lots.who)
            if client is not None:
                do(running, client, lots)

        by_client.__name__ = do.__name__
        step(weight)(by_client)
        return do

    return note


# -- what programs do


@client_step(30)
def fire(running: Running, client: ClientNode, lots: Lots) -> None:
    """Fire an event, some times."""
    names, (times, size) = list(client.state.registrations.senders), SENDS[lots.much % len(SENDS)]
    plain = running.plain(lots.who)
    if plain is not None and lots.how % 4 == 0:
        plain.trigger(lots.what, EVENTS[lots.how // 4 % 2], times, size)
    elif names:
        client.trigger(names[lots.what % len(names)], EVENTS[lots.how % 2], times, size)


@client_step(4)
def confirm(running: Running, client: ClientNode, lots: Lots) -> None:
    """Fire an event that is to be confirmed, or several."""
    names = list(client.state.registrations.senders)
    if names:
        client.confirm(names[lots.what % len(names)], EVENTS[lots.how % 2], (1, 1, 4)[lots.much % 3])


@client_step(14)
def add(running: Running, client: ClientNode, lots: Lots) -> None:
    """Add one sender, or two."""
    names = [NAMES[lots.what % len(NAMES)], NAMES[lots.how % len(NAMES)]]
    client.add_senders(names[: 1 + (lots.how % 3 == 0)], all_or_none=bool(lots.much % 2))


@client_step(4)
def remove(running: Running, client: ClientNode, lots: Lots) -> None:
    """Remove a sender."""
    names = list(client.state.registrations.senders)
    if names:
        client.remove_sender(names[lots.what % len(names)])


@client_step(14)
def listen(running: Running, client: ClientNode, lots: Lots) -> None:
    """Add a listener."""
    client.listen(PATTERNS[lots.what % len(PATTERNS)])


@client_step(3)
def unlisten(running: Running, client: ClientNode, lots: Lots) -> None:
    """Remove a listener."""
    client.unlisten(lots.what)


@client_step(4)
def relisten(running: Running, client: ClientNode, lots: Lots) -> None:
    """Remove a listener, and have it again soon; what it hears is fired before, meanwhile, and after."""
    _relisten(running, client, lots.what, (0.001, 0.01, 0.1, 0.3)[lots.how % 4])


def _relisten(running: Running, client: ClientNode, which: int, again: float) -> None:
    pattern = client.unlisten(which)
    if pattern is not None:
        world = running.world
        for seconds in (0.0, again / 2, again + 0.2):
            world.after(seconds, lambda: _fire_for(running.network, pattern))
        world.after(again, lambda: client.is_gone or client.listen(pattern))


@client_step(3)
def relisten_and_cut(running: Running, client: ClientNode, lots: Lots) -> None:
    """The same, and its link breaks: before the server is asked anew, before it has answered, or soon after."""
    delay = running.history.delay
    again, cut = (0.001, 0.01, 0.1, 0.3)[lots.how % 4], delay * (0.5, 1.5, 2.5, 6.0)[lots.much % 4]
    if lots.how // 4 % 2:
        _relisten_unread(running, client, lots, cut)
    else:
        relisten(running, client, lots)
        running.world.after(again + cut, lambda: _cut_off(running.network, client))


def _relisten_unread(running: Running, client: ClientNode, lots: Lots, cut: float) -> None:
    """The same with a listener that has just come: what binds the first event is not read before the next is there."""
    world, network, delay = running.world, running.network, running.history.delay
    again, pattern = (2, 5)[lots.how % 2] * delay, PATTERNS[lots.what % len(PATTERNS)]
    client.listen(pattern)
    world.after(3 * delay, lambda: _fire_for(network, pattern))
    world.after(3 * delay, lambda: client.read_slowly(5 * delay + again))
    world.after(5 * delay, lambda: client.is_gone or _relisten(running, client, -1, again))
    world.after(8 * delay + again + cut, lambda: _cut_off(network, client))


@client_step(3)
def fire_while_away(running: Running, client: ClientNode, lots: Lots) -> None:
    """The link of a client breaks; until it is back, and while it restores what it had, it fires more than it keeps."""
    _cut_off(running.network, client)
    names = list(client.state.registrations.senders)
    for number in range(8 if names else 0):
        name, event = names[(lots.what + number) % len(names)], EVENTS[number % 2]
        running.world.after(0.02 + 0.02 * number, lambda name=name, event=event: _fire(client, name, event))


def _fire(client: ClientNode, name: Name, event: Name) -> None:
    if not client.is_gone and not client.is_stopped_still:
        client.trigger(name, event, 2, 60)


def _cut_off(network: Network, client: ClientNode) -> None:
    """Break the link of a client; both ends learn it at once."""
    for cable in network.cables:
        if client.link is not None and cable.near is client.link.end and cable.is_whole:
            cable.cut(0.0, 0.0)


def _fire_for(network: Network, pattern: Pattern) -> None:
    """Fire something that who listens to a pattern hears."""
    for owner in network.clients:
        for name in owner.claims if not owner.is_stopped_still else ():
            for event in EVENTS:
                if matches(pattern, name, event):
                    owner.trigger(name, event, 1, 0)
                    return


@client_step(10)
def ask(running: Running, client: ClientNode, lots: Lots) -> None:
    """Make a request, or several at once."""
    for _ in range((1, 1, 5)[lots.much % 3]):
        client.ask(NAMES[lots.what % len(NAMES)], METHODS[max(0, lots.how % 4 - 1)])


@client_step(2)
def cancel(running: Running, client: ClientNode, lots: Lots) -> None:
    """Wait for a request no longer."""
    client.cancel(lots.what)


@client_step(2)
def interrupt(running: Running, client: ClientNode, lots: Lots) -> None:
    """Interrupt a call."""
    client.interrupt(lots.what)


@step(3)
def join(running: Running, lots: Lots) -> None:
    """One more client comes."""
    if len(running.network.clients) < MOST_CLIENTS:
        running.new_client(CODECS[lots.what % len(CODECS)])


@client_step(1)
def stop(running: Running, client: ClientNode, lots: Lots) -> None:
    """A client ends in order; another one takes its place."""
    client.stop()
    running.world.after(0.1 * (1 + lots.much % 5), lambda: running.new_client(client.codec, client.line))


@step(2)
def plain_comes(running: Running, lots: Lots) -> None:
    """A plain peer comes."""
    network = running.network
    end = network.dial(watched=False) if len(network.plains) < MOST_PLAIN else None
    if end is not None:
        pattern = PATTERNS[lots.what % len(PATTERNS)]
        network.plains.append(PlainNode(network, end, pattern, answers=bool(lots.how % 2)))


@step(6)
def plain_does(running: Running, lots: Lots) -> None:
    """A plain peer does something; there is one then."""
    plain = running.plain(lots.who)
    if plain is None:
        plain_comes(running, lots)
    elif lots.how % 8 < 4:
        plain.add(NAMES[lots.what % len(NAMES)])
    elif lots.how % 8 == 4:
        plain.remove(lots.what)
    elif lots.how % 8 == 5:
        plain.ask(NAMES[lots.what % len(NAMES)], METHODS[lots.much % len(METHODS)])
    elif lots.how % 8 == 6:
        plain.read_slowly((0.1, 0.5, 2.0)[lots.much % 3])
    else:
        plain.leave()


@step(3)
def line_comes(running: Running, lots: Lots) -> None:
    """Somebody joins on a line, for the rest of the history: a board, or a program."""
    network = running.network
    if running.history.lines > len(network.lines):
        line = network.lay_line((0.0, 0.02, 0.1)[lots.how % 3])
        if lots.much % 2:
            name, pattern = NAMES[lots.what % len(NAMES)], PATTERNS[lots.how % len(PATTERNS)]
            network.boards.append(BoardNode(network, line, name, pattern))
        else:
            running.new_client(CODECS[lots.what % len(CODECS)], line)


@step(5)
def board_does(running: Running, lots: Lots) -> None:
    """A board does something."""
    boards = running.network.boards
    if not boards:
        line_comes(running, lots)
        return
    board = boards[lots.who % len(boards)]
    if lots.how % 8 < 4:
        board.fire(lots.what % 2, (1, 2, 6)[lots.much % 3], (0, 0, 100)[lots.what % 3])
    elif lots.how % 8 < 7:
        board.ask(NAMES[lots.what % len(NAMES)], METHODS[lots.much % len(METHODS)])
    else:
        board.press_reset()


@step(3)
def air_comes(running: Running, lots: Lots) -> None:
    """A program joins over a packet medium."""
    network = running.network
    if running.history.airs > len(network.airs):
        network.airs.append(Air(network, (0.0, 0.05, 0.2)[lots.how % 3], lies=bool(lots.much % 2)))
        running.new_client(CODECS[lots.what % len(CODECS)], network.airs[-1])


# -- what goes wrong


def _notice(lot: int, delay: float) -> float | None:
    """Return when an end learns that its link is cut: at once, soon, or never."""
    return (0.0, delay, 0.2, None)[lot % 4]


@step(7)
def cut(running: Running, lots: Lots) -> None:
    """A link breaks."""
    cables = [cable for cable in running.network.cables if cable.is_whole]
    if cables:
        delay = running.history.delay
        near, far = _notice(lots.how, delay), _notice(lots.much, delay)
        running.world.note("cable", "is cut, noticed after {} and {} s", near, far)
        cables[lots.what % len(cables)].cut(near, far)


@step(2)
def deafen(running: Running, lots: Lots) -> None:
    """Nothing gets through the air for a while."""
    airs = [air for air in running.network.airs if not air.is_deaf]
    if airs:
        airs[lots.what % len(airs)].be_deaf((0.1, 1.0, 12.0)[lots.how % 3])


@step(1)
def unplug(running: Running, lots: Lots) -> None:
    """A line is pulled out, and plugged in again."""
    network = running.network
    lines = [line for line in network.lines if line.is_plugged]
    if lines:
        line = lines[lots.what % len(lines)]
        line.unplug()
        running.world.after((0.05, 0.5, 6.0)[lots.how % 3], lambda: network.plug_in(line))


@client_step(5)
def read_slowly(running: Running, client: ClientNode, lots: Lots) -> None:
    """A program reads nothing for a while."""
    client.read_slowly((0.1, 0.5, 2.0)[lots.how % 3])


@client_step(2)
def stand_still(running: Running, client: ClientNode, lots: Lots) -> None:
    """A program is stopped for a while."""
    client.stand_still((0.1, 0.5, 4.0)[lots.how % 3])


@step(1)
def jump(running: Running, lots: Lots) -> None:
    """A clock jumps."""
    node: Any = running.network.server if lots.how % 3 == 0 else running.client(lots.who)
    if node is not None:
        node.jump((0.5, 5.0, 100.0)[lots.much % 3])


@client_step(1)
def kill(running: Running, client: ClientNode, lots: Lots) -> None:
    """A program is killed; another one takes its place."""
    client.kill(_notice(lots.how, running.history.delay))
    running.world.after(0.1 * (1 + lots.much % 5), lambda: running.new_client(client.codec, client.line))


@step(1)
def server_stands_still(running: Running, lots: Lots) -> None:
    """The server is stopped for a while."""
    running.network.server.stand_still((0.05, 0.3, 4.0)[lots.how % 3])


@step(1)
def server_dies(running: Running, lots: Lots) -> None:
    """The server is killed, and started again."""
    server = running.network.server
    if server.is_up:
        server.kill(lambda: _notice(int(running.world.random() * 4), running.history.delay))
        running.world.after((0.05, 0.5, 2.0)[lots.how % 3], server.boot)


@step(0.5)
def server_ends(running: Running, lots: Lots) -> None:
    """The server ends in order, and is started again."""
    server = running.network.server
    if server.is_up and not server.is_stopped_still:
        server.close()
        running.world.after((0.05, 0.5, 2.0)[lots.how % 3], server.boot)


# -- what only some histories have


@client_step(0)
def ask_many(running: Running, client: ClientNode, lots: Lots) -> None:
    """Ask more than may be open at one time."""
    senders = [NAMES[(lots.what >> place) % len(NAMES)] for place in range(2 + lots.much % 8)]
    client.ask_many([(sender, METHODS[(lots.how >> place) % len(METHODS)]) for place, sender in enumerate(senders)])


@step(0)
def change_rules(running: Running, lots: Lots) -> None:
    """Something else is allowed, or everything, while much waits for somebody; all fire before, at once and soon."""
    history, world, slow = running.history, running.world, running.client(lots.who)
    among = (0, 0, 2 * history.seed + 1, 2 * history.seed + 2)  # few, so that what was taken away is allowed again
    permissions = draw_permissions(among[lots.what % len(among)])
    if slow is not None:
        slow.read_slowly(1.0)
    _fire_all(running, *((2, 700), (6, 200))[lots.much % 2])  # a board takes no more than 512 bytes
    world.after(RULES_AFTER * history.delay, lambda: running.network.server.change_rules(permissions))
    for seconds in (0.0, (0.01, 0.1, 0.3)[lots.how % 3]):
        world.after(RULES_AFTER * history.delay + seconds, lambda: _fire_all(running, 2, 60))


def _fire_all(running: Running, times: int, size: int) -> None:
    for client in running.network.clients:
        for name in client.claims if not client.is_stopped_still else ():
            for event in EVENTS:
                client.trigger(name, event, times, size)


@client_step(0)
def listen_durably(running: Running, client: ClientNode, lots: Lots) -> None:
    """Have a durable listener; mostly it asks for what those before it did."""
    which = lots.what % len(DURABLES)
    pattern = KEPT_PATTERNS[(running.history.seed + which + (lots.much % 8 == 0)) % len(KEPT_PATTERNS)]
    client.durables.listen(DURABLES[which], pattern, explicit=lots.how % 4 == 0)


@client_step(0)
def leave_durable(running: Running, client: ClientNode, lots: Lots) -> None:
    """Let a durable listener leave."""
    client.durables.leave(lots.what)


@client_step(0)
def acknowledge(running: Running, client: ClientNode, lots: Lots) -> None:
    """Acknowledge what was heard."""
    client.durables.acknowledge_all()


@client_step(0)
def list_durables(running: Running, client: ClientNode, lots: Lots) -> None:
    """Ask how durables stand."""
    client.durables.list_all()


@client_step(0)
def drop_durable(running: Running, client: ClientNode, lots: Lots) -> None:
    """Drop a durable; maybe it is made anew soon."""
    name = DURABLES[lots.what % len(DURABLES)]
    client.durables.drop(name)
    if lots.how % 2:
        again = (0.005, 0.05, 0.3)[lots.much % 3]
        running.world.after(again, lambda: client.is_gone or listen_durably(running, client, lots))


@step(0)
def fill_disk(running: Running, lots: Lots) -> None:
    """Nothing can be written for a while."""
    disk = running.network.disk
    if disk is not None:
        disk.is_full = True
        running.world.after((0.02, 0.2, 1.5)[lots.how % 3], disk.clean_up)
