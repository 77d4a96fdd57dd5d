"""What a request asks for, read strictly: every parameter is known, given once, and as it must be."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import TypeVar
from urllib.parse import parse_qsl

from names import read_name, visible
from starlette.exceptions import HTTPException
from starlette.requests import Request

from sig_core.errors import ConfigError
from sig_core.events import Pattern
from web_events_logger.journal import read_limit

__all__ = ["Parameters", "read_parameters"]

T = TypeVar("T")

BODY = 8192  # bytes of a form
FORM = "application/x-www-form-urlencoded"


class Parameters:
    """The parameters of one request.

    All methods raise HTTPException with status 400 and a reason if a parameter is not as it must be.
    """

    def __init__(self, given: dict[str, str]) -> None:
        self._given = given

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def is_plain(self) -> bool:
        """Tell which format is wanted: plain text, or HTML."""
        wanted = self._given.get("fmt", "html")
        if wanted not in ("html", "plain"):
            raise HTTPException(400, f"fmt {wanted[:40]!r}: must be html or plain")
        return wanted == "plain"

    def pattern(self) -> Pattern:
        """Give the sender and the event; None for what was left out."""
        given = self._given
        return (
            _meant(partial(read_name, given.get("sender", ""), "sender")),
            _meant(partial(read_name, given.get("event", ""), "event")),
        )

    def limit(self) -> int:
        """Give the limit."""
        return _meant(partial(read_limit, self._given["limit"]))

    def number(self) -> int:
        """Give the number of an entry."""
        text = self._given.get("number", "")
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            raise HTTPException(400, f"number {text[:40]!r}: must be that of an entry, such as /entry?number=7")
        return int(text)


async def read_parameters(request: Request, known: Collection[str]) -> Parameters:
    """Read the query, and of a POST the form.

    Raises:
        HTTPException: 400, 413 or 415, with the reason.
    """
    texts = [request.scope["query_string"]]
    if request.method == "POST":
        texts.append(await _form(request))
    given: dict[str, str] = {}
    for text in texts:
        for name, value in _meant(partial(_pairs, text)):
            if name not in known:
                takes = f"there are {', '.join(known)}" if known else "there are none"
                raise HTTPException(400, f"parameter {visible(name[:40])!r} is unknown: {takes}")
            if name in given:
                raise HTTPException(400, f"parameter {name!r} is given twice: once is enough")
            given[name] = value
    return Parameters(given)


async def _form(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY:
            raise HTTPException(413, f"a form of more than {BODY} bytes: none that is meant is that long")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind != FORM:
        raise HTTPException(415, f"a body of type {kind[:80]!r}: parameters go into the query, or a form ({FORM})")
    return body


def _pairs(text: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=16)
    except UnicodeDecodeError as error:
        raise ConfigError("parameters must be UTF-8, percent-encoded") from error


def _meant(read: Callable[[], T]) -> T:
    try:
        return read()
    except ValueError as error:  # ConfigError is one
        raise HTTPException(400, str(error)) from error
