"""What `sig demo` shows: real sensors of this machine, as processes, over several carriers and codecs."""
