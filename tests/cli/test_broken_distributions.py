"""Real distributions, good and broken, installed by pip into a fresh environment: each hurts its own name alone."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.support import within
from tests.support.environment import Environment, wheel

pytestmark = pytest.mark.xdist_group("distributions")  # one process installs them

GOOD_CODEC = """
import json
class Codec:
    name, extras = "mine", frozenset()
    def encode(self, value): return json.dumps(value).encode()
    def decode(self, data): return json.loads(data)
"""
GOOD_CARRIER = """
from sig_carriers.tcp import TcpCarrier
class Carrier(TcpCarrier):
    scheme = "wire"
    trial = "wire://127.0.0.1:0"
"""
GOOD_HOOKS = """
import click, sig_core as sig
@sig.hookimpl
def sig_cli_commands(group):
    @group.command(short_help="Greet.")
    def greet():
        click.echo("hello from a plug-in")
"""
TYPO_HOOKS = """
import sig_core as sig
@sig.hookimpl
def sig_cli_comands(group): ...
"""
@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("distributions")
    made = Environment(folder)
    needs = 'Requires-Dist: no-such-library>=3; extra == "noise"\nProvides-Extra: noise\n'
    made.install(
        wheel(folder, "goodcodec", "sig.codecs", "mine = of_goodcodec:Codec", GOOD_CODEC),
        wheel(folder, "goodcarrier", "sig.carriers", "wire = of_goodcarrier:Carrier", GOOD_CARRIER),
        wheel(folder, "goodhooks", "sig.hooks", "greet = of_goodhooks", GOOD_HOOKS),
        wheel(folder, "breaks", "sig.codecs", "broken = of_breaks:Codec", "import no_such_library_either"),
        wheel(folder, "exits", "sig.codecs", "leaving = of_exits:Codec", "import sys; sys.exit(7)"),
        wheel(folder, "typo", "sig.hooks", "typo = of_typo", TYPO_HOOKS),
        wheel(folder, "needy", "sig.wrappers", "noisy = of_needy:wrap [noise]", "import no_such_library", needs),
        wheel(folder, "one", "sig.codecs", "bson = of_one:Codec", GOOD_CODEC),
        wheel(folder, "two", "sig.codecs", "bson = of_two:Codec", GOOD_CODEC),
        wheel(folder, "gone", "sig.carriers", "udp = of_gone:Carrier", GOOD_CARRIER),
    )
    (made.packages / "of_gone.py").unlink()  # an install that somebody half removed
    return made


def imported(env: Environment) -> set[str]:
    found = {path.stem for path in env.packages.glob("*.imported")}
    for path in env.packages.glob("*.imported"):
        path.unlink()
    return found


def test_all_are_listed_and_none_is_imported(fresh: Environment) -> None:
    imported(fresh)
    listed = {(row["kind"], row["name"], row["distribution"]): row for row in fresh.rows("plugins", "--json")}
    states = {key: row["state"] for key, row in listed.items() if key[2] != "pysig"}
    assert states == {
        ("carrier", "udp", "gone"): "broken",
        ("carrier", "wire", "goodcarrier"): "installed",
        ("codec", "broken", "breaks"): "installed",  # which nobody knows before it is imported
        ("codec", "bson", "one"): "clash",
        ("codec", "bson", "two"): "clash",
        ("codec", "leaving", "exits"): "installed",
        ("codec", "mine", "goodcodec"): "installed",
        ("hook", "greet", "goodhooks"): "installed",
        ("hook", "typo", "typo"): "installed",
        ("wrapper", "noisy", "needy"): "missing",
    }
    assert {row["version"] for row in listed.values() if row["distribution"] != "pysig"} == {"2.0"}
    assert listed["codec", "bson", "one"]["problem"] == "offered by one 2.0 and two 2.0: uninstall one of them"
    assert imported(fresh) == set()


def test_the_doctor_finds_what_is_broken(fresh: Environment) -> None:
    run = fresh.sig("doctor", "--json")
    assert run.returncode == 1
    found = {(row["kind"], row["name"]): row for row in map(json.loads, run.stdout.splitlines())}
    broken = found["codec", "broken"]
    assert broken["state"] == "broken"
    assert broken["cause"] == "breaks 2.0: ModuleNotFoundError: No module named 'no_such_library_either'"
    assert broken["remedy"] == "install breaks again, or report this to its authors, or uninstall it"
    assert "of_breaks.py" in broken["trace"]
    assert found["codec", "leaving"]["cause"] == "exits 2.0: its import ended the process, status 7"
    assert found["wrapper", "noisy"]["state"] == "missing"
    assert found["wrapper", "noisy"]["remedy"] == 'pip install "needy[noise]"'
    assert found["carrier", "udp"]["cause"] == "gone 2.0: module 'of_gone' is not there"
    assert found["carrier", "udp"]["remedy"] == "install gone again, or uninstall it"
    assert found["codec", "bson"]["cause"].endswith("offered by one 2.0 and two 2.0")
    assert found["round trip", "wire x mine"]["state"] == "ok"
    assert found["round trip", "tcp x json"]["state"] == "ok"
    assert ("round trip", "tcp x broken") not in found


def test_hooks_add_commands_and_a_typo_is_named(fresh: Environment) -> None:
    run = fresh.sig("greet")
    assert (run.returncode, run.stdout) == (0, "hello from a plug-in\n")
    assert run.stderr == (
        "sig: left out: hook plug-in 'typo': there is no hook 'sig_cli_comands', did you mean 'sig_cli_commands'?; "
        "there are: sig_audit, sig_authorize, sig_cli_commands, sig_session_closed, sig_session_opened\n"
    )
    assert "Greet." in fresh.sig("--help").stdout


def test_who_does_not_ask_for_the_broken_ones_is_not_hurt(fresh: Environment) -> None:
    code = """
import sig_core as sig
with sig.ServerRouter("wire://127.0.0.1:0") as server:
    server.add_sender("s", [], {"echo": lambda params: params})
    with sig.ClientRouter(server.addresses[0], "mine") as client:
        print(client.remote_request("s", "echo", [1, 2]))
"""
    run = subprocess.run(
        [fresh.python, "-c", code], capture_output=True, text=True, check=False, timeout=within(60)
    )
    assert (run.returncode, run.stdout) == (0, "[1, 2]\n"), run.stderr


def test_a_clash_is_settled_by_choice(fresh: Environment, tmp_path: Path) -> None:
    code = """
import sig_core as sig
plugins = sig.Plugins()
plugins.codecs.choose("bson", "two")
print(type(plugins.codecs.get("bson")).__module__)
"""
    run = subprocess.run(
        [fresh.python, "-c", code], capture_output=True, text=True, check=False, timeout=within(60)
    )
    assert (run.returncode, run.stdout) == (0, "of_two\n"), run.stderr
