"""Where a server keeps what durable listeners should hear: a file, and the thread that writes it."""
