"""The code blocks of the documents run, and print what the documents say."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support import ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
WITHOUT_COMPAT = pytest.mark.skipif(find_spec("sig_core.compat") is None, reason="sig_core.compat is not here")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def programs() -> list[pytest.ParameterSet]:
    """Each Python block with the text block that follows it, if one does."""
    found = []
    for document in DOCUMENTS:
        blocks = BLOCK.findall(document.read_text())
        for number, (language, code) in enumerate(blocks):
            if language != "python":
                continue
            after = blocks[number + 1] if number + 1 < len(blocks) else ("", "")
            output = after[1] if after[0] == "text" else None
            marks = [WITHOUT_COMPAT] if "sig_core.compat" in code else []
            found.append(pytest.param(code, output, id=f"{document.name}-{number}", marks=marks))
    return found


@pytest.mark.parametrize(("code", "output"), programs())
def test_program(code: str, output: str | None) -> None:
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    if output is not None:
        assert run.stdout == output


def test_readme_has_programs() -> None:
    assert sum("README.md" in str(program.id) for program in programs()) >= 3


@pytest.mark.pure_only("some lead to sources")
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), target
