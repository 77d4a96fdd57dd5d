"""The checks of `sig doctor`. Each gives findings; none raises for what it finds."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tempfile
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import PackageNotFoundError, PackagePath, distribution
from pathlib import Path
from typing import Any

import sig_core
from sig_core.address import Address, as_query
from sig_core.cli.ports import ports_of
from sig_core.cli.target import DEFAULT_URL
from sig_core.contract import Codec, HasNarrows, HasTrial, PortInfo
from sig_core.errors import BrokenPlugin, ConfigError, SigError
from sig_core.links.validity import end_of
from sig_core.plugins import PluginInfo, default_plugins

__all__ = [
    "Finding",
    "check_certificates",
    "check_conformance",
    "check_environment",
    "check_extensions",
    "check_plugged",
    "check_plugins",
    "check_ports",
    "check_round_trips",
    "check_tls",
]

ENDS_SOON = 14  # days
IMPORT = 30.0  # seconds that a plug-in may take to be imported
SAMPLE = {"text": "21,5 °C", "number": 21.5, "list": [1, -1, 2**53], "nothing": None, "yes": True}

# Runs in a process of its own: what a plug-in does when it is imported does not concern us. Hooks and wrappers are not
# called: they would want something to work on.
PROBE = """
import sys
from importlib.metadata import EntryPoint
target = EntryPoint("x", sys.argv[1], "x").load()
if sys.argv[2] in ("carrier", "codec"):
    target()
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Attributes:
        kind, name: of what was looked at.
        state: "ok", "missing" (not there, and not needed), or "broken".
        cause, remedy: one line each; "" if all is well.
        trace: the traceback of what went wrong in a plug-in; else "".
    """

    kind: str
    name: str
    state: str = "ok"
    cause: str = ""
    remedy: str = ""
    trace: str = ""


def check_environment() -> Iterator[Finding]:
    """Look at Python, and at the installation of pysig itself."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", f"{version} on {sys.platform}")
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        cause = "a free-threaded build is not supported yet"
        yield Finding("python", "threads", "broken", cause, "use a build with a GIL")
    try:
        installed = distribution("pysig").version
    except PackageNotFoundError:
        cause = "its distribution is not installed, so no plug-in is found"
        yield Finding("pysig", sig_core.__version__, "broken", cause, "pip install pysig, or -e . in a checkout")
        return
    if installed != sig_core.__version__:
        cause = f"the code is {sig_core.__version__}, its metadata say {installed}: a stale install"
        remedy = "install it again: pip install -e . in a checkout"
        yield Finding("pysig", sig_core.__version__, "broken", cause, remedy)
        return
    yield Finding("pysig", f"{installed}, {sig_core.build}")
    yield from check_extensions()


def check_extensions() -> Iterator[Finding]:
    """Look for compiled modules that are run instead of the source beside them, and are not made of it."""
    recorded = {str(file.locate()): file for file in distribution("pysig").files or ()}
    for name in ("sig_core", "sig_carriers", "sig_codecs"):
        for extension in sorted(Path(str(import_module(name).__file__)).parent.rglob("*")):
            if extension.name.endswith(tuple(EXTENSION_SUFFIXES)):
                source = extension.with_name(extension.name.partition(".")[0] + ".py")
                if not (_as_installed(extension, recorded) and _as_installed(source, recorded)):
                    cause = f"{extension} is run instead of {source.name} beside it, and was not made of that"
                    yield Finding("pysig", source.stem, "broken", cause, "remove it, or install pysig again")


def _as_installed(path: Path, recorded: dict[str, PackagePath]) -> bool:
    """Return whether a file is still what the wheel brought."""
    file = recorded.get(str(path))
    if file is None or file.hash is None:
        return False
    digest = urlsafe_b64encode(sha256(path.read_bytes()).digest()).decode().rstrip("=")
    return file.hash.mode == "sha256" and file.hash.value == digest


def check_plugins() -> Iterator[Finding]:
    """Import every entry point, each in a process of its own."""
    return map(_check_plugin, default_plugins().describe())


