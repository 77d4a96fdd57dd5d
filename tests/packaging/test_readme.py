"""The links of the README: files of the repository there, and none that leads into it on an index of packages."""

from __future__ import annotations

import re
import runpy

import pytest

from tests.support import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
TARGET = re.compile(r"\]\(([^)]+)\)")
published = runpy.run_path(str(ROOT / "setup.py"), run_name="setup")["without_relative_links"]


def test_each_link_leads_to_a_file() -> None:
    targets = [target for target in TARGET.findall(README) if not re.match(r"\w+:", target)]
    assert len(targets) > 10
    assert not [target for target in targets if not (ROOT / target.partition("#")[0]).exists()]


def test_no_link_of_the_published_one_is_relative() -> None:
    assert not [target for target in TARGET.findall(published(README)) if not target.startswith("https://")]
    assert "`docs/statistics.md`" in published(README)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[docs/cli.md](docs/cli.md).", "`docs/cli.md`."),
        ("in [examples](docs/examples.md),", "in examples (`docs/examples.md`),"),
        ("![Bars](docs/bars.svg)", "Bars (`docs/bars.svg`)"),
        ("[here](https://example.org/)", "[here](https://example.org/)"),
    ],
)
def test_what_becomes_of_a_link(text: str, shown: str) -> None:
    assert published(text) == shown
