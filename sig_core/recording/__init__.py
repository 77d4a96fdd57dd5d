"""Recordings of events in MCAP files: what came, when, byte for byte; and how to play it again.

Needs the extra `record`; `import sig_core` never comes here.
"""

from sig_core.recording.player import Player
from sig_core.recording.recorded import Recorded
from sig_core.recording.recorder import Recorder
from sig_core.recording.recording import Recording
from sig_core.recording.recording_writer import RecordingWriter
from sig_core.recording.verbatim import Verbatim, verbatim_plugins

__all__ = ["Player", "Recorded", "Recorder", "Recording", "RecordingWriter", "Verbatim", "verbatim_plugins"]
