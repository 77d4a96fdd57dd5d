"""A board as a peer of a pysig server: docs/board-protocol.md, in one file for MicroPython (and CPython).

    from machine import UART
    from sigboard import Board

    uart = UART(1, 115200, rxbuf=256)
    board = Board("thermo", uart.read, uart.write, events=["#changed"], requests={"led.set": led_set})
    while True:
        board.poll()
        board.fire("#changed", {"t": 21.5})     # False: no room now, try again later

`Board` says the rest. `pack` and `unpack` are the codec `cbor-board`.
"""

import struct
import time

try:
    from binascii import crc32
except ImportError:
    crc32 = None

__all__ = ["Board", "pack", "unpack"]

VERSION = 1
SYN, SYNACK, DATA, ACK, NAK, PING, HELLO, FIN, PART = range(1, 10)
HANDSHAKE = (SYN, SYNACK, HELLO)  # always with CRC-16
RESUME, CRC32 = 1, 2
NOBODY = b"\0\0\0\0"  # the sid of no session

HELLO_EVERY = 1000  # ms
SLOWEST = 1000  # ms between two repetitions
TRIES = 12
READS = 8  # in one poll, so that a line that never rests does not hold the program
ASKS = 8  # requests of its own that may be open
DEPTH = 64  # containers inside each other

FAILED, NO_METHOD, BAD_MESSAGE, TOO_BIG, UNKNOWN_OUTCOME, TIMEOUT = -2, -5, -7, -8, -10, -14


# ---- bytes


def crc16(data):
    """Give the CRC-16 of the link."""
    crc = 0xFFFF
    for byte in data:
        byte ^= crc >> 8
        byte ^= byte >> 4
        crc = ((crc << 8) ^ (byte << 12) ^ (byte << 5) ^ byte) & 0xFFFF
    return crc ^ 0xFFFF


def cobs(raw):
    """Give at most 253 bytes without zeros, one byte longer."""
    out = bytearray()
    for part in raw.split(b"\0"):
        out.append(len(part) + 1)
        out.extend(part)
    return out


def uncobs(data):
    """Give the bytes that `cobs` got; None if there are none."""
    out = bytearray()
    at, end = 0, len(data)
    while at < end:
        code = data[at]
        if not code or at + code > end:
            return None
        out.extend(data[at + 1 : at + code])
        at += code
        if at < end and code != 255:
            out.append(0)
    return bytes(out)


def is_text(data):
    """Tell what somebody printed from what was a packet."""
    try:
        text = str(data, "utf8")
    except ValueError:  # UnicodeError is one
        return False
    return len(data) > 1 and all(char >= " " or char in "\t\n\r\f\v" for char in text)


# ---- the codec cbor-board


def pack(value):
    """Give the bytes of a value: None, bool, integer of 32 bits, float, text, bytes, list, tuple, dict with text keys.

    ValueError: a part can't be carried; a float becomes the nearest float32.
    """
    out = bytearray()
    above = []
    items = iter((value,))
    while True:
        inner = None
        for item in items:
            inner = _pack_one(out, item)
            if inner is not None:
                break
        if inner is not None:
            above.append(items)
            if len(above) > DEPTH:
                raise ValueError("nested more than 64 deep")
            items = inner
        elif above:
            items = above.pop()
        else:
            return bytes(out)


def _pack_one(out, item):
    """Write an item; of a container its head, and give the iterator of what is in it."""
    if item is None:
        out.append(0xF6)
    elif isinstance(item, bool):
        out.append(0xF5 if item else 0xF4)
    elif isinstance(item, int):
        if item < 0:
            _head(out, 0x20, -1 - item)
        else:
            _head(out, 0x00, item)
    elif isinstance(item, str):
        item = bytes(item, "utf8")
        _head(out, 0x60, len(item))
        out.extend(item)
    elif isinstance(item, float):
        out.append(0xFA)
        out.extend(_float32(item))
    elif isinstance(item, dict):
        _head(out, 0xA0, len(item))
        return _pairs(item)
    elif isinstance(item, (list, tuple)):
        _head(out, 0x80, len(item))
        return iter(item)
    elif isinstance(item, (bytes, bytearray, memoryview)):
        _head(out, 0x40, len(item))
        out.extend(item)
    else:
        raise ValueError(f"{type(item).__name__} can't be carried")
    return None


