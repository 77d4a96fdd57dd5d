"""The board link: messages, each once and in order, over a line that loses and damages bytes. Without I/O."""
