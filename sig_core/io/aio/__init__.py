"""What routers on asyncio share: callbacks as tasks, and blocking calls in threads that nobody waits for at the end."""
