"""One logger for all tests of a file; each test finds it as new."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("starlette", reason="starlette is not installed: pip install 'pysig[web]'")
pytest.importorskip("uvicorn", reason="uvicorn is not installed: pip install 'pysig[web]'")

from tests.examples.web.site import Site, running


@pytest.fixture(scope="module")
def shared() -> Iterator[Site]:
    with running() as site:
        yield site


@pytest.fixture
def site(shared: Site) -> Site:
    shared.forget()
    return shared