def _head(out, major, number):
    if number < 24:
        out.append(major | number)
    elif number < 0x100:
        out.append(major | 24)
        out.append(number)
    elif number < 0x10000:
        out.append(major | 25)
        out.extend(struct.pack(">H", number))
    elif number <= 0xFFFFFFFF:
        out.append(major | 26)
        out.extend(struct.pack(">I", number))
    else:
        raise ValueError("integer of more than 32 bits can't be carried")


def _float32(number):
    try:
        data = struct.pack(">f", number)
    except OverflowError:
        data = b"\x7f\x80"
    if _infinite(data, 0):
        raise ValueError(f"{number} can't be carried as float32")
    return data


def _infinite(data, at):
    return data[at] & 0x7F == 0x7F and data[at + 1] & 0x80


def _pairs(items):
    for key in items:
        if not isinstance(key, str):
            raise ValueError(f"key of type {type(key).__name__}, keys must be str")
        yield key
        yield items[key]


def unpack(data, at=0):
    """Give the value whose bytes begin at `at`, and where they end; ValueError: there is none."""
    above = []  # of each container that is open: itself, how many items are missing, the key that waits for its value
    while True:
        if at >= len(data):
            raise ValueError("the bytes end before the item")
        head = data[at]
        major, at = head >> 5, at + 1
        if major == 7:
            value, at = _unpack_simple(data, at, head)
        elif major == 6:
            raise ValueError("tags can't be carried")
        else:
            value, at = _unpack_number(data, at, head & 31)
            if major == 1:
                value = -1 - value
            elif major:
                if value * (2 if major == 5 else 1) > len(data) - at:
                    raise ValueError("longer than what is there")
                if major > 3:
                    if len(above) == DEPTH:
                        raise ValueError("nested more than 64 deep")
                    above.append([[] if major == 4 else {}, value, None])
                    value = above
                else:
                    part = bytes(data[at : at + value])
                    at += value
                    value = part if major == 2 else str(part, "utf8")
        while above:
            if value is not above:  # it is complete, and belongs into the container that was opened last
                _put(above[-1], value)
            if above[-1][1]:
                break
            value = above.pop()[0]
        else:
            return value, at


def _put(frame, value):
    into, _, key = frame
    if isinstance(into, list):
        into.append(value)
    elif key is None:
        if not isinstance(value, str):
            raise ValueError("keys must be text")
        frame[2] = value
        return
    else:
        into[key] = value
        frame[2] = None
    frame[1] -= 1


def _unpack_number(data, at, low):
    if low < 24:
        return low, at
    if low > 26:
        raise ValueError("more than 32 bits, or no definite length")
    number = 0
    for _ in range(1 << (low - 24)):
        if at >= len(data):
            raise ValueError("the bytes end inside an item")
        number = number << 8 | data[at]
        at += 1
    return number, at


def _unpack_simple(data, at, head):
    if head == 0xFA:
        if len(data) - at < 4:
            raise ValueError("the bytes end inside an item")
        if _infinite(data, at):
            raise ValueError("float that is not finite")
        return struct.unpack(">f", data[at : at + 4])[0], at + 4
    if head == 0xF6:
        return None, at
    if head not in (0xF4, 0xF5):
        raise ValueError("no float32, and not of the model")
    return head == 0xF5, at


# ---- the link


def _milliseconds():
    return int(time.monotonic() * 1000)


def _difference(new, old):
    return new - old


