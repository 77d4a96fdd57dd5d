"""Formats: bytes, frames, hello and control messages. Sans-IO: no socket, thread, clock or log."""
