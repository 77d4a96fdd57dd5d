"""What every peer file uses: payloads, codec, broker start, the role's context and its checks.

A role function gets one `Ctx`.  It connects, calls `ctx.ready()` (tells run.py, blocks until run.py
says GO), works, and reports through one of the `Ctx` result methods.  All times are
time.monotonic(), which every process of one machine shares.
"""
import asyncio
import contextlib
import ctypes
import importlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

try:
    import msgspec
except ImportError:          # a peer with an interpreter of its own may encode by itself
    encode = decode = None
else:
    encode = msgspec.msgpack.Encoder().encode
    decode = msgspec.msgpack.Decoder().decode

HERE = os.path.dirname(os.path.abspath(__file__))
TOPIC = "bench/topic"
QUIET = 15.0                 # seconds without a message after which a blocking subscriber gives up
GRACE = 0.1                  # seconds a subscriber listens on after the last message, for doubles
now = time.monotonic


# ---- payloads

def payload(i, size=0):
    """The dict of event or request number `i`, with a blob of `size` bytes if asked."""
    d = {"n": i, "t": 1700000000.123, "value": 21.5, "unit": "C", "ok": True}
    if size:
        d["data"] = bytes(size)
    return d


def handle(d):
    """What every responder does with a decoded request: answer the same dict."""
    return d


# ---- processes

def load_peer(name):
    """Import peer_NAME.py from the kit's folder or from a folder of --peer-path."""
    for folder in (HERE, *os.environ.get("BENCH_PEER_PATH", "").split(os.pathsep)):
        if folder and folder not in sys.path:
            sys.path.append(folder)
    return importlib.import_module("peer_" + name)


def die_with_parent():
    """Ask Linux for a SIGTERM when the parent ends, so that nothing outlives run.py."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def limit_life(seconds):
    """End this process after so many seconds, whatever it waits for."""
    timer = threading.Timer(seconds, os._exit, (3,))
    timer.daemon = True
    timer.start()


def program(name):
    """Path of a broker's program: the virtual environment first, then the system's folders."""
    folders = [os.path.join(sys.prefix, "bin"), os.environ.get("PATH", os.defpath),
               "/usr/local/sbin", "/usr/sbin", "/sbin"]
    path = shutil.which(name, path=os.pathsep.join(folders))
    if not path:
        raise FileNotFoundError(f"{name} is not installed (see setup)")
    return path


def spawn(command, log, env=None):
    """Start a broker process that ends when run.py ends; its folder is the log's temporary one."""
    with open(log, "ab") as f:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=f, stderr=f,
                                preexec_fn=die_with_parent, env=env, cwd=os.path.dirname(log))


def spawn_python(peer, function, port, log, python=sys.executable):
    """Start `function(ctx)` of peer_PEER.py as the broker, in a Python process of its own."""
    fields = {"peer": peer, "role": function, "port": port, "life": 240}
    return spawn([python, os.path.join(HERE, "role.py"), json.dumps(fields)], log)


def wait_port(port, timeout=20.0):
    """Return when something listens on 127.0.0.1:port."""
    end = now() + timeout
    while now() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 0.5).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"nothing listens on {port}")


