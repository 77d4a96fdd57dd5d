"""W7: in-process dispatch of one dict to 1 and 10 listeners; emits per second (median of 9 rounds).

    python inprocess.py [--only blinker,NAME] [--peer-path DIR --peers NAME] [--json FILE]

A peer file takes part with `emitter(listeners) -> emit(data)`: it connects the given functions and
returns what emits to them. Every library gets listeners of the form that it calls: with WITH_SENDER
they take two arguments, who fired and the data, else the data alone."""
import argparse
import json
import os
import statistics
import sys
import time

sys.dont_write_bytecode = True

from benchkit import load_peer, payload  # noqa: E402
from measure import Locked  # noqa: E402

ROUNDS = 9


def plain_list(listeners):
    def emit(data):
        for f in listeners:
            f(data)
    return emit


def blinker_signal(listeners, weak=True):
    import blinker
    signal = blinker.Signal()
    for f in listeners:
        signal.connect(f, weak=weak)
    return lambda data: signal.send(None, data=data)


def blinker_strong(listeners):
    return blinker_signal(listeners, weak=False)


def pydispatcher(listeners):
    from pydispatch import dispatcher
    name = f"s{len(listeners)}"
    for f in listeners:
        dispatcher.connect(f, signal=name, sender=dispatcher.Any)
    return lambda data: dispatcher.send(signal=name, sender=None, data=data)


def pypubsub(listeners):
    from pubsub import pub
    topic = f"t{len(listeners)}"
    for f in listeners:
        pub.subscribe(f, topic)
    return lambda data: pub.sendMessage(topic, data=data)


def pymitter_plain(listeners, name="e", **options):
    import pymitter
    emitter = pymitter.EventEmitter(**options)
    for f in listeners:
        emitter.on(name, f)
    return lambda data: emitter.emit(name, data=data)


def pymitter_wildcard(listeners):
    return pymitter_plain(listeners, "a.b", wildcard=True)


def psygnal_signal(listeners):
    import psygnal
    signal = psygnal.SignalInstance((dict,))
    for f in listeners:
        signal.connect(f)
    return signal.emit


EMITTERS = {"plain list of functions": plain_list, "blinker": blinker_signal,
            "blinker strong refs": blinker_strong, "PyDispatcher": pydispatcher,
            "pypubsub": pypubsub, "pymitter": pymitter_plain,
            "pymitter wildcard on": pymitter_wildcard, "psygnal": psygnal_signal}
WITH_SENDER = ["blinker", "blinker strong refs"]     # their listeners get (sender, data), not data alone


def make_listeners(k, with_sender):
    """k distinct trivial functions, which the caller keeps alive, and their call counter."""
    calls = []

    def make():
        if with_sender:
            def listener(sender, data=None):
                if data is None:
                    calls.append(1)
        else:
            def listener(data=None):
                if data is None:
                    calls.append(1)
        return listener
    return [make() for _ in range(k)], calls


def checked(name, emitter, k):
    """(what emits to `k` listeners, these), after a check that one emit reaches every listener once."""
    listeners, calls = make_listeners(k, name in WITH_SENDER)
    emit = emitter(listeners)
    emit(None)
    if len(calls) != k:
        raise SystemExit(f"{name}: {len(calls)} of {k} listeners called")
    return emit, listeners              # who holds them weakly needs somebody to keep them


def rate(emit, data, n):
    t = time.perf_counter()
    for _ in range(n):
        emit(data)
    return n / (time.perf_counter() - t)


def measure(chosen):
    """{name: {1: emits/s, 10: emits/s}}, medians of rounds in which each has its turn: the machine's speed changes."""
    sources = {(name, k): checked(name, emitter, k) for name, emitter in chosen.items() for k in (1, 10)}
    rounds = [{key: rate(emit, payload(1), 100000 // key[1]) for key, (emit, _) in sources.items()}
              for _ in range(ROUNDS)]
    return {name: {k: statistics.median(r[name, k] for r in rounds) for k in (1, 10)} for name in chosen}


def present(chosen):
    """Those that are installed; of the others it is told why they are left out."""
    kept = {}
    for name, emitter in chosen.items():
        try:
            emitter([])
        except ImportError as e:
            print(f"# {name}: left out: {e} (see setup)")
        else:
            kept[name] = emitter
    return kept


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--only", default=",".join(EMITTERS))
    ap.add_argument("--peers", default="", help="peer files that have an emitter()")
    ap.add_argument("--peer-path", metavar="DIR", action="append", default=[])
    ap.add_argument("--json", metavar="FILE")
    ap.add_argument("--results", metavar="DIR", help="append the table to RESULTS.md there")
    a = ap.parse_args()
    os.environ["BENCH_PEER_PATH"] = os.pathsep.join(map(os.path.abspath, a.peer_path))
    chosen = {n: EMITTERS[n] for n in a.only.split(",") if n}
    for name in filter(None, a.peers.split(",")):
        peer = load_peer(name)
        chosen[peer.LABEL] = peer.emitter
        if getattr(peer, "WITH_SENDER", False):
            WITH_SENDER.append(peer.LABEL)
    with Locked():
        rates = measure(present(chosen))
    table = "| library | emits/s to 1 | to 10 | callbacks/s at 10 |\n|---|---|---|---|\n" + "".join(
        f"| {name} | {r[1]:,.0f} | {r[10]:,.0f} | {r[10] * 10:,.0f} |\n" for name, r in rates.items())
    print(table)
    if a.results:
        with open(os.path.join(a.results, "RESULTS.md"), "a") as f:
            f.write(f"\nW7, in one process:\n\n{table}")
    if a.json:
        with open(a.json, "w") as f:
            json.dump(rates, f, indent=1)


if __name__ == "__main__":
    main()
