"""The board's end of the link, rule by rule (docs/board-protocol.md, sections 1 to 4)."""

from __future__ import annotations

import random
import struct
import tracemalloc

import pytest

from sig_core.line.packets import ACK, DATA, FIN, HELLO, NAK, PART, PING, SYN, SYNACK, seal
from tests.boards.micropython.by_hand import CRC32, RESUME, Hand, board, kinds, syn

ECHO = {"echo": lambda params: params}


def registered(**options):
    """A board that is in, with an event and a request."""
    rig = Hand(events=["#changed"], requests=ECHO, **options)
    rig.register()
    return rig


def hello(sid=0):
    return struct.pack("<BI", 1, sid)


# -- sessions


def test_hello_at_the_start_and_every_second():
    rig = Hand(credit=3)
    (first,) = rig.poll()
    assert first == (HELLO, 3, 0, 0, hello())
    assert rig.poll(999) == []
    assert kinds(rig.poll(1)) == [HELLO]
    assert rig.poll(500) == []
    assert kinds(rig.poll(500)) == [HELLO]  # over the wrap of the clock


@pytest.mark.parametrize("kind", [DATA, PART, ACK, NAK, PING, FIN])
def test_a_stranger_is_answered_with_hello(kind):
    rig = Hand()
    rig.poll()
    assert kinds(rig.say(kind)) == [HELLO]
    assert rig.poll(999) == []


@pytest.mark.parametrize("kind", [SYNACK, HELLO, 0, 10, 15])
def test_a_packet_that_has_no_place_is_counted_and_not_answered(kind):
    rig = Hand()
    rig.poll()
    assert rig.say(kind) == []
    rig.connect()
    rig.acknowledge()
    assert rig.say(kind) == []
    assert rig.board.ignored == 2


@pytest.mark.parametrize("kind", [ACK, NAK, PING, FIN])
def test_a_packet_of_a_wrong_size_is_counted(kind):
    rig = registered()
    assert rig.say(kind, b"x") == []
    assert rig.board.ignored == 1
    assert rig.board.connected


def test_synack_says_what_the_board_is():
    rig = Hand(mtu=100, window=3, credit=5, message=300)
    answer = rig.connect(sid=0x01020304, keepalive=77)
    assert answer == (SYNACK, 5, 0, 0, struct.pack("<BBIBBBBH", 1, 0, 0x01020304, 100, 3, 77, 0, 300))
    assert rig.connect(sid=2, long_crc=True).payload[1] == CRC32
    assert Hand(with_crc32=False).connect(long_crc=False).payload[1] == 0


def test_packets_have_crc_32_if_both_say_so():
    for offered, wanted in ((True, True), (True, False), (False, True)):
        rig = Hand(with_crc32=wanted)
        rig.poll()
        rig.give(seal(SYN, 15, 0, 0, syn(flags=CRC32 if offered else 0)))
        rig._reader.long_crc = offered and wanted
        assert kinds(rig.poll()) == [SYNACK, DATA]


def test_a_syn_of_the_same_session_goes_on():
    rig = registered()
    rig.board.fire("#changed", 1)
    rig.board.fire("#changed", 2)
    first, second = rig.poll()
    rig.ack = first.seq
    answer = rig.say(SYN, syn(1, flags=RESUME), ack=second.seq)
    assert kinds(answer) == [SYNACK, DATA]
    assert answer[1].payload == second.payload
    assert rig.board.resent == 1
    assert rig.board.status == 0
    assert kinds(rig.say(SYN, syn(1), ack=second.seq)) == [SYNACK, DATA]


def test_a_syn_of_another_session_begins_anew():
    rig = registered()
    rig.board.fire("#changed", 1)
    rig.poll()
    rig.connect(sid=2)
    assert rig.board.status is None
    assert not rig.board.fire("#changed", 2)
    assert rig.board.lost == 1
    rig.acknowledge()
    assert [board.unpack(item)[0] for item in rig.messages] == [[0, 0, "mp", 2], [0, 1, "#changed"], [0, 2, "echo"]]


