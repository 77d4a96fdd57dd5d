"""Distributions that break the contract, installed: they hurt who asks for them, and nobody beside."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.bad import CARRIERS, CODECS
from tests.plugins.program import PROGRAMS
from tests.support import within
from tests.support.environment import Environment, wheel

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("plugins"),
    pytest.mark.usefixtures("own_tests"),
]  # they go on meanwhile

AT_ONCE = 3  # processes


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What came of each: one environment with all of them, one process that uses them in turn."""
    folder: Path = tmp_path_factory.mktemp("bad")
    env = Environment(folder)
    made = [("carrier", name, source) for name, source in CARRIERS.items()]
    made += [("codec", name, source) for name, source in CODECS.items()]
    env.install(*(_wheel(folder, *each) for each in made))
    names = [f"{kind}:{name}" for kind, name, _ in made]
    runs = [_start(env, names[start::AT_ONCE]) for start in range(AT_ONCE)]  # most of their time is waiting
    rows = [row for run in runs for row in _rows(run)]
    return {row["name"]: row for row in rows}


def _start(env: Environment, names: list[str]) -> subprocess.Popen[str]:
    command = [env.python, str(PROGRAMS / "beside.py"), *names]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _rows(run: subprocess.Popen[str]) -> list[dict[str, Any]]:
    with run:
        out, errors = run.communicate(timeout=within(60))
    assert run.returncode == 0, errors
    return [json.loads(line) for line in out.splitlines()]


def _wheel(folder: Path, kind: str, name: str, source: str) -> Path:
    module = name.replace("-", "_")
    return wheel(folder, module, f"sig.{kind}s", f"{name} = of_{module}:{kind.title()}", source)


FORCED = {"encode-raises", "encode-gives-text", "encode-gives-none", "recurses"}
NAMES = [
    *(pytest.param(f"carrier:{name}", id=name) for name in CARRIERS),
    *(pytest.param(f"codec:{name}", id=name) for name in CODECS if name not in FORCED),
]


@pytest.mark.parametrize("name", NAMES)
def test_who_is_beside_goes_on_and_the_server_ends_in_order(told: dict[str, Any], name: str) -> None:
    assert (told[name]["talks"], told[name]["end"]) == ([True, True], "None"), told[name]


@pytest.mark.parametrize("name", sorted(FORCED))
def test_a_codec_that_can_not_even_say_goodbye(told: dict[str, Any], name: str) -> None:
    assert (told[f"codec:{name}"]["talks"], told[f"codec:{name}"]["end"]) == ([True, True], "None")


WHY = {
    "carrier:import-fails": "BrokenPlugin: carrier 'import-fails' of import_fails 2.0 can't be loaded: No module named",
    "carrier:wrong-type": "BrokenPlugin: carrier 'wrong-type' of wrong_type 2.0 can't be loaded: TypeError",
    "carrier:no-listen": "BrokenPlugin: carrier 'no-listen' of no_listen 2.0 is no carrier: what it gave has no",
    "carrier:constructor-raises": "BrokenPlugin: carrier 'constructor-raises' of constructor_raises 2.0 can't be",
    "codec:codec-exits": "BrokenPlugin: codec 'codec-exits' of codec_exits 2.0 can't be loaded: SystemExit: 3",
    "codec:codec-lacks": "BrokenPlugin: codec 'codec-lacks' of codec_lacks 2.0 is no codec: what it gave has no encode",
}


@pytest.mark.parametrize("name", sorted(WHY))
def test_who_asks_is_told_which_distribution_is_broken(told: dict[str, Any], name: str) -> None:
    assert told[name]["told"][0].startswith(WHY[name])


@pytest.mark.parametrize("name", ["close-raises", "leaves-threads", "acceptor-close-raises"])
def test_what_does_no_harm_works(told: dict[str, Any], name: str) -> None:
    assert told[f"carrier:{name}"]["told"] == ["None", "answered 'text'", "answered 'text'"]
