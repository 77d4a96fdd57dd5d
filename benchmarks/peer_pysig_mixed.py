"""pysig in two codecs: publishers and half of the subscribers speak MessagePack, the rest JSON; see peer_pysig.py."""
import itertools

import peer_pysig
from benchkit import spawn_python, wait_port
from peer_pysig import publisher, router, subscriber  # noqa: F401 - the roles

LABEL = "pysig (MessagePack to JSON and MessagePack)"
KINDS = itertools.cycle(["json", "msgpack"])


def start_broker(port, log):
    process = spawn_python("pysig_mixed", "router", port, log)
    wait_port(port)
    return process


def connect_in_turn(ctx, codec="", connect=peer_pysig.connect):
    return connect(ctx, codec or (next(KINDS) if ctx.role == "subscriber" else ""))


peer_pysig.connect = connect_in_turn
