"""A server on the URLs of its command line; it tells where it listens, and ends with its input."""

from __future__ import annotations

import json
import sys

import sig_core as sig

with sig.ServerRouter(*sys.argv[1:], limits=sig.Limits(keepalive=1.0)) as server:
    print(json.dumps(server.addresses), flush=True)
    sys.stdin.read()
