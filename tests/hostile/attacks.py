"""What hostile peers do: an attack for each row of the table in `docs/security.md`.

Each is a coroutine function of one link that is not open yet, and of a `Malice`; it may raise OSError, EOFError and
TimeoutError, since the server may end the link.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from sig_codecs.msgpack_codec import MsgpackCodec
from sig_core.line.handshake import BOARD, LineHello, SynAck, read_syn
from sig_core.line.packets import HELLO, SYN, SYNACK, PacketReader, seal
from tests.hostile.hostile_link import HostileLink
from tests.support.rawpeer import CONTROL, EVENT, REQUEST, call, control, frame

__all__ = ["ATTACKS", "Malice"]

MIB = 1 << 20
HARM = "\x1b]0;owned\x07\x9b2J\u202e\r\n2026-01-01 00:00:00 ERROR forged"


@dataclass
class Malice:
    """What an attack may vary.

    Attributes:
        dice: for all choices.
        seconds: that an attack lasts which goes on and on.
        name: of senders that nobody else has.
        target: a sender that answers slowly.
    """

    dice: random.Random
    seconds: float = 5.0
    name: str = ""
    target: str = "slow"
    ids: list[str] = field(default_factory=list)

    def once(self) -> str:
        """Return a name that was not there before."""
        return f"{self.name} {self.dice.getrandbits(48):x}"


Attack = Callable[[HostileLink, Malice], Awaitable[None]]


async def nothing_said(link: HostileLink, malice: Malice) -> None:
    await link.say(malice.dice.choice([b"{}", b"\xf5SIG\r\n\0\x01", b"\0\0\0", b"\xf5"]))
    await link.swallow(malice.seconds)


async def id_of_others(link: HostileLink, malice: Malice) -> None:
    await link.open(client=f"{malice.dice.randrange(100):032x}", token="00" * 16)
    await link.swallow(0.1)


async def plain_and_idle(link: HostileLink, malice: Malice) -> None:
    await link.say(b'{"id":1,"method":"get_version"}\n')
    await link.swallow(malice.seconds)


async def board_that_leaves(link: HostileLink, malice: Malice, sid: int = 0) -> None:
    """Open the session of a board, and leave it behind; or say the number of another one's."""
    await link.say(seal(HELLO, 8, 0, 0, LineHello(sid=sid).pack()))
    reader = PacketReader()
    data = await asyncio.wait_for(link._reader.read(4096), 5)
    for packet in reader.feed(data):
        syn = read_syn(packet.payload) if packet.kind == SYN else None
        if syn is not None:
            terms = SynAck(sid=syn.sid, mtu=200, window=1, keepalive=1.0, dialect=BOARD, message=0, long_crc=False)
            await link.say(seal(SYNACK, 8, 0, 0, terms.pack()))
    await link.swallow(0.2)


async def board_of_others(link: HostileLink, malice: Malice) -> None:
    await board_that_leaves(link, malice, malice.dice.getrandbits(31) | 1)


async def wants_signs_of_life(link: HostileLink, malice: Malice) -> None:
    await link.open(keepalive=0.1)
    await link.alive(malice.seconds)


async def forged_texts(link: HostileLink, malice: Malice) -> None:
    await link.open()
    await link.ask("add_sender", sender=malice.once() + HARM, events=[HARM], requests=[HARM])
    await link.say(control({"method": "goodbye", "params": {"status": -7, "text": HARM * 100}}))


async def probe(link: HostileLink, malice: Malice) -> None:
    await link.say(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % malice.dice.getrandbits(30))
    await link.swallow(0.2)


async def many_things_kept(link: HostileLink, malice: Malice) -> None:
    """Senders, events and listeners, as many as there may be, and all of them stay."""
    await link.open()
    for start in range(0, 20_000, 100):
        numbers = range(start, start + 50)
        senders = (call(number, "add_sender", sender=malice.once(), events=["a", "b"]) for number in numbers)
        heard = (call(number, "add_listener", sender=malice.once(), event="e") for number in numbers)
        await link.say(b"".join(senders), b"".join(heard))
        await link.swallow(0.001)
    await link.alive(malice.seconds)


async def small_frames_wanted(link: HostileLink, malice: Malice) -> None:
    """Listen to everything, with the least `max_frame`, and read."""
    await link.open(max_frame=4096)
    await link.ask("add_listener", sender=None, event=None)
    await link.swallow(malice.seconds)


async def braces(link: HostileLink, malice: Malice) -> None:
    await link.say(b'{"id":1,"method":"get_version"}\n')
    for _ in range(20):
        await link.say(malice.dice.choice([b"{", b'"{', b'{"":']) * 20_000)


async def names_that_collide(link: HostileLink, malice: Malice) -> None:
    await link.open()
    names = list(range(1 << 60, (1 << 60) + 990))
    await link.ask("add_sender", sender=malice.once(), events=names)
    await link.ask("add_sender", sender=malice.once(), events=names * 20)
    await link.ask("recall", topics=[[name, name] for name in names])


async def calls_at_once(link: HostileLink, malice: Malice) -> None:
    await link.open()
    await link.say(*(b"".join(call(n, "list_senders", list_events=True) for n in range(500)) for _ in range(4)))
    await link.swallow(malice.seconds)