class Link:
    """Messages, each once and in order, over a line that is not reliable: sections 1 to 4, the board's end.

    What runs on top has `_begin`, `_end`, `_next`, `_ready` and `_take`.
    """

    def __init__(self, read, write, ticks_ms, ticks_diff, mtu, window, credit, message, with_crc32):
        for what, number, least, most in (
            ("mtu", mtu, 16, 246),
            ("window", window, 1, 8),
            ("credit", credit, 1, 15),
            ("message", message, 0, 65535),
        ):
            if not least <= number <= most:
                raise ValueError(f"{what}: {number}, must be {least} .. {most}")
        self._read = read
        self._write = write
        self._ticks = ticks_ms or getattr(time, "ticks_ms", _milliseconds)
        self._diff = ticks_diff or getattr(time, "ticks_diff", _difference)
        self._own_mtu = mtu
        self._own_window = window
        self._own_credit = credit
        self._own_message = message
        self._with_crc32 = with_crc32 and crc32 is not None
        self.connected = False
        self.damaged = 0  # packets that came and were none
        self.doubled = 0  # packets that came twice
        self.resent = 0  # times that it sent again from the first open packet on
        self.ignored = 0  # packets and messages that mean nothing here
        self.lost = 0  # messages that were on their way when a session was lost
        self._in = bytearray()  # since the last zero byte
        self._longest = max(mtu, 32)  # payload; SYN of a later version may be longer than ours
        self._limit = self._longest + 8  # bytes of a packet on the line, without its delimiters
        self._unsent = b""  # what `write` did not take yet
        self._now = 0
        self._polling = False
        self._hello = True
        self._hello_at = 0
        self._sid = NOBODY
        self._mtu = self._message = mtu
        self._window = self._credit = self._rto = self._keepalive = 0
        self._crc32 = False
        self._reset()

    def _reset(self):
        """Begin a session: numbers at 0, nothing open."""
        self._slots = []  # packets not acknowledged: kind and payload
        self._first = 0  # seq of the first one
        self._ever = 0  # how many of them were ever sent
        self._sent = 0  # how many since it last went back
        self._rest = None  # the message that is being cut, from `_at` on
        self._at = 0
        self._out = []  # messages that wait for it
        self._rx = 0  # seq of the packet that must come next
        self._parts = None  # of the message that is coming
        self._too_long = False
        self._restart()

    def _restart(self):
        """Forget what went wrong."""
        self._sent = 0
        self._tries = 0
        self._wait = self._rto  # ms until the first open packet is sent again
        self._since = self._heard = self._now
        self._synack = self._ack = self._nak = self._ping = False
        self._refused = False  # a packet was, for want of room
        self._gap = False  # a packet came that is ahead of the expected one
        self._asked = 0  # times that NAK answered NAK since

    def poll(self):
        """Read what has come, run handlers, send what is to be sent. Call it all the time; it never waits.

        Raises what `read` and `write` raise; it may be called again after that.
        """
        if self._polling:
            raise RuntimeError("poll() inside a handler")
        self._polling = True
        try:
            self._now = self._ticks()
            for _ in range(READS):
                data = self._read()
                if not data:
                    break
                self._feed(bytes(data))
            self._look_at_clock()
            self._pump()
        finally:
            self._polling = False

    def reopened(self):
        """The line is a new one (a socket was connected again): say HELLO at once, so that the session goes on."""
        self._in = bytearray()
        self._unsent = b""
        self._hello = True

    def close(self):
        """End the session in order, with FIN. `poll` begins a new one."""
        if self._sid != NOBODY:
            self._send(FIN)
            self._over()

    # -- coming

    def _feed(self, data):
        start = 0
        while start < len(data):
            zero = data.find(b"\0", start)
            end = zero if zero >= 0 else len(data)
            self._in.extend(data[start : min(end, start + self._limit + 1 - len(self._in))])
            start = end + 1
            if zero >= 0 and self._in:
                found, self._in = bytes(self._in), bytearray()
                self._candidate(found)

    def _candidate(self, data):
        packet = self._whole(uncobs(data)) if len(data) <= self._limit else None
        if packet is not None:
            self._packet(packet[0] >> 4, packet[0] & 15, packet[1], packet[2], packet[3:])
        elif len(data) <= self._limit and is_text(data):
            self.ignored += 1
        else:
            self.damaged += 1
            self._ask()

    def _whole(self, raw):
        """Give the packet without its CRC, or None."""
        if raw is None or len(raw) < 5:
            return None
        wide = self._crc32 and raw[0] >> 4 not in HANDSHAKE
        end = len(raw) - (4 if wide else 2)
        if not 3 <= end <= 3 + self._longest or raw[end:] != self._check(raw[:end], wide):
            return None
        return raw[:end]

    def _check(self, data, wide):
        return struct.pack(">I", crc32(data) & 0xFFFFFFFF) if wide else struct.pack(">H", crc16(data))

    def _packet(self, kind, credit, seq, ack, payload):
        if kind == SYN:
            self._syn(ack, credit, payload)
        elif kind not in (DATA, PART, ACK, NAK, PING, FIN) or (payload and kind not in (DATA, PART)):
            self.ignored += 1
        elif kind == FIN:
            self._hello = not self.connected
            self._over()
        elif not self.connected:
            self._hello = True
        else:
            self._heard = self._now
            known = self._acknowledged(ack, credit)
            if kind == NAK and known:
                self._back()
                if not self._ask_again():
                    self._ack = True
            elif kind == PING:
                self._ack = True
            elif kind in (DATA, PART):
                self._arrived(kind, seq, payload)

    def _syn(self, ack, credit, payload):
        if len(payload) < 12:
            self.ignored += 1
            return
        version, flags = payload[0], payload[1]
        sid, mtu, window, keepalive, rto, message = struct.unpack("<4sBBBBH", payload[2:12])
        if version != VERSION or (flags & RESUME and sid != self._sid and sid != NOBODY):
            self._hello = True
            return
        if sid == NOBODY or not 16 <= mtu <= 246 or not 1 <= window <= 8 or not keepalive or not rto:
            self.ignored += 1
            return
        self._rto = rto * 10
        self._keepalive = keepalive
        fresh = sid != self._sid
        if fresh:
            self._over()
            self._sid = sid
            self._mtu = min(mtu, self._own_mtu)
            self._window = min(window, self._own_window)
            self._message = max(message, self._mtu)
        else:
            self._acknowledged(ack, credit)
            self._back()
            self._restart()
        self._crc32 = self._with_crc32 and bool(flags & CRC32)
        self._credit = credit
        self.connected = self._synack = True
        self._hello = False
        if fresh:
            self._begin()

    def _over(self):
        """The session is over: what is on its way never arrives."""
        self._leave()
        self._crc32 = False
        if self._sid != NOBODY:
            self._sid = NOBODY
            self._end(sum(kind == DATA for kind, _ in self._slots) + (self._rest is not None) + len(self._out))
        self._reset()

    def _leave(self):
        """Not connected any more; the session may go on."""
        if self.connected:
            self.connected = False
            self._hello_at = self._now

    def _acknowledged(self, ack, credit):
        """Take `ack` and `credit`; tell whether the ack can be one."""
        count = (ack - self._first) & 255
        if count > self._ever:
            return False
        self._credit = credit
        if count:
            self._slots = self._slots[count:]
            self._first = ack
            self._ever -= count
            self._sent = max(self._sent - count, 0)
            self._tries = 0
            self._wait = self._rto
            self._since = self._now
        return True

    def _arrived(self, kind, seq, payload):
        ahead = (seq - self._rx) & 255
        if ahead >= 128:
            self.doubled += 1
            self._ack = True
        elif ahead:
            if not self._gap:
                self._gap = True
                self._ask()
        elif kind == DATA and not self._ready(self._parts or payload):
            self._refused = True
        else:
            self._rx = (self._rx + 1) & 255
            self._gap, self._asked, self._ack = False, 0, True
            self._join(kind, payload)

    def _join(self, kind, payload):
        if kind == DATA and self._parts is None:
            self._take(payload)
            return
        parts = self._parts = bytearray() if self._parts is None else self._parts
        if self._too_long or len(parts) + len(payload) > self._own_message:
            self._too_long = True
        else:
            parts.extend(payload)
        if kind == DATA:
            too_long, self._parts, self._too_long = self._too_long, None, False
            if too_long:
                self.ignored += 1
            else:
                self._take(bytes(parts))

    def _ask(self):
        """Something was damaged or is missing: say so, unless it is we who have no room for it."""
        if self.connected and not self._refused:
            self._nak = True

    def _ask_again(self):
        """The peer asks, perhaps because it did not understand that we did: say it again, three times at most."""
        if not self._gap or self._asked == 3:
            return False
        self._asked += 1
        self._ask()
        return True

    # -- going

    def _look_at_clock(self):
        now = self._now
        if self.connected and self._diff(now, self._heard) > 300 * self._keepalive:
            self._leave()
            self._hello = True
        if not self.connected:
            if self._diff(now, self._hello_at) >= HELLO_EVERY:
                self._hello = True
        elif self._slots and self._diff(now, self._since) >= self._wait:
            self._since = now
            if not self._credit:
                self._ping = True
            elif self._tries == TRIES:
                self._leave()
                self._hello = True
            else:
                self._tries += 1
                self._wait = min(self._wait * 2, max(SLOWEST, self._rto))
                self._back()

    def _back(self):
        """Send again from the first open packet on."""
        if self._sent:
            self.resent += 1
        self._sent = 0
        self._since = self._now

    def _pump(self):
        """Send what is to be sent, as far as `write` takes it."""
        if self._unsent:
            self._put(self._unsent)
        if self._synack and not self._unsent:
            self._synack = False
            flags = CRC32 if self._crc32 else 0
            own = (self._own_mtu, self._own_window, self._keepalive, 0, self._own_message)
            self._send(SYNACK, 0, bytes((VERSION, flags)) + self._sid + struct.pack("<BBBBH", *own))
        if self._hello and not self._unsent:
            self._hello, self._hello_at = False, self._now
            self._send(HELLO, 0, bytes((VERSION,)) + self._sid)
        if not self.connected:
            return
        self._fill()
        if self._refused and not self._out:
            self._refused, self._nak = False, True
        if self._nak and not self._unsent:
            self._nak = False
            self._send(NAK)
        while self._sent < min(len(self._slots), self._window, self._credit) and not self._unsent:
            kind, payload = self._slots[self._sent]
            if not self._sent:
                self._since = self._now
            self._send(kind, (self._first + self._sent) & 255, payload)
            self._sent += 1
            self._ever = max(self._ever, self._sent)
        if (self._ping or self._ack) and not self._unsent:
            kind, self._ping = (PING if self._ping else ACK), False
            self._send(kind)

    def _fill(self):
        """Cut messages into packets, while there are slots for them."""
        while len(self._slots) < self._window:
            if self._rest is None:
                self._rest, self._at = self._next(), 0
                if self._rest is None:
                    return
            if not self._slots:
                self._since = self._now
            end = self._at + self._mtu
            last = end >= len(self._rest)
            self._slots.append((DATA if last else PART, self._rest[self._at : end]))
            self._rest, self._at = (None if last else self._rest), end

    def _free(self):
        """Tell whether a new message gets a slot at once."""
        return len(self._slots) < self._window and self._rest is None and not self._out

    def _send(self, kind, seq=0, payload=b""):
        raw = bytes((kind << 4 | self._own_credit, seq, self._rx)) + payload
        raw += self._check(raw, self._crc32 and kind not in HANDSHAKE)
        self._ack = False
        packet = bytearray(1)
        packet.extend(cobs(raw))
        packet.append(0)
        self._put(self._unsent + bytes(packet))

    def _put(self, data):
        taken = self._write(data)
        self._unsent = b"" if taken is None else data[taken:]


