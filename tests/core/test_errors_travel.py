"""Errors are pickled and copied as they are: they cross process pools, queues and test runners."""

from __future__ import annotations

import copy
import importlib
import inspect
import multiprocessing
import pickle
import pkgutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest

import sig_carriers
import sig_codecs
import sig_core
from sig_core.errors import EncodeError, LinkLost, MessageTooBig, RemoteError, SigError, Status


def every_class() -> list[type[SigError]]:
    for package in (sig_core, sig_codecs, sig_carriers):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__") and ".templates" not in module.name:
                importlib.import_module(module.name)

    def below(kind: type[SigError]) -> Iterator[type[SigError]]:
        yield kind
        for each in kind.__subclasses__():
            yield from below(each)

    ours = ("sig_core.", "sig_codecs.", "sig_carriers.")
    return [kind for kind in dict.fromkeys(below(SigError)) if kind.__module__.startswith(ours)]


def made(kind: type[SigError]) -> SigError:
    """Make one with all its arguments set."""
    values = {"status": Status.BUSY, "size": 7, "limit": 5}
    if not inspect.isfunction(kind.__init__):
        return kind("the text")
    return kind(*(values.get(name, f"the {name}") for name in inspect.signature(kind).parameters))


WAYS: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda error: pickle.loads(pickle.dumps(error)),
    "oldest pickle": lambda error: pickle.loads(pickle.dumps(error, 0)),
}
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def same(one: BaseException, other: BaseException) -> None:
    assert type(one) is type(other)
    assert (one.args, str(one), one.__dict__) == (other.args, str(other), other.__dict__)


@each_way
@pytest.mark.parametrize("kind", every_class())
def test_every_error_is_the_same_on_the_other_side(kind: type[SigError], way: Callable[[SigError], SigError]) -> None:
    error = made(kind)
    error.status = Status.TIMEOUT
    error.add_note("seen on the way")
    error.__cause__ = ValueError("why")
    there = way(error)
    same(there, error)
    assert there.__cause__ is not None
    same(there.__cause__, error.__cause__)
    assert there.__suppress_context__


class Own(RemoteError):
    """Has arguments, attributes and slots of its own."""

    __slots__ = ("slot",)

    def __init__(self, *, number: int) -> None:
        super().__init__("Kind", "text", Status.DENIED)
        self.number = number
        self.slot = [number]

    @property
    def name(self) -> str:
        return "can't be set"


class OwnLost(LinkLost):
    def __init__(self, port: str, number: int) -> None:
        super().__init__(number, "driver's words", port)
        self.port = port


@each_way
def test_a_class_of_a_user_needs_nothing_of_its_own(way: Callable[[Any], Any]) -> None:
    there = way(Own(number=3))
    same(there, Own(number=3))
    assert (there.exception, there.text, there.status, there.slot) == ("Kind", "text", Status.DENIED, [3])


@each_way
def test_what_the_built_in_bases_keep_is_kept(way: Callable[[Any], Any]) -> None:
    there = way(OwnLost("/dev/tty", 5))
    same(there, OwnLost("/dev/tty", 5))
    assert (there.errno, there.strerror, there.filename, there.port) == (5, "driver's words", "/dev/tty", "/dev/tty")
    plain = way(LinkLost(5, "driver's words", "/dev/tty"))
    assert (plain.errno, plain.filename, str(plain)) == (5, "/dev/tty", "[Errno 5] driver's words: '/dev/tty'")


class OnlyHere(Exception):
    """Can be pickled, and not be made again."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__("a text")


@each_way
def test_a_cause_that_can_not_travel_keeps_nobody_here(way: Callable[[Any], Any]) -> None:
    for cause in (OnlyHere(1, 2), ValueError(lambda: "no way to pickle this")):
        error = EncodeError("the text")
        error.__cause__ = cause
        same(way(error), error)


@each_way
def test_causes_in_a_circle_end(way: Callable[[Any], Any]) -> None:
    one, two = EncodeError("one"), MessageTooBig("two", 2, 1)
    one.__cause__, two.__cause__ = two, one
    there = way(one)
    same(there, one)
    same(there.__cause__, two)


def fail() -> None:
    raise RemoteError("ValueError", "boom") from MessageTooBig("too long", 9, 8)


def test_a_pool_of_processes_passes_them_on_and_lives() -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        with pytest.raises(RemoteError) as caught:
            pool.submit(fail).result(60)
        same(caught.value, RemoteError("ValueError", "boom"))
        assert pool.submit(len, "abc").result(60) == 3
