"""The state of one link, at the server's end and at the client's. Sans-IO: bytes and `now` in, bytes and events out."""
