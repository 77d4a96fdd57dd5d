"""Inputs from inputs: what a fuzzer does where there is no coverage to guide it, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

__all__ = ["mutations"]

NUMBERS = [0, 1, 2, 4, 5, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**53, 2**64 - 1]
LONGEST = 4096  # bytes of an input
Mutation = Callable[[random.Random, bytearray, bytes], None]


def mutations(corpus: list[bytes], seed: int) -> Iterator[bytes]:
    """Return inputs without an end: each one of the corpus, with one to five mutations."""
    chance = random.Random(seed)
    while True:
        data, other = bytearray(chance.choice(corpus)), chance.choice(corpus)
        for _ in range(chance.randint(1, 5)):
            chance.choice(MUTATIONS)(chance, data, other)
        yield bytes(data[:LONGEST])


def _at(chance: random.Random, data: bytearray) -> int:
    return chance.randint(0, len(data))


def _flip(chance: random.Random, data: bytearray, other: bytes) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _replace(chance: random.Random, data: bytearray, other: bytes) -> None:
    if data:
        data[chance.randrange(len(data))] = chance.randrange(256)


def _number(chance: random.Random, data: bytearray, other: bytes) -> None:
    size, at = chance.choice((1, 2, 4, 8)), _at(chance, data)
    number = (chance.choice(NUMBERS) + chance.randint(-1, 1)) % (1 << 8 * size)
    data[at : at + size] = number.to_bytes(size, chance.choice(("little", "big")))


def _insert(chance: random.Random, data: bytearray, other: bytes) -> None:
    at = _at(chance, data)
    data[at:at] = chance.randbytes(chance.randint(1, 12))


def _delete(chance: random.Random, data: bytearray, other: bytes) -> None:
    at = _at(chance, data)
    del data[at : at + chance.randint(1, 12)]


def _repeat(chance: random.Random, data: bytearray, other: bytes) -> None:
    at = _at(chance, data)
    data[at:at] = data[at : at + chance.randint(1, 40)] * chance.randint(1, 20)


def _cut(chance: random.Random, data: bytearray, other: bytes) -> None:
    del data[_at(chance, data) :]


def _splice(chance: random.Random, data: bytearray, other: bytes) -> None:
    begin, at = chance.randint(0, len(other)), _at(chance, data)
    data[at : at + chance.randint(0, 20)] = other[begin : begin + chance.randint(1, 80)]


MUTATIONS: list[Mutation] = [_flip, _replace, _number, _insert, _delete, _repeat, _cut, _splice, _splice]
