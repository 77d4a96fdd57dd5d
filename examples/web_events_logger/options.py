"""What the program is told: by options, or by answers on standard input."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import NoReturn, TypeVar

import sig_core as sig
from sig_core.events import Name, Pattern
from web_events_logger.journal import read_limit
from web_events_logger.names import read_name, read_pattern

__all__ = ["Options", "read_options"]

T = TypeVar("T")

IP, PORT, LIMIT = "127.0.0.1", "3000", "20"
ASKED = ("ip", "port", "url", "limit", "listen")

ABOUT = """Logs events of a pysig server, and shows the log in a browser.

With none of --url, --ip, --port, --limit and --listen it asks for all that on standard input."""

NAMES = """A name is written as it stands; None, or nothing, means any. 42 is a number, "42" with its quotes a text."""


class Options(argparse.Namespace):
    """All of it.

    Attributes:
        url, codec: of the pysig server.
        limit: entries that the log keeps.
        listen: the first registrations.
        http_host, http_port: what to listen on for browsers.
        allowed_host: further names of this machine.
    """

    url: str
    codec: str
    limit: int
    listen: list[Pattern]
    http_host: str
    http_port: int
    allowed_host: list[str]


def read_options(arguments: Sequence[str]) -> Options:
    """Read the command line, and ask for what it does not say; what can't be meant ends the program with status 2."""
    parser = _parser()
    options = parser.parse_args(arguments, Options())
    given = vars(options)
    if not any(name in given for name in ASKED):
        _ask(options)
        return options
    if "url" in given and ("ip" in given or "port" in given):
        parser.error("--url says where the server is: leave out --ip and --port")
    if "url" not in given:
        options.url = _tcp(given.get("ip", IP), given.get("port", int(PORT)))
    options.limit = given.get("limit", int(LIMIT))
    options.listen = list(dict.fromkeys(given.get("listen", [])))
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="web_events_logger",
        description=ABOUT,
        epilog=NAMES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--url", type=_typed(_url), help="address of the server, for any carrier: unix:///run/sig.sock")
    add("--ip", help=f"host of the server (default: {IP})")
    add("--port", type=_typed(_port), help=f"port of the server (default: {PORT})")
    add("--codec", default="json", help="codec to speak: json, msgpack, cbor (default: json)")
    add("--limit", type=_typed(read_limit), help=f"entries to keep, 1 to 100000 (default: {LIMIT})")
    text = "listen to this; may be given again. Without EVENT: to all of SENDER; None:#alarm: to a channel of everybody"
    add("--listen", type=_typed(read_pattern), action="append", metavar="SENDER:EVENT", help=text)
    add("--http-host", default="127.0.0.1", help="where browsers come (default: 127.0.0.1)", metavar="HOST")
    text = "port for browsers, 0 for a free one (default: 8080)"
    add("--http-port", type=_typed(_any_port), default=8080, help=text, metavar="PORT")
    text = "further name of this machine that browsers may use; may be given again"
    add("--allowed-host", action="append", default=[], help=text, metavar="HOST")
    return parser


def _typed(read: Callable[[str], T]) -> Callable[[str], T]:
    def typed(text: str) -> T:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return typed


def _url(text: str) -> str:
    return sig.Address.parse(text).url


def _port(text: str) -> int:
    return _port_from(1, text)


def _any_port(text: str) -> int:
    return _port_from(0, text)


def _port_from(least: int, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not least <= int(text) <= 65_535:
        raise ValueError(f"port {text[:40]!r}: must be an integer from {least} to 65535")
    return int(text)


def _tcp(host: str, port: int) -> str:
    host = host.removeprefix("[").removesuffix("]")
    return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"


# -- standard input


def _ask(options: Options) -> None:
    host = _answer(f"Server IP   (default: {IP}):", str, IP)
    options.url = _tcp(host, _answer(f"Server port (default: {PORT}):", _port, PORT))
    options.limit = _answer(f"Queue limit (default: {LIMIT}):", read_limit, LIMIT)
    pairs = [(sender, event) for sender in _names("Sender ", "sender") for event in _names("Event  ", "event")]
    options.listen = list(dict.fromkeys(pairs))


def _names(label: str, what: str) -> Iterator[Name | None]:
    """Ask for names until the answer is empty."""
    for number in count(1):
        answer = _answer(f"{label}{number}:", lambda text: [read_name(text, what)] if text else [])
        if not answer:
            break
        yield answer[0]


def _answer(prompt: str, read: Callable[[str], T], default: str = "") -> T:
    while True:
        try:
            return read(_line(prompt) or default)
        except ValueError as error:
            if not sys.stdin.isatty():
                _end(str(error))
            print(error)


def _line(prompt: str) -> str:
    try:
        text = input(prompt)
    except EOFError:
        print()
        _end(f"the input ended at {prompt!r}: an empty line takes the default, and ends a list")
    if not sys.stdin.isatty():
        print(text)  # a terminal shows what is typed
    return text.strip()


def _end(text: str) -> NoReturn:
    print(f"web_events_logger: {text}", file=sys.stderr)
    sys.exit(2)