def test_resume_of_another_session_and_other_versions_are_answered_with_hello():
    rig = registered()
    for payload in (syn(2, flags=RESUME), syn(1, version=2), syn(7, version=2, flags=RESUME)):
        (answer,) = rig.say(SYN, payload)
        assert (answer.kind, answer.payload) == (HELLO, hello(1))
        assert rig.board.connected
    rig = Hand()
    rig.poll()
    for payload in (syn(2, flags=RESUME), syn(1, version=2)):
        assert rig.say(SYN, payload)[0].payload == hello(0)


def test_fin_ends_the_session():
    rig = registered()
    rig.board.fire("#changed", 1)
    rig.poll()
    assert rig.say(FIN) == []
    assert not rig.board.connected
    assert not rig.board.fire("#changed", 1)
    assert rig.board.lost == 1
    (packet,) = rig.poll(1000)
    assert packet == (HELLO, 2, 0, 0, hello(0))


def test_crc_32_ends_with_its_session():
    rig = Hand()
    rig.connect(long_crc=True)
    assert rig.say(FIN) == []
    rig.give(seal(PING, 15, 0, 0))
    assert rig.poll() == [(HELLO, 2, 0, 0, hello(0))]


def test_close_sends_fin_and_poll_begins_again():
    rig = registered()
    rig.board.close()
    rig.board.close()
    assert [packet.kind for packet in rig.poll()] == [FIN]
    assert rig.poll(1000)[0].payload == hello(0)
    rig.register(sid=9)
    assert rig.board.status == 0


def test_silence_of_three_keepalives_and_the_way_back():
    rig = registered()
    rig.say(PING)
    assert rig.poll(3000) == []
    (packet,) = rig.poll(1)
    assert (packet.kind, packet.payload) == (HELLO, hello(1))
    assert not rig.board.connected
    assert rig.board.fire("#changed", "kept")
    assert rig.poll(10) == []
    assert kinds(rig.say(PING)) == [HELLO]
    assert kinds(rig.say(SYN, syn(1, flags=RESUME))) == [SYNACK, DATA]
    assert rig.board.connected
    assert rig.said() == [[1, 0, "kept"]]
    assert rig.board.lost == 0


def test_a_sign_of_life_keeps_the_board_connected():
    rig = registered()
    for _ in range(20):
        assert kinds(rig.say(PING, ms=2900)) == [ACK]


def test_on_a_new_line_it_says_hello_first():
    rig = registered()
    rig.took = 3
    rig.board.fire("#changed", 1)
    rig.poll()
    rig.took = None
    rig._reader.__init__()
    rig.give(b"\x05\x41")
    rig.poll()
    rig.board.reopened()
    (packet,) = rig.poll()
    assert (packet.kind, packet.payload) == (HELLO, hello(1))
    assert kinds(rig.say(SYN, syn(1, flags=RESUME))) == [SYNACK, DATA]
    assert rig.said() == [[1, 0, 1]]
    assert rig.board.damaged == 0


# -- order and repetition


def test_ping_is_answered_by_ack_or_by_what_goes_out_anyhow():
    rig = registered()
    assert kinds(rig.say(PING)) == [ACK]
    rig.board.fire("#changed", 1)
    assert kinds(rig.say(PING)) == [DATA]


def test_no_more_packets_are_open_than_all_agree_on():
    for own, peer, credit, most in ((2, 8, 15, 2), (8, 3, 15, 3), (8, 8, 1, 1), (1, 8, 15, 1)):
        rig = Hand(events=["e"], window=own)
        rig.connect(window=peer)
        rig.acknowledge()
        rig.tell([0, 0])
        rig.acknowledge()
        rig.say(ACK, credit=credit)
        fired = 0
        while rig.board.fire("e", fired):
            fired += 1
        assert fired == min(own, peer)
        assert kinds(rig.poll()) == [DATA] * most


def test_ride_of_acknowledgements():
    rig = registered()
    rig.give(*(seal(DATA, 15, rig.seq + number, rig.ack, b"\1") for number in range(3)))
    (packet,) = rig.poll()
    assert (packet.kind, packet.ack) == (ACK, rig.seq + 3)
    assert rig.poll() == []