def run_async(coro):
    """Run on uvloop where it is installed, which is what a careful user would do."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(coro)
    return uvloop.run(coro)


# ---- checks

class Sink:
    """Takes every decoded event (or reply): counts, checks, notes when the last one came."""

    def __init__(self, count, copies=1, size=0, thorough=False):
        self.count = count
        self.copies = copies
        self.size = size
        self.expect = count * copies
        self.seen = bytearray(count)         # how often each number came
        self.mask = 0 if thorough else 15 if size else 1023      # one in mask + 1 is compared in full
        self.n = self.wrong = 0
        self.last = 0.0
        self.done = threading.Event()
        self.on_done = None

    def __call__(self, d):
        n = d["n"]
        self.seen[n] += 1
        self.n += 1
        if not n & self.mask and not self.same(d):
            self.wrong += 1
        if self.n == self.expect:
            self.last = now()
            self.done.set()
            if self.on_done:
                self.on_done()

    def same(self, d):
        """Whether `d` is the payload that was sent under its number."""
        return d == payload(d["n"], self.size)

    def faults(self):
        """How many messages were lost, doubled and wrong."""
        lost = doubled = 0
        if self.seen.count(self.copies) != self.count:
            lost = sum(self.copies - c for c in self.seen if c < self.copies)
            doubled = sum(c - self.copies for c in self.seen if c > self.copies)
        return {"lost": lost, "doubled": doubled, "wrong": self.wrong}

    def figures(self):
        """Figures of the events themselves; none here."""
        return {}

    def _patience(self, quiet=4.0, limit=90.0):
        """Yield while more may come: nothing for `quiet` seconds (20 before the first) ends it."""
        end, seen, since = now() + limit, -1, now()
        while not self.done.is_set():
            t = now()
            if self.n != seen:
                seen, since = self.n, t
            elif t - since > (quiet if self.n else 20) or t > end:
                return
            yield

    def wait(self):
        """Block until all came or no more come, then listen a moment longer for doubles."""
        for _ in self._patience():
            self.done.wait(0.25)
        time.sleep(GRACE)

    async def wait_async(self):
        """The same for asyncio subscribers."""
        event = asyncio.Event()
        self.on_done = event.set
        for _ in self._patience():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), 0.25)
        await asyncio.sleep(GRACE)


class LatencySink(Sink):
    """W8: notes the time from the publisher's stamp to the callback; the first 200 are warm-up."""

    WARM = 200

    def __init__(self, *args):
        super().__init__(*args)
        self.latencies = []

    def __call__(self, d):
        self.latencies.append(now() - d["t"])
        super().__call__(d)

    def same(self, d):
        return {**d, "t": 0} == {**payload(d["n"], self.size), "t": 0}

    def figures(self):
        return percentiles(self.latencies[self.WARM:])


