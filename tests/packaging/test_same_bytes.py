"""The compiled build puts the same bytes on its links as its sources do, at the same times: networks, simulated."""

from __future__ import annotations

import subprocess
import sys

import sig_core
from tests.support import ROOT, within

HISTORIES = """
import hashlib, sys
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, SourceFileLoader

class Sources:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("sig_core", "sig_carriers", "sig_codecs"):
            finders = [FileFinder(place, (SourceFileLoader, SOURCE_SUFFIXES)) for place in path or sys.path]
            return next(filter(None, (finder.find_spec(name) for finder in finders)), None)

if sys.argv[1] == "pure":
    sys.meta_path.insert(0, Sources())

import sig_core
from tests.simulation.history import draw
from tests.simulation.medium import End
from tests.simulation.running import run

digest, count, throw = hashlib.sha256(), 0, End._throw

def noted(self, data):
    global count
    count += len(data)
    digest.update(b"%.6f %d " % (self._world.now, len(data)) + data)
    throw(self, data)

End._throw = noted
for seed in range(20):
    assert run(draw(seed)).breach is None
print(sig_core.build, count, digest.hexdigest())
"""


def said(build: str) -> tuple[str, int, str]:
    """Run the histories by a build, or by the sources beside it; return what ran, how many bytes, and their digest."""
    command = [sys.executable, "-c", HISTORIES, build]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=within(60), check=False)
    assert done.returncode == 0, done.stderr
    ran, count, digest = done.stdout.split()
    return ran, int(count), digest


def test_the_same_bytes_at_the_same_times() -> None:
    ran, count, digest = said("as it is")
    assert ran == sig_core.build and count > 100_000
    assert said("pure") == ("pure", count, digest)
