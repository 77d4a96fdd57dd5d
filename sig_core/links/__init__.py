"""What authors of carriers use: ready-made links and acceptors, TLS, the bridge to asyncio. Public."""
