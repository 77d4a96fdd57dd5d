"""iceoryx2: shared memory, no broker; MessagePack in slices of bytes, copied in once and decoded where it lies.

Without a broker there is one hop less, and nobody on another machine.  A full buffer blocks the publisher (by default
it would lose the oldest).  Shared memory wakes nobody: an event beside it does, here one for 16 samples, or for each
where it counts.  Requests are its request-response service with an event each way."""
import collections
import ctypes

import iceoryx2 as iox
from benchkit import GRACE, QUIET, decode, encode, handle, now

LABEL = "iceoryx2 (no broker)"
BYTES = iox.Slice[ctypes.c_uint8]
SUBSCRIBERS = 10             # of W2
BUFFER, BIG_BUFFER = 256, 32         # samples of which one subscriber may be behind; each of them has its memory
SMALL = 256                  # bytes of a message without what --size adds
iox.set_log_level(iox.LogLevel.Error)


def seconds(number):
    return iox.Duration.from_secs_f64(number)


def woken(listener, limit):
    """Whether something came within so many seconds.  Two that came at once wake twice, the second time for nothing."""
    end = now() + limit
    return bool(listener.timed_wait(seconds(limit))) or now() < end


class Place:
    """A node, and the services of one run by their names."""

    def __init__(self, ctx):
        self.ctx = ctx
        quiet = iox.SignalHandlingMode.Disabled
        self.node = iox.NodeBuilder.new().signal_handling_mode(quiet).create(iox.ServiceType.Ipc)
        self.longest = SMALL + ctx.size

    def service(self, name):
        return self.node.service_builder(iox.ServiceName.new(f"bench/{self.ctx.port}/{name}"))

    def event(self, name):
        return self.service(name).event().max_nodes(40).open_or_create()

    def notifier(self, name):
        return self.event(name).notifier_builder().create()

    def listener(self, name):
        return self.event(name).listener_builder().create()

    def samples(self):
        buffer = BIG_BUFFER if self.ctx.size else BUFFER
        return (self.service("samples").publish_subscribe(BYTES).max_subscribers(SUBSCRIBERS).max_nodes(40)
                .enable_safe_overflow(False).subscriber_max_buffer_size(buffer).open_or_create())

    def requests(self):
        window = max(BUFFER, self.ctx.inflight)
        return (self.service("requests").request_response(BYTES, BYTES).max_active_requests_per_client(window)
                .enable_safe_overflow_for_requests(False).enable_safe_overflow_for_responses(False).open_or_create())


def fill(loan, data):
    """What was lent, with `data` in it: ready to be sent."""
    ctypes.memmove(loan.payload_ptr, data, len(data))
    return loan.assume_init()


def read(sample):
    return decode(sample.payload().as_memory_view())


def publisher(ctx):
    place = Place(ctx)
    source = place.samples().publisher_builder().initial_max_slice_len(place.longest).create()
    notify = place.notifier("sent").notify
    batch = ctx.batch(16)
    ctx.ready()
    t0 = now()
    for i in ctx.schedule():
        data = encode(ctx.payload(i))
        fill(source.loan_slice_uninit(len(data)), data).send()
        if i % batch == batch - 1:
            notify()
    notify()
    ctx.published(t0)
    ctx.wait_stop()


def subscriber(ctx):
    place = Place(ctx)
    service, sink = place.samples(), ctx.sink()
    receives = [service.subscriber_builder().create().receive for _ in range(ctx.nsubs)]
    listener = place.listener("sent")
    ctx.ready()
    while woken(listener, GRACE if sink.done.is_set() else QUIET):
        for receive in receives:
            while (sample := receive()) is not None:
                sink(read(sample))
                sample.delete()
    ctx.received(sink)


def responder(ctx):
    place = Place(ctx)
    server = place.requests().server_builder().initial_max_slice_len(place.longest).create()
    listener, notify = place.listener("asked"), place.notifier("answered").notify

    def turn():
        woken(listener, 0.1)
        while (request := server.receive()) is not None:
            data = encode(handle(read(request)))
            fill(request.loan_slice_uninit(len(data)), data).send()
            request.delete()
            notify()
    ctx.serve(turn)


def requester(ctx):
    place = Place(ctx)
    client = place.requests().client_builder().initial_max_slice_len(place.longest).create()
    listener, notify = place.listener("answered"), place.notifier("asked").notify
    open_requests = collections.deque()          # one server answers them in their order

    def ask(d):
        data = encode(d)
        open_requests.append(fill(client.loan_slice_uninit(len(data)), data).send())
        notify()

    def answers():
        """Those that have come; waits for the first of them."""
        while True:
            while open_requests and (response := open_requests[0].receive()) is not None:
                d = read(response)
                response.delete()
                open_requests.popleft().delete()
                yield d
            if not open_requests or not woken(listener, QUIET):
                return
    ctx.ready()
    if ctx.inflight == 1:
        def call(d):
            ask(d)
            return next(answers())
        ctx.sequential(call)
        return
    sink = ctx.sink()
    numbers = iter(range(ctx.inflight, ctx.count))
    t0 = now()
    for i in range(min(ctx.inflight, ctx.count)):
        ask(ctx.payload(i))
    for d in answers():
        sink(d)
        i = next(numbers, None)
        if i is not None:
            ask(ctx.payload(i))
    ctx.answered(sink, t0)
