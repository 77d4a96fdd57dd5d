"""Sources of carriers and codecs that do not keep the contract, each in one way; the modules of wheels."""

from __future__ import annotations

__all__ = ["CARRIERS", "CODECS"]

SOUND = """
import threading
from sig_carriers.tcp import TcpCarrier

class Link:
    def __init__(self, inner):
        self.inner, self.traits, self.peer = inner, inner.traits, inner.peer
    def send(self, data): self.inner.send(data)
    def receive(self, timeout): return self.inner.receive(timeout)
    def close(self): self.inner.close()

class Acceptor:
    def __init__(self, inner, link):
        self.inner, self.link, self.address = inner, link, inner.address
    def accept(self, timeout):
        found = self.inner.accept(timeout)
        return None if found is None else self.link(found)
    def close(self): self.inner.close()

class Carrier:
    link, acceptor = Link, Acceptor
    def __init__(self): self.tcp = TcpCarrier()
    def connect(self, address): return self.link(self.tcp.connect(address))
    def listen(self, address): return self.acceptor(self.tcp.listen(address), self.link)
"""
BAD_LINK = SOUND + "class BadLink(Link):\n    {}\nCarrier.link = BadLink\n"
BAD_ACCEPTOR = SOUND + "class BadAcceptor(Acceptor):\n    {}\nCarrier.acceptor = BadAcceptor\n"
BAD_CARRIER = SOUND + "class Bad(Carrier):\n    {}\nCarrier = Bad\n"

CARRIERS = {
    "import-fails": "import no_such_library",
    "wrong-type": "Carrier = 7",
    "no-listen": SOUND + "del Carrier.listen",
    "constructor-raises": BAD_CARRIER.format("def __init__(self): raise KeyError('constructor')"),
    "connect-raises": BAD_CARRIER.format("def connect(self, address): raise KeyError('connect')"),
    "listen-raises": BAD_CARRIER.format("def listen(self, address): raise KeyError('listen')"),
    "listen-gives-junk": BAD_CARRIER.format("def listen(self, address): return 'junk'"),
    "accept-raises": BAD_ACCEPTOR.format("def accept(self, timeout): raise KeyError('accept')"),
    "accept-gives-junk": BAD_ACCEPTOR.format("def accept(self, timeout): return 'junk'"),
    "accept-gives-half": BAD_ACCEPTOR.format("def accept(self, timeout): return object()"),
    "accept-hangs": BAD_ACCEPTOR.format("def accept(self, timeout): threading.Event().wait()"),
    "acceptor-close-raises": BAD_ACCEPTOR.format("def close(self): raise KeyError('close')"),
    "no-traits": BAD_LINK.format("def __init__(self, inner): self.inner, self.peer = inner, 'x'"),
    "no-peer": BAD_LINK.format("def __init__(self, inner): self.inner, self.traits = inner, inner.traits"),
    "send-raises": BAD_LINK.format("def send(self, data): raise KeyError('send')"),
    "send-hangs": BAD_LINK.format("def send(self, data): threading.Event().wait()"),
    "receive-raises": BAD_LINK.format("def receive(self, timeout): raise KeyError('receive')"),
    "receive-gives-text": BAD_LINK.format("def receive(self, timeout): return 'text'"),
    "receive-gives-none-at-once": BAD_LINK.format("def receive(self, timeout): return None"),
    "receive-gives-nothing": BAD_LINK.format("def receive(self, timeout): return b''"),
    "receive-hangs": BAD_LINK.format("def receive(self, timeout): threading.Event().wait()"),
    "close-raises": BAD_LINK.format("def close(self): raise KeyError('close')"),
    "leaves-threads": BAD_LINK.format(
        "def send(self, data):\n        threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "        self.inner.send(data)"
    ),
}

CODEC = """
class Codec:
    name, extras = "{name}", frozenset()
    def encode(self, value): {encode}
    def decode(self, data): {decode}
"""
ENCODE, DECODE = "import json; return json.dumps(value).encode()", "import json; return json.loads(data)"
BAD_CODES = {
    "encode-raises": ("raise KeyError('encode')", DECODE),
    "encode-gives-text": ("return 'text'", DECODE),
    "encode-gives-none": ("return None", DECODE),
    "decode-raises": (ENCODE, "raise KeyError('decode')"),
    "decode-gives-junk": (ENCODE, "return {1: object()}"),
    "recurses": ("return self.encode(value)", "return self.decode(data)"),
}
CODECS = {
    name: CODEC.format(name=name, encode=encode, decode=decode) for name, (encode, decode) in BAD_CODES.items()
} | {"codec-exits": "import sys; sys.exit(3)", "codec-lacks": "class Codec:\n    name = 'codec-lacks'"}
