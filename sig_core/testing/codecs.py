"""The checks that every codec passes."""

from __future__ import annotations

from sig_core.testing.codec_hostile import HostileChecks
from sig_core.testing.codec_trips import TripChecks

__all__ = ["CodecConformance"]


class CodecConformance(TripChecks, HostileChecks):
    """Inherit it, and say what is tested:

        class TestToml(CodecConformance):
            codec = TomlCodec

    Each method is one rule (docs/conformance.md lists them). A codec that declares `narrows` may refuse values of the
    model, or narrow floats; the rest holds for it too.
    """
