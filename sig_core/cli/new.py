"""`sig new`: the distribution of a plug-in, complete but for one line."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from pathlib import Path
from string import Template

import click

import sig_core
from sig_core.cli.failures import OK
from sig_core.errors import ConfigError
from sig_core.plugins import default_plugins

__all__ = ["new"]

KINDS = ("carrier", "codec")
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST = 40  # characters of a name
MARK = "FILL IN: "

PLACES = {  # template, of both kinds or of one -> where it goes
    "both/pyproject.toml": "pyproject.toml",
    "both/gitignore": ".gitignore",
    "both/init.py": "$package/__init__.py",
    "$kind/README.md": "README.md",
    "$kind/module.py": "$package/$kind.py",
    "$kind/test_conformance.py": "tests/test_conformance.py",
    "$kind/test_routers.py": "tests/test_routers.py",
}


@click.command(short_help="Begin a plug-in of your own.")
@click.argument("kind", type=click.Choice(KINDS), metavar="carrier|codec")
@click.argument("name")
@click.option("--folder", type=click.Path(path_type=Path), help="Where to; sig-NAME if it is not given.")
def new(kind: str, name: str, folder: Path | None) -> int:
    """Write a distribution for a carrier or codec of your own: code, entry point, tests, README.

    It works from the first day but for one line, which is named; when that is filled in its tests are green. NAME is
    the scheme of its URLs, or what programs call the codec. Nothing that exists is overwritten.
    """
    _check(kind, name)
    words = _words(kind, name)
    made = folder if folder is not None else Path(words["distribution"])
    if made.exists():
        raise ConfigError(f"{made} exists already; nothing is overwritten: name another --folder")
    missing = _write(made, words)
    click.echo(f"{made}: a {kind} {name!r} as a distribution of its own")
    click.echo(f"{missing}: one line is missing; its comment says which")
    click.echo(f'then: cd {made}; pip install -e ".[test]"; pytest')
    return OK


def _check(kind: str, name: str) -> None:
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        form = f"lower case letters, digits and single hyphens between them, a letter first, {LONGEST} at most"
        raise ConfigError(f"{name!r} is no name of a {kind}: {form}")
    if keyword.iskeyword(name):
        raise ConfigError(f"{name!r} is a word of Python; choose another name for the {kind}")
    if name in default_plugins().registry(f"{kind}s").names():
        raise ConfigError(f"{kind} {name!r} is installed already; choose another name (sig plugins lists those)")


def _words(kind: str, name: str) -> dict[str, str]:
    """Return what stands for what in the templates."""
    stem = "".join(map(str.capitalize, name.split("-")))
    return {
        "kind": kind,
        "name": name,
        "distribution": f"sig-{name}",
        "package": f"sig_{name.replace('-', '_')}",
        "stem": stem,
        "class": f"{stem}{kind.capitalize()}",
        "version": sig_core.__version__,
    }


def _write(folder: Path, words: dict[str, str]) -> str:
    """Write all files; return the place of the line that is missing."""
    missing = ""
    templates = files("sig_core.cli") / "templates"
    for template, place in PLACES.items():
        source = templates / f"{Template(template).substitute(words)}.txt"
        text = Template(source.read_text(encoding="utf-8")).substitute(words)
        file = folder / Template(place).substitute(words)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        if MARK in text and file.suffix == ".py":
            missing = f"{file}:{text[: text.index(MARK)].count(chr(10)) + 1}"
    (folder / words["package"] / "py.typed").touch()
    return missing
