"""The pages as HTML. Everything that came from elsewhere is escaped here."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from html import escape
from pathlib import Path
from string import Template

from names import write_name

from web_events_logger.feed import ROWS
from web_events_logger.journal import Entry, Filter
from web_events_logger.subscriber import Registration

__all__ = ["FOLDER", "log_page", "plain_line", "registrations_page"]

FOLDER = Path(__file__).parent

_LOG = Template((FOLDER / "templates/log.html").read_text(encoding="utf-8"))
_REGISTRATIONS = Template((FOLDER / "templates/registrations.html").read_text(encoding="utf-8"))

PREVIEW = 160  # characters of data in a row

_ROW = (
    '<li role="row"><span class="at" role="cell"><button class="time">{}</button></span>'
    '<bdi class="sender" role="cell" title="{}">{}</bdi><bdi class="event" role="cell" title="{}">{}</bdi>'
    '<bdi class="data" role="cell">{}</bdi></li>'
)
_MORE = '{} <a href="/entry?number={}">all {:,} characters</a>'
_ONLY = '<p id="only">Only {}. <a href="/">Show all</a></p>'
_REGISTRATION = "<tr><td><bdi>{}</bdi></td><td><bdi>{}</bdi></td><td>{}</td></tr>"


def log_page(entries: list[Entry], only: Filter) -> str:
    """Give the page of the log, the newest entry first. It goes on by itself where scripts run."""
    rows = [_row(entry) for entry in entries[-ROWS:][::-1]]
    return _LOG.substitute(rows="\n".join(rows), only=_told(only), most=f"{ROWS:,}")


def registrations_page(registrations: Iterable[Registration]) -> str:
    """Give the page of what is listened to."""
    rows = [
        _REGISTRATION.format(*(escape(write_name(name)) for name in each.pattern), escape(standing(each)))
        for each in registrations
    ]
    return _REGISTRATIONS.substitute(rows="\n".join(rows))


def standing(registration: Registration) -> str:
    """Tell what became of a registration."""
    if registration.subscription is not None:
        return "registered"
    return f"waiting: {registration.problem}" if registration.problem else "waiting for the server"


def plain_line(entry: Entry) -> str:
    """Give an entry as a line: time, sender, event and data with tabs between them."""
    at = datetime.fromtimestamp(entry.time).isoformat(" ", "milliseconds")
    return f"{at}\t{write_name(entry.sender)}\t{write_name(entry.event)}\t{entry.data}\n"


def _row(entry: Entry) -> str:
    at = datetime.fromtimestamp(entry.time).time().isoformat("milliseconds")
    sender, event, data = escape(write_name(entry.sender)), escape(write_name(entry.event)), entry.data
    shown = escape(data[:PREVIEW])
    if len(data) > PREVIEW:
        shown = _MORE.format(shown, entry.number, len(data))
    return _ROW.format(at, sender, sender, event, event, shown)


def _told(only: Filter) -> str:
    pairs = (("sender", only.sender), ("event", only.event))
    told = [f"{what} <b><bdi>{escape(write_name(name))}</bdi></b>" for what, name in pairs if name is not None]
    return _ONLY.format(" and ".join(told)) if told else ""
