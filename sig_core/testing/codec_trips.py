"""Checks of what a codec carries, and of what it must refuse."""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import re
from typing import Any

from sig_core.portable import MAX_DEPTH
from sig_core.testing.codec_suite import CodecSuite
from sig_core.testing.codec_values import EDGES, NONFINITE, nested

__all__ = ["TripChecks"]

EXTRAS = {"bytes", "nonfinite"}
NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")


class Level(enum.IntEnum):
    """A subclass of int, which is not of the model."""

    HIGH = 3


class Celsius(float):
    """A subclass of float, which is not of the model."""


Point = collections.namedtuple("Point", "x y")


class TripChecks(CodecSuite):
    """Values that arrive, and values that don't leave."""

    def test_declarations(self) -> None:
        """D01: `name` is what is negotiated; `extras` a frozenset of "bytes", "nonfinite"; `narrows`, if it is there,
        text; `reads` a frozenset of other names. Mend: write them as class attributes of these types.
        """
        name: Any = getattr(self.made, "name", None)
        extras: Any = getattr(self.made, "extras", None)
        good = isinstance(name, str) and NAME.fullmatch(name) is not None
        self.check(good, f"name is {name!r}; it is lower case text such as 'json', as its entry point is called")
        good = isinstance(extras, frozenset) and extras <= EXTRAS
        self.check(good, f"extras is {extras!r}; it is a frozenset of some of {sorted(EXTRAS)}")
        narrows: Any = getattr(self.made, "narrows", "")
        reads: Any = getattr(self.made, "reads", frozenset())
        self.check(isinstance(narrows, str), f"narrows is {narrows!r}; it is text that says what is narrowed")
        good = isinstance(reads, frozenset) and all(isinstance(each, str) for each in reads) and name not in reads
        self.check(good, f"reads is {reads!r}; it is a frozenset of names of other codecs")

    def test_gives_bytes(self) -> None:
        """D02: encode gives bytes, not text, nor a buffer that may change. Mend: `bytes(...)` or `.encode()` at its
        end.
        """
        data = self.made.encode({"a": [1]})
        self.check(type(data) is bytes, f"encode gave {type(data).__name__}; it gives bytes")

    def test_edges(self) -> None:
        """D03: Values at the limits of the model arrive with their types: 1 is not 1.0 nor True, -0.0 keeps its sign,
        None stays in maps. Mend: a mark for each type in the encoding, and 64 bits for integers.
        """
        for value in EDGES:
            for inside in (value, [value], {"k": value}):
                self.check_trip(inside)

    def test_values_by_chance(self) -> None:
        """D04: Values of the model by chance arrive unchanged (attribute `seed` repeats or changes them).
        Mend: as D03.
        """
        for value in self.values():
            self.check_trip(value)

    def test_deepest(self) -> None:
        """D05: 64 containers inside each other arrive.
        Mend: raise the library's limit of depth, or recurse yourself.
        """
        for maps in (False, True):
            self.check_trip(nested(MAX_DEPTH, maps=maps))

    def test_tuples(self) -> None:
        """D06: A tuple travels as a list. Mend: encode it as one; decode gives lists alone."""
        for value in ((), (1, (2, "a")), {"t": (None,)}):
            self.check_trip(value)

    def test_extras(self) -> None:
        """D07: What `extras` names arrives: bytes, bytearray and memoryview as bytes; NaN and the infinities. Mend:
        carry it, or leave the name out of `extras`.
        """
        values: list[Any] = []
        if "bytes" in self.extras:
            raw = bytes(range(256))
            values += [b"", raw, bytearray(raw), memoryview(raw)[1:], b"\xff" * 70_000]
        values += NONFINITE if "nonfinite" in self.extras else []
        if not values:
            self.skip("it has no extras")
        for value in values:
            for inside in (value, [value, 1], {"k": [value]}):
                self.check_trip(inside)

    def test_bytes_are_refused(self) -> None:
        """D10: Without the extra "bytes", bytes and what is like them are refused. Mend: ask `fits` of
        sig_core.portable before you encode.
        """
        if "bytes" in self.extras:
            self.skip('it has the extra "bytes"')
        for value in (b"a", bytearray(b"a"), memoryview(b"a")):
            self._check_refused_inside(value, "bytes are not of its model")

    def test_nonfinite_is_refused(self) -> None:
        """D11: Without the extra "nonfinite", NaN and the infinities are refused. Mend: as D10."""
        if "nonfinite" in self.extras:
            self.skip('it has the extra "nonfinite"')
        for value in NONFINITE:
            self._check_refused_inside(value, f"{value} is not of its model")

    def test_big_integers_are_refused(self) -> None:
        """D12: Integers outside -2**63 .. 2**64-1 are refused, never wrapped or rounded. Mend: as D10."""
        for value in (2**64, -(2**63) - 1, 2**70, -(2**100), 10**400):
            self._check_refused_inside(value, f"an integer of {value.bit_length()} bits is not of the model")

    def test_surrogates_are_refused(self) -> None:
        """D13: Text with lone surrogates is refused, also as a key. Mend: encode as strict UTF-8, without replacing."""
        for value in ("\ud800", "a\udfffb", {"\ud834": 1}):
            self._check_refused_inside(value, "text with a lone surrogate is not of the model")

    def test_keys_are_text(self) -> None:
        """D14: A map with a key that is no text is refused; the key never becomes text in silence. Mend: as D10."""
        for key in (1, 1.5, None, True, b"a", (1,)):
            self._check_refused_inside({key: 1}, f"a key of type {type(key).__name__} is not of the model")

    def test_deeper_is_refused(self) -> None:
        """D15: More than 64 containers inside each other, also endlessly many, are refused. Mend: as D10."""
        loop: list[Any] = []
        loop.append(loop)
        deeper = [nested(MAX_DEPTH + 1), nested(MAX_DEPTH + 1, maps=True), nested(10_000), loop]
        for value in deeper:
            self.check_refused(value, f"more than {MAX_DEPTH} containers inside each other are not of the model")

    def test_foreign_types_are_refused(self) -> None:
        """D16: Objects of other types, and subclasses of the model's, are refused. Mend: as D10."""
        foreign = [
            *({1}, frozenset(), 1j, object(), ..., range(2), decimal.Decimal(1), datetime.date(2024, 1, 1)),
            *(Level.HIGH, Celsius(1.5), Point(1, 2), collections.OrderedDict(a=1)),
        ]
        for value in foreign:
            self._check_refused_inside(value, f"a {type(value).__name__} is not of the model")

    def _check_refused_inside(self, value: Any, why: str) -> None:
        for inside in (value, [1, value], {"a": {"b": value}}):
            self.check_refused(inside, why)