def _check_plugin(info: PluginInfo) -> Finding:
    who = f"{info.distribution} {info.version}"
    if info.state != "installed":
        cause, _, remedy = info.problem.rpartition(": ")
        state = "missing" if info.state == "missing" else "broken"
        return Finding(info.kind, info.name, state, f"{who}: {cause}", remedy)
    try:
        probe = subprocess.run(
            [sys.executable, "-c", PROBE, info.target, info.kind],
            capture_output=True, text=True, timeout=IMPORT, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        cause = f"{who}: importing it takes longer than {IMPORT:g} s"
        remedy = f"report it to its authors, or uninstall {info.distribution}"
        return Finding(info.kind, info.name, "broken", cause, remedy)
    if probe.returncode == 0:
        return Finding(info.kind, info.name)
    last = (probe.stderr.strip().splitlines() or [f"its import ended the process, status {probe.returncode}"])[-1]
    remedy = f"install {info.distribution} again, or report this to its authors, or uninstall it"
    return Finding(info.kind, info.name, "broken", f"{who}: {last}", remedy, probe.stderr)


def check_conformance() -> Iterator[Finding]:
    """Read what plug-ins were published with: what the rules for them found, and of which version."""
    from sig_core.testing.report import find  # the kit, for nobody else

    for info in default_plugins().describe():
        report = find(info)
        if report is None:
            continue
        name, again = f"{info.kind} {info.name}", f"run pytest --sig-{info.kind}={info.name}"
        if report.failed:
            method, reason = next(iter(report.failed.items()))
            cause = f"{len(report.failed)} rules are broken, so {method}: {reason}"
            yield Finding("conformance", name, "broken", cause, f"{again}, and report it to its authors")
        elif report.version != info.version:
            cause = f"its report is of {report.version}, and {info.version} is installed"
            yield Finding("conformance", name, "missing", cause, again)
        else:
            yield Finding("conformance", f"{name}: {report}")


def check_round_trips(broken: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    """Send a value through a server, over each carrier that can listen in this machine, in each codec."""
    plugins, without = default_plugins(), set(broken)
    good = [name for name in plugins.codecs.names() if ("codec", name) not in without]
    codecs = [name for name in good if not _narrows(plugins.codecs.get(name))]  # SAMPLE as it is
    with tempfile.TemporaryDirectory(prefix="sig-doctor-") as folder:
        for carrier in plugins.carriers.names():
            if ("carrier", carrier) in without:
                continue
            found = plugins.carriers.get(carrier)
            if not isinstance(found, HasTrial):
                cause = "not tried: it has no `trial`, an address that can be listened on anywhere"
                yield Finding("round trip", carrier, "missing", cause, "try one of yours with --url")
                continue
            for codec in codecs:
                yield _round_trip(found.trial.replace("{folder}", folder), carrier, codec)


def _narrows(codec: Codec) -> bool:
    return isinstance(codec, HasNarrows) and bool(codec.narrows)


def _round_trip(url: str, carrier: str, codec: str) -> Finding:
    name = f"{carrier} x {codec}"
    try:
        got = _ask(url, codec)
    except (SigError, OSError) as error:
        return Finding("round trip", name, "broken", f"{type(error).__name__}: {error}", "see the lines of both above")
    if got != SAMPLE:
        cause, remedy = f"sent {SAMPLE!r}, got {got!r}", f"report it: codec {codec} alters values"
        return Finding("round trip", name, "broken", cause, remedy)
    return Finding("round trip", name)


def _ask(url: str, codec: str) -> Any:
    with sig_core.ServerRouter(url) as server:
        server.add_sender("doctor", [], {"echo": lambda params: params})
        with sig_core.ClientRouter(server.addresses[0], codec, reconnect=None) as client:
            return client.remote_request("doctor", "echo", SAMPLE)


def check_ports(urls: Iterable[str]) -> Iterator[Finding]:
    """Look whether addresses can be listened on: the default one, and those that are asked about."""
    for url in dict.fromkeys([DEFAULT_URL, *urls]):
        try:
            with sig_core.ServerRouter(url):
                yield Finding("address", url)
        except SigError as error:
            asked = url in urls
            cause, _, remedy = str(error).removeprefix(f"{url}: ").partition("; ")
            yield Finding("address", url, "broken" if asked else "missing", cause, remedy or "choose another address")


def check_tls(files: Mapping[str, str]) -> Iterator[Finding]:
    """Look whether files of TLS can be used, each for itself and with each other.

    Args:
        files: by the option that names each: `ca`, `cert`, `key`.
    """
    if not files:
        return
    from sig_core.links.tls import client_context  # who has no TLS needs none of it

    address = Address.parse("tls+tcp://files" + as_query(files))
    try:
        client_context(address)
    except ConfigError as error:
        cause, _, remedy = str(error).removeprefix(f"address {address.url!r}: ").partition("; ")
        yield Finding("tls", " ".join(files.values()), "broken", cause, remedy or "name another file")
    else:
        yield Finding("tls", " ".join(files.values()))


def check_certificates(files: Iterable[str], urls: Iterable[str]) -> Iterator[Finding]:
    """Look how long certificates are good.

    Args:
        files: where they are.
        urls: that name further ones, if they ask for TLS.
    """
    named = [file for url in urls for file in _certificates_of(url)]
    for file in dict.fromkeys([*files, *named]):
        try:
            until = end_of(Path(file).read_bytes())
        except (OSError, ValueError):
            continue  # what is wrong with it is told where it is used
        yield _check_end(file, until, datetime.now(UTC))


def _certificates_of(url: str) -> list[str]:
    try:
        address = Address.parse(url)
    except ConfigError:  # told where it is listened on
        return []
    return [address.options[name] for name in ("ca", "cert") if address.is_secured and name in address.options]


def _check_end(file: str, until: datetime, now: datetime) -> Finding:
    left, day = (until - now).days, f"{until:%Y-%m-%d}"
    if left >= ENDS_SOON:
        return Finding("certificate", f"{file}, good until {day}")
    cause = f"it ended on {day}" if until <= now else f"it ends on {day}, in {left} days"
    remedy = "have it renewed (sig certs renew); servers see the new one by themselves"
    return Finding("certificate", file, "broken", cause, remedy)


def check_plugged(broken: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    """Look whether the ports that carriers find in this machine may be used."""
    without = set(broken)
    for carrier in default_plugins().carriers.names():
        if ("carrier", carrier) in without:
            continue
        try:
            found = ports_of(carrier)
        except BrokenPlugin as error:
            cause, _, remedy = str(error).partition("; ")
            yield Finding("ports", carrier, "broken", cause, remedy)
            continue
        yield from map(_check_plugged, found)


def _check_plugged(port: PortInfo) -> Finding:
    state = "ok"
    if port["state"] == "denied":  # what is built in, such as ttyS0, is seldom needed
        state = "broken" if port["removable"] else "missing"
    return Finding("port", port["device"], state, port["cause"], port["remedy"])
