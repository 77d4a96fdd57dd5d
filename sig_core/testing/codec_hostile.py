"""Checks of what comes from strangers, and of many calls at once."""

from __future__ import annotations

import copy
import random
import subprocess
import sys
import threading
from itertools import pairwise
from typing import Any

from sig_core.contract import HasDecodeMany, HasDecodeMost, HasReads
from sig_core.portable import MAX_DEPTH
from sig_core.testing.child import Unnamed, child
from sig_core.testing.codec_suite import CodecSuite, opening, short
from sig_core.testing.codec_values import arrived, nested, same
from sig_core.testing.waiting import begin, result, within

__all__ = ["HostileChecks"]

DEEP = 10_000  # containers that hostile bytes open
THREADS, CALLS = 4, 150
EVENT = {"n": 5, "t": 1700000000.5, "value": 21.5, "unit": "°C", "ok": True, "tags": ["é", None, {"deep": [1.0, -1]}]}

# Decodes what may end a process, a line of hexadecimal digits each. It says how that went.
DECODE = """
codec = found
for line in sys.stdin:
    try:
        codec.decode(bytes.fromhex(line))
    except Exception as error:
        print("refused", flush=True)
    else:
        print("took them", flush=True)
"""


class HostileChecks(CodecSuite):
    """Bytes that nobody should send, and calls that meet."""

    def test_bytes_by_chance(self) -> None:
        """D20: Any bytes decode to a value of the model, or raise; they never hang. Mend: check what the library gives,
        with `fits` of sig_core.portable.
        """
        chance = random.Random(self.seed)
        data = [b"", *(bytes([number]) for number in range(256))]
        data += [chance.randbytes(chance.randint(2, 40)) for _ in range(self.examples * 5)]
        self.soon("decode of bytes by chance", lambda: [self.value_or_refusal(each) for each in data])

    def test_truncations(self) -> None:
        """D21: Bytes of a list or map that were cut off are refused, at whatever place; nothing is left to guess. Mend:
        check that all that was promised is there.
        """
        self.soon("decode of what was cut off", self._truncate)

    def _truncate(self) -> None:
        for value, data in self.carried():
            for end in {*range(min(len(data), 60)), *range(max(0, len(data) - 8), len(data))}:
                got = self.value_or_refusal(data[:end])
                good = isinstance(got, Exception)
                self.check(good, f"{end} of the {len(data)} bytes of {short(value)} decode to {short(got)}")

    def test_flipped_bits(self) -> None:
        """D22: One bit that is wrong makes another value of the model, or is refused. Mend: as D20."""
        self.soon("decode of bytes with a flipped bit", self._flip)

    def _flip(self) -> None:
        chance = random.Random(self.seed)
        for _, data in self.carried():
            for _ in range(20):
                damaged, place = bytearray(data), chance.randrange(len(data))
                damaged[place] ^= 1 << chance.randrange(8)
                self.value_or_refusal(bytes(damaged))

    def test_trailing_bytes(self) -> None:
        """D23: Bytes that follow the value are refused. Mend: check that the library used all of them."""
        for value, data in self.carried():
            for rest in (b"\0", b"\xff", data):
                got = self.value_or_refusal(data + rest)
                good = isinstance(got, Exception)
                self.check(good, f"{len(rest)} bytes follow those of {short(value)}, and decode gives {short(got)}")

    def test_deep_bytes(self) -> None:
        """D24: 10,000 containers that are opened are refused: no crash, no hang. Mend: limit the depth while decoding,
        not afterwards.
        """
        for outcome in self._decoded([*self._openings(maps=False), *self._openings(maps=True)]):
            self.check(outcome == "refused", f"bytes that open {DEEP} containers: decode {outcome}")

    def _openings(self, *, maps: bool) -> list[bytes]:
        deep = self.made.encode(nested(MAX_DEPTH - 1, maps=maps))
        shallow = self.made.encode(nested(MAX_DEPTH - 2, maps=maps))
        unit = opening(shallow, deep, MAX_DEPTH - 2)
        closing = opening(shallow[::-1], deep[::-1], MAX_DEPTH - 2)[::-1]
        if not unit:
            return [deep[: len(deep) // 2] * (DEEP // MAX_DEPTH)]
        inner = self.made.encode(None)
        return [unit * DEEP, *(unit * depth + inner + closing * depth for depth in (MAX_DEPTH + 1, DEEP))]

    def _decoded(self, hostile: list[bytes]) -> list[str]:
        """Return how each decode ended, in a process of its own if that can be."""
        try:
            command = child(self.made, DECODE)
        except Unnamed:
            got = [self.soon("decode of nested bytes", self.value_or_refusal, data) for data in hostile]
            return ["refused" if isinstance(each, Exception) else "took them" for each in got]
        lines, limit = "\n".join(data.hex() for data in hostile), within(2 * self.timeout)
        try:
            run = subprocess.run(command, input=lines, text=True, capture_output=True, timeout=limit, check=False)
        except subprocess.TimeoutExpired:
            return [f"does not end within {limit:g} s"]
        outcomes = run.stdout.splitlines()
        if len(outcomes) < len(hostile):
            outcomes.append(f"ended its process, with status {run.returncode}: {run.stderr.strip()[-200:]}")
        return outcomes

    def test_threads(self) -> None:
        """D30: Four threads encode and decode at once. Mend: nothing in `self` that changes in a call; where a
        library's object keeps state, one for each call.
        """
        ready = threading.Barrier(THREADS)
        switch = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)  # threads that meet seldom here would meet in production
        try:
            running = [begin(self._trips, ready, number) for number in range(THREADS)]
            for each in running:
                wrong = result(f"{self.who}: encode and decode in {THREADS} threads", 2 * self.timeout, each)
                self.check(not wrong, f"with {THREADS} threads at once {wrong}")
        finally:
            sys.setswitchinterval(switch)

    def _trips(self, ready: threading.Barrier, number: int) -> str:
        value = EVENT | {"n": number, "more": [number] * 50, "text": f"t{number}" * (1 + 10 * number)}
        wanted = self.made.decode(self.made.encode(value)) if self.narrows else value
        ready.wait(within(self.timeout))
        try:
            for _ in range(CALLS):
                got = self.made.decode(self.made.encode(value))
                if not same(got, wanted):
                    return f"{short(value)} became {short(got)}"
        except Exception as error:
            return f"a call raised {error!r}"
        return ""

    def test_no_state(self) -> None:
        """D31: A call leaves nothing behind for the next, also one that failed. Mend: as D30; reset in `finally`."""
        value: dict[str, Any] = {"a": [1, {"b": "c"}], "z": None}
        data = self.made.encode(value)
        for other in self.values(20):
            for call, argument in (
                (self.made.encode, other),
                (self.made.encode, [1, object()]),
                (self.made.decode, data[: len(data) // 2]),
                (self.made.decode, data + data),
            ):
                try:
                    call(argument)
                except Exception:
                    continue
            self.check_trip(value)

    def test_fresh_values(self) -> None:
        """D32: What decode gives belongs to who asked: who changes it changes no other. Mend: no default, cache or list
        that results share.
        """
        values: list[Any] = [{"a": [], "b": {}, "c": [1]}, [[], {}, [[]]], [], {}]
        for value in values:
            data = self.made.encode(value)
            _fill(self.made.decode(data))
            got = self.made.decode(data)
            self.check(same(got, value), f"what decode gave was changed, and {short(value)} then came as {short(got)}")

    def test_values_are_left_alone(self) -> None:
        """D33: encode does not change what it is given. Mend: copy what you have to change."""
        for value in self.values(50):
            before = copy.deepcopy(value)
            try:
                self.made.encode(value)
            except Exception:
                if not self.narrows:
                    raise
            good = same(arrived(value), arrived(before))
            self.check(good, f"{short(before)} was encoded, and has become {short(value)}")

    def test_reads(self) -> None:
        """D34: Bytes of the codecs that `reads` names decode to the same value. Mend: name those alone whose every
        value is one of yours.
        """
        reads = self.made.reads if isinstance(self.made, HasReads) else ()
        others = {name: _installed(name) for name in sorted(reads)}
        if not any(others.values()):
            self.skip(f"of those that it reads none is installed: {', '.join(others) or 'it names none'}")
        for name, other in others.items():
            for value in self.values() if other else ():
                try:
                    data = other.encode(value)
                except Exception:
                    continue
                wanted, got = other.decode(data), self.value_or_refusal(data)
                good = same(got, wanted)
                self.check(good, f"it reads {name!r}, but its bytes of {short(wanted)} decode to {short(got)}")

    def test_decode_most(self) -> None:
        """D35: `decode_most`, if it is there, gives what decode gives, or raises. Mend: let it raise for whatever
        decode looks at twice.
        """
        if not isinstance(self.made, HasDecodeMost):
            self.skip("it has no decode_most")
        most = self.made.decode_most
        chance = random.Random(self.seed)
        for _, data in self.carried():
            damaged = bytearray(data)
            damaged[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            for given in (data, data + b"\0", data[:-1], bytes(damaged)):
                try:
                    got = most(given)
                except Exception:
                    continue
                wanted = self.value_or_refusal(given)
                self.check(same(got, wanted), f"decode_most gives {short(got)}, and decode {short(wanted)}")

    def test_decode_many(self) -> None:
        """D36: `decode_many`, if it is there, gives what decode gives for each, or raises. Mend: see to it that each
        value ends where its bytes do.
        """
        if not isinstance(self.made, HasDecodeMany):
            self.skip("it has no decode_many")
        many = self.made.decode_many
        carried = [data for _, data in self.carried()]
        runs = [carried]
        for one, two in pairwise(carried):
            runs += [one, two], [one[:-1], one[-1:] + two], [one + two, b""], [one, b"", two], [one, two + b"\0"]
        for given in runs:
            try:
                got = many(given)
            except Exception:
                continue
            wanted = [self.value_or_refusal(data) for data in given]
            self.check(same(got, wanted), f"decode_many gives {short(got)}, and decode {short(wanted)}")


def _installed(name: str) -> Any:
    from sig_core.errors import PluginError
    from sig_core.plugins import default_plugins

    try:
        return default_plugins().codecs.get(name)
    except PluginError:
        return None


def _fill(value: Any) -> None:
    """Put something into every container of a value."""
    for item in list(value.values() if isinstance(value, dict) else value):
        if isinstance(item, list | dict):
            _fill(item)
    if isinstance(value, dict):
        value["filled"] = True
    else:
        value.append("filled")
