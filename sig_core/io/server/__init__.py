"""A server's links: acceptors, connections, the I/O thread, this program's own port."""
