"""pysig over TLS, both ends with a certificate; see peer_pysig.py. Takes the extra `certs`."""
import shutil
import tempfile
from pathlib import Path

import peer_pysig
from benchkit import spawn_python, wait_port
from peer_pysig import emitter, idle, publisher, requester, responder, router, subscriber  # noqa: F401 - the roles

LABEL = "pysig (MessagePack, TLS)"
FOLDER = Path(tempfile.gettempdir()) / "pysig-bench-certificates"
FILES = f"ca={FOLDER}/ca.pem&cert={FOLDER}/{{name}}.pem&key={FOLDER}/{{name}}.key"

peer_pysig.LISTEN = "tls+tcp://127.0.0.1:{port}?" + FILES.format(name="server")
peer_pysig.CONNECT = "tls+tcp://127.0.0.1:{port}?" + FILES.format(name="client")


def start_broker(port, log):
    from sig_core.certs import Authority

    shutil.rmtree(FOLDER, ignore_errors=True)
    authority = Authority.create(FOLDER)
    authority.issue("server", hosts=("127.0.0.1",))
    authority.issue("client")
    process = spawn_python("pysig_tls", "router", port, log)
    wait_port(port)
    return process
