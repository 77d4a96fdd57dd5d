"""`sig listen`: print events as they come."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import click

from sig_core.cli.failures import LOST, OK, TIMEOUT
from sig_core.cli.options import as_json, client_options, connect, json_option, resume_option
from sig_core.cli.output import Output
from sig_core.cli.target import Target
from sig_core.cli.values import dump, shown
from sig_core.client import ClientRouter
from sig_core.events import Info, is_channel
from sig_core.printable import printable

__all__ = ["listen"]

Line = Callable[[Info, Any], bytes]

DEFAULT_FORMAT = "%t %s %e %d"
_FIELDS: dict[str, Callable[[Info, Any], bytes]] = {
    "%t": lambda info, data: time.strftime("%H:%M:%S").encode() + f"{time.time() % 1:.3f}"[1:].encode(),
    "%u": lambda info, data: f"{time.time():.6f}".encode(),
    "%s": lambda info, data: shown(str(info["sender"]).encode()),
    "%e": lambda info, data: shown(str(info["event"]).encode()),
    "%d": lambda info, data: dump(data),
    "%r": lambda info, data: shown(data.encode()) if isinstance(data, str) else dump(data),
    "%i": lambda info, data: dump(_additions(info)),
    "%%": lambda info, data: b"%",
}


@click.command(short_help="Print events as they come.")
@click.argument("sender", required=False)
@click.argument("event", required=False)
@client_options
@click.option("--count", type=click.IntRange(1), metavar="N", help="End after N events.")
@click.option("--wait", type=click.FloatRange(0.001), metavar="S", help="End after so long; status 3 if nothing came.")
@click.option("--format", "template", metavar="TEXT", help=f"How a line looks, such as '{DEFAULT_FORMAT}'; see below.")
@click.option("--last", is_flag=True, help="Print the last values of state events that there are, and end.")
@click.option("--rate", is_flag=True, help="Print how many came in each second, not the events.")
@resume_option
@json_option
def listen(
    sender: str | None,
    event: str | None,
    target: Target,
    count: int | None,
    wait: float | None,
    template: str | None,
    last: bool,
    rate: bool,
    resume: float | None,
    to_json: bool,
) -> int:
    """Print events: of EVENT of SENDER, of all of SENDER, or of everybody.

    A SENDER that begins with # and stands alone is a channel: its events, whoever fires them.

    Of an event that is a sender's state the last value comes first. In JSON it has "info": {"last": true}.

    The link comes back by itself when it is lost; with --resume no event is lost by that. Ends with Ctrl-C, or as
    --count and --wait say; status 6 if events were lost.

    \b
    In --format: %t local time, %u seconds since 1970, %s sender, %e event,
    %d data as JSON, %r data (text without quotes), %i additions as JSON, %%.
    """
    line = _line_of(template) if template or not as_json(to_json) else _json_line
    if rate and template:
        raise click.UsageError("--rate and --format: with --rate there are no events to format")
    if last and (rate or count or wait):
        raise click.UsageError("--last: it ends by itself, so it goes with none of --rate, --count and --wait")
    if sender is not None and event is None and is_channel(sender):
        sender, event = None, sender
    with connect(target, reconnect=True, resume=resume) as client:
        for state in ("disconnected", "reconnected"):
            client.on(state, _tell)
        if last:
            came = _print_last(client, sender, event, line)
        elif rate:
            came = _print_rates(client, sender, event, count, wait, as_json(to_json))
        else:
            came = _print_events(client, sender, event, count, wait, line)
        lost = client.lost.total()
    if lost:
        print(f"sig: {lost} events were lost", file=sys.stderr)
        return LOST
    if not came:
        late = f"{'not enough' if count else 'nothing'} came within {wait or 0:g} s"
        print(f"sig: {'there is no last value of that' if last else late}", file=sys.stderr)
    return OK if came else TIMEOUT


def _print_events(
    client: ClientRouter, sender: str | None, event: str | None, count: int | None, wait: float | None, line: Line
) -> bool:
    """Print until the end; tell whether all came that was to."""
    output, came, most = Output(), 0, count or sys.maxsize

    def heard(info: Info, data: Any) -> None:  # on one thread: the reading one
        nonlocal came
        if came < most:
            came += 1
            output.put(line(info, data))
            if came == most:
                output.done.set()

    client.add_remote_listener(heard, sender, event)
    try:
        output.run(wait)
    except KeyboardInterrupt:
        output.flush()
        return True
    output.flush()
    return came >= (count or 1)


def _print_last(client: ClientRouter, sender: str | None, event: str | None, line: Line) -> bool:
    """Print the last values; return whether there are any."""
    found = client.last_values(sender, event)
    for info, data in found:
        click.echo(line(info, data))
    return bool(found)


def _print_rates(
    client: ClientRouter, sender: str | None, event: str | None, count: int | None, wait: float | None, to_json: bool
) -> bool:
    came, enough = 0, threading.Event()

    def heard(info: Info, data: Any) -> None:
        nonlocal came
        came += 1
        if came == count:
            enough.set()

    client.add_remote_listener(heard, sender, event)
    begun = last = time.monotonic()
    before = 0
    try:
        over = False
        while not over:
            all_came = enough.wait(1.0 if wait is None else min(1.0, max(0.0, begun + wait - last)))
            now, total = time.monotonic(), came
            figures = {"rate": round((total - before) / (now - last), 1), "events": total, "lost": client.lost.total()}
            text = "{rate:>12,.1f} events/s {events:>12,} in all, {lost:,} lost".format(**figures)
            click.echo(dump(figures) if to_json else text)
            before, last = total, now
            over = all_came or (wait is not None and now - begun >= wait)
    except KeyboardInterrupt:
        return True
    return came >= (count or 1)


def _tell(state: str, error: Exception | None) -> None:
    print(printable(f"sig: {state}{': ' if error else ''}{error or ''}"), file=sys.stderr)


def _additions(info: Info) -> dict[str, Any]:
    return {key: value for key, value in info.items() if key not in ("sender", "event")}


def _json_line(info: Info, data: Any) -> bytes:
    found = {"time": time.time(), "sender": info["sender"], "event": info["event"], "data": data}
    if len(info) > 2:
        found["info"] = _additions(info)
    return dump(found)


def _line_of(template: str | None) -> Line:
    """Make what formats an event."""
    parts: list[bytes | Line] = []
    rest = template or DEFAULT_FORMAT
    while rest:
        text, sign, rest = rest.partition("%")
        parts.append(text.encode())
        if sign:
            field = _FIELDS.get("%" + rest[:1])
            if field is None:
                known = " ".join(_FIELDS)
                raise click.UsageError(f"--format {template!r}: there is no %{rest[:1]}; there are {known}")
            parts.append(field)
            rest = rest[1:]
    return lambda info, data: b"".join(part if isinstance(part, bytes) else part(info, data) for part in parts)
