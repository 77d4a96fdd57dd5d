"""`python -m tests.hostile`: a server among many hostile links, and pairs beside them that behave.

It fails where a pair loses something, or waits for too much work of the server, where the server takes too much memory
or keeps it, or where it logs too much. How long pairs waited is told; that says little where others have the processor.
"""

from __future__ import annotations

import argparse
import sys

from tests.hostile.attacks import ATTACKS
from tests.hostile.siege import Siege


def main() -> int:
    """Do what the command line asks; 1: the server did not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--links", type=int, default=1000, help="hostile ones, at one time")
    parser.add_argument("--sources", type=int, default=100, help="addresses that they come from")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--face", choices=["threads", "asyncio"], default="threads", help="of the server")
    parser.add_argument("--attack", action="append", choices=list(ATTACKS), help="more than once: these; else all")
    parser.add_argument("--unbounded", action="store_true", help="the server has no budget of memory")
    parser.add_argument("--each", action="store_true", help="one attack after the other, instead of all at once")
    parser.add_argument("--longest", type=float, default=0.5, help="seconds of work of the server that a pair may wait")
    parser.add_argument("--memory", type=int, default=256, help="MiB that all hostile links together may cost")
    options = parser.parse_args()
    attacks = options.attack or list(ATTACKS)
    faults: list[str] = []
    for names in [[name] for name in attacks] if options.each else [attacks]:
        siege = Siege(options.face, names, options.links, options.sources, options.seconds, unbounded=options.unbounded)
        siege.run()
        print(siege.report, flush=True)
        faults += siege.faults(options.longest, options.memory)
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
