"""Where the world is touched: threads, selectors and sockets live in this package only."""
