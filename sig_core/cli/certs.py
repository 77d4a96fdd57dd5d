"""`sig certs`: certificates of one's own, for a fleet of servers, clients and boards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sig_core.cli.failures import FAILED, OK
from sig_core.cli.groups import Group
from sig_core.cli.look import table
from sig_core.cli.options import as_json, json_option
from sig_core.cli.values import dump
from sig_core.errors import ConfigError

if TYPE_CHECKING:  # cryptography, which they need, is an extra
    from cryptography import x509

    from sig_core.certs import Authority, Description

__all__ = ["certs"]

GOOD = "good"

folder_argument = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
days_option = click.option(
    "--days", type=int, metavar="N", help="How long it is good; if not given 825, the most that all systems take."
)


@click.group(cls=Group, short_help="Issue and revoke certificates of your own.")
def certs() -> None:
    """Be the authority that issues the certificates of a fleet: of servers, clients and boards.

    The authority is a folder. Whoever has its ca.key can be anybody: keep it where no server runs. A server needs
    ca.pem, crl.pem, and its own NAME.pem and NAME.key; a client or a board ca.pem and its own two.
    """
    try:
        import cryptography  # noqa: F401 - only to see whether it is there
    except ImportError as error:
        raise ConfigError('sig certs needs cryptography: pip install "pysig[certs]"') from error


@certs.command()
@folder_argument
@click.option("--name", metavar="TEXT", help="What people see as the issuer; that of the folder if it is not given.")
def new(folder: Path, name: str | None) -> int:
    """Make an authority in DIR, good for ten years: ca.pem, ca.key, crl.pem. Overwrites nothing."""
    from sig_core.certs import Authority

    Authority.create(folder, name)
    click.echo(f"{folder / 'ca.pem'}: what servers and clients trust")
    click.echo(f"{folder / 'ca.key'}: its key; keep it secret, and a copy of the folder in a safe place")
    return OK


@certs.command()
@folder_argument
@click.argument("name")
@click.option("--host", "hosts", multiple=True, metavar="HOST", help="For a server: name or address that clients use.")
@click.option("--user", metavar="TEXT", help="Who holds it, such as panel/hall, or a URI; if not given NAME.")
@days_option
def issue(folder: Path, name: str, hosts: tuple[str, ...], user: str | None, days: int | None) -> int:
    """Make NAME.pem and NAME.key in DIR: for a server if it has a --host, else for a client or a board.

    It names who holds it as sig:USER (a URI among its alternative names), which the rules of a server can go by. No
    other certificate stands between it and ca.pem. A NAME that is revoked can be issued anew.
    """
    _tell(folder, name, _open(folder).issue(name, hosts=hosts, user=user, days=days))
    return OK


@certs.command()
@folder_argument
@click.argument("name")
@days_option
def renew(folder: Path, name: str, days: int | None) -> int:
    """Replace NAME.pem in DIR with one that lasts longer, for the same names.

    The key stays the same, so that one file alone changes, in one step, and a server that runs takes it without a
    moment at which certificate and key do not fit. For another key, revoke it and issue it anew.
    """
    _tell(folder, name, _open(folder).renew(name, days=days))
    return OK


@certs.command()
@folder_argument
@click.argument("name")
def revoke(folder: Path, name: str) -> int:
    """Put what was issued as NAME, and renewed, on the list of revoked certificates: DIR/crl.pem."""
    count = _open(folder).revoke(name)
    told = f"{count} revoked" if count else "revoked already, or over"
    click.echo(f"{name}: {told}; bring {folder / 'crl.pem'} to all servers")
    return OK


@certs.command("list")
@folder_argument
@json_option
def issued(folder: Path, to_json: bool) -> int:
    """List what was issued in DIR, what ends first at the top: names, until when, good or revoked."""
    now = datetime.now(UTC)
    rows = []
    for each in sorted(_open(folder).issued(), key=lambda each: each.until):
        state = "revoked" if each.revoked else "over" if now > each.until else GOOD
        if as_json(to_json):
            click.echo(dump({"name": each.name, "state": state, "until": each.until, "number": each.serial}))
        rows.append([each.name, state, _day(each.until), each.serial])
    if not as_json(to_json):
        click.echo(table(["name", "state", "until", "number"], rows))
    return OK


@certs.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--crl",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="List of what is revoked; if not given crl.pem beside it.",
)
@json_option
def show(file: Path, crl: Path | None, to_json: bool) -> int:
    """Tell what the certificates in FILE are: who, of whom, for which hosts, until when, revoked or not.

    The status is 1 if one of them is not good.
    """
    from sig_core.certs import certificates_in, revocations_in

    beside = file.parent / "crl.pem"
    listed = revocations_in(crl or beside) if crl is not None or beside.exists() else None
    found = [_look(certificate, listed) for certificate in certificates_in(file)]
    for number, (said, state, revoked) in enumerate(found):
        if as_json(to_json):
            click.echo(dump({"file": str(file), "state": state, "revoked": revoked, **asdict(said)}))
        else:
            click.echo(("\n" if number else "") + table(None, [*_rows(said, state, revoked)]))
    return OK if all(state == GOOD for _, state, _ in found) else FAILED


def _look(
    certificate: x509.Certificate, listed: x509.CertificateRevocationList | None
) -> tuple[Description, str, datetime | bool | None]:
    """Return a certificate, its state, and since when it is revoked: False if it is not, None if that is not known."""
    from sig_core.certs import describe, is_covered, revoked_since

    said, now = describe(certificate), datetime.now(UTC)
    covered = listed is not None and is_covered(certificate, listed)
    revoked = (revoked_since(certificate, listed) or False) if covered and listed is not None else None
    if revoked:
        return said, "revoked", revoked
    return said, "not yet good" if now < said.since else "over" if now > said.until else GOOD, revoked


def _rows(said: Description, state: str, revoked: datetime | bool | None) -> Iterator[list[str]]:
    left = f", {(said.until - datetime.now(UTC)).days:,} days from now" if state == GOOD else ""
    unknown = "not known: no list of its authority is beside it; name one with --crl"
    yield ["who", " ".join([*said.uris, *([f"({said.name})"] if said.name else [])])]
    yield ["state", state]
    yield ["issuer", said.issuer]
    yield ["hosts", " ".join(said.hosts) or "none"]
    yield ["for", "other certificates" if said.is_authority else " and ".join(said.purposes) or "anything"]
    yield ["from", _day(said.since)]
    yield ["until", _day(said.until) + left]
    yield [
        "revoked",
        f"since {_day(revoked)}" if isinstance(revoked, datetime) else unknown if revoked is None else "no",
    ]
    yield ["key usage", ", ".join(said.usage) or "anything"]
    yield ["number", said.serial]
    yield ["sha256", said.sha256]


def _open(folder: Path) -> Authority:
    from sig_core.certs import Authority

    return Authority(folder)


def _tell(folder: Path, name: str, certificate: x509.Certificate) -> None:
    from sig_core.certs import describe

    said = describe(certificate)
    whom = f"{said.uris[0]}, for {' '.join(said.hosts)}" if said.hosts else said.uris[0]
    click.echo(f"{folder / name}.pem: {whom}; good until {_day(said.until)}")


def _day(when: datetime) -> str:
    return f"{when:%Y-%m-%d}"
