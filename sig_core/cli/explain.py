"""`sig explain`, `sig whoami`: who somebody is to the rules of a server, and what that allows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sig_core.access.access_control import AccessControl
from sig_core.access.admission import Admission
from sig_core.access.principal import Certificate, Facts
from sig_core.access.rules import ACTIONS
from sig_core.cli.failures import OK, REFUSED
from sig_core.cli.options import as_json, client_options, connect, json_option, timeout_option
from sig_core.cli.target import Target
from sig_core.cli.values import dump
from sig_core.errors import ConfigError
from sig_core.io.server.rules_file import load_rules
from sig_core.tokens import digest

__all__ = ["explain", "whoami"]


@click.command(short_help="Say whom the server knows you as.")
@client_options
@timeout_option
@json_option
def whoami(target: Target, timeout: float, to_json: bool) -> int:
    """Say whom the server knows you as: user, how that was proved, roles."""
    with connect(target, timeout=timeout) as client:
        told = client.whoami()
    if as_json(to_json):
        click.echo(dump(told))
    else:
        click.echo(f"{told['user']}, by {told['kind']}; roles: {', '.join(told['roles']) or 'none'}")
    return OK


@click.command(short_help="Say what the rules allow, and which one.")
@click.argument("user")
@click.argument("action", type=click.Choice(ACTIONS))
@click.argument("sender", required=False)
@click.argument("name", required=False, metavar="[EVENT|METHOD]")
@click.option("--rules", metavar="FILE", help="Rules to look at; if not given, those of the server that --url names.")
@click.option("--at", metavar="URL", default="", help="With --as-cert, --as-token: the address where it would come in.")
@click.option("--as-cert", type=click.Path(path_type=Path), metavar="FILE", help="USER is who shows this.")
@click.option("--as-token", type=click.Path(path_type=Path), metavar="FILE", help="The same for a token in a file.")
@client_options
@timeout_option
@json_option
def explain(
    user: str,
    action: str,
    sender: str | None,
    name: str | None,
    rules: str | None,
    at: str,
    as_cert: Path | None,
    as_token: Path | None,
    target: Target,
    timeout: float,
    to_json: bool,
) -> int:
    """Say whether USER may do ACTION, and the rule that says so, with file and line. Status: 0 allowed, 4 denied.

    With --as-cert or --as-token USER is looked up: write - for it. Of listen and request without SENDER, or without
    EVENT or METHOD: whether there is anything that it may, by which rules, and which of them take something away. What
    a listener without both of them may not hear, it does not get, without a word.
    """
    about = sender, name
    if rules is not None:
        told = _look(rules, user, action, about, _facts(at, as_cert, as_token))
    elif as_cert or as_token:
        raise click.UsageError("--as-cert and --as-token are looked up in a file: give --rules")
    else:
        with connect(target, timeout=timeout) as client:
            told = client.explain(user, action, *about)
    if as_json(to_json):
        click.echo(dump(told))
    else:
        click.echo(f"{'allowed' if told['allowed'] else 'denied'}: {told['rule']}")
        for words, key in (("in part, by", "parts"), ("without what is denied by", "without")):
            for rule in told.get(key, []) if told["allowed"] else []:
                click.echo(f"  {words} {rule}")
    return OK if told["allowed"] else REFUSED


def _look(
    path: str, user: str, action: str, about: tuple[str | None, str | None], facts: Facts | None
) -> dict[str, Any]:
    rules = load_rules(path)
    control = AccessControl(rules, lambda entry: None)
    roles: list[str] | None = None
    if facts is not None:
        found = Admission(rules).admit(facts)
        if found is None:
            return {"allowed": False, "rule": "no [[who]] admits it", "user": None}
        user, roles = found.user, sorted(found.roles)
    return {"user": user, **control.explain(user, roles, action, *about)}


def _facts(at: str, as_cert: Path | None, as_token: Path | None) -> Facts | None:
    if as_cert is None and as_token is None:
        return None
    try:
        token = "" if as_token is None else digest(as_token.read_text())
    except OSError as error:
        raise ConfigError(f"{as_token}: can't read it: {error.strerror or error}") from error
    return Facts(at, certificate=None if as_cert is None else _certificate(as_cert), token=token)


def _certificate(path: Path) -> Certificate:
    from sig_core.certs.description import describe
    from sig_core.certs.pem import certificates_in

    shown = describe(certificates_in(path)[0])
    return Certificate(shown.uris, shown.hosts, shown.name, shown.sha256.removeprefix("sha256:"))