async def small_values(link: HostileLink, malice: Malice) -> None:
    """Sixteen megabytes of empty maps: as a control message, and as an event for those who need another codec."""
    await link.open(codecs=["msgpack"])
    await link.say(frame(CONTROL, 0, b"\x80" * (4 * MIB)))
    codec, name = MsgpackCodec(), malice.once()
    add = {"id": 1, "method": "add_sender", "params": {"sender": name, "events": ["e"]}}
    await link.say(frame(CONTROL, 0, codec.encode(add)))
    while True:
        head, _, body = await link.frame()
        if head == CONTROL and body and isinstance(told := codec.decode(body), dict) and told.get("id") == 1:
            break
    (route,) = (route for event, route in told["response"]["events"] if event == "e")
    for size in (0x7FFFF, 0xF0000):  # the longest that is put into another codec, and longer
        await link.say(frame(EVENT, route, b"\xdd" + size.to_bytes(4, "big") + b"\x80" * size))
    await link.swallow(0.5)


async def small_values_plain(link: HostileLink, malice: Malice) -> None:
    await link.say(b'{"id":1,"method":"add_listener","params":{"sender":null,"event":null}}\n')
    for count in (300_000, 2_000_000):
        await link.say(b'{"id":2,"method":"x","params":[' + b"{}," * count + b"{}]}\n")
    await link.swallow(0.5)


async def long_words(link: HostileLink, malice: Malice) -> None:
    """Answer requests with the words of an error, megabytes of them."""
    await link.open()
    name = malice.once()
    added = await link.ask("add_sender", sender=name, events=[], requests=["m"])
    await link.say(frame(REQUEST, added["route"], (7).to_bytes(4, "little") + b"\x01m1"))
    while (got := await link.frame())[0] != REQUEST:
        pass
    await link.say(frame(4, got[1], got[2][:4] + b"\xff\xff" + b"\x80" * (2 * MIB)))
    await link.swallow(0.2)


async def never_complete(link: HostileLink, malice: Malice) -> None:
    await link.open()
    await link.say((16 * MIB).to_bytes(4, "little") + bytes(5))
    for _ in range(15):
        await link.say(bytes(MIB))
    await link.alive(malice.seconds)


async def never_complete_and_short(link: HostileLink, malice: Malice) -> None:
    """Just too short to be counted, if that is where counting begins."""
    await link.open()
    await link.say((16_000).to_bytes(4, "little") + bytes(15_900))
    await link.swallow(malice.seconds)


async def never_complete_plain(link: HostileLink, malice: Malice) -> None:
    await link.say(b'{"id":1,"method":"get_version"}\n{"id":"')
    for _ in range(14):
        await link.say(b"x" * MIB)
    await link.swallow(malice.seconds)


async def endless_hello(link: HostileLink, malice: Malice) -> None:
    await link.say(malice.dice.choice([b"\xf5SIG\r\n\0\x01\xff\xff\0\0", b'{"x":"']))
    await link.say(b"x" * (2 * 64 * 1024))


async def names_that_go(link: HostileLink, malice: Malice) -> None:
    await link.open()
    for number in range(0, 2000, 2):
        name = malice.once()
        await link.say(call(number, "add_sender", sender=name, events=["e"]))
        await link.say(call(number + 1, "remove_sender", sender=name))
    await link.swallow(0.5)


async def many_plain_listeners(link: HostileLink, malice: Malice) -> None:
    for number in range(1100):
        await link.say(b'{"id":%d,"method":"add_listener","params":{"sender":null,"event":null}}\n' % number)
    await link.swallow(malice.seconds)


async def many_requests(link: HostileLink, malice: Malice) -> None:
    await link.open()
    found = await link.ask("resolve", sender=malice.target)
    tails = (number.to_bytes(4, "little") + b"\x04slow1" for number in range(9999))
    await link.say(b"".join(frame(REQUEST, found["route"], tail) for tail in tails))
    await link.swallow(malice.seconds)


async def long_requests(link: HostileLink, malice: Malice) -> None:
    """Requests that wait at the server: for programs of its own, which do not answer."""
    await link.open(requests=1)
    body = b'\x01m"' + b"x" * (256 * 1024) + b'"'
    for _ in range(8):
        added = await link.ask("add_sender", sender=malice.once(), events=[], requests=["m"])
        for _again in range(8):
            await link.say(frame(REQUEST, added["route"], malice.dice.getrandbits(31).to_bytes(4, "little") + body))
    await link.alive(malice.seconds)


async def come_and_go(link: HostileLink, malice: Malice) -> None:
    await link.open()


async def subscribe_and_unsubscribe(link: HostileLink, malice: Malice) -> None:
    await link.open()
    for number in range(1, 1500):
        await link.say(call(number, "add_listener", sender=None, event=None))
        await link.say(call(number, "remove_listener", listener_id=number))
    await link.swallow(0.5)


async def leaves_inside(link: HostileLink, malice: Malice) -> None:
    await link.say(b'{"id":1,"method":"get_version"}\n{"a":"' + b"x" * (2 * MIB))


