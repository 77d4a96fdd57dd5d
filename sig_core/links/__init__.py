"""What authors of carriers use: ready-made links and acceptors, TLS, and the bridge from asyncio. Public.

Modules:
    sockets: `SocketLink` and `SocketAcceptor`, for stream sockets and what acts like one.
    shared_medium: `demux` and `dial`, for one handle with many peers: a UDP socket, a CAN bus, a radio.
    callback_acceptor: `CallbackAcceptor`, for libraries on asyncio that call a handler for each connection.
    tls: contexts of `ssl`, made of the options of a URL.
    asyncio_bridge: `Bridge`, a carrier for asyncio as one for threads. The core uses it by itself; tests may want to.
    close_once: `CloseOnce` and `link_lost`, which the core puts around every link.

They keep to the version of the contract (docs/plugins.md).
"""
