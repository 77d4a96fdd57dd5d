"""Build the source distribution and the wheel, look at what is in them, and try the wheel outside of the checkout.

`make package` runs it. It leaves both in dist/, prints a line a step, and ends with 1 at the first thing that is wrong.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOT_SHIPPED = {".gitignore"}
PACKAGES = ("sig_core/", "sig_carriers/", "sig_codecs/", "pysig-")  # and the metadata
MUST_BE_IN_THE_WHEEL = {"sig_core/py.typed", "sig_core/cli/templates/carrier/module.py.txt"}
NAMED = ("udp", "lab")  # carriers that were installed
TALK = """
import sig_core as sig
with sig.ServerRouter("udp://127.0.0.1:0") as server:
    with sig.ClientRouter(server.addresses[0]) as one, sig.ClientRouter(server.addresses[0], "msgpack") as two:
        one.add_remote_sender("adder", [], {"add": sum})
        assert two.remote_request("adder", "add", [1, 2, 3]) == 6
"""


def say(text: str) -> None:
    print(f"packaging: {text}", flush=True)


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """Run it to its end; what it says is given back, and shown if it fails."""
    environment = {name: text for name, text in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, check=False, timeout=600,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"{done.stdout}\npackaging: failed with {done.returncode}: {' '.join(map(str, command))}")
    return done.stdout


def insist(true: object, what: object) -> None:
    if not true:
        sys.exit(f"packaging: {what}")


def tracked() -> set[str]:
    """Return the names of the files of the repository; empty where it is none, as in a source distribution."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        return set()
    names = set(run("git", "ls-files").splitlines()) - NOT_SHIPPED
    return {name for name in names if (ROOT / name).is_file()}


def build(folder: Path) -> tuple[Path, Path]:
    """Build both, the wheel from the source distribution; of a copy: a build leaves files behind, and finds them."""
    source = folder / "source"
    if names := tracked():
        for name in names:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    else:
        shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".venv*", ".bench", ".boards", "build", "dist"))
    run(sys.executable, "-m", "build", "--outdir", folder / "dist", source)
    (sdist,), (wheel,) = (folder / "dist").glob("*.tar.gz"), (folder / "dist").glob("*.whl")
    return sdist, wheel


def look_into(sdist: Path, wheel: Path) -> None:
    """Insist on what is in them, and what is not."""
    with tarfile.open(sdist) as archive:
        there = {name.partition("/")[2] for name in archive.getnames()}
    insist(not (missing := sorted(tracked() - there)), f"the source distribution lacks {missing}")
    insist(not [name for name in there if name.endswith(".pyc")], "the source distribution has compiled files")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    insist(not (others := [name for name in names if not name.startswith(PACKAGES)]), f"the wheel has {others}")
    insist(names >= MUST_BE_IN_THE_WHEEL, f"the wheel lacks {MUST_BE_IN_THE_WHEEL - names}")
    say(f"{sdist.name} has {len(there)} files and folders, {wheel.name} {len(names)} files")
    run(sys.executable, "-m", "twine", "check", "--strict", sdist, wheel)
    say("twine finds nothing wrong with what an index would show")


def try_it(wheel: Path, sdist: Path, folder: Path) -> None:
    """Install the wheel where there is no checkout, and use it."""
    run(sys.executable, "-m", "venv", folder / "env")
    commands = folder / "env/bin"
    install = (commands / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(*install, f"{wheel}[all]", cwd=folder)
    where = run(commands / "python", "-c", "import sig_core; print(sig_core.__file__)", cwd=folder)
    insist(str(folder / "env") in where, f"what is imported is {where}")
    shown = run(commands / "sig", "demo", "--seconds", "2", cwd=folder)
    insist("everything arrived" in shown, shown)
    say("installed into a fresh environment; sig demo: everything arrived")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    run(commands / "sig", "new", "carrier", "lab", cwd=folder)
    run(*install, folder / "sig-lab", unpacked / "examples/plugins/sig-udp", cwd=folder)
    listed = [json.loads(line) for line in run(commands / "sig", "plugins", "--json", cwd=folder).splitlines()]
    insist({row["name"] for row in listed if row["state"] == "installed"} >= set(NAMED), listed)
    run(commands / "python", "-W", "error", "-c", TALK, cwd=folder)
    say("a carrier of sig new and sig-udp are found there; a request over UDP is answered")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="sig-packaging-") as name:
        folder = Path(name)
        sdist, wheel = build(folder)
        look_into(sdist, wheel)
        try_it(wheel, sdist, folder)
        (ROOT / "dist").mkdir(exist_ok=True)
        for file in (sdist, wheel):
            shutil.copy(file, ROOT / "dist")
    say("both are in dist/")


if __name__ == "__main__":
    main()
