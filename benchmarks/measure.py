"""One measured run: a fresh broker, the role processes, the figures of one workload."""
import contextlib
import fcntl
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

import benchkit

LOCK = os.path.join(tempfile.gettempdir(), "bench.lock")
W3_WARM = 500
children = []                # every process this one started


class Failed(Exception):
    """A run that gave no figure; the text says why."""


@dataclass(frozen=True)
class Workload:
    """How a workload is counted: `count` starts the calibration, or is final without `high`."""

    title: str
    kind: str
    count: int
    low: int = 0
    high: int = 0
    size: int = 0
    inflight: int = 0
    metric: str = "rate"

    @property
    def lower_is_better(self):
        return self.metric != "rate"


WORKLOADS = {
    "W1": Workload("W1 msg/s", "events", 4000, 2000, 4_000_000),
    "W2": Workload("W2 deliveries/s", "events", 1000, 400, 1_000_000),
    "W3": Workload("W3 p50 / p99 us", "requests", 5000, inflight=1, metric="p50"),
    "W4": Workload("W4 calls/s", "requests", 2000, 1000, 2_000_000, inflight=100),
    "W5": Workload("W5 64 KiB msg/s", "events", 300, 200, 60_000, size=65536),
    "W6": Workload("W6 RSS/conn", "idle", 1000, metric="kb_per_conn"),
    "W8": Workload("W8 one-way p50 / p99 us", "latency", 0, metric="p50"),
    "W9": Workload("W9 p50 / p99 us at events/s", "mixed", 4000, 2000, 4_000_000, inflight=1,
                   metric="p50"),
}
NEEDS = {"events": ("publisher", "subscriber"), "latency": ("publisher", "subscriber"),
         "requests": ("responder", "requester"), "idle": ("start_broker", "idle"),
         "mixed": ("publisher", "subscriber", "responder", "requester")}


def supports(peer, work):
    """Whether the peer has the roles of the workload (W6 needs a broker)."""
    module = benchkit.load_peer(peer)
    return all(hasattr(module, name) for name in NEEDS[WORKLOADS[work].kind])