def percentiles(seconds):
    """Median and others of a list of seconds, in microseconds."""
    if not seconds:
        raise RuntimeError("nothing was measured")
    s = sorted(seconds)
    n = len(s)
    return {"p50": s[n // 2] * 1e6, "p99": s[n * 99 // 100] * 1e6, "max": s[-1] * 1e6,
            "mean": sum(s) / n * 1e6}


# ---- the context of a role

class Ctx:
    """One role of one run: peer, role, port, count, size, nsubs, inflight, index, rate and more."""

    DEFAULTS = {"count": 0, "size": 0, "nsubs": 1, "inflight": 0, "warm": 0, "index": 0, "rate": 0,  # noqa: RUF012 - read only
                "until_stop": False, "thorough": False, "life": 150}

    def __init__(self, fields):
        self.__dict__.update(self.DEFAULTS, **fields)
        limit_life(self.life)
        self._cpu = 0.0
        self._ticks = None
        self._stopped = threading.Event()
        self._window = None

    # -- talk with run.py

    def ready(self):
        """Say READY, wait for GO, start counting processor time."""
        print("READY", flush=True)
        if not sys.stdin.readline():
            os._exit(4)
        self._cpu = time.process_time()

    async def aready(self):
        """The same for asyncio."""
        await asyncio.get_running_loop().run_in_executor(None, self.ready)

    def wait_stop(self):
        """Publishers, responders and idle holders: block until run.py says STOP."""
        sys.stdin.readline()

    async def await_stop(self):
        """The same for asyncio."""
        await asyncio.get_running_loop().run_in_executor(None, self.wait_stop)

    def result(self, **fields):
        """Report to run.py, with the processor time since GO."""
        fields["cpu"] = time.process_time() - self._cpu
        print("RESULT", json.dumps(fields), flush=True)

    # -- events

    def payload(self, i):
        """The dict number `i`; in W8 stamped with the time it is made."""
        d = payload(i, self.size)
        if self.rate:
            d["t"] = now()
        return d

    def schedule(self, step=1):
        """The numbers to publish from; in W8 each comes when it is due."""
        return self._due() if self.rate else range(0, self.count, step)

    def _due(self):
        start = now()
        for i in range(self.count):
            wait = start + i / self.rate - now()
            if wait > 0:
                time.sleep(wait)
            yield i

    async def tick(self):
        """Asyncio publishers, only if ctx.rate: wait until the next event is due.

        A thread keeps the time, because uvloop's timers have steps of 1 ms."""
        if self._ticks is None:
            self._ticks = asyncio.Semaphore(0)
            loop = asyncio.get_running_loop()

            def keep_time():
                for _ in self._due():
                    loop.call_soon_threadsafe(self._ticks.release)
            threading.Thread(target=keep_time, daemon=True).start()
        await self._ticks.acquire()

    def batch(self, size):
        """How much to collect before sending: `size`, but single events in W8."""
        return 1 if self.rate else size

    def published(self, t0):
        """The publisher's result; `t0` is the time of its first publish."""
        self.result(t0=t0, t1=now())

    def sink(self):
        """The one sink of this subscriber (for all its connections) or of this requester."""
        kind = LatencySink if self.rate else Sink
        return kind(self.count, self.nsubs, self.size, self.thorough or bool(self.rate))

    def received(self, sink):
        """The subscriber's result."""
        self.result(last=sink.last or now(), n=sink.n, faults=sink.faults(), **sink.figures())

    # -- requests

    def _numbers(self):
        """Numbers of the sequential requests: warm-up, then `count`, or until run.py says STOP."""
        end = now() + (60 if self.until_stop else 20)
        if self.until_stop:
            def listen():
                words = sys.stdin.readline().split()
                self._window = tuple(map(float, words[1:3]))
                self._stopped.set()
            threading.Thread(target=listen, daemon=True).start()
        i = 0 if self.until_stop else -self.warm
        while now() < end and (self.until_stop or i < self.count) and not self._stopped.is_set():
            yield i
            i += 1

    def serve(self, turn):
        """A responder's life: `turn()` serves what has come, or waits for a moment, over and over on a thread."""
        stop = threading.Event()

        def serve():
            while not stop.is_set():
                turn()
        thread = threading.Thread(target=serve)
        thread.start()
        self.ready()
        self.wait_stop()
        stop.set()
        thread.join(2)
        self.result()

    def _sequential_result(self, samples):
        """samples: (number, start, seconds).  W9 keeps those inside the window run.py names."""
        if self.until_stop:
            a, b = self._window or (0, 0)
            kept = [s for _, t, s in samples if a <= t and t + s <= b]
        else:
            kept = [s for i, _, s in samples if i >= 0]
        self.result(calls=len(kept), **percentiles(kept))

    def sequential(self, call):
        """W3 and W9: `call(dict) -> dict`, one at a time."""
        samples = []
        for i in self._numbers():
            d = self.payload(i)
            t = now()
            reply = call(d)
            samples.append((i, t, now() - t))
            check_reply(reply, d)
        self._sequential_result(samples)

    async def sequential_async(self, call):
        """The same for asyncio."""
        samples = []
        for i in self._numbers():
            d = self.payload(i)
            t = now()
            reply = await call(d)
            samples.append((i, t, now() - t))
            check_reply(reply, d)
        self._sequential_result(samples)

    async def requests_async(self, call):
        """W3 and W9, or W4, for asyncio: `call` takes a dict and gives one, when it is awaited."""
        await (self.sequential_async if self.inflight == 1 else self.concurrent_async)(call)

    async def concurrent_async(self, call):
        """W4 for asyncio: `inflight` workers that each await one call after another."""
        sink = self.sink()
        numbers = iter(range(self.count))

        async def worker():
            for i in numbers:
                reply = await call(self.payload(i))
                if reply["n"] != i:
                    raise RuntimeError(f"wrong reply {reply!r} to {i}")
                sink(reply)
        t0 = now()
        await asyncio.gather(*[worker() for _ in range(self.inflight)])
        self.answered(sink, t0)

    def answered(self, sink, t0):
        """W4's result: every reply went through `sink`; `t0` is the time of the first request."""
        self.result(calls=sink.n, seconds=(sink.last or now()) - t0, faults=sink.faults())


def check_reply(reply, request):
    """Responders answer what they were asked."""
    if reply != request:
        raise RuntimeError(f"wrong reply {reply!r:.200} to {request!r:.200}")
