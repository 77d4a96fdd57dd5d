"""Wrappers around links, and what is known of plug-ins before they are imported."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest

import sig_core as sig
from sig_core.address import Address
from sig_core.contract import HasOnePeer, Link, LinkTraits
from sig_core.plugins import PluginInfo, Plugins
from sig_core.plugins.wrapping import Layers, WrappedAcceptor
from tests.support import eventually


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


class Acceptor:
    """Returns one link with these traits after the other; may say whether they lead to one other end."""

    address = "lab://here"

    def __init__(self, *traits: LinkTraits, one_peer: bool | None = None) -> None:
        self.links = [SimpleNamespace(traits=each, peer="x", close=lambda: None) for each in traits]
        if one_peer is not None:
            self.one_peer = one_peer

    def accept(self, timeout: float, /) -> Any:
        return self.links.pop(0)

    def close(self) -> None: ...


LINE, STREAM = LinkTraits(packets=False, reliable=False), LinkTraits(packets=False, reliable=True)


@pytest.mark.parametrize(
    ("traits", "said", "one_peer"),
    [(LINE, None, True), (STREAM, None, False), (LINE, False, False), (STREAM, True, True)],
)
def test_whether_there_is_one_other_end_is_as_without_wrappers(
    traits: LinkTraits, said: bool | None, one_peer: bool
) -> None:
    layers = Layers(Address.parse("counted+lab://here"), [Counted], None)
    acceptor = WrappedAcceptor(Acceptor(traits, one_peer=said), layers)
    assert isinstance(acceptor, HasOnePeer)
    assert isinstance(acceptor.accept(0), Counted)
    assert acceptor.one_peer is one_peer


def test_an_unknown_wrapper_says_so() -> None:
    with pytest.raises(sig.UnknownPlugin, match="unknown wrapper 'losy', did you mean 'lossy'"):
        sig.ClientRouter("losy+tcp://127.0.0.1:1").start()


# -- wrappers with options


class Marked:
    """A wrapper with options; notes what it was given."""

    options = frozenset({"mark", "timeout"})

    def __init__(self) -> None:
        self.seen: list[dict[str, str]] = []

    def check(self, address: Address) -> None:
        address.number("mark", 0, 0, 5)

    def __call__(self, link: Link, address: Address, /) -> Link:
        self.seen.append(dict(address.options))
        return link


@pytest.fixture
def marked() -> tuple[Plugins, Marked]:
    plugins, wrapper = Plugins(), Marked()
    plugins.wrappers.register("marked", lambda: wrapper)
    plugins.wrappers.register("plain", lambda: Counted)
    return plugins, wrapper


def test_a_wrapper_gets_its_options_and_the_carrier_the_others(marked: tuple[Plugins, Marked]) -> None:
    plugins, wrapper = marked
    acceptor = plugins.listen("plain+marked+tcp://127.0.0.1:0?backlog=5&mark=3")
    try:
        url = acceptor.address
        assert url.startswith("plain+marked+tcp://127.0.0.1:") and url.endswith("?mark=3")
        link = plugins.connect(f"{url}&nodelay=0")
        assert isinstance(link, Counted)
        link.close()
    finally:
        acceptor.close()
    assert wrapper.seen == [{"mark": "3"}]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("mark=9", "option mark='9' is no number from 0 to 5"),
        ("timeout=1", "option 'timeout' is taken by marked and by tcp; leave one of them out"),
        ("mrk=1", "unknown option 'mrk', did you mean 'mark'[?]; plain knows: none; marked knows: mark, timeout; tcp "),
    ],
)
def test_options_are_checked_before_there_is_a_link(marked: tuple[Plugins, Marked], query: str, said: str) -> None:
    plugins, wrapper = marked
    for take in (plugins.connect, plugins.listen):
        with pytest.raises(sig.ConfigError, match=said):
            take(f"plain+marked+tcp://127.0.0.1:1?{query}")
    assert wrapper.seen == []


def test_what_nobody_else_claims_is_left_to_a_carrier_that_checks_by_itself() -> None:
    address = Address.parse("marked+radio://x/y?mark=1&channel=a%26b")
    layers = Layers(address, [Marked()], None)
    assert str(layers.address) == "radio://x/y?channel=a%26b"
    assert (layers.address.wrappers, layers.address.options) == ((), {"channel": "a&b"})
    assert layers.as_bound("radio://z?channel=7") == "marked+radio://z?channel=7&mark=1"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5ms", 0.005), ("30s", 30), ("2m", 120), ("1.5H", 5400), ("7", 7), (".5", 0.5), ("1e-3", 0.001), ("20us", 2e-5)],
)
def test_times(text: str, seconds: float) -> None:
    assert Address.parse(f"tcp://h?x={text}").seconds("x", 1, 0, 6000) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "-1s", "5 s", "5d", "2h", "nan", "inf", "1e9", "1_0", "0x5", "\u0665s"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(sig.ConfigError, match=r"option x='.*' is no time from 0 to 6000 s; write seconds, or 5ms"):
        Address.parse(f"tcp://h?x={quote(text)}").seconds("x", 1, 0, 6000)
    assert Address.parse("tcp://h").seconds("x", 1.5, 0, 6000) == 1.5


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
    lay(folder, "needy", "[sig.wrappers]\nnoisy = needy_wrap:wrap [noise]\n", module="needy_wrap",
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
    assert found["needy", "noisy"].state == "missing"
    assert found["needy", "noisy"].problem == 'no-such-library is not installed: pip install "needy[noise]"'
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
