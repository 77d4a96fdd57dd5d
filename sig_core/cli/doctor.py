"""`sig doctor`: find out what does not work here, and say what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import click

from sig_core.cli.checkup import (
    Finding,
    check_certificates,
    check_conformance,
    check_environment,
    check_plugged,
    check_plugins,
    check_ports,
    check_round_trips,
)
from sig_core.cli.failures import FAILED, OK
from sig_core.cli.options import as_json, json_option
from sig_core.cli.values import dump
from sig_core.printable import printable

__all__ = ["doctor"]


@click.command(short_help="Find out what does not work here.")
@click.option("--url", "urls", multiple=True, metavar="URL", help="Also look whether this address can be listened on.")
@json_option
def doctor(urls: tuple[str, ...], to_json: bool) -> int:
    """Check this environment, and say what to do about what is broken.

    Looks at Python, at each plug-in (imported in a process of its own) and what it was published with, at each carrier
    with each codec, at ports and permissions. One line of cause and one of remedy for each finding; status 1 if
    something is broken.
    """
    findings: list[Finding] = []
    for finding in _all(urls):
        findings.append(finding)
        _show(finding, as_json(to_json))
    bad = sum(finding.state == "broken" for finding in findings)
    if not as_json(to_json):
        click.echo(f"\n{len(findings)} checks, {bad} broken" + ("" if bad else ": all is well"))
    return FAILED if bad else OK


def _all(urls: tuple[str, ...]) -> Iterator[Finding]:
    yield from check_environment()
    unusable: set[tuple[str, str]] = set()
    for finding in check_plugins():
        if finding.state != "ok":
            unusable.add((finding.kind, finding.name))
        yield finding
    yield from check_conformance()
    yield from check_round_trips(unusable)
    yield from check_ports(urls)
    yield from check_certificates(urls)
    yield from check_plugged(unusable)


def _show(finding: Finding, to_json: bool) -> None:
    if to_json:
        click.echo(dump(asdict(finding)))
        return
    cause = f": {finding.cause}" if finding.cause else ""
    lines = [f"{finding.state:<8}{finding.kind} {finding.name}{cause}"]
    if finding.remedy:
        lines.append(f"        {finding.remedy}")
    lines += [f"        | {line}" for line in finding.trace.rstrip().splitlines()]
    click.echo("\n".join(map(printable, lines)))
