"""Every test here leaves no thread and no descriptor."""

from __future__ import annotations

from tests.support import nothing_left_behind  # noqa: F401 - a fixture
