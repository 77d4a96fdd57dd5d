"""A type checker sees what an author gets wrong: each optional protocol of the contract, right and wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sig_core import contract
from tests.support import within

pytest.importorskip("mypy", reason="mypy is not installed: pip install -e .[dev]")

ROOT = Path(__file__).parents[2]
ERROR = re.compile(r"^[^:]+:(\d+): error: (.*)$", re.MULTILINE)
OPTIONAL = {name for name in contract.__all__ if name.startswith("Has")} | {"OptionWrapper"}

HEAD = """
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, final
from sig_core.address import Address
from sig_core.contract import *
from sig_codecs.cbor_board_codec import CborBoardCodec
from sig_codecs.cbor_codec import CborCodec
from sig_codecs.json_codec import JsonCodec
from sig_codecs.msgpack_codec import MsgpackCodec
from sig_carriers.local import LocalCarrier
from sig_carriers.serial_port import SerialCarrier
from sig_carriers.tcp import TcpCarrier
from sig_carriers.unix import UnixCarrier
from sig_core.links.callback_acceptor import CallbackAcceptor
from sig_core.links.sockets import SocketAcceptor, SocketLink
"""

GOOD = """
@final
class Carrier_(HasOptions, HasErrors, HasTrial, HasPorts, HasAddressTraits):
    scheme = "lab"
    options = frozenset({"speed"})
    errors = (KeyError, ValueError)
    trial = "lab://x"

    def connect(self, address: Address, /) -> Link: raise OSError
    def listen(self, address: Address, /) -> Acceptor: raise OSError
    def ports(self) -> Iterator[PortInfo]:
        port: PortInfo = {"device": "a", "description": "", "urls": [], "removable": True,
                          "state": "busy", "cause": "", "remedy": ""}
        yield port
    def address_traits(self, address: Address, /) -> AddressTraits: return AddressTraits(exclusive=False)

@final
class Codec_(HasNarrows, HasReads, HasDecodeMost, HasDecodeMany):
    name, extras = "lab", frozenset({"bytes"})
    narrows = "all"
    reads = frozenset({"json"})

    def encode(self, value: Any, /) -> bytes: return b""
    def decode(self, data: bytes, /) -> Any: return None
    def decode_most(self, data: bytes, /) -> Any: return None
    def decode_many(self, payloads: Sequence[bytes], /) -> list[Any]: return []

class OfItsLibrary:
    def __init__(self) -> None:
        self.decode_most: Callable[[bytes], Any] = len
        self.abort: Callable[[], None] = print

@final
class Wrapper_(OptionWrapper, HasCheck):
    options = frozenset({"mark"})

    def __call__(self, link: Link, address: Address, /) -> Link: return link
    def check(self, address: Address, /) -> None: ...

one: Carrier = Carrier_()
two: Codec = Codec_()
three: Wrapper = Wrapper_()
class Known(HasPending, HasPeerCertificate, HasUnixPeer, HasTraits):
    pending = False
    peer_certificate = None
    unix_peer = (1, 2, 3)
    traits = LinkTraits(packets=False, reliable=True)
most: HasDecodeMost = OfItsLibrary()
aborts: HasAbort = OfItsLibrary()
recv: Callable[[SocketLink], HasRecv] = lambda link: link
peers: Callable[[CallbackAcceptor], HasOnePeer] = lambda acceptor: acceptor
pollable: Callable[[SocketAcceptor], PollableAcceptor] = lambda acceptor: acceptor
carriers: list[Carrier] = [TcpCarrier(), UnixCarrier(), LocalCarrier(), SerialCarrier()]
codecs: list[Codec] = [JsonCodec(), MsgpackCodec(), CborCodec(), CborBoardCodec()]
fast: list[HasDecodeMost] = [JsonCodec(), MsgpackCodec(), CborCodec()]
"""

WRONG = """
class Options(HasOptions):
    options = ["speed"]  # E: expression has type "list[str]", base class "HasOptions"
class Errors(HasErrors):
    errors = (KeyError, "ValueError")  # E: base class "HasErrors"
class Trial(HasTrial):
    trial = None  # E: base class "HasTrial"
class Ports(HasPorts):
    def ports(self) -> list[str]: return []  # E: incompatible with return type "Iterable[PortInfo]"
class Traits(HasAddressTraits):
    def address_traits(self, address: Address, /) -> LinkTraits: ...  # E: return type "AddressTraits"
class Narrows(HasNarrows):
    narrows = True  # E: base class "HasNarrows"
class Reads(HasReads):
    reads = "json"  # E: base class "HasReads"
class Most(HasDecodeMost):
    def decode_most(self, data: str, /) -> Any: ...  # E: supertype defines the argument type as "bytes"
class Many(HasDecodeMany):
    def decode_many(self, payloads: Sequence[bytes], /) -> bytes: ...  # E: return type "list[Any]"
class Recv(HasRecv):
    def recv(self, size: int, /) -> memoryview: raise OSError  # E: incompatible with return type "bytes"
class Peer(HasOnePeer):
    one_peer = 1  # E: base class "HasOnePeer"
class Pending(HasPending):
    pending = 1  # E: base class "HasPending"
class Shown(HasPeerCertificate):
    peer_certificate = {"subject": ()}  # E: base class "HasPeerCertificate"
class OfUnix(HasUnixPeer):
    unix_peer = (1, 2)  # E: base class "HasUnixPeer"
class Alike(HasTraits):
    traits = "alike"  # E: base class "HasTraits"
class Abort(HasAbort):
    async def abort(self) -> None: ...  # E: incompatible with return type "None"
class Check(HasCheck):
    def check(self, address: Address, link: Link, /) -> None: ...  # E: Signature of "check" incompatible
class Taking(OptionWrapper):
    options = frozenset({1})  # E: expected "str"
    def __call__(self, link: Link, address: Address, /) -> Link: return link
@final
class Misspelt(HasTrial, HasPorts):  # E: has abstract attributes "ports", "trial"
    trail = "lab://x"
    def port(self) -> list[PortInfo]: return []
def half() -> PortInfo:
    return {"device": "a", "description": "b"}  # E: Missing keys
def other(port: PortInfo) -> None:
    port["state"] = "bussy"  # E: "state"
said = AddressTraits(exclusiv=False)  # E: Unexpected keyword argument "exclusiv"
"""


def checked(folder: Path, name: str, source: str) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the lines of a program, and (line, error) of what mypy finds in it."""
    (folder / name).write_text(HEAD + source)
    options = ["--strict", "--config-file=", f"--cache-dir={folder / 'cache'}"]
    command = [sys.executable, "-m", "mypy", *options, str(folder / name)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=within(100), check=False)
    assert run.returncode in (0, 1), run.stdout + run.stderr
    lines = (HEAD + source).splitlines()
    return lines, [(lines[int(number) - 1], text) for number, text in ERROR.findall(run.stdout)]


def test_what_is_right_and_what_is_wrong(tmp_path: Path) -> None:
    _, found = checked(tmp_path, "good.py", GOOD)
    assert found == []
    lines, found = checked(tmp_path, "wrong.py", WRONG)
    expected = [line for line in lines if "# E: " in line]
    assert {line for line, _ in found} == {*expected}
    for line in expected:
        wanted = line.partition("# E: ")[2]
        assert any(wanted in text for where, text in found if where == line), (line, found)


def test_none_is_left_out() -> None:
    assert {name for name in OPTIONAL if f"({name}" in WRONG or f", {name}" in WRONG} == OPTIONAL
    assert {name for name in OPTIONAL if name in GOOD} == OPTIONAL
