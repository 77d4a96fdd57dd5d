"""The board dialect (docs/board-protocol.md): a board as a port of the exchange."""
