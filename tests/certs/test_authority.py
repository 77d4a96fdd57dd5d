"""An authority: strict ends take what it issues, and nothing else; what goes wrong is named, and spoils nothing."""

from __future__ import annotations

import os
import shutil
import ssl
import stat
import subprocess
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import sig_core as sig
from sig_core.certs import Authority, certificates_in, describe, revocations_in
from sig_core.certs import authority as module
from sig_core.certs.index import Index
from tests.certs.handshake import client, server, shake_hands
from tests.support import within

DAY = timedelta(days=1)
TODAY = datetime.now(UTC).replace(microsecond=0)  # of the clock of `ssl`, which can't be set


def at(days: int) -> Callable[[], datetime]:
    """A clock that stands, so many days from now."""
    return lambda: TODAY + days * DAY


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority with a server, three clients of which one is revoked, and some that are over."""
    folder = tmp_path_factory.mktemp("certs") / "home"
    authority = Authority.create(folder, now=at(0))
    authority.issue("house", hosts=("house.lan", "127.0.0.1", "bücher.example"))
    authority.issue("hall", user="panel/hall")
    authority.issue("board")
    authority.issue("thief")
    authority.revoke("thief")
    past = Authority(folder, at(-30))
    past.issue("late", days=10)
    past.issue("ruin", hosts=("house.lan",), days=10)
    return folder


@pytest.fixture
def own(home: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return Path(shutil.copytree(home, tmp_path / "home"))


# -- what is issued


@pytest.mark.parametrize("host", ["house.lan", "127.0.0.1", "bücher.example"])
def test_strict_ends_take_it(home: Path, host: str) -> None:
    assert shake_hands(client(home, "hall"), server(home, "house"), host) == ["sig:panel/hall"]


def test_a_server_is_a_client_of_the_next_one(home: Path) -> None:
    assert shake_hands(client(home, "house"), server(home, "house"), "house.lan") == ["sig:house"]


@pytest.mark.parametrize(
    ("who", "why"), [("thief", "revoked"), ("late", "expired"), (None, "(?i)peer.did.not.return")], ids=str
)
def test_a_client_that_is_not_let_in(home: Path, who: str | None, why: str) -> None:
    with pytest.raises(ssl.SSLError, match=why):
        shake_hands(client(home, who), server(home, "house"), "house.lan")


@pytest.mark.parametrize(
    ("name", "host", "why"),
    [
        ("house", "other.lan", "Hostname mismatch"),
        ("house", "127.0.0.2", "IP address mismatch"),
        ("ruin", "house.lan", "expired"),
        ("hall", "house.lan", "unsuitable certificate purpose|unsupported certificate purpose"),
    ],
)
def test_a_server_that_is_not_spoken_to(home: Path, name: str, host: str, why: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=why):
        shake_hands(client(home, "hall"), server(home, name), host)


def test_another_authority_is_another_though_of_the_same_name(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "home"
    Authority.create(other).issue("hall")
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate verify failed"):
        shake_hands(client(other, "hall"), server(home, "house"), "house.lan")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the program openssl is not here")
@pytest.mark.parametrize(
    ("name", "said"),
    [("house", "OK"), ("hall", "OK"), ("board", "OK"), ("thief", "certificate revoked"), ("late", "has expired")],
)
def test_openssl_is_of_the_same_mind(home: Path, name: str, said: str) -> None:
    strict = ["openssl", "verify", "-x509_strict", "-crl_check", "-check_ss_sig", "-policy_check"]
    command = [*strict, "-CAfile", "ca.pem", "-CRLfile", "crl.pem", f"{name}.pem"]
    run = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=within(30), check=False)
    assert said in run.stdout + run.stderr
    assert (run.returncode == 0) == (said == "OK")


def test_what_stands_in_it(home: Path) -> None:
    house, ca = describe(certificates_in(home / "house.pem")[0]), describe(certificates_in(home / "ca.pem")[0])
    assert (house.name, house.uris, house.issuer) == ("house", ("sig:house",), "home")
    assert house.hosts == ("house.lan", "xn--bcher-kva.example", "127.0.0.1")
    assert (house.purposes, house.usage) == (("server", "client"), ("digital signature",))
    assert describe(certificates_in(home / "hall.pem")[0]).purposes == ("client",)
    assert (ca.is_authority, house.is_authority) == (True, False)
    assert ca.usage == ("key cert sign", "crl sign")
    assert house.until - house.since == 825 * DAY - timedelta(seconds=1)
    assert house.since == TODAY - timedelta(hours=1)
    assert 10 * 365 * DAY < ca.until - ca.since < 10 * 366 * DAY
    for each in certificates_in(home / "house.pem"):
        critical = {extension.oid._name for extension in each.extensions if extension.critical}
        assert critical == {"basicConstraints", "keyUsage"}


def test_keys_are_for_this_user_alone(home: Path) -> None:
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in home.iterdir()}
    assert {name for name, mode in modes.items() if mode & 0o077} == {name for name in modes if name.endswith(".pem")}
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_the_list_of_what_is_revoked_lasts_as_long_as_the_authority(home: Path) -> None:
    assert revocations_in(home / "crl.pem").next_update_utc == certificates_in(home / "ca.pem")[0].not_valid_after_utc


# -- what changes


def test_a_renewed_one_has_the_same_names_and_key_and_lasts_longer(own: Path) -> None:
    before, key = certificates_in(own / "hall.pem")[0], (own / "hall.key").read_bytes()
    Authority(own, at(100)).renew("hall")
    after = certificates_in(own / "hall.pem")[0]
    assert after.public_key() == before.public_key() and (own / "hall.key").read_bytes() == key
    was, is_now = describe(before), describe(after)
    assert is_now.until - was.until == 100 * DAY
    for each in ("name", "uris", "hosts", "usage", "purposes"):
        assert getattr(was, each) == getattr(is_now, each)
    assert was.serial != is_now.serial


def test_a_renewed_one_is_taken_at_once_by_who_looks(own: Path) -> None:
    Authority(own).renew("late")
    Authority(own).renew("house", days=5)
    assert shake_hands(client(own, "late"), server(own, "house"), "house.lan") == ["sig:late"]


def test_who_is_revoked_is_so_with_what_was_there_before_it_was_renewed(own: Path) -> None:
    old = (own / "hall.pem").read_bytes()
    authority = Authority(own)
    authority.renew("hall")
    assert authority.revoke("hall") == 2
    for pem in (None, old):
        if pem is not None:
            (own / "hall.pem").write_bytes(pem)
        with pytest.raises(ssl.SSLError, match="revoked"):
            shake_hands(client(own, "hall"), server(own, "house"), "house.lan")
    assert authority.revoke("hall") == 0  # again, and it stays so
    assert shake_hands(client(own, "board"), server(own, "house"), "house.lan") == ["sig:board"]


def test_who_was_revoked_can_be_issued_anew_with_another_key(own: Path) -> None:
    key, authority = (own / "thief.key").read_bytes(), Authority(own)
    with pytest.raises(sig.ConfigError, match=r"thief\.pem: it is revoked; sig certs issue makes another"):
        authority.renew("thief")
    authority.issue("thief")
    assert (own / "thief.key").read_bytes() != key
    assert shake_hands(client(own, "thief"), server(own, "house"), "house.lan") == ["sig:thief"]


def test_what_is_revoked_need_not_be_there_any_more(own: Path) -> None:
    os.unlink(own / "hall.pem")
    assert Authority(own).revoke("hall") == 1
    assert len(list(revocations_in(own / "crl.pem"))) == 2


def test_an_old_index_does_not_save_who_lies_in_the_folder(own: Path) -> None:
    old = (own / "index.json").read_bytes()
    authority = Authority(own)
    authority.issue("new")
    (own / "index.json").write_bytes(old)
    assert authority.revoke("new") == 1
    with pytest.raises(ssl.SSLError, match="revoked"):
        shake_hands(client(own, "new"), server(own, "house"), "house.lan")


def test_many_at_one_time_lose_nothing(own: Path) -> None:
    before = len(Index.parse("index.json", (own / "index.json").read_bytes()).issued)
    threads = [threading.Thread(target=Authority(own).issue, args=(f"n{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(within(30))
    assert len(Index.parse("index.json", (own / "index.json").read_bytes()).issued) == before + 8


@pytest.mark.parametrize("step", range(3))
def test_a_crash_midway_leaves_what_can_be_revoked(own: Path, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The index, the key, the certificate: whichever is not written any more."""
    written = 0

    def write(*about: Any) -> None:
        nonlocal written
        if written == step:
            raise sig.ConfigError("the disk is full")
        written += 1
        module_replace(*about)

    module_replace = module.replace_file
    monkeypatch.setattr(module, "replace_file", write)
    monkeypatch.setattr(module, "create_file", write)
    with pytest.raises(sig.ConfigError, match="the disk is full"):
        Authority(own).issue("new")
    monkeypatch.undo()
    if step:
        assert Authority(own).revoke("new") == 1
    Authority(own).issue("new")
    assert shake_hands(client(own, "new"), server(own, "house"), "house.lan") == ["sig:new"]