# ---- the dialect


class Board(Link):
    """A sender, and a listener, at the server at the other end of the line.

        name: of the sender: text of 1 to 255 bytes, or an integer; None: it only listens.
        read: gives the bytes that have come, or None. Never waits.
        write: takes bytes, all of them (and gives None), or says how many it took.
        events: names of the events that it fires.
        state: those of them that are its state: the server keeps the last value of each for who comes later.
        requests: methods that it answers: {name: f}, or pairs. f(params) gives the answer; for the name None, which
            takes all others, f(method, params). ValueError means that the params are not what it expects (status -7),
            any other exception fails the request (-2); its text goes to who asked.
        listens: pairs of what it listens to and f. (sender, event): f(value). (sender, None), all of a sender:
            f(value, event). (None, channel): f(value, sender). (None, None), everything: f(value, sender, event).
            While f runs, `is_last` tells whether it is the last value of a state event, and was not fired just now.
        latest: those of what it listens to of whose events it wants only the newest: (sender, event), as in `listens`.
            No more than one of each waits at the host, and `missed` counts the others. The host must know of it.
        ticks_ms, ticks_diff: the clock, and how two of its times are compared; those of `time`, if it has them.
        mtu: bytes of payload in one packet that it takes, 16 .. 246.
        window: packets that it keeps until they are acknowledged, 1 .. 8. A packet more is memory of about `mtu` bytes.
        credit: packets that it takes while it does not poll, 1 .. 15: what is waiting to be read must have room for
            so many of `mtu` + 10 bytes, and one more; None: as many as `window`.
        message: bytes of the longest message that it takes, in parts; 0: only what fits one packet.
        with_crc32: check packets with CRC-32, if the host can, and if this Python has it (there it is also quicker).
        errors: called with one line of text if a handler of an event or an answer fails. `print` may share the line.

    Counts: `damaged`, `doubled`, `resent`, `ignored`, `lost` (messages, see `Link`), `failed` (handlers), `missed` (a
    list: events that the host could not send, for each of `listens`). `status`: of the registration: None until it is
    answered, 0: it is in; else `reason` says why not, and the host tries again where that helps.

    Handlers run inside `poll`. They may fire and ask, but not poll.
    """

    def __init__(
        self,
        name,
        read,
        write,
        events=(),
        requests=(),
        listens=(),
        ticks_ms=None,
        ticks_diff=None,
        mtu=64,
        window=2,
        credit=None,
        message=512,
        with_crc32=True,
        errors=print,
        latest=(),
        state=(),
    ):
        super().__init__(read, write, ticks_ms, ticks_diff, mtu, window, credit or window, message, with_crc32)
        requests = list(requests.items() if isinstance(requests, dict) else requests)
        self._events = list(events)
        self._listens = list(listens)
        self._methods = [method for method, _ in requests]
        self._handlers = [handler for _, handler in requests]
        self._items = [[0, 0, _named(name, True), len(self._events) + len(requests) + len(self._listens)]]
        self._items += [[0, 4 if event in state else 1, _named(event)] for event in self._events]
        self._items += [[0, 2, _named(method, True)] for method in self._methods]
        for heard, _ in self._listens:
            self._items.append([0, 5 if heard in latest else 3, _named(heard[0], True), _named(heard[1], True)])
        if len(self._items) > 256:
            raise ValueError(f"{len(self._items) - 1} events, requests and listens, 255 are the most")
        self._item = 0  # of the registration, that is sent next
        self._asks = {}  # of its own: ID to callback, start, timeout; None: over, but not answered
        self._errors = errors
        self.status = None
        self.reason = None
        self.failed = 0
        self.missed = [0] * len(self._listens)
        self.is_last = False

    def poll(self):
        """Read what has come, run handlers, send what is to be sent. Call it all the time; it never waits.

        Raises ValueError, once a session, if an item of the registration is longer than the host takes, and what
        `read` and `write` raise. It may be called again after that.
        """
        super().poll()
        for key in list(self._asks) if self._asks else ():
            ask = self._asks.get(key)
            if ask and self._diff(self._now, ask[1]) >= ask[2]:
                self._asks[key] = None  # its ID is not free before the answer has come
                self._answered(ask, TIMEOUT, f"no answer within {ask[2]} ms")

    def room(self):
        """Tell whether an event or a request would be taken now."""
        return self.status == 0 and self._free()

    def fire(self, event, value=None):
        """Fire the event of that name. False: it was not, since the board is not registered or has no room now.

        It arrives once, unless the session is lost. ValueError: no such event, or a value that can't be carried or is
        longer than the host takes.
        """
        if event not in self._events:
            raise ValueError(f"no event {event!r}, there are: {self._events}")
        if not self.room():
            return False
        self._queue([1, self._events.index(event), value], "event", event)
        return True

    def ask(self, sender, method, params=None, done=None, timeout_ms=5000):
        """Send a request to another sender: done(status, value) is called once, with status 0 and the answer or with a
        negative status and text: -10 if the session was lost and it may have run, -14 after `timeout_ms`.

        False: not sent, since the board is not registered, has no room now, or has 8 open. ValueError as with `fire`.
        """
        if not self.room() or len(self._asks) == ASKS:
            return False
        key = 0
        while key in self._asks:
            key += 1
        self._queue([2, key, sender, method, params], "request", method)
        self._asks[key] = (done, self._ticks(), timeout_ms, method)
        return True

    # -- what the link asks of it

    def _begin(self):
        self._item = 0
        for item in self._items:
            size = len(pack(item))
            if size > self._message:
                self._item = len(self._items)
                raise ValueError(f"item {item[2:]} of the registration: {size} bytes, the host takes {self._message}")

    def _end(self, on_their_way):
        if self.status is not None:  # what is lost of a registration is said again
            self.lost += on_their_way
        self.status = self.reason = None
        self._item = len(self._items)
        asks, self._asks = self._asks, {}
        for ask in asks.values():
            if ask:
                self._answered(ask, UNKNOWN_OUTCOME, "the session was lost, it may have run")

    def _next(self):
        if self._item < len(self._items):
            self._item += 1
            return pack(self._items[self._item - 1])
        return self._out.pop(0) if self._out else None

    def _ready(self, message):
        return not self._out or len(message) < 2 or message[1] != 2  # a request, while another answer waits for a slot

    def _take(self, message):
        try:
            parts, end = unpack(message)
            good = end == len(message) and isinstance(parts, list) and self._understood(parts, len(parts))
        except (ValueError, OverflowError):  # the second one: a Python without integers of 32 bits
            good = False
        if not good:
            self.ignored += 1

    # -- messages

    def _understood(self, parts, size):
        """Do what a message says; False: it is none."""
        if size < 2 or not (_is_integer(parts[0]) and _is_integer(parts[1])):
            return False
        kind, number = parts[0], parts[1]
        if kind == 0 and size < 4:
            self.status, self.reason = number, parts[2] if size == 3 else None
            return True
        if kind in (1, 5) and size > 2:
            self.is_last = kind == 5
            return self._event_came(number, parts[2], parts[3:])
        if kind == 2 and size == 4 and 0 <= number < 256:
            self._request_came(number, parts[2], parts[3])
            return True
        if kind == 3 and size == 4 and number in self._asks and _is_integer(parts[2]):
            self._answered(self._asks.pop(number), parts[2], parts[3])
            return True
        if kind == 4 and size == 3 and 0 <= number < len(self._listens) and _is_integer(parts[2]):
            self.missed[number] += parts[2]
            return True
        return False

    def _event_came(self, number, value, names):
        if not 0 <= number < len(self._listens):
            return False
        (sender, event), handler = self._listens[number]
        if len(names) != (sender is None) + (event is None):
            return False
        self._call("the listener to", (sender, event), handler, value, *names)
        return True

    def _request_came(self, key, method, params):
        handler, args = self._handler(method, params)
        if handler is None:
            self._reply(key, NO_METHOD, f"no method {method!r}")
            return
        try:
            status, value = 0, handler(*args)
        except ValueError as error:
            status, value = BAD_MESSAGE, _text_of(error)
        except Exception as error:
            status, value = FAILED, _text_of(error)
        self._reply(key, status, value)

    def _handler(self, method, params):
        """Give what answers this, and its arguments."""
        if isinstance(method, str):
            return (self._handlers[self._methods.index(None)] if None in self._methods else None), (method, params)
        if _is_integer(method) and 0 <= method < len(self._methods) and self._methods[method] is not None:
            return self._handlers[method], (params,)
        return None, ()

    def _reply(self, key, status, value):
        try:
            message = pack([3, key, status, value])
        except ValueError as error:
            status, value = FAILED, f"the answer: {error}"
            message = pack([3, key, status, value])
        if len(message) > self._message and not status:
            status, value = TOO_BIG, f"the answer: {len(message)} bytes, the host takes {self._message}"
            message = pack([3, key, status, value])
        while len(message) > self._message:
            value = value[: len(value) * 3 // 4]
            message = pack([3, key, status, value])
        self._out.append(message)
        self._fill()

    def _queue(self, message, what, name):
        message = pack(message)
        if len(message) > self._message:
            raise ValueError(f"{what} {name!r}: {len(message)} bytes, the host takes {self._message}")
        self._out.append(message)
        self._fill()

    def _answered(self, ask, status, value):
        if ask:
            self._call("what waits for the answer to", ask[3], ask[0], status, value)

    def _call(self, what, name, handler, *args):
        try:
            if handler is not None:
                handler(*args)
        except Exception as error:
            self.failed += 1
            self._errors(f"sigboard: {what} {name!r} failed: {type(error).__name__}: {error}")


def _is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _text_of(error):
    return str(error) or type(error).__name__


def _named(name, or_none=False):
    """Give a name as it is, if it is one."""
    if name is None and or_none:
        return None
    if isinstance(name, str):
        size = len(bytes(name, "utf8"))
        if not 1 <= size <= 255:
            raise ValueError(f"name of {size} bytes, 1 .. 255 are taken")
    elif not _is_integer(name):
        raise ValueError(f"name {name!r}: names are text or integers")
    return name
