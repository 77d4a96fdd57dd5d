"""Who hears what: tables, ports and the exchange between them. Sans-IO: no socket, thread, clock or log."""
