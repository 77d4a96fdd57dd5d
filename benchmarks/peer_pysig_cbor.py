"""pysig in CBOR; see peer_pysig.py."""
import peer_pysig
from benchkit import spawn_python, wait_port
from peer_pysig import emitter, idle, publisher, requester, responder, router, subscriber  # noqa: F401 - the roles

LABEL = "pysig (CBOR)"
peer_pysig.CODEC = "cbor"


def start_broker(port, log):
    process = spawn_python("pysig_cbor", "router", port, log)
    wait_port(port)
    return process
