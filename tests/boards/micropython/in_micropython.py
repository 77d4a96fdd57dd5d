"""Runs inside MicroPython: the codec and the packets against the vectors, and a session by hand. Prints a line."""

import json

import sigboard
from sigboard import Board, pack, unpack

# MicroPython takes surrogates in UTF-8; hosts never send them.
TAKEN_HERE = ("surrogate", "trailing byte")


def unhex(text):
    return bytes(int(text[at : at + 2], 16) for at in range(0, len(text), 2))


def read(name):
    with open(name) as file:
        return json.load(file)


def refused(call, value):
    try:
        call(value)
    except ValueError:
        return True
    return False


def check_values(vectors):
    for vector in vectors["values"]:
        data, value = unhex(vector["bytes"]), vector["value"]
        decoded = vector.get("decoded", value)
        got, end = unpack(data)
        assert got == decoded, vector["name"]
        assert end == len(data), vector["name"]
        assert type(got) is type(decoded), vector["name"]
        again = unpack(pack(value))[0]  # a dict has no order here
        assert again == decoded, vector["name"]
        assert len(pack(value)) == len(data), vector["name"]
    for vector in vectors["refused_values"]:
        assert refused(pack, vector["value"]), vector["name"]
    for vector in vectors["refused_bytes"]:
        if vector["name"] not in TAKEN_HERE:
            assert refused(unpack, unhex(vector["bytes"])), vector["name"]


def check_link(vectors):
    for vector in vectors["crc"]:
        assert sigboard.crc16(unhex(vector["bytes"])) == int(vector["crc16"], 16), vector["name"]
    for vector in vectors["cobs"]:
        raw = unhex(vector["raw"])
        assert sigboard.uncobs(unhex(vector["encoded"])) == raw, vector["name"]
        if len(raw) <= 253:
            assert sigboard.cobs(raw) == unhex(vector["encoded"]), vector["name"]
    for vector in vectors["packets"]:
        check_packet(vector)


def check_packet(vector):
    sent, got = [], []
    board = Board("mp", lambda: None, sent.append, mtu=246, credit=vector["credit"] or 1)
    board._crc32, board._rx, board._own_credit = vector["crc32"], vector["ack"], vector["credit"]
    board._send(vector["kind"], vector["seq"], unhex(vector["payload"]))
    assert sent == [unhex(vector["wire"])], vector["name"]
    board._packet = lambda *fields: got.append(fields)
    board._feed(unhex(vector["wire"]))
    assert [list(fields[:4]) for fields in got] == [[vector[name] for name in ("kind", "credit", "seq", "ack")]]
    assert got[0][4] == unhex(vector["payload"]), vector["name"]


def check_session():
    """Register, answer and fire; the clock is that of this Python."""
    came, sent = [], []
    board = Board("mp", lambda: came.pop(0) if came else None, sent.append, requests={"half": lambda n: n / 2})
    host = Board("host", lambda: None, came.append)  # only to write packets
    host._rx = 0

    def say(kind, seq, payload, ack):
        host._rx = ack
        host._send(kind, seq, payload)
        board.poll()

    board.poll()
    assert len(sent) == 1
    say(sigboard.SYN, 0, b"\1\0\1\0\0\0\xf6\x08\x0a\x0a\0\0", 0)
    say(sigboard.ACK, 0, b"", 2)
    say(sigboard.DATA, 0, pack([0, 0]), 2)
    assert board.status == 0
    del sent[:]
    say(sigboard.DATA, 1, pack([2, 9, 0, 5]), 2)
    reader = Board("reader", lambda: None, print)
    got = []
    reader._packet = lambda *fields: got.append(fields)
    for data in sent:
        reader._feed(data)
    assert [(fields[0], fields[4]) for fields in got] == [(sigboard.DATA, pack([3, 9, 0, 2.5]))], got


check_values(read("/board_messages.json"))
check_link(read("/board_link.json"))
check_session()
print("all is well")
