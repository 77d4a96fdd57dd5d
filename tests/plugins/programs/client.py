"""A client that does what its input says, a JSON list a line, and answers each with a line.

Its command line: URL, codec, and the name of its sender, which has the channel `#tick` and the request `echo`.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import sig_core as sig

url, codec, name = sys.argv[1:]
heard: list[tuple[str, str, Any]] = []
states: list[str] = []
limits = sig.Limits(keepalive=1.0)
reconnect = sig.Reconnect(first=0.05, most=0.2)

with sig.ClientRouter(url, codec, limits=limits, reconnect=reconnect) as client:
    client.on("reconnected", lambda state, error: states.append(state))
    for event in ("#tick", "#connect", "#disconnect"):
        client.add_remote_listener(lambda info, data: heard.append((info["sender"], info["event"], data)), event=event)
    sender = client.add_remote_sender(name, ["#tick"], {"echo": lambda params: params})
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        verb, *arguments = json.loads(line)
        answer: Any = None
        if verb == "fire":
            for number in range(*arguments):
                sender.get_signal("#tick").trigger({"number": number, "text": "t" * (number % 70)})
            client.flush()
        elif verb == "ask":
            answer = client.remote_request(arguments[0], "echo", arguments[1])
        elif verb == "heard":
            answer = heard
        elif verb == "states":
            answer = states
        print(json.dumps(answer), flush=True)
