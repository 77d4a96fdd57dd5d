"""What a client has and wants at its server, over all its links: decided here, without I/O, for threads and asyncio."""
