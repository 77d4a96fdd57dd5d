"""Wrappers around links, and what is known of plug-ins before they are imported."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import sig_core as sig
from sig_core.plugins import PluginInfo, Plugins
from tests.system.conftest import eventually


class Counted:
    """A link that counts what passes."""

    passed = 0

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.peer, self.traits = inner.peer, inner.traits

    def send(self, data: bytes) -> None:
        Counted.passed += len(data)
        self._inner.send(data)

    def receive(self, timeout: float) -> bytes | None:
        found: bytes | None = self._inner.receive(timeout)
        return found

    def close(self) -> None:
        self._inner.close()


def test_a_wrapper_is_put_around_both_ends() -> None:
    plugins = Plugins()
    plugins.wrappers.register("counted", lambda: Counted)
    Counted.passed = 0
    heard: list[Any] = []
    with sig.ServerRouter("counted+tcp://127.0.0.1:0", plugins=plugins) as server:
        (address,) = server.addresses
        assert address.startswith("counted+tcp://127.0.0.1:")
        with sig.ClientRouter(address, plugins=plugins) as client:
            client.add_remote_listener(lambda info, data: heard.append(data), "s", "e")
            client.add_remote_sender("s", ["e"]).get_signal("e").trigger("x" * 1000)
            eventually(lambda: heard == ["x" * 1000])
            assert client.remote_request
    assert Counted.passed > 2000


def test_an_unknown_wrapper_says_so() -> None:
    with pytest.raises(sig.UnknownPlugin, match="wrapper 'lossy': no wrapper is installed"):
        sig.ClientRouter("lossy+tcp://127.0.0.1:1").start()


def lay(folder: Path, name: str, entry: str, *, metadata: str = "", module: str | None = None) -> None:
    """Lay a distribution into a folder that Python searches."""
    info = folder / f"{name.replace(chr(45), chr(95))}-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.0\n{metadata}")
    (info / "entry_points.txt").write_text(entry)
    if module is not None:
        (folder / f"{module}.py").write_text("raise RuntimeError('imported')")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def states(plugins: Plugins) -> dict[tuple[str, str], PluginInfo]:
    return {(info.distribution, info.name): info for info in plugins.describe()}


def test_states_are_known_without_importing(folder: Path) -> None:
    lay(folder, "goodlab", "[sig.codecs]\nmine = goodlab_codec:Codec\n", module="goodlab_codec")
    lay(folder, "stale", "[sig.carriers]\nudp = gone_module.udp:Carrier\n")
    lay(folder, "needy", "[sig.wrappers]\nlossy = needy_wrap:wrap [noise]\n", module="needy_wrap",
        metadata='Requires-Dist: no-such-library>=3; extra == "noise"\nProvides-Extra: noise\n')
    lay(folder, "rival-a", "[sig.codecs]\nbson = rival_a:Codec\n", module="rival_a")
    lay(folder, "rival-b", "[sig.codecs]\nbson = rival_b:Codec\n", module="rival_b")
    lay(folder, "audit", "[sig.hooks]\naudit = audit_hooks\n", module="audit_hooks")
    found = states(Plugins())
    assert (found["goodlab", "mine"].kind, found["goodlab", "mine"].state) == ("codec", "installed")
    assert found["stale", "udp"].state == "broken"
    assert found["stale", "udp"].problem == (
        "module 'gone_module.udp' is not there: install stale again, or uninstall it"
    )
    assert found["needy", "lossy"].state == "missing"
    assert found["needy", "lossy"].problem == 'no-such-library is not installed: pip install "needy[noise]"'
    for rival in ("rival-a", "rival-b"):
        assert found[rival, "bson"].state == "clash"
        assert found[rival, "bson"].problem == "offered by rival-a 2.0 and rival-b 2.0: uninstall one of them"
    assert (found["audit", "audit"].kind, found["audit", "audit"].state) == ("hook", "installed")
    assert {info.state for (dist, _), info in found.items() if dist == "pysig"} == {"installed"}
    imported = {"goodlab_codec", "needy_wrap", "rival_a", "audit_hooks"} & set(sys.modules)
    assert not imported


def test_what_is_missing_is_said_when_it_is_used(folder: Path) -> None:
    lay(folder, "needy", "[sig.codecs]\nlossy = needy_codec:Codec [noise]\n",
        metadata='Requires-Dist: no-such-library>=3; extra == "noise"\nProvides-Extra: noise\n')
    (folder / "needy_codec.py").write_text("import no_such_library")
    with pytest.raises(sig.BrokenPlugin, match=r'no-such-library is not installed: pip install "needy\[noise\]"'):
        Plugins().codecs.get("lossy")