# -- what can't be


def test_nothing_is_overwritten(own: Path) -> None:
    before = {file.name: file.read_bytes() for file in own.iterdir()}
    with pytest.raises(sig.ConfigError, match="is there already; nothing is overwritten: name another folder"):
        Authority.create(own)
    with pytest.raises(
        sig.ConfigError, match=r"hall\.pem: a certificate of that name is issued and good; sig certs renew"
    ):
        Authority(own).issue("hall")
    assert {file.name: file.read_bytes() for file in own.iterdir()} == before
    (own / "mine.key").write_text("of something else")
    with pytest.raises(sig.ConfigError, match=r"mine\.key is there already, and was not issued here"):
        Authority(own).issue("mine")
    assert (own / "mine.key").read_text() == "of something else"


@pytest.mark.parametrize("days", [0, -1, 3_651, 10**9])
def test_days_that_can_not_be(own: Path, days: int) -> None:
    with pytest.raises(sig.ConfigError, match=r"can't be good for .* days: 1 \.\. 3,650"):
        Authority(own).issue("new", days=days)


def test_nothing_lasts_longer_than_its_authority(own: Path) -> None:
    late = Authority(own, at(3_650))
    with pytest.raises(sig.ConfigError, match="30 days are longer than the authority has, which is good for 2 more"):
        late.issue("new", days=30)
    assert late.issue("new").not_valid_after_utc == certificates_in(own / "ca.pem")[0].not_valid_after_utc
    with pytest.raises(sig.ConfigError, match=r"ca\.pem: its time was over on 20\d\d-\d\d-\d\d; make a new authority"):
        Authority(own, at(3_660))


