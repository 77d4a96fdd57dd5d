"""`sig doctor`: find out what does not work here, and say what to do about it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

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
    check_tls,
)
from sig_core.cli.failures import FAILED, OK
from sig_core.cli.options import as_json, files_in, json_option, tls_options
from sig_core.cli.profiles import Profile, default_profile, profile_named
from sig_core.cli.target import merged, with_files
from sig_core.cli.values import dump
from sig_core.errors import ConfigError
from sig_core.printable import printable

__all__ = ["doctor"]


@click.command(short_help="Find out what does not work here.")
@click.option("--url", "urls", multiple=True, metavar="URL", help="Also look whether this address can be listened on.")
@tls_options
@json_option
def doctor(urls: tuple[str, ...], profile: str | None, to_json: bool, **values: Any) -> int:
    """Check this environment, and say what to do about what is broken.

    Looks at Python, at each plug-in (imported in a process of its own) and what it was published with, at each carrier
    with each codec, at ports and permissions, at files of TLS: those of the options, of the profile, and in the URLs,
    which are given those of the options too. A certificate that ends within 14 days is broken. One line of cause and
    one of remedy for each finding; status 1 if something is broken.
    """
    named = files_in(values)
    whole = tuple(with_files(url, named) for url in urls)
    findings: list[Finding] = []
    for finding in _all(whole, profile, named):
        findings.append(finding)
        _show(finding, as_json(to_json))
    bad = sum(finding.state == "broken" for finding in findings)
    if not as_json(to_json):
        click.echo(f"\n{len(findings)} checks, {bad} broken" + ("" if bad else ": all is well"))
    return FAILED if bad else OK


def _all(urls: tuple[str, ...], profile: str | None, named: dict[str, str]) -> Iterator[Finding]:
    kept, told = _profile(profile)  # one that is named and not there is an error of usage, before all else
    yield from check_environment()
    unusable: set[tuple[str, str]] = set()
    for finding in check_plugins():
        if finding.state != "ok":
            unusable.add((finding.kind, finding.name))
        yield finding
    yield from check_conformance()
    yield from check_round_trips(unusable)
    yield from check_ports(urls)
    yield from told
    files = merged(kept.files, named)
    yield from check_tls(files)
    yield from check_certificates([files[name] for name in ("ca", "cert") if name in files], urls)
    yield from check_plugged(unusable)


def _profile(name: str | None) -> tuple[Profile, list[Finding]]:
    """Return the profile that is meant, and what is wrong with that of which nobody has spoken."""
    if name is not None:
        return profile_named(name, os.environ), []
    try:
        return default_profile(os.environ), []
    except ConfigError as error:
        cause, _, remedy = str(error).partition("; ")
        return Profile(), [Finding("profile", "default", "broken", cause, remedy or "mend that file")]


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
