"""pysig over a Unix socket; see peer_pysig.py."""

import tempfile
import time
from pathlib import Path

import peer_pysig
from benchkit import spawn_python
from peer_pysig import emitter, publisher, requester, responder, router, subscriber  # noqa: F401 - the roles

LABEL = "pysig (MessagePack, Unix socket)"
FILE = f"{tempfile.gettempdir()}/pysig-bench-{{port}}.sock"

peer_pysig.LISTEN = peer_pysig.CONNECT = f"unix://{FILE}"


def start_broker(port, log):
    process, file = spawn_python("pysig_unix", "router", port, log), Path(FILE.format(port=port))
    until = time.monotonic() + 10
    while not file.exists():
        if time.monotonic() > until:
            raise TimeoutError(f"{file}: the router does not listen after 10 s; see {log}")
        time.sleep(0.01)
    return process
