"""`python -m tests.fuzz`: run every target for a while, and say how many inputs ran, and what was found.

With atheris, if it is installed, which is guided by coverage; else with mutations of what is known. An input that
breaks a target is written to `build/fuzz`, and the command that runs it again is named.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.fuzz.corpus import inputs_of, keep
from tests.fuzz.mutation import mutations
from tests.fuzz.targets import TARGETS
from tests.support import ROOT

BUILD = ROOT / "build" / "fuzz"


def main() -> int:
    """Do what the command line asks; 1: a target was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="for each target")
    parser.add_argument("--target", action="append", choices=list(TARGETS), help="more than once: these; else all")
    parser.add_argument("--unguided", action="store_true", help="do without atheris")
    parser.add_argument("--keep", action="store_true", help="keep what was found in tests/fuzz/corpus")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run this input, and nothing else")
    options = parser.parse_args()
    targets = options.target or list(TARGETS)
    if options.replay:
        TARGETS[targets[0]](options.replay.read_bytes())
        return 0
    guided = not options.unguided and importlib.util.find_spec("atheris") is not None
    print(f"{'guided by coverage' if guided else 'mutations alone'}; {options.seconds:g} s for each target")
    run = run_guided if guided else run_unguided
    return max([run(target, options.seconds, options.keep) for target in targets])


def run_unguided(target: str, seconds: float, keeping: bool) -> int:
    """Run one target with mutations."""
    began, runs = time.monotonic(), 0
    for data in mutations(inputs_of(target), time.time_ns()):
        try:
            TARGETS[target](data)
        except Exception:
            traceback.print_exc()
            return broken(target, data)
        runs += 1
        if time.monotonic() - began >= seconds:
            break
    told(target, runs, time.monotonic() - began)
    return 0


def run_guided(target: str, seconds: float, keeping: bool) -> int:
    """Run one target with atheris, in a process of its own."""
    with tempfile.TemporaryDirectory() as work:
        found, least, crash = Path(work, "found"), Path(work, "least"), Path(work, "crash-")
        for folder in (found, least):
            folder.mkdir()
        for number, data in enumerate(inputs_of(target)):
            (found / f"known-{number}").write_bytes(data)
        limits = [f"-max_total_time={max(1, round(seconds))}", "-timeout=20", "-rss_limit_mb=2048", "-max_len=4096"]
        said = atheris(target, str(found), f"-artifact_prefix={crash}", "-print_final_stats=1", *limits)
        for left in Path(work).glob("crash-*"):
            print(said)
            return broken(target, left.read_bytes())
        runs, took = re.search(r"Done (\d+) runs in (\d+) second", said) or ["", "0", "1"], ""
        told(target, int(runs[1]), int(runs[2]), took)
        if keeping:
            atheris(target, "-merge=1", str(least), str(found))
            kept = keep(target, [path.read_bytes() for path in least.iterdir()])
            print(f"{'':18} {kept} inputs are kept in tests/fuzz/corpus")
    return 0


def atheris(target: str, *arguments: str) -> str:
    command = [sys.executable, "-m", "tests.fuzz.guided", target, *arguments]
    run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return run.stdout.decode(errors="replace")


def told(target: str, runs: int, seconds: float, more: str = "") -> None:
    print(f"{target:18} {runs:9} inputs, {runs / max(seconds, 0.001):7.0f}/s{more}", flush=True)


def broken(target: str, data: bytes) -> int:
    BUILD.mkdir(parents=True, exist_ok=True)
    file = BUILD / f"{target}-{len(data)}-{abs(hash(data)) % 10**6}"
    file.write_bytes(data)
    print(f"{target} is broken by {data!r}\nagain: {sys.executable} -m tests.fuzz --target {target} --replay {file}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
