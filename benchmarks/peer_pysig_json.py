"""pysig in JSON; see peer_pysig.py."""
import peer_pysig
from benchkit import spawn_python, wait_port
from peer_pysig import emitter, idle, publisher, requester, responder, router, subscriber  # noqa: F401 - the roles

LABEL = "pysig (JSON)"
peer_pysig.CODEC = "json"


def start_broker(port, log):
    process = spawn_python("pysig_json", "router", port, log)
    wait_port(port)
    return process
