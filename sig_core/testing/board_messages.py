"""Checks of the dialect: what a board registers, says and answers, and what it leaves alone."""

from __future__ import annotations

from typing import Any

from sig_core.errors import Status
from sig_core.plugins import default_plugins
from sig_core.protocol.board import asked, gave_way, heard, registered
from sig_core.testing.board_fair import FairHost
from sig_core.testing.board_heard import CODEC, Heard
from sig_core.testing.board_host import IN
from sig_core.testing.board_suite import BoardSuite

__all__ = ["MessageChecks"]

UNKNOWN = {
    "nothing at all": b"",
    "an empty array": b"\x80",
    "an array with a kind alone": b"\x81\x01",
    "an array of kind 9": b"\x82\x09\x00",
    "a map": b"\xa1\x61a\x01",
    "a number": b"\x05",
    "a text": b"\x63abc",
    "a kind that is a text": b"\x83\x61a\x00\xf6",
    "a negative kind": b"\x83\x20\x00\xf6",
    "a request with an item too many": b"\x85\x02\x05\x18\xff\xf6\xf6",
    "a request with an item too few": b"\x83\x02\x05\x18\xff",
}
BROKEN = {
    "an array of indefinite length": b"\x9f\x01\xff",
    "a map of indefinite length": b"\xbf\x61a\x01\xff",
    "a text of indefinite length": b"\x7f\x61a\xff",
    "an integer of 64 bits": b"\x1b\x00\x00\x00\x01\x00\x00\x00\x00",
    "a float of 64 bits": b"\xfb\x40\x09\x21\xfb\x54\x44\x2d\x18",
    "a float of 16 bits": b"\xf9\x3c\x00",
    "a tag": b"\xc0\x61a",
    "an array that is cut off": b"\x83\x01\x02",
    "a text that is cut off": b"\x78\x20abc",
    "bytes that say 4 GiB": b"\x5a\xff\xff\xff\xff\x00",
    "an array that says 4 G items": b"\x9a\xff\xff\xff\xff",
    "a text that is not UTF-8": b"\x62\xc3\x28",
    "a key that is no text": b"\xa1\x01\x02",
    "bytes behind the value": b"\x01\x02",
    "a break without a beginning": b"\xff",
    "an array in an array, 40 times, and no end": b"\x81" * 40,
}
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 23, 24, 255, 256, 65_535, 65_536, 2**31 - 1, 2**31, 2**32 - 1, -1, -24, -25, -256, -(2**31),
    0.0, -0.5, 21.5, 1e10, 2.0**100, 2.0**-126, "", "a", "°C and 水",
    "x" * 24, b"", b"\0\xff\1", [], {}, [1, [2, [3]]], {"a": {"b": [None]}},
)  # fmt: skip
WILD: tuple[Any, ...] = (None, -1, 2**32 - 1, 1.5, "text", b"\0", [1, 2], {"a": None})
IDS = (0, 1, 23, 24, 127, 128, 255)
STATUSES = range(Status.SHADOWED, 1)
OFTEN = 2.5  # seconds within which a board fires, if it does so of itself
TAKEN = registered(Status.SENDER_EXISTS, "that name is taken")


