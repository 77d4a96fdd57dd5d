"""Where threads, selectors and loops are: clients, servers, and what both are made of. Sockets are in `links`."""