@pytest.mark.parametrize("ack", [-1, 2, 3, 100])
def test_an_ack_of_what_was_not_sent_is_ignored_with_its_credit(ack):
    rig = registered()
    for value in range(2):
        rig.board.fire("#changed", value)
    rig.say(ACK, credit=1)
    rig.ack -= 1
    rig.say(NAK, ack=(rig.ack + ack) % 256, credit=15)
    assert rig.poll() == []
    assert rig.board.resent == 0
    assert len(rig.poll(100)) == 1


def test_a_packet_that_came_before_is_dropped_and_acknowledged():
    rig = registered()
    assert kinds(rig.say(DATA, b"\1")) == [ACK]
    assert kinds(rig.say(DATA, b"\1", seq=rig.seq - 1)) == [ACK]
    assert rig.say(DATA, b"\1", seq=(rig.seq - 128) % 256)[0].ack == rig.seq
    assert rig.board.doubled == 2
    assert rig.board.ignored == 1  # the one that was taken


def test_nak_once_for_each_gap():
    rig = registered()
    assert kinds(rig.say(DATA, b"\1", seq=rig.seq + 1)) == [NAK]
    assert rig.say(DATA, b"\1", seq=rig.seq + 2) == []
    assert rig.say(DATA, b"\1", seq=(rig.seq + 127) % 256, ms=500) == []
    assert kinds(rig.say(DATA, b"\1")) == [ACK]
    (packet,) = rig.say(DATA, b"\1", seq=rig.seq + 1)
    assert (packet.kind, packet.ack) == (NAK, rig.seq)


def test_nak_is_answered_by_nak_while_a_packet_is_missing_and_else_by_ack():
    rig = registered()
    assert kinds(rig.say(NAK)) == [ACK]
    rig.say(DATA, b"\1", seq=rig.seq + 1)
    assert [kinds(rig.say(NAK)) for _ in range(4)] == [[NAK], [NAK], [NAK], [ACK]]
    assert kinds(rig.say(DATA, b"\1")) == [ACK]
    assert kinds(rig.say(NAK)) == [ACK]


def test_nak_whenever_something_is_damaged_but_not_for_text():
    rig = registered()
    rig.give(b"\0\x03\xff\xfe\0")
    assert kinds(rig.poll()) == [NAK]
    rig.give(b"\0\x02\x80\0")
    assert kinds(rig.poll()) == [NAK]
    rig.give(b"Traceback: gr\xc3\xbc\xc3\x9fe\r\n\0\0")
    assert rig.poll(100) == []
    assert rig.board.damaged == 2
    assert rig.board.ignored == 1


def test_garbage_is_not_answered_without_a_session():
    rig = Hand()
    rig.poll()
    rig.give(b"\0\x03\xff\xfe\0")
    assert rig.poll() == []
    assert rig.board.damaged == 1


def test_nak_makes_it_send_again_from_ack_on():
    rig = registered(window=4)
    for value in range(4):
        rig.board.fire("#changed", value)
    sent = rig.poll()
    again = rig.say(NAK, ack=sent[1].seq)
    assert again == [packet._replace(ack=rig.seq) for packet in sent[1:]]
    assert rig.board.resent == 1


def test_repetition_doubles_up_to_a_second_and_ends_after_twelve():
    rig = registered()
    rig.board.fire("#changed", 1)
    rig.say(PING)
    waits = [100, 200, 400, 800] + [1000] * 8
    for wait in waits:
        assert rig.poll(wait - 1) == []
        rig.give(seal(PING, 15, 0, (rig.ack - 1) % 256))  # alive, but it does not acknowledge
        assert kinds(rig.poll()) == [ACK]
        assert kinds(rig.poll(1)) == [DATA]
    assert rig.poll(999) == []
    assert kinds(rig.poll(1)) == [HELLO]
    assert rig.board.resent == 12
    assert kinds(rig.say(SYN, syn(1, flags=RESUME), ack=(rig.ack - 1) % 256)) == [SYNACK, DATA]
    assert kinds(rig.poll(100)) == [DATA]


def test_the_time_is_as_before_after_an_acknowledgement():
    rig = registered()
    rig.board.fire("#changed", 1)
    rig.board.fire("#changed", 2)
    _, second = rig.poll()
    rig.poll(100)
    rig.poll(200)
    rig.say(ACK, ack=second.seq)
    assert rig.poll(99) == []
    assert rig.poll(1) == [second]


