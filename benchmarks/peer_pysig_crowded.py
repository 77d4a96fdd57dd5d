"""pysig whose server has 10,000 other senders and 100,000 other subscriptions; see peer_pysig.py."""
import time

from benchkit import now, spawn_python, wait_port
from peer_pysig import connect, publisher, requester, responder, router, subscriber  # noqa: F401 - the roles

LABEL = "pysig in a crowd (10,000 senders, 100,000 subscriptions)"
SENDERS, SUBSCRIPTIONS, LINKS = 10_000, 100_000, 10


def start_broker(port, log):
    process = spawn_python("pysig_crowded", "router", port, log)
    wait_port(port)
    spawn_python("pysig_crowded", "crowd", port, log)
    wait_port(port + 1, 120)
    return process


def crowd(ctx):
    """Register everybody, write how long it took into the log, then say so by listening on the next port, and stay."""
    import sig_core as sig

    clients = [connect(ctx) for _ in range(LINKS)]
    begun = now()
    for first, client in enumerate(clients):
        client.add_remote_senders({f"crowd/{number}": "event" for number in range(first, SENDERS, LINKS)})
    print(f"{SENDERS} senders in {now() - begun:.2f} s", flush=True)
    begun = now()
    for number in range(SUBSCRIPTIONS):
        clients[number % LINKS].add_remote_listener(print, f"crowd/{number % SENDERS}", f"event {number // SENDERS}")
    print(f"{SUBSCRIPTIONS} subscriptions in {now() - begun:.2f} s", flush=True)
    with sig.ServerRouter(f"tcp://127.0.0.1:{ctx.port + 1}"):
        time.sleep(ctx.life)
