"""pysig whose clients go on after a cut, with all that was on its way: each end keeps what the other has not taken."""
import peer_pysig
from peer_pysig import emitter, publisher, requester, responder, start_broker, subscriber  # noqa: F401 - the roles

LABEL = "pysig (MessagePack), resumable"


def connect(ctx, codec=""):
    import sig_core as sig

    return sig.ClientRouter(peer_pysig.CONNECT.format(port=ctx.port), codec or peer_pysig.CODEC, resume=60).start()


peer_pysig.connect = connect
