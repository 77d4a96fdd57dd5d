"""What all checks of the kit are made of: a suite of small methods that pytest, unittest or `run` call."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn, ParamSpec, TypeVar
from unittest import SkipTest

from sig_core.testing.waiting import soon

__all__ = ["KIT", "Result", "Rule", "Suite", "check", "rules", "run"]

KIT = "1.2"
"""Version of the rules; a rule that is added or sharpened raises it."""

BINDING = (property, cached_property, staticmethod, classmethod)  # what in a class is meant to be asked through a suite

P = ParamSpec("P")
R = TypeVar("R")


def check(condition: object, message: str) -> None:
    """Raise AssertionError with the message unless `condition` holds: the same under pytest, unittest and by hand."""
    if not condition:
        raise AssertionError(message)


@dataclass(frozen=True, slots=True)
class Rule:
    """A check of a suite.

    Attributes:
        number: "C12", for ever.
        method: that checks it.
        text: what it asks for, and how to mend a breach.
    """

    number: str
    method: str
    text: str


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a check: `outcome` is "passed", "failed" or "skipped"; `reason` says why it is not the first."""

    rule: Rule
    outcome: str
    reason: str = ""


class Suite:
    """The base of `CarrierConformance` and `CodecConformance`."""

    timeout = 5.0
    """Seconds after which a call counts as hanging, scaled; nothing is measured by it."""

    plugin = ""  # the attribute that names what is under test
    verb = ""  # what such a thing can do, and a callable that makes one can't

    @cached_property
    def made(self) -> Any:
        """What is under test, made once for each suite."""
        # Not getattr at once: a function in a class would come as a method, and so would other things that can be
        # called, by their kind and the version of Python: functools.partial from 3.14 on.
        found = inspect.getattr_static(self, self.plugin, None)
        if isinstance(found, BINDING):
            found = getattr(self, self.plugin)
        if found is None:
            raise AssertionError(f"{type(self).__name__} names no {self.plugin}: write `{self.plugin} = Your...` in it")
        if isinstance(found, type) or not hasattr(found, self.verb):
            return found()
        return found

    @property
    def who(self) -> str:
        """How failures call what is under test."""
        raise NotImplementedError

    def check(self, condition: object, message: str) -> None:
        """See `check`; the message says whose breach it is."""
        check(condition, f"{self.who}: {message}")

    def soon(self, what: str, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call what may hang; AssertionError if it does."""
        return soon(f"{self.who}: {what}", self.timeout, work, *args, **kwargs)

    def skip(self, reason: str) -> NoReturn:
        """Leave a check out that does not apply."""
        raise SkipTest(f"{self.who}: {reason}")


def rules(suite: type[Suite]) -> Iterator[Rule]:
    """Return the checks of a suite, by number; those that an author added come last."""
    found = []
    for method in dir(suite):
        if method.startswith("test_"):
            text = " ".join((inspect.getdoc(getattr(suite, method)) or "").split())
            number, _, rest = text.partition(": ")
            found.append(Rule(number, method, rest) if re.fullmatch(r"[A-Z]\d+", number) else Rule("own", method, text))
    return iter(sorted(found, key=lambda rule: (rule.number, rule.method)))


def run(suite: type[Suite]) -> Iterator[Result]:
    """Make the checks of a suite, one after the other, each on a suite of its own; none of their failures is raised."""
    for rule in rules(suite):
        yield run_one(suite, rule)


def run_one(suite: type[Suite], rule: Rule) -> Result:
    """Make one check of a suite."""
    made = suite()
    try:
        getattr(made, rule.method)()
    except SkipTest as reason:
        return Result(rule, "skipped", str(reason))
    except AssertionError as failure:
        return Result(rule, "failed", str(failure))
    except Exception as error:
        return Result(rule, "failed", f"{made.who}: {type(error).__name__}: {error}")
    return Result(rule, "passed")
