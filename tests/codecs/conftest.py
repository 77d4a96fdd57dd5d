from __future__ import annotations

import pytest

from tests.codecs.codec_values import CODECS, RICH


@pytest.fixture(params=list(CODECS), name="codec")
def _codec(request):
    """Every built-in codec."""
    return CODECS[request.param]


@pytest.fixture(params=RICH, ids=lambda codec: codec.name, name="rich")
def _rich(request):
    """Those that carry bytes and floats that are not finite."""
    return request.param
