"""Eclipse Cyclone DDS from Python: UDP over 127.0.0.1, no broker; samples are reliable, and all of them are kept.

Without a broker there is one hop less, and each process finds all others by itself.  Small fields are MessagePack in a
sequence of bytes, faster from Python than a struct of five, and the 64 KiB of W5 are an array, as a sequence of them
would take 1.8 ms to write.  The five readers of one process share its sockets: a sample comes there once.  DDS for
Python has no requests: here they are a topic of questions and one of answers."""
from dataclasses import dataclass

from benchkit import GRACE, QUIET, decode, encode, handle, now
from cyclonedds.core import InstanceState, ReadCondition, SampleState, ViewState, WaitSet
from cyclonedds.domain import Domain, DomainParticipant
from cyclonedds.idl import IdlStruct
from cyclonedds.idl.types import array, sequence, uint8
from cyclonedds.pub import DataWriter
from cyclonedds.qos import Policy, Qos
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic
from cyclonedds.util import duration

LABEL = "Cyclone DDS (no broker)"
BIG = 65536                  # bytes of W5
ANY = SampleState.Any | ViewState.Any | InstanceState.Any
KEPT = Qos(Policy.Reliability.Reliable(duration(seconds=60)), Policy.History.KeepAll)
CONFIG = """<CycloneDDS><Domain id="any">
<General><Interfaces><NetworkInterface address="127.0.0.1"/></Interfaces>
<AllowMulticast>false</AllowMulticast></General>
<Discovery><Peers><Peer address="127.0.0.1"/></Peers><ParticipantIndex>auto</ParticipantIndex>
<MaxAutoParticipantIndex>40</MaxAutoParticipantIndex></Discovery></Domain></CycloneDDS>"""


@dataclass
class Message(IdlStruct):
    """What DDS carries: the small fields, encoded."""

    head: sequence[uint8]


@dataclass
class BigMessage(Message):
    """The same with what W5 adds."""

    data: array[uint8, BIG]


def pack(d):
    if "data" not in d:
        return Message(encode(d))
    data = d.pop("data")
    return BigMessage(encode(d), data)


def unpack(message):
    d = decode(bytes(message.head))
    if hasattr(message, "data"):
        d["data"] = message.data
    return d


class Place:
    """The domain of one run, in which its topics are."""

    def __init__(self, ctx):
        number = ctx.port // 10 % 200               # a run has a domain of its own, as others have a broker
        self.domain = Domain(number, CONFIG)        # who drops it ends all that is in it
        self.participant = DomainParticipant(number)
        self.kind = BigMessage if ctx.size else Message

    def writer(self, name):
        return DataWriter(self.participant, Topic(self.participant, name, self.kind), qos=KEPT)

    def reader(self, name):
        return DataReader(self.participant, Topic(self.participant, name, self.kind), qos=KEPT)


class Reading:
    """Takes what comes to some readers, as soon as it comes."""

    def __init__(self, *readers):
        self.readers = readers
        self.waitset = WaitSet(readers[0].participant)
        for reader in readers:
            self.waitset.attach(ReadCondition(reader, ANY))

    def take(self, limit):
        """The next payloads, decoded; none if none came within so many seconds."""
        self.waitset.wait(duration(seconds=limit))
        return [unpack(sample) for reader in self.readers for sample in reader.take(100)]


def publisher(ctx):
    place = Place(ctx)
    write = place.writer("events").write
    ctx.ready()
    t0 = now()
    for i in ctx.schedule():
        write(pack(ctx.payload(i)))
    ctx.published(t0)
    ctx.wait_stop()


def subscriber(ctx):
    place, sink = Place(ctx), ctx.sink()
    reading = Reading(*[place.reader("events") for _ in range(ctx.nsubs)])
    ctx.ready()
    while came := reading.take(GRACE if sink.done.is_set() else QUIET):
        for d in came:
            sink(d)
    ctx.received(sink)


def responder(ctx):
    place = Place(ctx)
    reading, write = Reading(place.reader("asked")), place.writer("answered").write

    def turn():
        for d in reading.take(0.1):
            write(pack(handle(d)))
    ctx.serve(turn)


def requester(ctx):
    place = Place(ctx)
    reading, write = Reading(place.reader("answered")), place.writer("asked").write
    ctx.ready()
    if ctx.inflight == 1:
        def call(d):
            write(pack(d))
            return reading.take(QUIET)[0]
        ctx.sequential(call)
        return
    sink = ctx.sink()
    numbers = iter(range(ctx.inflight, ctx.count))
    t0 = now()
    for i in range(min(ctx.inflight, ctx.count)):
        write(pack(ctx.payload(i)))
    while not sink.done.is_set() and (came := reading.take(QUIET)):
        for d in came:
            sink(d)
            i = next(numbers, None)
            if i is not None:
                write(pack(ctx.payload(i)))
    ctx.answered(sink, t0)
