"""pysig over TLS, while somebody shakes hands 500 times in a second, with a certificate, and leaves; see
peer_pysig_tls.py."""
import contextlib
import socket
import ssl
import time

import peer_pysig_tls
from benchkit import now, spawn_python
from peer_pysig_tls import FOLDER, publisher, requester, responder, router, subscriber  # noqa: F401 - the roles

LABEL = "pysig (MessagePack, TLS), beside 500 handshakes/s"
RATE = 500  # handshakes in a second


def start_broker(port, log):
    process = peer_pysig_tls.start_broker(port, log)
    spawn_python("pysig_tls_flooded", "flood", port, log)
    return process


def flood(ctx):
    """Shake hands when it is due, as far as there is time; the log says once a second how often that was."""
    context = ssl.create_default_context(cafile=FOLDER / "ca.pem")
    context.load_cert_chain(FOLDER / "client.pem", FOLDER / "client.key")
    begun, done = now(), 0
    while True:
        wait = begun + done / RATE - now()
        if wait > 0:
            time.sleep(wait)
        done += 1
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", ctx.port), 10) as sock:
            context.wrap_socket(sock, server_hostname="127.0.0.1").close()
        if done % RATE == 0:
            print(f"{done} handshakes in {now() - begun:.1f} s", flush=True)
