"""How the codec checks ask."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from typing import Any

from sig_core.contract import HasNarrows
from sig_core.portable import CERTAIN, RAW, fault, fits
from sig_core.testing.checks import Suite
from sig_core.testing.codec_values import Values, arrived, same, similar

__all__ = ["CodecSuite", "short"]

LONG = 100  # characters

_REPR = reprlib.Repr()
_REPR.maxlevel, _REPR.maxlist, _REPR.maxdict, _REPR.maxstring, _REPR.maxother = 3, 4, 3, 50, 50


class CodecSuite(Suite):
    """What the checks stand on. Set `codec`.

    Attributes:
        codec: a callable that gives the codec (its class, mostly), or the codec.
        seed: of the values that are made by chance.
        examples: how many are made.
    """

    codec: Any = None
    seed = 20_240_229
    examples = 200
    plugin = "codec"
    verb = "encode"

    @property
    def who(self) -> str:
        """See `Suite`."""
        return f"codec {getattr(self.made, 'name', type(self.made).__name__)!r}"

    @property
    def extras(self) -> frozenset[str]:
        """What it says that it carries beyond the model."""
        return frozenset(getattr(self.made, "extras", ()))

    @property
    def narrows(self) -> bool:
        """Whether it says that it narrows values; it may then refuse what it can't narrow."""
        return isinstance(self.made, HasNarrows) and bool(self.made.narrows)

    def values(self, number: int | None = None) -> Iterator[Any]:
        """Return values by chance that it carries."""
        source = Values(self.seed, self.extras)
        return (source.value() for _ in range(number or self.examples))

    def carried(self) -> Iterator[tuple[Any, bytes]]:
        """Return containers by chance, with their bytes."""
        source = Values(self.seed + 1, self.extras)
        for _ in range(self.examples // 4):
            value = source.container()
            try:
                yield value, self.made.encode(value)
            except Exception:
                if not self.narrows:
                    raise

    def check_trip(self, value: Any) -> None:
        """Encode and decode a value that must arrive as it is."""
        try:
            data = self.made.encode(value)
        except Exception as error:
            if self.narrows:
                return
            text = f"{self.who}: {short(value)} is of its model, and is refused: {error!r}"
            raise AssertionError(text) from error
        try:
            got = self.made.decode(data)
        except Exception as error:
            text = f"{self.who}: it refuses its own bytes of {short(value)}: {error!r}"
            raise AssertionError(text) from error
        self.check_arrived(value, got)

    def check_arrived(self, value: Any, got: Any) -> None:
        """Compare what was sent with what arrived."""
        wanted = arrived(value)
        if same(wanted, got):
            return
        if self.narrows and similar(wanted, got):
            again = self.made.decode(self.made.encode(got))
            self.check(same(got, again), f"{short(got)} was narrowed, and becomes {short(again)} the second time")
            return
        one, other = difference(wanted, got)
        self.check(False, f"{short(one)} ({type(one).__name__}) arrives as {short(other)} ({type(other).__name__})")

    def check_refused(self, value: Any, why: str) -> None:
        """Encode what must be refused."""
        try:
            data = self.made.encode(value)
        except Exception:
            return
        try:
            got = short(self.made.decode(data))
        except Exception:
            got = "bytes that it does not decode"
        self.check(False, f"{why}, so encode raises; it took {short(value)}, which arrives as {got}")

    def value_or_refusal(self, data: bytes) -> Any:
        """Decode hostile bytes: gives the value, or the exception. What it gives has to be of the model."""
        try:
            value = self.made.decode(data)
        except Exception as error:
            return error
        certain = set(CERTAIN)
        certain |= RAW if "bytes" in self.extras else set()
        certain |= {float} if "nonfinite" in self.extras else set()
        good = fits(value, frozenset(certain)) and _is_text(value)
        if not good:
            why = ascii_of(fault(value, self.extras))
            self.check(False, f"bytes decode to what is not of the model, {why}; they begin with {data[:20]!r}")
        return value


def short(value: Any) -> str:
    """Write a value, or the beginning of it, in ASCII; one that is too deep for Python as well."""
    text = ascii_of(_REPR.repr(value))
    return text if len(text) <= LONG else f"{text[:LONG]}..."


def ascii_of(text: str) -> str:
    """Escape what a terminal may not show."""
    return text.encode("ascii", "backslashreplace").decode()


def difference(left: Any, right: Any) -> tuple[Any, Any]:
    """Return the first parts of two values that differ."""
    if type(left) is not type(right):
        return left, right
    if isinstance(left, list) and len(left) == len(right):
        pairs = list(zip(left, right, strict=True))
    elif isinstance(left, dict) and list(left) == list(right):
        pairs = [(left[key], right[key]) for key in left]
    else:
        return left, right
    return next((difference(one, other) for one, other in pairs if not same(one, other)), (left, right))


def opening(shallow: bytes, deep: bytes, levels: int) -> bytes:
    """Return the bytes that open one container, from encodings of nestings that differ by one level; b"" if none do."""
    start = shallow[: next((at for at, pair in enumerate(zip(shallow, deep, strict=False)) if len({*pair}) > 1), None)]
    unit = start[: len(start) // levels]
    return unit if unit and start.startswith(unit * levels) else b""


def _is_text(value: Any) -> bool:
    """Return whether no text in a value has lone surrogates; `fits` leaves those to encoders."""
    if isinstance(value, str):
        return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, dict):
        return all(_is_text(key) and _is_text(item) for key, item in value.items())
    return all(map(_is_text, value)) if isinstance(value, list | tuple) else True