class Role:
    """A role process and its line protocol: READY, GO, RESULT {json}, STOP."""

    def __init__(self, module, log, **fields):
        self.name = fields["role"]
        self.log = log
        python = getattr(module, "PYTHON", sys.executable)
        with open(log, "ab") as f:
            self.process = subprocess.Popen(
                [python, os.path.join(benchkit.HERE, "role.py"), json.dumps(fields)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=f)
        children.append(self.process)
        self.buf = b""

    def line(self, timeout):
        end = time.monotonic() + timeout
        while b"\n" not in self.buf:
            left = end - time.monotonic()
            if left <= 0:
                raise Failed(f"{self.name}: nothing within {timeout:.0f} s")
            if select.select([self.process.stdout], [], [], left)[0]:
                data = os.read(self.process.stdout.fileno(), 65536)
                if not data:
                    raise Failed(f"{self.name} ended: {tail(self.log)}")
                self.buf += data
        line, self.buf = self.buf.split(b"\n", 1)
        return line.decode()

    def expect(self, word, timeout):
        while True:
            s = self.line(timeout)
            if s.startswith(word):
                return s[len(word):]
            if s.startswith("FAILED"):
                raise Failed(f"{self.name} failed: {tail(self.log)}")

    def result(self, timeout=100):
        return json.loads(self.expect("RESULT", timeout))

    def say(self, *words):
        try:
            self.process.stdin.write(" ".join(map(str, words)).encode() + b"\n")
            self.process.stdin.flush()
        except OSError:
            pass

    def end(self):
        self.say("STOP")
        try:
            self.process.wait(0.3)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
        for f in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                f.close()


class Run:
    """Context manager: starts the broker; ends the roles and the broker whatever happens."""

    def __init__(self, peer, work, workdir, thorough=False):
        self.peer = peer
        self.thorough = thorough
        self.work = WORKLOADS[work]
        self.module = benchkit.load_peer(peer)
        self.port = free_port()
        self.log = os.path.join(workdir, f"{peer}-{work}-{self.port}.log")
        self.broker = None
        self.roles = []

    def __enter__(self):
        if hasattr(self.module, "start_broker"):
            self.broker = self.module.start_broker(self.port, self.log)
            children.append(self.broker)
        return self

    def __exit__(self, *_):
        for role in self.roles:
            role.end()
        if self.broker:
            stop_broker(self.broker)

    def role(self, name, **fields):
        """Start a role and wait until it is connected."""
        role = Role(self.module, self.log, peer=self.peer, role=name, port=self.port,
                    size=self.work.size, thorough=self.thorough, **fields)
        self.roles.append(role)
        role.expect("READY", 60)
        return role

    def broker_cpu(self):
        return cpu_of(self.broker.pid) if self.broker else 0


def events(run, count, rate=0):
    """W1, W2, W5 and W8: the rate counts from the first publish to the last delivery."""
    processes, per = (2, 5) if run.work is WORKLOADS["W2"] else (1, 1)
    pub = run.role("publisher", count=count, rate=rate)
    subs = [run.role("subscriber", count=count, nsubs=per, index=i, rate=rate)
            for i in range(processes)]
    time.sleep(0.6)
    before = run.broker_cpu()
    for s in subs:
        s.say("GO")
    time.sleep(0.05)
    pub.say("GO")
    p = pub.result()
    rs = [s.result() for s in subs]
    after = run.broker_cpu()
    n = sum(r["n"] for r in rs)
    seconds = max(r["last"] for r in rs) - p["t0"]
    row = {"rate": n / seconds, "seconds": seconds, "delivered": n,
           "faults": add_faults(rs), "pub_rate": count / (p["t1"] - p["t0"]),
           "cpu_us": {"pub": p["cpu"] / max(n, 1) * 1e6, "broker": (after - before) / max(n, 1) * 1e6,
                      "sub": sum(r["cpu"] for r in rs) / max(n, 1) * 1e6},
           "broker_rss_kb": rss_of(run.broker.pid) if run.broker else 0}
    if run.work.size:
        row["mb_s"] = row["rate"] * run.work.size / 1e6
    for key in ("p50", "p99", "max", "mean"):
        if key in rs[0]:
            row[key] = rs[0][key]
    return row


def requests(run, count):
    """W3 one at a time (latency), W4 many in flight (rate)."""
    warm = W3_WARM if run.work.inflight == 1 else 0
    resp = run.role("responder")
    req = run.role("requester", count=count, warm=warm, inflight=run.work.inflight)
    time.sleep(0.6)
    before = run.broker_cpu()
    resp.say("GO")
    time.sleep(0.05)
    req.say("GO")
    q = req.result()
    after = run.broker_cpu()
    resp.say("STOP")
    n = q["calls"] + warm
    row = {k: q[k] for k in ("p50", "p99", "max", "mean", "seconds", "calls", "faults") if k in q}
    if "seconds" in q:
        row["rate"] = q["calls"] / q["seconds"]
    row["cpu_us"] = {"req": q["cpu"] / n * 1e6, "broker": (after - before) / n * 1e6,
                     "resp": resp.result(10)["cpu"] / n * 1e6}
    return row


def mixed(run, count):
    """W9: W1 and W3 at once; only requests between the first publish and the last delivery count."""
    pub = run.role("publisher", count=count)
    sub = run.role("subscriber", count=count)
    resp = run.role("responder")
    req = run.role("requester", inflight=1, until_stop=True)
    time.sleep(0.6)
    sub.say("GO")
    resp.say("GO")
    time.sleep(0.05)
    req.say("GO")
    time.sleep(0.3)                         # the requests before the first event are the warm-up
    pub.say("GO")
    p = pub.result()
    s = sub.result()
    req.say("STOP", p["t0"], s["last"])
    q = req.result(30)
    seconds = s["last"] - p["t0"]
    return {"rate": s["n"] / seconds, "seconds": seconds, "faults": s["faults"],
            "calls_per_s": q["calls"] / seconds, "pub_rate": count / (p["t1"] - p["t0"]),
            **{k: q[k] for k in ("p50", "p99", "max", "mean", "calls")}}


def idle(run, count):
    """W6: growth of the broker's resident memory over ten connections."""
    run.role("idle", count=10, index=9)
    time.sleep(0.5)
    m0, n0 = rss_of(run.broker.pid), established(run.port)
    run.role("idle", count=count, index=1)
    time.sleep(1.5)
    m1, n1 = rss_of(run.broker.pid), established(run.port)
    if n1 - n0 < count:
        raise Failed(f"the broker holds {n1 - n0} of {count} connections")
    return {"kb_per_conn": (m1 - m0) / (n1 - n0), "base_kb": m0, "total_kb": m1, "conns": n1 - n0}


def measure(peer, work, count, workdir, rate=1000, thorough=False):
    """One run under the machine-wide lock; the row has "error" where it failed or was not intact.

    thorough: compare every message in full, which slows the fastest peers; for pilots."""
    row = {"peer": peer, "label": benchkit.load_peer(peer).LABEL, "work": work, "count": count}
    with Locked():
        row["load1"] = os.getloadavg()[0]
        try:
            with Run(peer, work, workdir, thorough) as run:
                kind = run.work.kind
                if kind == "latency":
                    row.update(events(run, count, rate))
                else:
                    row.update({"events": events, "requests": requests, "mixed": mixed,
                                "idle": idle}[kind](run, count))
        except (Failed, OSError, RuntimeError, LookupError, ValueError) as e:
            row["error"] = f"{type(e).__name__}: {e}"      # must not end the other peers
    if any(row.get("faults", {}).values()):
        row["error"] = "not intact: " + ", ".join(f"{n} {k}" for k, n in row["faults"].items())
    return row


class Locked:
    """Holds the machine-wide lock, so that two measuring programs never overlap."""

    def __enter__(self):
        try:
            self.fd = os.open(LOCK, os.O_RDONLY)
        except FileNotFoundError:
            self.fd = os.open(LOCK, os.O_RDONLY | os.O_CREAT, 0o644)
        fcntl.flock(self.fd, fcntl.LOCK_EX)

    def __exit__(self, *_):
        os.close(self.fd)


def add_faults(results):
    return {k: sum(r["faults"][k] for r in results) for k in results[0]["faults"]}


def tail(log):
    try:
        with open(log, errors="replace") as f:
            return " | ".join(f.read().strip().splitlines()[-12:])[-1500:]
    except OSError:
        return ""


def tree(pid):
    """A process and all below it."""
    pids = [pid]
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as f:
            for child in f.read().split():
                pids += tree(int(child))
    return pids


def cpu_of(pid):
    """Processor seconds of a process and its children (resolution 10 ms)."""
    total = 0
    for p in tree(pid):
        with open(f"/proc/{p}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def rss_of(pid):
    """Resident KiB of a process and its children."""
    total = 0
    for p in tree(pid):
        with open(f"/proc/{p}/status") as f:
            total += sum(int(s.split()[1]) for s in f if s.startswith("VmRSS"))
    return total


def established(port):
    """How many accepted connections the broker really holds on port..port+9."""
    with open("/proc/net/tcp") as f:
        lines = [s.split() for s in f.readlines()[1:]]
    return sum(s[3] == "01" and port <= int(s[1].split(":")[1], 16) < port + 10 for s in lines)


def free_port():
    """A port below the ephemeral range with the next nine free too."""
    for _ in range(200):
        port = random.randrange(20000, 32000, 10)
        try:
            for k in range(10):
                with socket.socket() as s:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    s.bind(("127.0.0.1", port + k))
            return port
        except OSError:
            continue
    raise Failed("no ten free ports in a row")


def stop_broker(broker):
    """End our own broker and the children it leaves."""
    pids = tree(broker.pid) if broker.poll() is None else []
    broker.terminate()
    try:
        broker.wait(4)
    except subprocess.TimeoutExpired:
        broker.kill()
        broker.wait(5)
    for pid in pids[1:]:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def kill_all():
    """The last resort at the time limit: every process started here, by its pid."""
    for p in children:
        if p.poll() is None:
            p.kill()
