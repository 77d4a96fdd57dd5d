"""What pyproject.toml can't say: the README of an index of packages, where no link can lead into the repository."""

import re
from pathlib import Path

LINK = re.compile(r"(!?)\[([^\]]+)\]\((?!\w+:)([^)]+)\)")


def _named(link: re.Match[str]) -> str:
    image, text, target = link.groups()
    name = f"`{target}`"
    return name if text == target and not image else f"{text} ({name})"


def without_relative_links(text: str) -> str:
    """Return Markdown that names each file which it linked to: they are in the source distribution."""
    return LINK.sub(_named, text)


if __name__ == "__main__":
    from setuptools import setup

    setup(
        long_description=without_relative_links(Path(__file__).with_name("README.md").read_text(encoding="utf-8")),
        long_description_content_type="text/markdown",
    )
