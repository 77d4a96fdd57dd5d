"""Questions of a program: asked on standard input, or answered by options; and what makes a value of an answer."""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, NoReturn, TypeVar

from names import Pattern, read_name, read_pattern

import sig_core as sig
from sig_core import Name

__all__ = [
    "FIRED",
    "SERVER",
    "Question",
    "any_name",
    "any_port",
    "ask",
    "data",
    "end",
    "host",
    "level",
    "meant",
    "name",
    "port",
    "seconds",
    "tcp_url",
    "url",
]

T = TypeVar("T")

WIDTH = 11  # of a label
NOTHING = "None"  # the word that stands for no value
LONGEST = 86_400  # seconds
LEVELS = {**{text: number for number, text in sig.LOG_LEVELS.LEVEL_NAMES.items()}, "none": sig.LOG_LEVELS.LEVEL_NONE}

Wrong = argparse.ArgumentTypeError


@dataclass(frozen=True)
class Question:
    """One thing that a program wants to know.

    Attributes:
        label: how it is asked for.
        option: of the command line, without its dashes.
        default: as it would be typed.
        read: makes a value of what was typed, or raises `Wrong`.
        help: for --help.
    """

    label: str
    option: str
    default: str
    read: Callable[[str], Any]
    help: str

    @property
    def attribute(self) -> str:
        """Where the answer is found."""
        return self.option.replace("-", "_")

    def ask(self) -> Any:
        """Ask on standard input; an empty line takes the default."""
        prompt = f"{self.label:<{WIDTH}} (default: {self.default}):"
        return _answer(self.label, prompt, lambda text: self.read(text or self.default))


# -- what an answer may be


def host(text: str) -> str:
    """Take a host name or an IP address."""
    bare = text.strip().removeprefix("[").removesuffix("]")
    try:
        fits = sig.Address.parse(tcp_url(bare, 1)).host == bare.lower() and bool(re.fullmatch(r"\S+", bare))
    except sig.ConfigError:
        fits = False
    if not fits:
        raise Wrong(f"{text!r} is no host: give a name or an IP address, such as 127.0.0.1")
    return bare


def port(text: str) -> int:
    """Take a port to connect to."""
    return _number(text, 1)


def any_port(text: str) -> int:
    """Take a port to listen on; 0 stands for a free one."""
    return _number(text, 0)


def _number(text: str, least: int) -> int:
    if not re.fullmatch(r"\s*\d{1,5}\s*", text) or not least <= int(text) <= 65_535:
        raise Wrong(f"{text!r} is no port: give a number from {least} to 65535")
    return int(text)


def seconds(text: str) -> float:
    """Take a time."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.001 <= value <= LONGEST:
        raise Wrong(f"{text!r} is no time: give a number of seconds from 0.001 to {LONGEST}")
    return value


def level(text: str) -> int:
    """Take the least that is logged."""
    if text.strip().lower() not in LEVELS:
        raise Wrong(f"{text!r} is no level: give one of {', '.join(LEVELS)}")
    return LEVELS[text.strip().lower()]


def name(text: str) -> Name:
    """Take the name of a sender or an event that is to be."""
    found = any_name(text)
    if found is None:
        raise Wrong(f"{text!r} is no name: who fires needs one, and so does what is fired")
    return found


def any_name(text: str) -> Name | None:
    """Take the name of a sender or an event to listen to; None stands for all."""
    return meant(read_name, text.strip(), "name")


def pair(text: str) -> Pattern:
    """Take SENDER:EVENT, or SENDER for all of its events."""
    return meant(read_pattern, text)


def url(text: str) -> str:
    """Take an address of any carrier."""
    return meant(sig.Address.parse, text).url


def meant(read: Callable[..., T], *arguments: str) -> T:
    """Give what `read` makes of a text, or raise `Wrong` with the words of its ValueError."""
    try:
        return read(*arguments)
    except ValueError as error:
        raise Wrong(str(error)) from error


def data(text: str) -> str | None:
    """Take a text as it stands; None stands for no data."""
    return None if text == NOTHING else text


def tcp_url(host: str, port: int) -> str:
    """Give the address of a host and a port."""
    return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"


SERVER = (
    Question("Server IP", "ip", "127.0.0.1", host, "host of the server"),
    Question("Server port", "port", "3000", port, "port of the server"),
)
"""What every client is asked first."""

FIRED = (
    Question("Event", "event", "tick", name, "name of its event; a channel if it begins with #"),
    Question("Event data", "data", NOTHING, data, "text that goes with the event"),
    Question("Timer delay", "delay", "5", seconds, "seconds between two events"),
)
"""What every sender is asked last."""


# -- asking


def ask(parser: argparse.ArgumentParser, questions: Sequence[Question], *, listens: bool = False) -> Any:
    """Give an answer to each question, as attributes: from options if one of them is given, else from what is typed.

    An answer that can't be meant ends the program with status 2; on a terminal it is asked for again.

    Args:
        parser: knows the options that are never asked for.
        questions: in order; each becomes an option as well.
        listens: ask for pairs of a sender and an event too; they are the attribute `listen`.
    """
    for each in questions:
        text = f"{each.help} (default: {each.default})"
        parser.add_argument(f"--{each.option}", type=each.read, default=argparse.SUPPRESS, help=text)
    if listens:
        text = "listen to this; may be given several times; without EVENT to all of SENDER; None:#alarm is a channel"
        parser.add_argument("--listen", type=pair, metavar="SENDER:EVENT", action="append", default=[], help=text)
    given = parser.parse_args()
    told = given.url or vars(given).get("listen") or any(each.attribute in given for each in questions)
    return _given(parser, given, questions) if told else _typed(given, questions, listens)


def _given(parser: argparse.ArgumentParser, given: argparse.Namespace, questions: Sequence[Question]) -> Any:
    if given.url and {"ip", "bind", "port"} & set(vars(given)):
        parser.error("--url says where the server is: leave out its host and port")
    for each in questions:
        if each.attribute not in given:
            setattr(given, each.attribute, each.read(each.default))
    return given


def _typed(given: argparse.Namespace, questions: Sequence[Question], listens: bool) -> Any:
    for each in questions:
        setattr(given, each.attribute, each.ask())
    if listens:  # an empty line ends a list
        given.listen = [(sender, event) for sender in _names("Sender ") for event in _names("Event  ")]
    return given


def _names(label: str) -> Iterator[Name | None]:
    for number in count(1):
        prompt = f"{label}{number}:"
        answer = _answer(prompt, prompt, lambda text: [any_name(text)] if text.strip() else [])
        if not answer:
            return
        yield answer[0]


def _answer(label: str, prompt: str, read: Callable[[str], T]) -> T:
    while True:
        text = _line(prompt)
        try:
            return read(text)
        except Wrong as error:
            if not sys.stdin.isatty():
                end(f"{label}: {error}")
            print(error)


def _line(prompt: str) -> str:
    try:
        text = input(prompt)
    except EOFError:
        print()
        end(f"the input ended at {prompt!r}: answer every question, with an empty line for the default")
    if not sys.stdin.isatty():
        print(text)  # a terminal shows what is typed
    return text


def end(text: str) -> NoReturn:
    """End the program, since what it was told can't be meant."""
    print(text, file=sys.stderr)
    sys.exit(2)
