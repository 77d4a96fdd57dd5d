"""TLS from end to end: who gets in, who does not and what is said of it, and what somebody between can do."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import sig_core as sig
from sig_core import aio
from tests.support import eventually, within
from tests.support.certificates import Authority
from tests.support.middle import Middle
from tests.support.until import until

HERE = "tls+tcp://127.0.0.1:0"
RECONNECT = sig.Reconnect(first=0.01, most=0.05)
faces = pytest.mark.parametrize("face", ["threads", "asyncio"])


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Another authority, that nobody here trusts."""
    made = Authority(tmp_path_factory.mktemp("others"))
    made.issue("server")
    made.issue("client")
    return made


@pytest.fixture
def own(tmp_path: Path) -> Authority:
    """An authority whose files a test may change."""
    made = Authority(tmp_path)
    made.issue("server")
    made.issue("client")
    return made


def dial(face: str, url: str, limits: sig.Limits | None = None) -> None:
    """Connect, ask for something, and leave."""

    async def on_loop() -> None:
        async with aio.ClientRouter(url, reconnect=None, limits=limits) as client:
            await client.flush()

    if face == "asyncio":
        asyncio.run(on_loop())
    else:
        with sig.ClientRouter(url, reconnect=None, limits=limits) as client:
            client.flush()


# -- who is there: what a client verifies


@faces
@pytest.mark.parametrize(
    "case, error, why",
    [
        ("unknown", sig.ConnectFailed, "the server's certificate is refused: .*; have it signed by .*ca=FILE"),
        ("self-signed", sig.ConnectFailed, "refused: self-signed certificate; have it signed by .*ca=FILE"),
        ("nobody", sig.ConnectFailed, "the server's certificate is refused: .*; have it signed by .*ca=FILE"),
        ("name", sig.ConnectFailed, "refused: .*not valid for '127.0.0.1'; connect to a name that is in it"),
        ("over", sig.ConnectFailed, "refused: certificate has expired; have it renewed, or set the clock"),
        ("early", sig.ConnectFailed, "refused: certificate is not yet valid; have it renewed, or set the clock"),
        ("revoked", sig.ConnectFailed, "refused: certificate revoked; have another one made"),
    ],
)
def test_a_server_that_is_not_to_be_trusted(
    face: str, case: str, error: type[Exception], why: str, own: Authority, others: Authority
) -> None:
    made = own.issue(
        "server",
        *(["box.example"] if case == "name" else []),
        days={"over": (-3, -1), "early": (1, 3)}.get(case, (-1, 30)),
    )
    own.revoke(*([made] if case == "revoked" else []))
    query = own.query(crl="crl.pem")
    if case == "unknown":
        query = own.query(ca=str(others.folder / "ca.pem"))
    elif case == "nobody":
        query = ""
    shown = others.query("ca", ca="") if case == "self-signed" else own.query("server", ca="")
    with sig.ServerRouter(HERE + shown) as server:
        with pytest.raises(error, match=why):
            dial(face, server.addresses[0] + query)


def test_the_name_may_be_another_than_the_host(own: Authority) -> None:
    own.issue("server", "box.example")
    with sig.ServerRouter(HERE + own.query("server", ca="")) as server:
        dial("threads", server.addresses[0] + own.query(name="box.example"))


# -- who gets in: what a server verifies


@faces
@pytest.mark.parametrize(
    "case, told, logged",
    [
        ("none", "client: it wants a certificate; .*cert=FILE&key=FILE", "it shows no certificate, and ca="),
        ("unknown", "client: it does not know who signed the certificate; ", "its certificate is refused: "),
        ("self-signed", "client: it does not know who signed the certificate; ", "refused: self-signed certificate"),
        ("over", "client: the certificate is over.*; have it renewed", "certificate has expired; have it"),
        ("revoked", "client: the certificate was revoked; have another one", "refused: certificate revoked"),
    ],
)
def test_a_client_that_does_not_get_in(
    face: str, case: str, told: str, logged: str, own: Authority, others: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "sig")
    made = own.issue("client", days=(-3, -1) if case == "over" else (-1, 30))
    own.revoke(*([made] if case == "revoked" else []))
    query = own.query("" if case == "none" else "client")
    if case in ("unknown", "self-signed"):
        query = others.query("client" if case == "unknown" else "ca", ca=str(own.folder / "ca.pem"))
    with sig.ServerRouter(HERE + own.query("server", crl="crl.pem")) as server:
        with pytest.raises(sig.AccessDenied, match=told) as caught:
            dial(face, server.addresses[0] + query)
        assert server.addresses[0] in str(caught.value)
        eventually(lambda: logged in caplog.text, 5)
        dial(face, server.addresses[0] + own.query("client")) if case == "none" else None


