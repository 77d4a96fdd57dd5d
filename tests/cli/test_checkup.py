"""The doctor's checks: each finding with cause and remedy, for what can be wrong with an environment."""

from __future__ import annotations

import re
import sysconfig
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import sig_core
import sig_core.cli.ports
import sig_core.plugins
from sig_core.cli import checkup
from sig_core.cli.checkup import Finding
from tests.support.certificates import Authority


def test_a_sound_environment() -> None:
    found = list(checkup.check_environment())
    assert [(finding.kind, finding.state) for finding in found] == [("python", "ok"), ("pysig", "ok")]


def test_a_stale_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sig_core, "__version__", "9.9")
    *_, last = checkup.check_environment()
    assert (last.state, last.remedy) == ("broken", "install it again: pip install -e . in a checkout")
    assert last.cause.startswith("the code is 9.9, its metadata say ")


def test_no_install_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(checkup, "distribution", missing)
    *_, last = checkup.check_environment()
    assert (last.state, last.cause) == ("broken", "its distribution is not installed, so no plug-in is found")


@pytest.mark.parametrize("suffix", EXTENSION_SUFFIXES)
def test_an_extension_that_was_not_made_of_the_source_beside_it(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "room").mkdir()
    for name in ("__init__.py", "room/thing.py", f"room/thing{suffix}"):
        (tmp_path / name).write_text("")
    package = SimpleNamespace(__file__=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(checkup, "import_module", lambda name: package if name == "sig_codecs" else sig_core)
    (found,) = checkup.check_extensions()
    assert (found.name, found.state, found.remedy) == ("thing", "broken", "remove it, or install pysig again")
    assert found.cause.startswith(f"{tmp_path}/room/thing{suffix} is run instead of thing.py beside it")


def test_the_extensions_of_this_build_are_of_its_sources() -> None:
    assert list(checkup.check_extensions()) == []


def test_a_build_without_the_interpreter_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = sysconfig.get_config_var
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: 1 if name == "Py_GIL_DISABLED" else asked(name))
    assert "broken" in [finding.state for finding in checkup.check_environment()]


def test_a_plugin_that_takes_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sleepy.py").write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(checkup, "IMPORT", 0.5)
    info = sig_core.PluginInfo("codec", "mine", "sleepy", "2.0", "sleepy:Codec")
    monkeypatch.setattr(checkup.default_plugins(), "describe", lambda: [info])
    (found,) = checkup.check_plugins()
    assert (found.state, found.cause) == ("broken", "sleepy 2.0: importing it takes longer than 0.5 s")
    assert found.remedy == "report it to its authors, or uninstall sleepy"


def test_a_codec_that_alters_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "_ask", lambda url, codec: {"text": "?"})
    found = [finding for finding in checkup.check_round_trips(set()) if " x " in finding.name]
    assert {finding.state for finding in found} == {"broken"}
    assert "report it: codec json alters values" in [finding.remedy for finding in found]


def test_a_carrier_without_an_address_to_try(monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = sig_core.plugins.Plugins()
    plugins.carriers.register("tcp", Carrier, replace=True)
    monkeypatch.setattr(checkup, "default_plugins", lambda: plugins)
    found = [finding for finding in checkup.check_round_trips(set()) if finding.name == "tcp"]
    cause = "not tried: it has no `trial`, an address that can be listened on anywhere"
    assert found == [Finding("round trip", "tcp", "missing", cause, "try one of yours with --url")]


class Carrier:
    """One that finds these ports."""

    def __init__(self, *ports: dict[str, Any]) -> None:
        self.found = ports

    connect = listen = None

    def ports(self) -> list[dict[str, Any]]:
        if not self.found:
            raise RuntimeError("the bus is off")
        return list(self.found)


def port(device: str, state: str = "free", **more: Any) -> dict[str, Any]:
    return {"device": device, "state": state, "removable": True, "cause": "", "remedy": "", **more}


def plugged(monkeypatch: pytest.MonkeyPatch, carrier: Carrier) -> list[Finding]:
    found = sig_core.plugins.Plugins()
    found.carriers.keep([])
    found.carriers.register("line", lambda: carrier)
    for module in (checkup, sig_core.cli.ports):
        monkeypatch.setattr(module, "default_plugins", lambda: found)
    return list(checkup.check_plugged([]))


def test_ports_that_may_and_may_not_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    denied = {"cause": "it belongs to group dialout", "remedy": "join it"}
    carrier = Carrier(
        port("A"),
        port("B", "busy", cause="pid 1 has it open"),
        port("C", "denied", **denied),
        port("D", "denied", removable=False, **denied),
    )
    assert plugged(monkeypatch, carrier) == [
        Finding("port", "A"),
        Finding("port", "B", "ok", "pid 1 has it open"),
        Finding("port", "C", "broken", *denied.values()),
        Finding("port", "D", "missing", *denied.values()),
    ]


def test_a_carrier_that_can_not_list_its_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    cause = "carrier 'line' can't list its ports: RuntimeError: the bus is off"
    assert plugged(monkeypatch, Carrier()) == [Finding("ports", "line", "broken", cause, "report it to its authors")]


def test_a_carrier_that_is_broken_is_not_asked_for_ports() -> None:
    everyone = [("carrier", name) for name in checkup.default_plugins().carriers.names()]
    assert list(checkup.check_plugged(everyone)) == []


@pytest.mark.parametrize(
    "days, state, cause",
    [(30, "ok", ""), (10.5, "broken", "it ends on .*, in 10 days"), (-0.5, "broken", "it ended on ")],
)
def test_a_certificate_that_ends_soon(tmp_path: Path, days: float, state: str, cause: str) -> None:
    own = Authority(tmp_path)
    own.issue("server", days=(-2, days))
    (found,) = checkup.check_certificates([], [f"tls+tcp://127.0.0.1:0{own.query('server', ca='')}", "tcp://127.0.0.1:0"])
    (named,) = checkup.check_certificates([str(tmp_path / "server.pem")], [])
    assert named == found
    assert found.state == state and re.match(cause, found.cause) and "server.pem" in found.name
    assert ("renew" in found.remedy) is (state == "broken")


def test_files_that_hold_no_certificate_are_told_where_it_is_listened_on(tmp_path: Path) -> None:
    urls = [f"tls+tcp://127.0.0.1:0?cert={tmp_path}/none.pem", "no url", "tls+tcp://x"]
    assert list(checkup.check_certificates([f"{tmp_path}/none.pem"], urls)) == []


def test_files_of_tls_are_looked_at_together(tmp_path: Path) -> None:
    own = Authority(tmp_path)
    own.issue("hall")
    own.issue("lab")
    ca, hall, lab_key = (str(tmp_path / name) for name in ("ca.pem", "hall.pem", "lab.key"))
    assert list(checkup.check_tls({})) == []
    (good,) = checkup.check_tls({"ca": ca, "cert": hall, "key": str(tmp_path / "hall.key")})
    assert good.state == "ok"
    (found,) = checkup.check_tls({"cert": hall, "key": lab_key})
    assert (found.state, found.name) == ("broken", f"{hall} {lab_key}")
    assert re.match("option cert=.*hall.pem' can't be used: key values mismatch", found.cause) and found.remedy
    (found,) = checkup.check_tls({"ca": f"{tmp_path}/none.pem"})
    assert re.match("option ca=.*none.pem' can't be read: No such file", found.cause) and found.remedy
