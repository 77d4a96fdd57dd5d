"""The control of peer_pysig_tls_flooded.py: the same handshakes, with a server of their own that is not pysig's; what
the pair loses here, the machine takes from it."""
import contextlib
import socket
import ssl

import peer_pysig_tls
from benchkit import spawn_python, wait_port
from peer_pysig_tls import FOLDER, publisher, requester, responder, router, subscriber  # noqa: F401 - the roles

LABEL = "pysig (MessagePack, TLS), 500 handshakes/s with somebody else"


def start_broker(port, log):
    process = peer_pysig_tls.start_broker(port, log)
    spawn_python("pysig_tls_beside", "stranger", port + 1, log)
    wait_port(port + 1)
    spawn_python("pysig_tls_flooded", "flood", port + 1, log)
    return process


def stranger(ctx):
    """Shake hands with whoever comes, as a server of pysig does: TLS 1.3, a certificate of the client, no ticket."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(FOLDER / "ca.pem")
    context.load_cert_chain(FOLDER / "server.pem", FOLDER / "server.key")
    with socket.create_server(("127.0.0.1", ctx.port), backlog=128) as listening:
        while True:
            sock, _ = listening.accept()
            with contextlib.suppress(OSError), sock, context.wrap_socket(sock, server_side=True) as link:
                link.recv(100)
