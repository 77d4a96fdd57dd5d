"""A client on threads, or on a loop of asyncio: one link, its reader, its writer, and how it comes back."""