def test_the_slow_line_decides_the_time():
    rig = Hand()
    rig.connect(rto=200, keepalive=255)
    for wait in (2000, 2000, 2000):
        assert rig.poll(wait - 1) == []
        assert kinds(rig.poll(1)) == [DATA]


def test_credit_0_makes_it_ping():
    rig = registered()
    rig.say(ACK, credit=0)
    rig.board.fire("#changed", 1)
    assert rig.poll() == []
    for _ in range(20):
        assert rig.poll(99) == []
        assert kinds(rig.poll(1)) == [PING]
        assert rig.say(ACK, credit=0) == []
    assert rig.board.connected
    assert kinds(rig.say(ACK, credit=1)) == [DATA]


def test_credit_0_with_nothing_to_send_is_silence():
    rig = registered()
    rig.say(ACK, credit=0)
    assert rig.poll(2000) == []


def test_numbers_wrap():
    rig = registered(window=8)
    for value in range(600):
        assert rig.board.fire("#changed", value)
        rig.tell([2, value % 256, 0, value])
        assert rig.said() == [[1, 0, value], [3, value % 256, 0, value]]
    assert rig.board.doubled == rig.board.damaged == rig.board.ignored == 0


# -- parts


def test_longer_messages_go_in_parts():
    rig = Hand(events=["e"], mtu=32)
    rig.register(message=1000)
    text = "x" * 300
    assert rig.board.fire("e", text)
    assert not rig.board.fire("e", "later")  # one at a time
    sent = rig.poll()
    assert kinds(sent) == [PART, PART]
    assert {len(packet.payload) for packet in sent} == {32}
    assert rig.said() == [[1, 0, text]]
    assert rig.board.fire("e", "later")


@pytest.mark.parametrize("size", [16, 17, 31, 32, 33, 48])
def test_a_message_that_fits_is_one_packet(size):
    rig = Hand(requests=ECHO, mtu=16, window=8)
    rig.register()
    value = b"x" * (size - (5 if size < 29 else 6))
    message = board.pack([2, 0, 0, value])
    assert len(message) == size
    cuts = [message[at : at + 16] for at in range(0, size, 16)]
    for cut in cuts[:-1]:
        assert kinds(rig.say(PART, cut)) == [ACK]
    packets = rig.say(DATA, cuts[-1])
    assert kinds(packets) == [PART] * (len(cuts) - 1) + [DATA]
    assert rig.said() == [[3, 0, 0, value]]


def test_a_message_that_is_longer_than_it_said_is_dropped_as_a_whole():
    rig = Hand(requests=ECHO, mtu=64, message=100)
    rig.register()
    for _ in range(1000):
        rig.say(PART, b"\x84" * 64)
    rig.say(DATA, b"\xf6")
    assert rig.board.ignored == 1
    assert len(rig.board._rest or b"") == 0
    rig.tell([2, 1, 0, "next"])
    assert rig.said() == [[3, 1, 0, "next"]]


# -- answers that have no room


def test_a_request_that_has_no_room_for_its_answer_is_dropped_until_there_is():
    calls = []
    rig = Hand(events=["e"], requests={"note": calls.append})
    rig.register()
    rig.board.fire("e", 1)
    rig.board.fire("e", 2)
    rig.poll()
    lagging = (rig.ack - 2) % 256
    rig.say(DATA, board.pack([2, 0, 0, "a"]), ack=lagging)  # its answer waits for a slot
    assert calls == ["a"]
    refused = board.pack([2, 1, 0, "b"])
    assert rig.say(DATA, refused, ack=lagging) == []
    assert rig.say(DATA, b"\1", seq=rig.seq, ack=lagging, ms=50) == []  # ahead of it: that it is missing is known
    assert calls == ["a"]
    packets = rig.say(ACK)
    assert kinds(packets) == [NAK, DATA]
    assert packets[0].ack == (rig.seq - 1) % 256
    rig.say(DATA, refused, seq=(rig.seq - 1) % 256)
    assert rig.said() == [[1, 0, 1], [1, 0, 2], [3, 0, 0, None], [3, 1, 0, None]]
    assert calls == ["a", "b"]


