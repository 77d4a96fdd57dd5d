"""Control messages: maps in the codec of the link (docs/protocol.md, section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from sig_core.errors import RemoteProtocolError, SigError, Status, is_status
from sig_core.protocol import checks
from sig_core.protocol.checks import Fields

__all__ = [
    "MAX_TEXT",
    "Answer",
    "BadMessage",
    "Call",
    "MessageId",
    "Notice",
    "answer",
    "call",
    "clean",
    "failure",
    "notice",
    "read_message",
]

MessageId: TypeAlias = int | str | Any
"""Of a call: a number or text; in the plain dialect any JSON value."""

MAX_TEXT = 10_000  # characters of a peer's complaint that are kept

_text_ident = checks.text(1, 64)
_number_ident = checks.count(0, 2**53)
_method = checks.text(1, 255)
_status = checks.count(-(2**15), 0)
_text = checks.text(0, 2**32)


@dataclass(slots=True)  # not frozen: they are made for each message
class Call:
    """A message that wants an answer."""

    id: MessageId
    method: str
    params: Fields


@dataclass(slots=True)  # not frozen: they are made for each message
class Notice:
    """A message that wants none."""

    method: str
    params: Fields


@dataclass(slots=True)  # not frozen: they are made for each message
class Answer:
    """What a call brought: a response, or a negative status and a text."""

    id: MessageId
    status: int
    response: Any
    text: str


class BadMessage(RemoteProtocolError):
    """A control message that breaks a rule.

    Attributes:
        ident: its id, as far as it has a valid one.
        to_answer: false for a bad answer: its id is ours, so a failure under it would answer a call of the peer's.
    """

    def __init__(self, message: str, ident: MessageId, status: Status = Status.BAD_MESSAGE) -> None:
        super().__init__(message)
        self.ident = ident
        self.status = status
        self.to_answer = True


def call(ident: MessageId, method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Return the map of a call."""
    return {"id": ident, "method": method, "params": params}


def notice(method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Return the map of a notice."""
    return {"method": method, "params": params}


def answer(ident: MessageId, response: Any) -> dict[str, Any]:
    """Return the map of an answer."""
    return {"id": ident, "status": 0, "response": response}


def failure(ident: MessageId, error: SigError | str, status: Status | None = None) -> dict[str, Any]:
    """Return the map of a failure; the status is the error's own unless given."""
    if status is None:
        status = error.status if isinstance(error, SigError) else Status.BAD_MESSAGE
    return {"id": ident, "status": int(status), "exception": clean(str(error)[:MAX_TEXT])}


def clean(text: str) -> str:
    """Write lone surrogates out (a file name that is no UTF-8 has them), so that every codec carries the text."""
    return text.encode("utf-8", "backslashreplace").decode()


def read_message(values: Any, *, plain: bool = False) -> Call | Notice | Answer:
    """Check a decoded control message as far as its method allows without knowing it.

    Args:
        plain: it is of the plain dialect, where any JSON value is an id, and there are no notices.

    Raises:
        BadMessage: it breaks a rule; says which, under which id and with which status to answer.
    """
    ident: MessageId | None = None
    to_answer = True
    try:
        fields = Fields(values, "message")
        if values.get("status") is not None:
            to_answer = False
            return _read_answer(fields, plain)
        ident = values.get("id") if plain else fields.find("id", _ident, None)
        if values.get("method") is None:
            raise BadMessage("message: field 'method' is missing", ident, Status.NO_METHOD)
        method = fields.get("method", _method)
        params = Fields({} if values.get("params") is None else values["params"], method)
    except BadMessage:
        raise
    except RemoteProtocolError as error:
        bad = BadMessage(str(error), ident)
        bad.to_answer = to_answer
        raise bad from error
    return Notice(method, params) if ident is None and not plain else Call(ident, method, params)


def _ident(value: Any) -> MessageId:
    return _text_ident(value) if isinstance(value, str) else _number_ident(value)


def _read_answer(fields: Fields, plain: bool) -> Answer:
    response = fields.find("response", checks.anything, None)
    if plain:  # somebody waits for it: whatever is not success is a failure
        status, text = _lenient(fields)
        return Answer(fields.find("id", checks.anything, None), status, response, text)
    status = fields.get("status", _status)
    text = fields.find("exception", _text, "")[:MAX_TEXT]
    return Answer(fields.find("id", _ident, None), status, response, text)


def _lenient(fields: Fields) -> tuple[int, str]:
    status, text = fields.get("status", checks.anything), fields.find("exception", checks.anything, "")
    known = type(status) is int and is_status(status)
    return (status if known else Status.HANDLER_RAISED), str(text)[:MAX_TEXT]
