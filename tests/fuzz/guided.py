"""One target under a fuzzer that is guided by coverage: `python -m tests.fuzz.guided TARGET FOLDER... [-option=value]`.

The folders and the options are libFuzzer's. A process of its own: atheris counts the branches of what it has imported
itself, and ends the process when it is done.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["sig_core", "sig_codecs", "tomllib"]):
    from tests.fuzz.targets import TARGETS

if __name__ == "__main__":
    name, *options = sys.argv[1:]
    command = f"{sys.executable} -m tests.fuzz.guided {name}"  # by which it starts itself again, to merge
    atheris.Setup([command, *options], TARGETS[name])
    atheris.Fuzz()
