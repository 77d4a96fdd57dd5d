"""Carriers and codecs by name, from real distributions laid beside the installed ones."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sig_core.errors import BrokenPlugin, ConfigError, ConnectFailed, ListenFailed, UnknownPlugin
from sig_core.plugins import Plugins, Registry, default_plugins

Install = Callable[..., None]

GOOD = """
class Codec:
    name, extras = "mine", frozenset()
    def encode(self, value): return repr(value).encode()
    def decode(self, data): return eval(data)
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Lay a distribution with one module and one entry point into a folder that Python searches."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(
        distribution: str, source: str, *, name: str = "mine", group: str = "sig.codecs", target: str = "Codec"
    ) -> None:
        module = f"plugin_of_{distribution}"
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source))
        info = tmp_path / f"{distribution}-1.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}:{target}\n")
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install


def test_what_is_installed_is_listed_without_being_imported(install: Install) -> None:
    install("lab", "raise RuntimeError('imported')")
    codecs = Plugins().codecs
    assert codecs.names() == ["cbor", "cbor-board", "json", "mine", "msgpack"]
    (info,) = (info for info in codecs.describe() if info.name == "mine")
    assert (info.distribution, info.version, info.target) == ("lab", "1.5", "plugin_of_lab:Codec")
    assert "plugin_of_lab" not in sys.modules


def test_a_plugin_is_made_once(install: Install) -> None:
    install("lab", GOOD)
    codecs = Plugins().codecs
    assert codecs.get("mine") is codecs.get("mine")
    assert codecs.get("mine").decode(codecs.get("mine").encode([1])) == [1]


@pytest.mark.parametrize(
    ("source", "target", "why"),
    [
        ("import no_such_library", "Codec", "No module named 'no_such_library'"),
        ("1 +", "Codec", "SyntaxError"),
        ("raise RuntimeError('no licence')", "Codec", "RuntimeError: no licence"),
        ("import sys; sys.exit(3)", "Codec", "SystemExit: 3"),
        ("", "Codec", "AttributeError"),
        ("Codec = 5", "Codec", "TypeError"),
        ("def Codec(): raise OSError('no device')", "Codec", "OSError: no device"),
        ("class Codec: name = 'x'", "Codec", "is no codec: what it gave has no encode, decode"),
        (f"{GOOD}    def __eq__(self, other): return True", "Codec", "what it gave has no __hash__: "),
    ],
)
def test_a_broken_plugin_hurts_its_own_name_alone(install: Install, source: str, target: str, why: str) -> None:
    install("lab", source, target=target)
    plugins = Plugins()
    with pytest.raises(BrokenPlugin) as caught:
        plugins.codecs.get("mine")
    assert "codec 'mine' of lab 1.5" in str(caught.value)
    assert why in str(caught.value)
    assert list(plugins.choose_codecs(None)) == ["cbor", "json", "msgpack"]
    with pytest.raises(BrokenPlugin):
        plugins.choose_codecs(["json", "mine"])


def test_a_plugin_that_says_what_it_has_not_is_broken(install: Install) -> None:
    source = """
        from sig_core.contract import HasOptions, HasTrial
        class Carrier(HasOptions, HasTrial):
            scheme, options, trail = "mine", frozenset(), "mine://x"
            def connect(self, address): ...
            def listen(self, address): ...
    """
    install("lab", source, group="sig.carriers", target="Carrier")
    with pytest.raises(BrokenPlugin, match=r"carrier 'mine' of lab 1\.5 is no carrier: what it gave has no trial: "):
        Plugins().carriers.get("mine")


def test_two_distributions_of_one_name_are_both_named(install: Install) -> None:
    install("lab", GOOD)
    install("rival", GOOD)
    with pytest.raises(BrokenPlugin, match=r"codec 'mine' is offered by lab 1.5 and rival 1.5|rival 1.5 and lab 1.5"):
        Plugins().codecs.get("mine")
    assert [info.distribution for info in Plugins().codecs.describe() if info.name == "mine"] == ["lab", "rival"]


def test_an_unknown_name_is_met_with_a_proposal() -> None:
    with pytest.raises(UnknownPlugin, match=r"'jsn', did you mean 'json'\?; installed: cbor, cbor-board, json,"):
        default_plugins().codecs.get("jsn")
    with pytest.raises(UnknownPlugin, match="unknown carrier 'http'"):
        default_plugins().connect("http://127.0.0.1:80")
    with pytest.raises(UnknownPlugin, match=r"no codec is installed: .*pip install"):
        Registry[Any]("sig.nothing", "codec", ()).get("json")


def test_what_a_program_registers() -> None:
    codecs, json = Plugins().codecs, default_plugins().codecs.get("json")
    with pytest.raises(ConfigError, match="codec 'json' exists already; pass replace=True"):
        codecs.register("json", lambda: json)
    codecs.register("json", lambda: json, replace=True)
    codecs.register("mine", lambda: json)
    assert codecs.get("json") is codecs.get("mine") is json
    assert [info.distribution for info in codecs.describe() if info.name in ("json", "mine")] == ["", ""]
    codecs.register("bad", lambda: object())  # type: ignore[arg-type, return-value]
    with pytest.raises(BrokenPlugin, match="codec 'bad' is no codec"):
        codecs.get("bad")


def test_an_empty_choice_is_refused() -> None:
    with pytest.raises(ConfigError, match="an empty list"):
        Plugins().choose_codecs([])


CARRIER = """
class Oops(Exception): ...
class Codec:
    options, errors = frozenset({"speed"}), (Oops,)
    def connect(self, address): raise Oops("the cable is out")
    def listen(self, address): raise OSError(98, "Address already in use")
"""


def test_a_drivers_errors_become_ours(install: Install) -> None:
    install("lab", CARRIER, group="sig.carriers", name="wire")
    plugins = Plugins()
    with pytest.raises(ConnectFailed, match="wire://x: can't connect: the cable is out"):
        plugins.connect("wire://x")
    with pytest.raises(ListenFailed, match="wire://x: can't listen: Address already in use"):
        plugins.listen("wire://x")
    with pytest.raises(ConfigError, match=r"unknown option 'sped', did you mean 'speed'\?"):
        plugins.connect("wire://x?sped=1")
    with pytest.raises(UnknownPlugin, match="unknown wrapper 'losy', did you mean 'lossy'"):
        plugins.connect("losy+wire://x")


def test_an_asyncio_carrier_is_asked_on_a_loop(install: Install) -> None:
    source = """
        import asyncio
        class Codec:
            async def connect(self, address):
                raise ConnectionRefusedError(f"{address.host}: {asyncio.get_running_loop().is_running()}")
            async def listen(self, address): ...
    """
    install("lab", textwrap.dedent(source), group="sig.carriers", name="wire")
    with pytest.raises(ConnectFailed, match="x: True"):
        Plugins().connect("wire://x")


def test_a_router_imports_the_plugins_that_it_uses_and_no_others() -> None:
    code = """
        import sys, sig_core as sig
        def ours(): return sorted(name for name in sys.modules if name.startswith(("sig_carriers.", "sig_codecs.")))
        assert ours() == [], ours()
        with sig.ServerRouter("tcp://127.0.0.1:0", codecs=["json"]) as server:
            with sig.ClientRouter(server.addresses[0], "json"): pass
        print(*ours(), *(name for name in ("asyncio", "click", "msgpack", "cbor2") if name in sys.modules))
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60, check=True
    )
    assert run.stdout.split() == ["sig_carriers.tcp", "sig_codecs.json_codec", "sig_codecs.shallow"]