def test_the_link_knows_who_is_there(authority: Authority) -> None:
    from sig_core.contract import HasPeerCertificate

    with sig.ServerRouter(HERE + authority.query("server")) as server:
        with sig.ClientRouter(server.addresses[0] + authority.query("client")):
            (connection,) = server._clients._connections
            link: Any = connection._link  # type: ignore[attr-defined]
            assert isinstance(link, HasPeerCertificate) and link.peer_certificate is not None
            assert ("URI", "sig:client") in link.peer_certificate.facts["subjectAltName"]


# -- who speaks something else


@faces
def test_a_client_without_tls_is_told(face: str, authority: Authority, caplog: pytest.LogCaptureFixture) -> None:
    with sig.ServerRouter(HERE + authority.query("server")) as server:
        with pytest.raises(sig.HandshakeError, match=r"refused: TLS alone is spoken at this address: tls\+ before"):
            dial(face, server.addresses[0].removeprefix("tls+"))
        eventually(lambda: "it speaks the binary dialect, and TLS alone is spoken" in caplog.text, 5)


@pytest.mark.parametrize("said, logged", [(b'{"id":1}', "the plain JSON dialect"), (b"GET / HTTP/1.1\r\n", "0x47")])
def test_strangers_are_told_and_closed(
    authority: Authority, said: bytes, logged: str, caplog: pytest.LogCaptureFixture
) -> None:
    with sig.ServerRouter(HERE + authority.query("server")) as server:
        with plain_socket(server) as sock:
            sock.sendall(said)
            answer = sock.makefile("rb").read()
        if said.startswith(b"{"):
            assert json.loads(answer)["status"] == -7 and "TLS alone is spoken" in json.loads(answer)["exception"]
        else:
            assert answer == b""
        eventually(lambda: logged in caplog.text and "TLS alone is spoken" in caplog.text, 5)


def plain_socket(server: sig.ServerRouter) -> socket.socket:
    port = int(server.addresses[0].rpartition(":")[2])
    return socket.create_connection(("127.0.0.1", port), within(10))


@faces
def test_a_client_with_tls_at_a_server_without(
    face: str, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "sig")
    with sig.ServerRouter("tcp://127.0.0.1:0") as server:
        with pytest.raises(sig.ConnectFailed, match=r"no TLS with who is there: .*; does it speak TLS\? if not, leave"):
            dial(face, f"tls+{server.addresses[0]}{authority.query('client')}")
        eventually(lambda: "the peer speaks TLS, which is not served" in caplog.text, 5)


