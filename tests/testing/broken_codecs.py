"""Codecs, each broken in one way that an author might."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from typing import Any, ClassVar

from sig_core.portable import fits
from tests.testing.mutants import LEFT, caught_by
from tests.testing.plain_codec import PlainCodec


def changed(value: Any, change: Any) -> Any:
    """Return a value with each part changed."""
    if isinstance(value, dict):
        return {key: changed(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [changed(item, change) for item in value]
    return change(value)


@caught_by("test_trailing_bytes", "bytes follow those of")
class TakesTrailingBytes(PlainCodec):
    def decode(self, data: bytes) -> Any:
        value, _ = json.JSONDecoder().raw_decode(data.decode(errors="ignore"))
        return value


@caught_by("test_nonfinite_is_refused", "arrives as None")
class NanToNull(PlainCodec):
    def encode(self, value: Any) -> bytes:
        return super().encode(changed(value, lambda part: None if part != part or part in (1e999, -1e999) else part))


@caught_by("test_keys_are_text", "a key of type int is not of the model.*arrives as {'1': 1}")
class KeysToText(PlainCodec):
    def encode(self, value: Any) -> bytes:
        return json.dumps(value).encode()


@caught_by("test_fresh_values", r"then came as \['filled'\]")
class SharesEmptyLists(PlainCodec):
    empty: ClassVar[list[Any]] = []

    def decode(self, data: bytes) -> Any:
        return self.empty if data == b"[]" else super().decode(data)


@caught_by("test_edges", r"-0.0 \(float\) arrives as 0.0")
class LosesMinusZero(PlainCodec):
    def encode(self, value: Any) -> bytes:
        return super().encode(changed(value, lambda part: 0.0 if type(part) is float and not part else part))


@caught_by("test_edges", r"0 \(int\) arrives as 0.0 \(float\)")
class FloatsForIntegers(PlainCodec):
    def decode(self, data: bytes) -> Any:
        return json.loads(data.decode(), parse_int=float)


@caught_by("test_edges", r"0.0 \(float\) arrives as 0 \(int\)")
class IntegersForFloats(PlainCodec):
    def decode(self, data: bytes) -> Any:
        whole = super().decode(data)
        return changed(whole, lambda part: int(part) if type(part) is float and part.is_integer() else part)


@caught_by("test_edges", r"True \(bool\) arrives as 1 \(int\)")
class IntegersForBools(PlainCodec):
    def encode(self, value: Any) -> bytes:
        return super().encode(changed(value, lambda part: int(part) if type(part) is bool else part))


@caught_by("test_big_integers_are_refused", "an integer of 65 bits is not of the model")
class WrapsIntegers(PlainCodec):
    def encode(self, value: Any) -> bytes:
        wrap = 2**64 - 1
        return super().encode(changed(value, lambda part: part & wrap if type(part) is int and part > wrap else part))


@caught_by("test_edges", "9223372036854775808 .*is refused")
class SignedOnly(PlainCodec):
    def encode(self, value: Any) -> bytes:
        changed(value, lambda part: part.to_bytes(8, "big", signed=True) if type(part) is int else part)
        return super().encode(value)


@caught_by("test_surrogates_are_refused", "arrives as '[?]'")
class ReplacesSurrogates(PlainCodec):
    def encode(self, value: Any) -> bytes:
        return json.dumps(value, ensure_ascii=False).encode(errors="replace")


@caught_by("test_edges", r"\{'k': None\} \(dict\) arrives as \{\}")
class DropsNone(PlainCodec):
    def encode(self, value: Any) -> bytes:
        if isinstance(value, dict):
            value = {key: item for key, item in value.items() if item is not None}
        return super().encode(value)


@caught_by("test_threads", "with 4 threads at once")
class OneBuffer(PlainCodec):
    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def encode(self, value: Any) -> bytes:
        self.parts.clear()
        for part in super().encode(value).split(b" "):
            self.parts.append(part)
        return b" ".join(self.parts)


@caught_by("test_no_state", "refuses its own bytes|arrives as")
class KeepsWhatFailed(PlainCodec):
    rest = b""

    def decode(self, data: bytes) -> Any:
        self.rest += data
        value = super().decode(self.rest)
        self.rest = b""
        return value


@caught_by("test_deep_bytes", "bytes that open 10000 containers: decode took them")
class NoneWhenTooDeep(PlainCodec):
    def decode(self, data: bytes) -> Any:
        try:
            return json.loads(data.decode())
        except RecursionError:
            return None


@caught_by("test_deep_bytes", "ended its process, with status 7")
class DiesWhenDeep(PlainCodec):
    def decode(self, data: bytes) -> Any:
        if data.count(b"[") > 5000:
            os._exit(7)
        return super().decode(data)


@caught_by("test_bytes_by_chance", "has not come back")
class HangsOnNothing(PlainCodec):
    def decode(self, data: bytes) -> Any:
        if not data:
            stop = threading.Event()
            LEFT.append(stop.set)
            stop.wait()
        return super().decode(data)


@caught_by("test_truncations", "bytes of .* decode to")
class MendsWhatIsCut(PlainCodec):
    def decode(self, data: bytes) -> Any:
        for missing in (b"", b"]", b"}", b'"]', b'"}', b"null]"):
            try:
                return super().decode(data + missing)
            except ValueError:
                continue
        raise ValueError("not even then")


@caught_by("test_deeper_is_refused", "more than 64 containers")
class TakesAnyDepth(PlainCodec):
    def encode(self, value: Any) -> bytes:
        return json.dumps(value, allow_nan=False).encode()


@caught_by("test_foreign_types_are_refused", "so encode raises; it took")
class TextOfStrangers(PlainCodec):
    def encode(self, value: Any) -> bytes:
        return json.dumps(value, default=str).encode()


@caught_by("test_bytes_are_refused", "bytes are not of its model.*arrives as 'a'")
class BytesToText(PlainCodec):
    def encode(self, value: Any) -> bytes:
        return json.dumps(value, default=lambda part: bytes(part).decode()).encode()


@caught_by("test_extras", "b'' is of its model, and is refused")
class ClaimsBytes(PlainCodec):
    extras = frozenset({"bytes"})


@caught_by("test_declarations", "extras is frozenset.*some of")
class UnknownExtra(PlainCodec):
    extras = frozenset({"binary"})


@caught_by("test_gives_bytes", "encode gave bytearray; it gives bytes")
class GivesBuffers(PlainCodec):
    def encode(self, value: Any) -> Any:
        return bytearray(super().encode(value))


@caught_by("test_values_are_left_alone", "was encoded, and has become")
class ChangesItsInput(PlainCodec):
    def encode(self, value: Any) -> bytes:
        data = super().encode(value)
        if isinstance(value, dict):
            value.setdefault("", None)
        return data


@caught_by("test_edges", "arrives as")
class NarrowsInSilence(PlainCodec):
    def encode(self, value: Any) -> bytes:
        return super().encode(changed(value, lambda part: float(f"{part:.7g}") if type(part) is float else part))


@caught_by("test_flipped_bits", "bytes decode to what is not of the model, value: key of type int")
class TakesWhatIsNotOfTheModel(PlainCodec):
    def decode(self, data: bytes) -> Any:
        value = json.loads(data.decode())
        return value if fits(value) else {1: value}


@caught_by("test_reads", "it reads 'json', but its bytes of")
class ReadsWithADifference(PlainCodec):
    reads = frozenset({"json"})

    def decode(self, data: bytes) -> Any:
        return changed(super().decode(data), lambda part: part.lower() if type(part) is str else part)


@caught_by("test_decode_most", "decode_most gives .*, and decode")
class DecodesMostOtherwise(PlainCodec):
    def decode_most(self, data: bytes) -> Any:
        return changed(super().decode(data), lambda part: part.lower() if type(part) is str else part)


@caught_by("test_decode_many", "decode_many gives .*, and decode")
class DecodesManyOtherwise(PlainCodec):
    def decode_many(self, payloads: Sequence[bytes]) -> list[Any]:
        return [self.decode(data) for data in payloads[::-1]]


@caught_by("test_decode_many", "decode_many gives .*, and decode .*JSONDecodeError")
class DecodesManyFromOneIntoTheOther(PlainCodec):
    def decode_many(self, payloads: Sequence[bytes]) -> list[Any]:
        text, found, end = b"".join(payloads).decode(), [], 0
        while end < len(text):
            value, end = json.JSONDecoder().raw_decode(text, end)
            found.append(value)
        return found


@caught_by("test_decode_most", "decode_most gives .*, and decode JSONDecodeError")
class DecodesMostAndMore(PlainCodec):
    def decode_most(self, data: bytes) -> Any:
        value, _ = json.JSONDecoder().raw_decode(data.decode(errors="ignore"))
        return value
