"""What the program is told: by options, or by answers on standard input."""

from __future__ import annotations

import argparse
from pathlib import Path

from login import add_login, server_url
from names import Pattern
from prompts import SERVER, Question, any_port, ask, meant, url

from web_events_logger.journal import read_limit

__all__ = ["Options", "read_options"]

ABOUT = """Logs events of a pysig server, and shows the log in a browser.

With none of --url, --ip, --port, --limit and --listen it asks for all that on standard input."""

NAMES = """A name is written as it stands; None, or nothing, means any. 42 is a number, "42" with its quotes a text."""

LIMIT = Question("Queue limit", "limit", "20", lambda text: meant(read_limit, text), "entries to keep, 1 to 100000")


class Options(argparse.Namespace):
    """All of it.

    Attributes:
        url, codec: of the pysig server.
        ca, cert, key, token_file: how it is trusted, and who this program is to it; the first three are in `url`.
        limit: entries that the log keeps.
        listen: the first registrations.
        http_host, http_port: what to listen on for browsers.
        allowed_host: further names of this machine.
    """

    url: str
    codec: str
    ca: str | None
    cert: str | None
    key: str | None
    token_file: Path | None
    limit: int
    listen: list[Pattern]
    http_host: str
    http_port: int
    allowed_host: list[str]


def read_options() -> Options:
    """Read the command line, and ask for what it does not say; what can't be meant ends the program with status 2."""
    options: Options = ask(_parser(), (*SERVER, LIMIT), listens=True)
    options.url = server_url(options)
    options.listen = list(dict.fromkeys(options.listen))
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="web_events_logger",
        description=ABOUT,
        epilog=NAMES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--url", type=url, help="address of the server, for any carrier: unix:///run/sig.sock")
    add("--codec", default="json", help="codec to speak: json, msgpack, cbor (default: json)")
    add_login(parser)
    add("--http-host", default="127.0.0.1", help="where browsers come (default: 127.0.0.1)", metavar="HOST")
    text = "port for browsers, 0 for a free one (default: 8080)"
    add("--http-port", type=any_port, default=8080, help=text, metavar="PORT")
    text = "further name of this machine that browsers may use; may be given again"
    add("--allowed-host", action="append", default=[], help=text, metavar="HOST")
    return parser
