"""`sig certs`: what is said and written, and what a mistake gives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sig_core.certs import Authority
from sig_core.cli.failures import FAILED, OK, USAGE
from tests.cli.command import sig


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority with a client that is revoked."""
    folder = tmp_path_factory.mktemp("certs") / "home"
    authority = Authority.create(folder)
    authority.issue("thief")
    authority.revoke("thief")
    return folder


def test_a_fleet_from_its_first_day_to_a_theft(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert sig("certs", "new", str(home), "--name", "Home").returncode == OK
    issued = sig("certs", "issue", str(home), "house", "--host", "house.lan", "--host", "::1")
    assert issued.stdout.startswith(f"{home}/house.pem: sig:house, for house.lan ::1; good until 20")
    assert sig("certs", "issue", str(home), "hall", "--user", "panel/hall", "--days", "30").returncode == OK
    assert "good until" in sig("certs", "renew", str(home), "hall").stdout
    shown = sig("certs", "show", str(home / "hall.pem"))
    assert shown.returncode == OK
    said = json.loads(shown.stdout)
    assert (said["state"], said["revoked"], said["issuer"]) == ("good", False, "Home")
    assert (said["uris"], said["hosts"], said["purposes"]) == (["sig:panel/hall"], [], ["client"])
    assert said["sha256"].startswith("sha256:") and len(said["sha256"]) == 71
    revoked = sig("certs", "revoke", str(home), "hall")
    assert revoked.stdout == f"hall: 2 revoked; bring {home}/crl.pem to all servers\n"
    assert "revoked already, or over" in sig("certs", "revoke", str(home), "hall").stdout
    shown = sig("certs", "show", str(home / "hall.pem"))
    assert (shown.returncode, json.loads(shown.stdout)["state"]) == (FAILED, "revoked")


def test_what_was_issued_is_listed(home: Path) -> None:
    Authority(home).issue("soon", days=3)
    rows = [json.loads(line) for line in sig("certs", "list", str(home)).stdout.splitlines()]
    assert [(row["name"], row["state"]) for row in rows] == [("soon", "good"), ("thief", "revoked")]


def test_one_whose_list_is_not_there(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "thief.pem"
    file.write_bytes((home / "thief.pem").read_bytes() + (home / "ca.pem").read_bytes())
    shown = sig("certs", "show", str(file))
    assert [json.loads(line)["revoked"] for line in shown.stdout.splitlines()] == [None, None]
    shown = sig("certs", "show", str(file), "--crl", str(home / "crl.pem"))
    assert [bool(json.loads(line)["revoked"]) for line in shown.stdout.splitlines()] == [True, False]
    Authority.create(tmp_path / "home")
    shown = sig("certs", "show", str(file), "--crl", str(tmp_path / "home/crl.pem"))
    assert json.loads(shown.stdout.splitlines()[0])["revoked"] is None, "another authority's list says nothing"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["new", "{home}"], "{home}/ca.pem is there already; nothing is overwritten: name another folder"),
        (["issue", "{home}x", "hall"], "{home}x/ca.pem: no authority is there; sig certs new {home}x makes one"),
        (["issue", "{home}", "../hall"], "'../hall' is no name of a certificate: letters, digits"),
        (["issue", "{home}", "a\x1b[2J"], "'a\\x1b[2J' is no name of a certificate"),
        (["issue", "{home}", "ca"], "'ca' is no name of a certificate: the files of that name are"),
        (["issue", "{home}", "a", "--host", "tcp://b"], "host 'tcp://b' is more than a host"),
        (["issue", "{home}", "a", "--days", "0"], "a certificate can't be good for 0 days: 1 .. 3,650"),
        (["renew", "{home}", "thief"], "{home}/thief.pem: it is revoked; sig certs issue makes another"),
        (["revoke", "{home}", "thieff"], "no certificate 'thieff' was issued here, did you mean 'thief'?"),
        (
            ["show", "{home}/thief.key"],
            "{home}/thief.key: holds nothing of the kind; a certificate in PEM was expected",
        ),
        (["show", "{home}"], "{home}: can't be read: Is a directory"),
        (["show", "{home}/ca.pem", "--crl", "{home}/ca.pem"], "a list of revoked certificates in PEM was expected"),
    ],
    ids=lambda value: " ".join(value[:1]) if isinstance(value, list) else "",
)
def test_mistakes(home: Path, arguments: list[str], said: str) -> None:
    run = sig("certs", *(each.format(home=home) for each in arguments))
    assert (run.returncode, run.stdout) == (USAGE, "")
    assert run.stderr.startswith("sig: ") and len(run.stderr.splitlines()) == 1
    assert said.format(home=home) in run.stderr


def test_without_cryptography_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "cryptography.py").write_text("raise ImportError('not here')\n")
    run = sig("certs", "new", str(tmp_path / "home"), env={"PYTHONPATH": str(tmp_path)})
    assert (run.returncode, run.stdout) == (USAGE, "")
    assert run.stderr == 'sig: sig certs needs cryptography: pip install "pysig[certs]"\n'
    assert not (tmp_path / "home").exists()


def test_the_help_needs_nothing() -> None:
    run = sig("certs", "issue", "--help")
    assert run.returncode == OK and "--host HOST" in run.stdout