def test_events_come_even_then():
    heard = []
    rig = Hand(events=["e"], requests=ECHO, listens=[(("clock", "tick"), heard.append)])
    rig.register()
    rig.board.fire("e", 1)
    rig.board.fire("e", 2)
    rig.poll()
    lagging = (rig.ack - 2) % 256
    rig.say(DATA, board.pack([2, 0, 0, "a"]), ack=lagging)
    rig.say(DATA, board.pack([1, 0, 42]), ack=lagging)
    assert heard == [42]


def test_a_board_that_fires_all_the_time_answers_all_the_same():
    rig = registered()
    for number in range(50):
        while rig.board.fire("#changed", number):
            pass
        rig.tell([2, number, 0, number])
        while rig.board.fire("#changed", number):
            pass
        answers = [message for message in rig.said() if message[0] == 3]
        assert answers == [[3, number, 0, number]]


# -- the line


@pytest.mark.parametrize("took", [0, 1, 7])
def test_a_line_that_takes_little_gets_all_of_it(took):
    rig = registered()
    rig.took = took
    rig.board.fire("#changed", "x" * 40)
    rig.board.fire("#changed", 2)
    rig.give(seal(PING, 15, 0, rig.ack))
    for _ in range(0 if took else 20):
        assert rig.poll() == []
    rig.took = took or 1
    packets = [packet for _ in range(150) for packet in rig.poll()]
    assert kinds(packets) == [DATA, DATA]
    assert rig.board.resent == 0


def test_a_line_that_breaks_is_told_and_may_be_polled_again():
    rig = registered()
    rig.board.fire("#changed", 1)
    write, rig.board._write = rig.board._write, lambda data: (_ for _ in ()).throw(OSError(5, "gone"))
    with pytest.raises(OSError, match="gone"):
        rig.poll()
    rig.board._write = write
    assert kinds(rig.poll()) == [DATA]


def test_ten_kilobytes_without_a_delimiter_take_no_memory():
    rig = registered()
    noise = b"\xff" * 10_000
    tracemalloc.start()
    try:
        for _ in range(8):
            rig.give(noise)
            assert rig.poll() == []
        assert len(rig.board._in) <= 64 + 9
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
    rig.give(b"\0")
    assert kinds(rig.poll()) == [NAK]
    assert rig.board.damaged == 1
    assert kinds(rig.say(PING)) == [ACK]


def test_a_line_that_never_rests_does_not_hold_the_program():
    rig = registered()
    rig.give(*[b"\xff"] * 100)
    rig.poll()
    assert len(rig._incoming) == 92


@pytest.mark.parametrize("seed", range(20))
def test_any_bytes_do_no_harm(seed):
    chance = random.Random(seed)
    rig = registered(mtu=32)
    for _ in range(300):
        payload = chance.randbytes(chance.randrange(33))
        if chance.random() < 0.5:  # a good packet of nonsense
            kind = chance.choice([DATA, DATA, PART, ACK, NAK, PING, SYN, HELLO, 0, 12])
            ack = chance.choice([rig.ack, chance.randrange(256)])
            seq = chance.choice([rig.board._rx, chance.randrange(256)])
            payload = seal(kind, chance.randrange(16), seq, ack, payload)
        rig.give(payload)
        rig.board.poll()
        rig.raw()
        rig.now += chance.choice([0, 0, 10, 200])
    assert len(rig.board._in) <= 41
    assert len(rig.board._slots) <= 2
    assert len(rig.board._out) <= 1
    rig.register(sid=77)
    assert rig.board.status == 0


@pytest.mark.parametrize(
    ("option", "value", "limits"),
    [
        *(("mtu", 15, "16 .. 246"), ("mtu", 247, "16"), ("window", 0, "1 .. 8"), ("window", 9, "1")),
        *(("credit", 16, "1 .. 15"), ("message", -1, "0 .. 65535"), ("message", 65536, "0")),
    ],
)
def test_options_out_of_bounds(option, value, limits):
    with pytest.raises(ValueError, match=rf"^{option}: {value}, must be {limits}"):
        Hand(**{option: value})
