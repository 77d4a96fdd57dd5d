"""One run: the server, the pairs that behave, and the crowd, each a process; what came of it in figures."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.hostile.witness import Witness
from tests.support import ROOT

__all__ = ["Siege"]

MIB = 1 << 20
QUIET = 1.0  # seconds before and after, in which nobody attacks
BACK = 10.0  # seconds after which what hostile links cost must have been given back
KEPT = 96  # MiB that a server keeps of what it needed once: blocks of the interpreter with something small in them
LOG = 150_000  # bytes of log in a second
PATIENCE = 60.0  # seconds for an end


class Siege:
    """A server that is attacked.

    Args:
        face: of the server.
        attacks: by name.
        links, sources, seconds: see `Crowd`.
        unbounded: the server has no budget of memory, to see whether that is what holds.

    Attributes:
        report: what came of it, a few lines.
        cost: MiB that the crowd cost, at most.
    """

    def __init__(
        self, face: str, attacks: list[str], links: int, sources: int, seconds: float, *, unbounded: bool = False
    ) -> None:
        self._options = ["--face", face, *["--unbounded"] * unbounded]
        self._face = face
        self._attacks = attacks
        self._links, self._sources, self._seconds = links, sources, seconds
        self.report = ""
        self.cost = 0.0

    def run(self) -> None:
        """Run it."""
        with tempfile.TemporaryDirectory() as folder:
            self._log = Path(folder, "log")
            command = [sys.executable, "-m", "tests.hostile.victim", str(self._log), *self._options]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as server:
                try:
                    assert server.stdout is not None
                    self._attack(server.stdout.readline().strip(), server.pid)
                finally:
                    assert server.stdin is not None
                    server.stdin.close()
                    server.wait(PATIENCE)
                if turn := server.stdout.read().strip():
                    self.report += f"\n  longest turn of the server: {1000 * float(turn):.0f} ms of a processor"

    def _attack(self, url: str, pid: int) -> None:
        witness = Witness(url, lambda: time.clock_gettime(processor_clock(pid)))
        witness.start()
        time.sleep(QUIET)
        witness.forget()
        self._before, peak = resident(pid), Peak(pid)
        peak.start()
        said = crowd(url, self._attacks, self._links, self._sources, self._seconds)
        self._peak, self._longest, self._work = peak.end(), witness.longest, witness.most_work
        self.cost = (self._peak - self._before) / MIB
        until = time.monotonic() + BACK
        while (after := resident(pid)) > self._before + KEPT * MIB and time.monotonic() < until:
            time.sleep(0.1)
        self._after, self._took = after, time.monotonic() - until + BACK
        witness.stop()
        self._lost = witness.faults
        self._logged = self._log.stat().st_size
        waits = ", ".join(
            f"{pair.what} {1000 * pair.longest['event']:.0f}/{1000 * pair.longest['answer']:.0f}"
            for pair in witness.pairs
        )
        what = self._attacks[0] if len(self._attacks) == 1 else f"{len(self._attacks)} attacks"
        kept = (self._after - self._before) / MIB
        self.report = (
            f"{what}, {self._links} links from {self._sources} addresses, {self._seconds:g} s, server on {self._face}\n"
            f"  longest wait {1000 * self._longest:.0f} ms, and {1000 * self._work:.0f} ms of work of the server\n"
            f"  longest wait of each pair (event/answer, ms): {waits}\n"
            f"  memory {self._before / MIB:.0f} + {self.cost:.0f} MiB, {kept:.0f} of them left after "
            f"{self._took:.1f} s; log {self._logged / 1000:.0f} kB\n"
            f"  done: {said}"
        )

    def faults(self, longest: float, memory: int, kept_at_most: int = KEPT) -> list[str]:
        """Return what did not hold.

        Args:
            longest: seconds of the server's work that a pair may wait for: what else it waits for is that somebody else
                has the processor.
            memory: MiB that the crowd may cost.
            kept_at_most: MiB that may stay when it has left.
        """
        kept = (self._after - self._before) / MIB
        found = list(self._lost)
        if self._work > longest:
            found.append(f"a pair waited for {self._work:.2f} s of the server's work, {longest:g} s is the limit")
        if self.cost > memory:
            found.append(f"the crowd cost {self.cost:.0f} MiB, {memory} are the limit")
        if kept > kept_at_most:
            found.append(f"{kept:.0f} MiB were not given back within {BACK:g} s, {kept_at_most} may be kept")
        if self._logged > LOG * (self._seconds + BACK):
            found.append(f"{self._logged} bytes of log, {LOG} a second are the limit")
        return found


def crowd(url: str, attacks: list[str], links: int, sources: int, seconds: float) -> str:
    """Let a crowd attack, and return how often it did what; it gives way to everybody else on this machine."""
    command = [sys.executable, "-m", "tests.hostile.crowd", url, f"--links={links}", f"--sources={sources}"]
    command += [f"--seconds={seconds}", *(f"--attack={name}" for name in attacks)]
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, preexec_fn=lambda: os.nice(10) and None
    )
    counts = {name: int(count) for count, name in map(str.split, done.stdout.splitlines())}
    if len(counts) < 2:
        return ", ".join(f"{count} times {name}" for name, count in counts.items())
    least, most = (pick(counts, key=counts.__getitem__) for pick in (min, max))
    return f"{sum(counts.values())} attacks, from {counts[least]} times {least} to {counts[most]} times {most}"


def processor_clock(pid: int) -> int:
    """Return the clock of the time that a process has had a processor: Linux makes its number like this."""
    return ~pid << 3 | 2


def resident(pid: int) -> int:
    """Return the bytes of memory that a process has."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    assert found is not None
    return 1024 * int(found[1])


class Peak(threading.Thread):
    """Looks at the memory of a process, and keeps the most that it saw."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._most = 0
        self._ended = threading.Event()

    def run(self) -> None:
        """See `Thread`."""
        while not self._ended.wait(0.02):
            self._most = max(self._most, resident(self._pid))

    def end(self) -> int:
        """Return the most, bytes."""
        self._ended.set()
        self.join()
        return self._most
