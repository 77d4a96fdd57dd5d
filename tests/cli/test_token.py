"""`sig token`: what is printed where, so that a script gets the token alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from sig_core.cli.failures import OK, USAGE
from sig_core.tokens import checked, digest
from tests.cli.command import sig


def test_a_token_and_its_digest() -> None:
    made = sig("token", "new")
    token = made.stdout.strip()
    assert made.returncode == OK
    assert made.stdout == f"{checked(token)}\n"
    assert made.stderr == f'in the rules of the server: token = "{digest(token)}"\n'
    asked = sig("token", "hash", stdin=made.stdout)
    assert (asked.returncode, asked.stdout, asked.stderr) == (OK, f"{digest(token)}\n", "")


def test_a_token_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "panel.token"
    made = sig("token", "new", "--file", str(file))
    assert (made.returncode, made.stdout) == (OK, "")
    assert made.stderr.splitlines() == [
        f"{file}: a new token",
        f'in the rules of the server: token = "{digest(file.read_text())}"',
    ]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = sig("token", "new", "--file", str(file))
    assert (again.returncode, again.stdout) == (USAGE, "")
    assert again.stderr == f"sig: {file} is there already; nothing is overwritten: name another, or move it away\n"


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        ("", "a token is empty; sig token new makes one"),
        ("secret" * 2_000, "a token has more than 4,096 characters"),
        ("secret of mine\n", "a token has spaces, line ends or control characters; is it the right file?"),
        (digest("abc"), "that is a digest already; standard input takes the token that it was made of"),
    ],
    ids=["nothing", "long", "words", "digest"],
)
def test_what_has_no_digest(stdin: str, said: str) -> None:
    asked = sig("token", "hash", stdin=stdin)
    assert (asked.returncode, asked.stdout) == (USAGE, "")
    assert asked.stderr.startswith(f"sig: {said}") and "secret" not in asked.stderr


def test_a_mistyped_command_of_it() -> None:
    asked = sig("token", "nwe")
    assert asked.returncode == USAGE
    assert "no command 'nwe', did you mean 'new'?; sig token --help lists them" in asked.stderr