@faces
def test_a_server_that_says_nothing(face: str, authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"tls+tcp://127.0.0.1:{listening.getsockname()[1]}{authority.query('client')}"
        with pytest.raises(sig.ConnectFailed, match=r"within 0.2 s it has not agreed on TLS"):
            dial(face, url, sig.Limits(handshake=0.2))


@pytest.mark.parametrize("begun", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00"])
def test_a_handshake_that_never_ends_ends(authority: Authority, begun: bytes) -> None:
    with sig.ServerRouter(HERE + authority.query("server"), limits=sig.Limits(handshake=within(0.3))) as server:
        with plain_socket(server) as sock:
            sock.sendall(begun)
            assert sock.recv(1000) == b""
            dial("threads", server.addresses[0] + authority.query("client"))


def test_handshakes_that_do_not_end_give_way(authority: Authority) -> None:
    """They count as newcomers: the oldest of them goes."""
    limits = sig.Limits(max_unknown=4)
    with sig.ServerRouter(HERE + authority.query("server"), limits=limits) as server:
        socks = [plain_socket(server) for _ in range(12)]
        for sock in socks:
            sock.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
        eventually(lambda: len(server.peers) == 4, 5)
        dial("threads", server.addresses[0] + authority.query("client"))
        assert socks[0].recv(100) == b""
        for sock in socks:
            sock.close()


def test_an_older_tls_is_taken_where_both_allow_it(own: Authority) -> None:
    context = ssl.create_default_context(cafile=str(own.folder / "ca.pem"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    def version(server: sig.ServerRouter) -> str | None:
        with context.wrap_socket(plain_socket(server), server_hostname="127.0.0.1") as sock:
            return sock.version()

    with sig.ServerRouter(HERE + own.query("server", ca="")) as server:
        with pytest.raises(ssl.SSLError, match=r"(?i)protocol version"):
            version(server)
    with sig.ServerRouter(HERE + own.query("server", ca="", min="1.2")) as server:
        assert version(server) == "TLSv1.2"


# -- what is inside, over what


def url_for(kind: str, folder: Path) -> str:
    urls = {"unix": f"tls+unix://{folder}/sock", "local": "tls+local://tls-test", "slow": "tls+slow+tcp://127.0.0.1:0"}
    return urls[kind]


@faces
@pytest.mark.parametrize("kind", ["unix", "local", "slow"])
def test_over_other_carriers(face: str, kind: str, authority: Authority, tmp_path: Path) -> None:
    url = url_for(kind, tmp_path)
    separator = "&rate=1e9" if kind == "slow" else ""
    with sig.ServerRouter(url + authority.query("server") + separator) as server:
        address = server.addresses[0].partition("?")[0]
        there = address + authority.query("client", name="lab") + separator
        server.add_sender("box", ["e"], {"echo": lambda params: params})
        if face == "threads":
            with sig.ClientRouter(there) as client:
                assert client.remote_request("box", "echo", "x" * 200_000) == "x" * 200_000
        else:
            asyncio.run(ask(there))


async def ask(url: str) -> None:
    async with aio.ClientRouter(url) as client:
        assert await client.remote_request("box", "echo", "x" * 200_000) == "x" * 200_000


@faces
def test_much_that_the_system_takes_in_parts_arrives_once_and_in_order(face: str, authority: Authority) -> None:
    with sig.ServerRouter(HERE + authority.query("server")) as server:
        url = server.addresses[0] + authority.query("client")
        with sig.ClientRouter(url) as client:
            signal = client.add_remote_sender("s", ["e"]).get_signal("e")
            heard = asyncio.run(hear(url, signal)) if face == "asyncio" else hear_on_threads(url, signal)
    assert heard == list(range(MANY))


MANY = 120  # events of 100 kB: more than a system keeps for who does not read, less than a server does


class Late:
    """A listener that begins when all is fired."""

    def __init__(self) -> None:
        self.heard: list[int] = []
        self._fired = threading.Event()

    def __call__(self, info: Any, data: Any) -> None:
        assert self._fired.wait(within(20))
        self.heard.append(data[0])

    def fire(self, signal: sig.Signal) -> None:
        for number in range(MANY):
            signal.trigger([number, "y" * 100_000])
        self._fired.set()


def hear_on_threads(url: str, signal: sig.Signal) -> list[int]:
    late = Late()
    with sig.ClientRouter(url) as client:
        client.add_remote_listener(late, "s", "e")
        late.fire(signal)
        eventually(lambda: len(late.heard) == MANY, 20)
    return late.heard


async def hear(url: str, signal: sig.Signal) -> list[int]:
    late = Late()
    async with aio.ClientRouter(url) as client:
        await client.add_remote_listener(late, "s", "e")
        await asyncio.to_thread(late.fire, signal)
        await until(lambda: len(late.heard) == MANY, 20)
    return late.heard


def test_a_place_without_a_host_needs_a_name(authority: Authority, tmp_path: Path) -> None:
    with pytest.raises(sig.ConfigError, match="no host to compare the certificate with; give it: name=HOST"):
        dial("threads", f"tls+unix://{tmp_path}/sock{authority.query('client')}")


@pytest.mark.parametrize("end", ["client", "server"])
def test_a_line_is_refused(end: str, authority: Authority) -> None:
    import os
    import pty

    near, far = pty.openpty()
    try:
        url = f"tls+serial://{os.ttyname(far)}{authority.query(end, name='lab')}"
        with pytest.raises(sig.ConfigError, match=r"TLS needs bytes that all arrive, and this is a line.*leave tls\+"):
            dial("threads", url) if end == "client" else sig.ServerRouter(url).start()
    finally:
        os.close(near)
        os.close(far)


def test_a_link_that_a_wrapper_makes_lossy_is_refused(authority: Authority, caplog: pytest.LogCaptureFixture) -> None:
    with sig.ServerRouter(f"tls+lossy+tcp://127.0.0.1:0{authority.query('server')}&drop=0.01") as server:
        with pytest.raises(sig.ConfigError, match="TLS needs bytes that all arrive"):
            dial("threads", f"{server.addresses[0].partition('?')[0]}{authority.query('client')}&drop=0.01")
        eventually(lambda: "TLS needs bytes that all arrive" in caplog.text, 5)


@pytest.mark.parametrize("url", ["lossy+tls+tcp://127.0.0.1:1", "tls+tls+tcp://127.0.0.1:1"])
def test_tls_is_the_first_word(url: str) -> None:
    with pytest.raises(sig.ConfigError, match="it is the first word of a URL, once"):
        dial("threads", url + ("?ca=x" if url.startswith("lossy") else ""))


def test_an_option_that_nobody_knows(authority: Authority) -> None:
    with pytest.raises(sig.ConfigError, match=r"'cafile'.*tls knows: ca, cert, crl, key, min; tcp knows"):
        sig.ServerRouter(HERE + authority.query("server") + "&cafile=x").start()


def test_a_plain_peer_with_nothing_but_openssl(authority: Authority) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("the program openssl is not here")
    with sig.ServerRouter(HERE + authority.query("server", ca="")) as server:
        server.add_sender("box", ["e"])
        port = server.addresses[0].rpartition(":")[2]
        command = ["openssl", "s_client", "-quiet", "-no_ign_eof", "-connect", f"127.0.0.1:{port}"]
        command += ["-CAfile", str(authority.folder / "ca.pem"), "-verify_return_error"]
        with subprocess.Popen(command, stdin=-1, stdout=-1, stderr=subprocess.DEVNULL) as program:
            assert program.stdin is not None and program.stdout is not None
            program.stdin.write(b'{"id":1,"method":"list_senders","params":{}}\n')
            program.stdin.flush()
            told = json.loads(program.stdout.readline())["response"]
            assert {"sender": "box", "connected": True} in told
            program.kill()


# -- files


@faces
def test_certificates_are_renewed_while_links_live(face: str, own: Authority) -> None:
    with sig.ServerRouter(HERE + own.query("server")) as server:
        url = server.addresses[0]
        with sig.ClientRouter(url + own.query("client"), reconnect=None) as client:
            contexts = next(iter(server._clients.listening._factories.values())).tls._contexts  # type: ignore[union-attr]
            before = shown(server, own)
            own.issue("server")
            contexts._next_look = 0.0
            assert shown(server, own) != before
            dial(face, url + own.query("client"))
            client.flush()
            with plain_socket(server) as stranger:
                stranger.sendall(b"{}")
                assert stranger.recv(1000)
            eventually(lambda: server.stats()["tls"][url]["failed"])
            handshakes = {"TLSv1.3": 4}  # two of programs, two of `shown`
            counts = {"handshakes": handshakes, "failed": 1, "days_left": 29, "loaded": 2, "problem": ""}
            assert server.stats()["tls"] == {url: counts}


def shown(server: sig.ServerRouter, own: Authority) -> bytes | None:
    """The certificate of a server."""
    context = ssl.create_default_context(cafile=str(own.folder / "ca.pem"))
    context.load_cert_chain(own.folder / "client.pem", own.folder / "client.key")
    with context.wrap_socket(plain_socket(server), server_hostname="127.0.0.1") as sock:
        return sock.getpeercert(binary_form=True)


@faces
@pytest.mark.parametrize("asks", [True, False])
def test_beyond_the_machine_it_listens_for_those_who_have_a_certificate(
    face: str, asks: bool, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    url = "tls+tcp://0.0.0.0:0" + authority.query("server", ca=None if asks else "")

    async def on_loop() -> None:
        async with aio.ServerRouter(url):
            pass

    def listen() -> None:
        if face == "asyncio":
            asyncio.run(on_loop())
        else:
            sig.ServerRouter(url).start().stop()

    if asks:
        listen()
        assert "is open to the network" not in caplog.text
    else:
        with pytest.raises(sig.ConfigError, match=r"let in those alone who have a certificate \(tls\+, cert=, ca=\)"):
            listen()


# -- who is between


@pytest.fixture
def middle(authority: Authority) -> Iterator[tuple[sig.ServerRouter, Middle]]:
    with sig.ServerRouter(HERE + authority.query("server")) as server:
        with Middle(int(server.addresses[0].rpartition(":")[2])) as between:
            yield server, between


def client_through(middle: Middle, authority: Authority) -> sig.ClientRouter:
    return sig.ClientRouter(f"tls+tcp://127.0.0.1:{middle.port}{authority.query('client')}", reconnect=RECONNECT)


def test_who_listens_in_reads_nothing(middle: tuple[sig.ServerRouter, Middle], authority: Authority) -> None:
    _, between = middle
    with client_through(between, authority) as client:
        client.add_remote_sender("house/door", ["#opened"]).get_signal("#opened").trigger("the secret word")
        client.flush()
        assert not any(word in between.seen for word in (b"house", b"opened", b"secret", b"codecs", b"json"))
        assert len(between.seen) > 1000


def test_who_says_again_what_a_client_said_gets_no_link(
    middle: tuple[sig.ServerRouter, Middle], authority: Authority
) -> None:
    """Neither a token nor anything else can be used again by whoever has recorded all that passed."""
    server, between = middle
    said: list[bytes] = []
    between.change = lambda data: said.append(data) or data  # type: ignore[func-returns-value]
    with client_through(between, authority) as client:
        client.add_remote_sender("s", ["e"])
    eventually(lambda: not server.peers)
    ever = server.stats()["links"]["ever"]
    with socket.create_connection(("127.0.0.1", int(server.addresses[0].rpartition(":")[2]))) as again:
        again.settimeout(within(10))
        again.sendall(b"".join(said))
        with suppress(ConnectionError):
            while again.recv(4096):
                pass
    assert server.stats()["links"]["ever"] == ever and not server.has_sender("s")


def test_who_says_again_what_it_heard_gets_nowhere(
    own: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A token that passes can't be replayed: all that a client said is said again, on a link of its own."""
    caplog.set_level("INFO", "sig")
    path = tmp_path / "rules.toml"
    path.write_text(RULES.format(hashlib.sha256(b"secret-of-the-hall").hexdigest()))
    path.chmod(0o600)
    with sig.ServerRouter(HERE + own.query("server", ca=""), rules=path) as server:
        with Middle(int(server.addresses[0].rpartition(":")[2])) as between:
            said: list[bytes] = []
            between.change = lambda data: (said.append(data), data)[1]
            url = f"tls+tcp://127.0.0.1:{between.port}{own.query()}"
            with sig.ClientRouter(url, token="secret-of-the-hall") as client:
                client.add_remote_sender("hall")
        eventually(lambda: not server.peers, 5)
        caplog.clear()
        with plain_socket(server) as sock:
            sock.sendall(b"".join(said))
            with suppress(ConnectionResetError):
                while sock.recv(10_000):
                    pass
        eventually(lambda: "no TLS with this peer" in caplog.text, 5)
        assert not server.peers


RULES = """version = 1
[roles.hall]
add = ["hall"]
[[who]]
token = "sha256:{}"
user = "hall"
roles = ["hall"]
"""


@pytest.mark.parametrize("what", ["cut", "damage"])
def test_who_cuts_or_changes_it_is_seen_and_what_is_lost_is_counted(
    middle: tuple[sig.ServerRouter, Middle], authority: Authority, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "sig")
    server, between = middle
    heard: list[Any] = []
    told: list[str] = []
    back: list[str] = []
    with sig.ClientRouter(server.addresses[0] + authority.query("client")) as other:
        with client_through(between, authority) as client:
            other.add_remote_listener(lambda info, data: heard.append(data), "s", "e")
            client.on("disconnected", lambda state, error: told.append(str(error)))
            client.on("reconnected", lambda state, error: back.append(state))
            signal = client.add_remote_sender("s", ["e"]).get_signal("e")
            signal.trigger(1)
            client.flush()
            between.cut() if what == "cut" else between.damage()
            with suppress(sig.CarrierError, sig.OutcomeUnknown):
                signal.trigger(2)
                client.flush()
            eventually(lambda: back, 10)
            signal.trigger(3)
            client.flush()
            eventually(lambda: heard[-1] == 3, 10)
            fired = client.stats()["events"]["fired"]
            eventually(lambda: len(heard) + other.lost.total() == fired, 10)
    if what == "damage":
        assert "bad record mac" in caplog.text
    else:
        assert "TLS did not" in caplog.text or "TLS did not" in told[0]


def test_who_asks_for_less_in_the_name_of_a_client_is_refused(
    middle: tuple[sig.ServerRouter, Middle], authority: Authority
) -> None:
    """Whoever changes the hello so that it offers TLS 1.2 alone gets no link, nor does the client."""
    _, between = middle
    between.change = lambda data: data.replace(b"\x03\x04", b"\x03\x03")
    with pytest.raises((sig.ConnectFailed, sig.AccessDenied)):
        dial("threads", f"tls+tcp://127.0.0.1:{between.port}{authority.query('client')}")


def test_an_option_that_nobody_knows_is_told_before_what_is_missing(authority: Authority) -> None:
    url = HERE + authority.query("server").replace("cert=", "crt=")
    with pytest.raises(sig.ConfigError, match=r"unknown option 'crt', did you mean 'cert'\?"):
        sig.ServerRouter(url).start()
