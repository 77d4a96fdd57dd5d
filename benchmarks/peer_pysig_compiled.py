"""pysig as a compiled wheel, in an environment of its own; see peer_pysig.py."""
import os

from benchkit import HERE, spawn_python, wait_port
from peer_pysig import emitter, idle, publisher, requester, responder, router, subscriber  # noqa: F401 - the roles

LABEL = "pysig (MessagePack), compiled"
PYTHON = os.path.join(os.environ.get("BENCH_COMPILED_VENV") or os.path.join(os.path.dirname(HERE), ".bench-compiled"),
                      "bin", "python")


def start_broker(port, log):
    process = spawn_python("pysig_compiled", "router", port, log, PYTHON)
    wait_port(port)
    return process