async def does_not_read_events(link: HostileLink, malice: Malice) -> None:
    """Listen to everything, fire much of it, and read nothing."""
    await link.open()
    await link.ask("add_listener", sender=None, event=None)
    added = await link.ask("add_sender", sender=malice.once(), events=["e"])
    (route,) = (route for event, route in added["events"] if event == "e")
    data = b"".join(frame(EVENT, route, b'"%s"' % (b"x" * 1000)) for _ in range(64))
    for _ in range(32):
        await link.say(data)
        await asyncio.sleep(0.02)
    await link.alive(malice.seconds)


async def does_not_read_answers(link: HostileLink, malice: Malice) -> None:
    await link.open()
    for _ in range(20):
        await link.say(b"".join(call(number, "list_senders", list_events=True) for number in range(50)))
    await link.alive(malice.seconds)


async def does_not_read_small_answers(link: HostileLink, malice: Malice) -> None:
    await link.open()
    for _ in range(50):
        await link.say(b"".join(call(number, "get_version") for number in range(200)))
    await link.alive(malice.seconds)


async def keeps_a_backlog(link: HostileLink, malice: Malice) -> None:
    """As many frames in as few bytes as there can be, over and over."""
    await link.open()
    for _ in range(20):
        await link.say(frame(CONTROL, 0, b"") * 7000)
    await link.swallow(0.5)


async def crafted_request_ids(link: HostileLink, malice: Malice) -> None:
    """Requests whose ids meet in a table of ids, of methods that change with each."""
    await link.open()
    found = await link.ask("resolve", sender=malice.target)
    for _ in range(3):
        tails = ((number << 18).to_bytes(4, "little") + b"\x04slo%c1" % (97 + number % 26) for number in range(9999))
        await link.say(b"".join(frame(REQUEST, found["route"], tail) for tail in tails))
        await link.swallow(0.2)


async def events_in_turn(link: HostileLink, malice: Malice) -> None:
    """The least events there are, never two of one kind in a row, so that none go together."""
    await link.open()
    added = await link.ask("add_sender", sender=malice.once(), events=["a", "b"])
    routes = [route for event, route in added["events"] if event in ("a", "b")]
    data = b"".join(frame(EVENT, route, b"1") for _ in range(3000) for route in routes)
    for _ in range(10):
        await link.say(data)
    await link.swallow(0.2)


async def last_values(link: HostileLink, malice: Malice) -> None:
    """State events whose last values are long, and listeners that come for all of them, over and over."""
    await link.open(features=["state"])
    names = [f"s{number}" for number in range(100)]
    added = await link.ask("add_sender", sender=malice.once(), events=names, state=names)
    for _, route in added["events"][:100]:
        await link.say(frame(EVENT, route, b'"%s"' % (b"x" * 200_000)))
    for number in range(100, 400, 2):
        await link.say(call(number, "add_listener", sender=None, event=None))
        await link.say(call(number + 1, "remove_listener", listener_id=(number - 98) // 2))
    await link.swallow(0.5)


async def sessions_that_wait(link: HostileLink, malice: Malice) -> None:
    """Ask for a session that outlives its link, let much wait for it, and leave it behind."""
    await link.open(features=["resume"], resume={"seconds": 60, "window": 1 << 20})
    await link.ask("add_listener", sender=None, event=None)
    added = await link.ask("add_sender", sender=malice.once(), events=["e"])
    (route,) = (route for event, route in added["events"] if event == "e")
    for _ in range(8):
        await link.say(b"".join(frame(EVENT, route, b'"%s"' % (b"x" * 10_000)) for _again in range(16)))


async def presence_to_many(link: HostileLink, malice: Malice) -> None:
    """Senders of a thousand events each, which come and go before those who listen to everything many times."""
    if malice.dice.random() < 0.5:
        for number in range(10):
            await link.say(b'{"id":%d,"method":"add_listener","params":{"sender":null,"event":null}}\n' % number)
        await asyncio.sleep(malice.seconds)  # reads nothing
        return
    await link.open()
    names = [f"{number:0>20}" for number in range(990)]
    for number in range(20):
        name = malice.once()
        await link.say(call(2 * number, "add_sender", sender=name, events=names))
        await link.say(call(2 * number + 1, "remove_sender", sender=name))
    await link.swallow(0.5)


ATTACKS: dict[str, Attack] = {
    attack.__name__: attack
    for attack in (
        *(nothing_said, id_of_others, plain_and_idle, board_that_leaves, board_of_others, wants_signs_of_life),
        *(forged_texts, probe, many_things_kept, small_frames_wanted, braces, names_that_collide, calls_at_once),
        *(small_values, small_values_plain, long_words, never_complete, never_complete_and_short),
        *(never_complete_plain, endless_hello, names_that_go, many_plain_listeners, many_requests, long_requests),
        *(come_and_go, subscribe_and_unsubscribe, leaves_inside, does_not_read_events, does_not_read_answers),
        *(does_not_read_small_answers, keeps_a_backlog, crafted_request_ids, events_in_turn, last_values),
        *(sessions_that_wait, presence_to_many),
    )
}
