"""The binary dialect (docs/protocol.md): both ends of a link."""