class MessageChecks(BoardSuite):
    """Sections 5 to 7 of the protocol."""

    def test_registration(self) -> None:
        """B60: It registers as soon as it is connected, its first message says its name and how many items follow, and
        so many do. Mend: count what is sent, and begin anew with each new session."""
        with self.session() as host:
            said = host.heard
            self.check(not said.wrong, "; ".join(said.wrong))
            first = said.messages[0]
            self.check(first[:3] == b"\x84\0\0", f"its first message is no registration, but {first[:20].hex(' ')}")
            for what, names in (("events", said.events), ("methods", said.methods), ("listened", said.listened)):
                self.check(len(set(names)) == len(names), f"registers one of its {what} twice: {names}")

    def test_refused_registration(self) -> None:
        """B61: A status other than 0 means that it is not in yet: it fires nothing, and is in when 0 comes. Mend: keep
        the last status that came, and ask for 0 where an event is fired."""
        with self.calls() as host:
            host.acks = True
            host.wait("its registration, with all items", lambda packet: host.heard.complete)
            for status in (TAKEN, registered(Status.SENDER_EXISTS)):
                host.deliver(status)
                host.rest("nothing")
            fired = len(host.heard.early)
            self.check(not fired, f"fired {fired} events while it was not in")
            host.settle()
            self.learn(host.heard)
            if host.heard.methods:
                host.request(1, self.no_method(host.heard))

    def test_what_it_says(self) -> None:
        """B62: All its messages are of the page: arrays of definite length, integers of 32 bits, float32, no tags, text
        as UTF-8. Mend: the codec of the board, not each message by itself."""
        with self.served() as host:
            self._provoke(host, 0.0)
            if host.heard.methods:
                host.ask((ident, self.no_method(host.heard), b"\xf6") for ident in IDS)
            self.check(not host.heard.wrong, "; ".join(host.heard.wrong))

    def test_events(self) -> None:
        """B63: It fires what it registered, by number, and only while it is in. Mend: the number is that of the item,
        from 0, counted without methods and what is listened to."""
        with self.served() as host:
            self._provoke(host, OFTEN)
            fired = [*host.heard.early, *host.heard.fired]
            if not fired:
                self.skip(f"it fired nothing within {OFTEN:g} s; name a method that makes it, as `fires`")
            count = len(host.heard.events)
            strange = [event.event for event in fired if event.event >= count]
            self.check(not strange, f"fires event {max(strange, default=0)}, and registered {count}, numbered from 0")
            self.check(not host.heard.early, f"fired {len(host.heard.early)} events before it was in")

    def test_unknown_method(self) -> None:
        """B64: A request for a method that it does not have is answered with status -5 and text, whether it comes as a
        number or a name. Mend: compare the number with the count; text is for the method registered as null."""
        with self.served() as host:
            wanted: list[int | str] = [len(host.heard.methods), self.no_method(host.heard)]
            if None not in host.heard.methods:
                wanted.append("sig-no-such-method")
            for ident, method in enumerate(wanted):
                host.ask([(ident, method, b"\xf6")])
                status = host.heard.answers[-1].status
                good = status == Status.UNKNOWN_METHOD
                self.check(good, f"answers method {method!r} with status {status}; it has none of that, so -5")
            self.check(not host.heard.wrong, "; ".join(host.heard.wrong))

    def test_ids(self) -> None:
        """B65: The ID of an answer is that of its request, 0 .. 255, also if it was used before. Mend: one byte without
        a sign, and no memory of IDs."""
        with self.served() as host:
            method = self.no_method(host.heard)
            for _ in range(2):
                host.heard.answers.clear()
                host.ask((ident, method, b"\xf6") for ident in IDS)
                got = sorted(answer.id for answer in host.heard.answers)
                self.check(got == sorted(IDS), f"requests {IDS} were answered as {got}")

    def test_unknown_messages(self) -> None:
        """B66: A message that is none of the page is acknowledged, ignored and counted. Mend: look at kind and count of
        items before anything is read, and let everything else fall through."""
        with self.served() as host:
            for what, message in UNKNOWN.items():
                self._ignored(host, what, message)

    def test_broken_items(self) -> None:
        """B67: A value that is no CBOR of boards does no harm: it is ignored, or refused with a status. Mend: check the
        whole message, with a limit of depth, before any of it is used."""
        with self.served() as host:
            method = self.no_method(host.heard)
            for what, item in BROKEN.items():
                before = len(host.heard.answers)
                self._alive(host, f"a request with {what}", asked(5, method, item))
                done = [each for each in host.heard.answers[before:] if each.id == 5 and each.status == Status.OK]
                self.check(not done, f"a request with {what} was answered with status 0")

    def test_numbers_that_nobody_gave(self) -> None:
        """B68: Events, losses and answers for numbers that it never gave are ignored. Mend: compare each number with
        its table before that is read."""
        with self.served() as host:
            above = len(host.heard.listened)
            for number in {above, 200, 255} - set(range(above)):
                self._ignored(host, f"an event for item {number}", heard(number, b"\x01"))
                self._ignored(host, f"the loss of events for item {number}", gave_way(number, 1))
            for ident in (0, 200):
                self._ignored(host, f"an answer to request {ident}", b"\x84\x03" + bytes((0x18, ident)) + b"\0\xf6")

    def test_losses(self) -> None:
        """B69: `[4, LISTENED, COUNT]` is taken, for each item and with counts of 32 bits. Mend: read it, and count,
        even if nothing is done with it."""
        with self.served() as host:
            if not host.heard.listened:
                self.skip("it listens to nothing")
            for number in range(len(host.heard.listened)):
                for count in (1, 2**32 - 1):
                    self._ignored(host, f"the loss of {count} events for item {number}", gave_way(number, count))

    def test_values(self) -> None:
        """B70: Every value of `cbor-board` that fits is read and written without a change. Mend: integers of 32 bits in
        both signs, float32 by its bits, lengths in bytes and not in letters."""
        with self.served() as host:
            number = self._echo(host.heard)
            codec = default_plugins().codecs.get(CODEC)
            for value in VALUES:
                host.ask([(1, number, codec.encode(value))])
                answer = host.heard.answers[-1]
                self.check(answer.status == 0, f"method {self.echo!r} refuses {value!r} with status {answer.status}")
                got = codec.decode(answer.value)
                same = got == value and type(got) is type(value)
                self.check(same, f"method {self.echo!r} gives {got!r} for {value!r}")

    def test_answer_that_is_too_long(self) -> None:
        """B71: An answer that is longer than the host takes is status -8, and nothing is cut. Mend: look at the size of
        the message before it is given to the link."""
        with self.session() as host:
            number = self._echo(host.heard)
            assert host.terms is not None
            mtu = max(max(map(len, host.heard.messages)), 16)
            if mtu + 8 > host.terms.mtu:
                self.skip(f"its packets of {host.terms.mtu} bytes are no longer than its registration needs")
            host.begin(mtu=mtu, message=0)
            host.acks = True
            host.settle()
            params = default_plugins().codecs.get(CODEC).encode(b"\x07" * (host.terms.mtu - 10))
            status = host.request(3, number, params).status
            detail = f"with {len(params)} bytes of value, where the host takes {mtu}"
            self.check(status == Status.TOO_BIG, f"answers with status {status} {detail}; that is -8")
            host.request(4, self.no_method(host.heard))

    def test_any_params(self) -> None:
        """B72: Each of its methods answers any params, with status 0 or one of the page, and text where it is not 0.
        Mend: a handler that can't read its params is status -7, one that fails -2."""
        with self.served() as host:
            self._may_act()
            self.no_method(host.heard)
            codec = default_plugins().codecs.get(CODEC)
            names = [(number, name or "sig-any") for number, name in enumerate(host.heard.methods)]
            for number, name in names:
                method: int | str = number if host.heard.methods[number] is not None else name
                for value in WILD:
                    host.ask([(2, method, codec.encode(value))])
                    status = host.heard.answers[-1].status
                    self.check(status in STATUSES, f"method {name!r} answers {value!r} with status {status}")
            self.check(not host.heard.wrong, "; ".join(host.heard.wrong))

    def test_any_events(self) -> None:
        """B73: An event that it listens to may bring any value, and the names that its item left open. Mend: a listener
        that can't read its value leaves it out."""
        with self.served() as host:
            self._may_act()
            if not host.heard.listened:
                self.skip("it listens to nothing")
            codec = default_plugins().codecs.get(CODEC)
            for number, asked_for in enumerate(host.heard.listened):
                open_ones = zip(("someone", "#something"), asked_for, strict=True)
                names = [name for name, known in open_ones if known is None]
                for value in WILD:
                    what = f"event {asked_for} with value {value!r}"
                    self._alive(host, what, heard(number, codec.encode(value), names))

    # -- what several of them do

    def _provoke(self, host: FairHost, seconds: float) -> None:
        """Make it fire, or wait for what it fires of itself."""
        if self.fires is not None:
            method, params = self.fires
            encoded = default_plugins().codecs.get(CODEC).encode(params)
            host.ask([(6, host.heard.methods.index(method), encoded)])
            said = host.heard
            host.run(f"an event, behind request {method!r}", lambda: said.fired or said.early or said.wrong)
        elif seconds:
            host.look(lambda: host.heard.fired or host.heard.early, seconds)

    def _ignored(self, host: FairHost, what: str, message: bytes) -> None:
        before = len(host.heard.answers)
        self._alive(host, what, message, answers=False)
        self.check(len(host.heard.answers) == before, f"{what} was answered; it means nothing, and is ignored")

    def _alive(self, host: FairHost, what: str, message: bytes, *, answers: bool = True) -> None:
        """Send a message; what it is sent next is taken and, if it answers requests, answered."""
        try:
            host.deliver(message, IN)
            if answers and host.heard.methods:
                host.ask([(7, self.no_method(host.heard), b"\xf6")])
        except AssertionError as failure:
            raise AssertionError(f"{failure}; before that it got {what}") from failure

    def _echo(self, said: Heard) -> int:
        if not self.echo:
            self.skip("name a method that answers its params, as `echo`")
        self.check(self.echo in said.methods, f"has no method {self.echo!r}, which `echo` names: {said.methods}")
        return said.methods.index(self.echo)

    def _may_act(self) -> None:
        if not self.acts:
            self.skip("its methods and listeners may move something: set `acts` where any value may come")
