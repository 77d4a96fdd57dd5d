"""pysig whose server has rules: 1,000 roles, 10,000 users by token, of whom the clients are one; see peer_pysig.py."""
import time

import peer_pysig
from benchkit import spawn_python, wait_port
from peer_pysig import publisher, requester, responder, subscriber  # noqa: F401 - the roles

LABEL = "pysig (MessagePack, 1,000 roles, 10,000 users)"
ROLES, USERS = 1_000, 10_000
TOKEN = "everybody-may-know-the-token-of-{number}"


def rules():
    """Each role may add its users' names, and hear and ask another tenth of the house; one more is the benchmark's."""
    from sig_core.tokens import digest

    def role(number):
        room = f"house/{number % 100}/*"
        request = [{"sender": room, "method": ["get*", "set*"]}]
        allowed = {"add": ["{user}", "{user}/*"], "see": [room], "listen": [{"sender": room}], "request": request}
        return {**allowed, "deny": {"request": [{"sender": room, "method": "set_door"}]}}

    bench = {"add": ["bench", "service"], "see": ["*"], "listen": [{"sender": "bench", "event": "event"}],
             "request": [{"sender": "service", "method": "echo"}]}
    roles = {f"role{number}": role(number) for number in range(ROLES)}
    who = [{"token": digest(TOKEN.format(number=number)), "user": f"user{number}", "roles": [f"role{number % ROLES}"]}
           for number in range(USERS)]
    who[0]["roles"].append("bench")
    return {"version": 1, "roles": {**roles, "bench": bench}, "who": who}


def router(ctx):
    import sig_core as sig

    with sig.ServerRouter(peer_pysig.LISTEN.format(port=ctx.port), rules=rules()):
        time.sleep(ctx.life)


def start_broker(port, log):
    process = spawn_python("pysig_rules", "router", port, log)
    wait_port(port)
    return process


def connect(ctx):
    import sig_core as sig

    url, token = peer_pysig.CONNECT.format(port=ctx.port), TOKEN.format(number=0)
    return sig.ClientRouter(url, peer_pysig.CODEC, token=token).start()


peer_pysig.connect = connect  # what its roles call