def spoil(own: Path, name: str, text: str | None) -> None:
    if text is None:
        (own / name).unlink()
    else:
        (own / name).write_text(text)


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("ca.pem", None, r"ca\.pem: no authority is there; sig certs new .* makes one"),
        ("ca.pem", "nothing", r"ca\.pem: holds nothing of the kind; a certificate in PEM was expected"),
        ("ca.key", None, r"ca\.key: can't be read: No such file"),
        ("ca.key", "nothing", r"ca\.key: holds nothing of the kind; a key in PEM was expected"),
        ("ca.key", "x" * 2_000_000, r"ca\.key: has more than 1,048,576 bytes; is it the right file\?"),
        ("index.json", None, r"index\.json: can't be read: No such file"),
        ("index.json", "nothing", r"index\.json: it is damaged: .*; bring it back from a backup"),
    ],
)
def test_what_is_damaged_is_named(own: Path, name: str, text: str | None, why: str) -> None:
    spoil(own, name, text)
    for act in ("issue", "renew", "revoke"):
        with pytest.raises(sig.ConfigError, match=why):
            getattr(Authority(own), act)("new" if act == "issue" else "hall")
    assert not (own / "new.pem").exists()


def test_the_key_of_another_authority(own: Path, tmp_path: Path) -> None:
    Authority.create(tmp_path / "other")
    shutil.copy(tmp_path / "other/ca.key", own / "ca.key")
    with pytest.raises(sig.ConfigError, match=r"ca\.key is not the key of .*ca\.pem; bring both back from one backup"):
        Authority(own)


def test_a_certificate_of_another_authority(own: Path, tmp_path: Path) -> None:
    Authority.create(tmp_path / "other").issue("hall")
    shutil.copy(tmp_path / "other/hall.pem", own / "hall.pem")
    for act in (Authority(own).renew, Authority(own).revoke):
        with pytest.raises(sig.ConfigError, match=r"hall\.pem: another authority issued it, not .*ca\.pem"):
            act("hall")


@pytest.mark.parametrize("name", ["nobody", "../home/hall"])
def test_what_was_never_issued(own: Path, name: str) -> None:
    for act in (Authority(own).renew, Authority(own).revoke):
        with pytest.raises(sig.ConfigError, match=r"there is none; sig certs issue|was issued here|is no name"):
            act(name)
    with pytest.raises(sig.ConfigError, match=r"no certificate 'hal' was issued here, did you mean 'hall'\?"):
        Authority(own).revoke("hal")


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_folder_that_can_not_be_one(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(sig.ConfigError, match=f"{place}: can't be made: (File exists|Not a directory)"):
        Authority.create(tmp_path / place)


def test_a_folder_whose_name_can_be_none_of_an_authority_asks_for_one(tmp_path: Path) -> None:
    with pytest.raises(sig.ConfigError, match="'my certs' is no name of an authority"):
        Authority.create(tmp_path / "my certs")
    Authority.create(tmp_path / "my certs", "mine")
    assert describe(certificates_in(tmp_path / "my certs/ca.pem")[0]).name == "mine"


def test_a_key_with_a_password(own: Path) -> None:
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

    from sig_core.certs.pem import key_in

    locked = key_in(own / "ca.key").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    (own / "ca.key").write_bytes(locked)
    with pytest.raises(sig.ConfigError, match=r"ca\.key: the key has a password; write it to a file without one"):
        Authority(own)


def test_a_key_of_another_kind(own: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import ed25519
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ed25519.Ed25519PrivateKey.generate()
    (own / "ca.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(sig.ConfigError, match=r"ca\.key: the key is none of an elliptic curve"):
        Authority(own)
