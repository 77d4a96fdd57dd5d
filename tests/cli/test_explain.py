"""`sig explain` and `sig whoami`, with a file and at a server."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

import sig_core as sig
from sig_core.cli.app import sig as command
from sig_core.cli.failures import OK, REFUSED, USAGE
from sig_core.tokens import digest

TOKEN = "sig_" + "7" * 64
RULES = f"""version = 1
[roles.panel]
listen = [{{ sender = "house/*" }}]
deny.listen = [{{ sender = "house/door" }}]
add = ["{{user}}"]
operate = ["explain"]
[[who]]
token = "{digest(TOKEN)}"
user = "hall"
roles = ["panel"]
[[who]]
unix = {{ user = "*" }}
user = "u/{{name}}"
roles = ["panel"]
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(RULES)
    path.chmod(0o600)
    return path


def run(*arguments: str, token: str = "") -> tuple[int, str]:
    done = CliRunner(env={"SIG_TOKEN": token or None}).invoke(command, arguments, standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done.return_value, done.output


@pytest.mark.parametrize(
    ("question", "status", "rule"),
    [
        ("hall listen house/hall temp", OK, ":3: roles.panel.listen[0]"),
        ("hall listen house/door temp", REFUSED, ":4: roles.panel.deny.listen[0]"),
        ("hall listen", OK, ":3: roles.panel.listen[0]"),
        ("hall add hall", OK, ":5: roles.panel.add[0]"),
        ("u/x add u/x", OK, ":5: roles.panel.add[0]"),
        ("hall add x", REFUSED, "no rule allows it"),
        ("nobody add nobody", REFUSED, "no [[who]] admits a user 'nobody'"),
    ],
)
def test_offline_and_at_a_server(rules: Path, question: str, status: int, rule: str) -> None:
    where = (["--rules", str(rules)], "")
    with sig.ServerRouter("tcp://127.0.0.1:0", rules=rules) as server:
        for options, token in (where, (["--url", server.addresses[0]], TOKEN)):
            found, text = run("explain", *question.split(), *options, token=token)
            assert found == status and rule in text


def test_what_a_wide_listener_gets_and_what_not(rules: Path) -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0", rules=rules) as server:
        for where, token in ((["--rules", str(rules)], ""), (["--url", server.addresses[0]], TOKEN)):
            for question, without in (("hall listen", True), ("hall listen house/x", False)):
                status, text = run("explain", *question.split(), "--json", *where, token=token)
                assert status == OK and '"parts":["' in text and ":3: roles.panel.listen[0]" in text
                assert (":4: roles.panel.deny.listen[0]" in text.partition('"without"')[2]) is without
            status, text = run("explain", "nobody", "listen", *where, token=token)
            assert status == REFUSED and "no [[who]] admits a user 'nobody'" in text


def test_who_would_that_be(rules: Path, tmp_path: Path) -> None:
    file = tmp_path / "token"
    for token, status in ((TOKEN, OK), ("sig_other", REFUSED)):
        file.write_text(token)
        assert run("explain", "-", "add", "hall", "--rules", str(rules), "--as-token", str(file))[0] == status


def test_a_certificate(rules: Path, tmp_path: Path) -> None:
    certs = pytest.importorskip("sig_core.certs", reason="the extra certs is not installed")
    authority = certs.Authority.create(tmp_path / "home")
    authority.issue("hall", user="panel/hall")
    rules.write_text(RULES + '[[who]]\ncertificate = { uri = "sig:panel/*" }\nroles = ["panel"]\n')
    found = run("explain", "-", "add", "hall", "--rules", str(rules), "--as-cert", str(tmp_path / "home/hall.pem"))
    assert found[0] == OK


def test_who_may_not_ask(rules: Path) -> None:
    rules.write_text(RULES.replace('operate = ["explain"]\n', ""))
    with sig.ServerRouter("tcp://127.0.0.1:0", rules=rules) as server:
        with pytest.raises(sig.AccessDenied):
            run("explain", "hall", "add", "x", "--url", server.addresses[0], token=TOKEN)
        status, text = run("whoami", "--url", server.addresses[0], "--json", token=TOKEN)
        assert status == OK and '"user":"hall"' in text and '"rule":""' in text


def test_who_am_i_without_rules() -> None:
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        assert '"user":"anyone"' in run("whoami", "--url", server.addresses[0], "--json")[1]


def test_bad_rules_are_usage(tmp_path: Path) -> None:
    from sig_core.cli.failures import status_of

    with pytest.raises(sig.ConfigError) as bad:
        run("explain", "a", "add", "b", "--rules", str(tmp_path / os.fspath("nothing.toml")))
    assert status_of(bad.value) == USAGE


def test_each_problem_of_a_file_has_a_line_of_its_own(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sig_core.cli.app import run as run_command

    rules.write_text(RULES.replace("add =", "ad =").replace("operate =", "operat ="))
    assert run_command(["explain", "a", "add", "b", "--rules", str(rules)]) == USAGE
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition("did you mean")[2] for line in lines] == [
        " 'add'?; known: add, see, listen, request, operate, deny, limits",
        " 'operate'?; known: add, see, listen, request, operate, deny, limits",
    ]
