"""Links inside links: what `name+scheme://` asks for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TypeAlias

from sig_core.address import Address, as_query
from sig_core.contract import Acceptor, HasCheck, HasOnePeer, Link, OptionWrapper, Wrapper
from sig_core.errors import ConfigError

__all__ = ["Layers", "WrappedAcceptor"]

Layer: TypeAlias = Callable[[Link], Link]  # a wrapper that knows its options


class Layers:
    """The wrappers of a URL, each with its options.

    Args:
        address: as it was written.
        wrappers: those that it names, in its order.
        known: the options of its carrier; None: it checks them by itself.
        above: options that were taken already, by whom; for errors.

    Attributes:
        address: as its carrier is to see it.

    Raises:
        ConfigError: an option that nobody knows, that two of them know, or whose value a wrapper refuses.
    """

    def __init__(
        self,
        address: Address,
        wrappers: Sequence[Wrapper],
        known: Collection[str] | None,
        above: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        named = [(name, _options(wrapper)) for name, wrapper in zip(address.wrappers, wrappers, strict=True)]
        if known is not None:
            address.check_options(known, {**(above or {}), **dict(named)})
        _check_claims(address, [*named, (address.scheme, known or ())])
        claimed = frozenset[str]().union(*(options for _, options in named))
        self.address = address.of_carrier(claimed)
        self._names = address.wrappers
        self._options = address.of_wrapper(claimed).options
        self._layers = [_layer(wrapper, address) for wrapper in wrappers]

    def __bool__(self) -> bool:
        return bool(self._layers)

    def around(self, link: Link) -> Link:
        """Put the wrappers around a link, the first of them outermost; if one raises, the link is closed."""
        try:
            for layer in reversed(self._layers):
                link = layer(link)
        except BaseException:
            link.close()
            raise
        return link

    def as_bound(self, url: str) -> str:
        """Return the URL that a carrier has bound, with the wrappers and their options: its users get the same."""
        query = as_query(self._options)
        return "+".join([*self._names, url]) + (query.replace("?", "&", 1) if "?" in url else query)


class WrappedAcceptor:
    """Returns wrapped links. It is served by a thread: whether they can be polled is for each wrapper to say.

    Attributes:
        one_peer: see `HasOnePeer`; as without wrappers, since one that makes reliable links lose bytes does not make
            one line of them. False until there is a link, unless the acceptor says it.
    """

    def __init__(self, acceptor: Acceptor, layers: Layers) -> None:
        self.address = layers.as_bound(acceptor.address)
        self._tells = acceptor if isinstance(acceptor, HasOnePeer) else None
        self.one_peer = self._tells is not None and self._tells.one_peer
        self._acceptor = acceptor
        self._layers = layers

    def accept(self, timeout: float) -> Link | None:
        """See `Acceptor`."""
        link = self._acceptor.accept(timeout)
        if link is None:
            return None
        traits, tells = link.traits, self._tells
        self.one_peer = not (traits.packets or traits.reliable) if tells is None else tells.one_peer
        return self._layers.around(link)

    def close(self) -> None:
        """See `Acceptor`."""
        self._acceptor.close()


def _options(wrapper: Wrapper) -> frozenset[str]:
    return frozenset(wrapper.options) if isinstance(wrapper, OptionWrapper) else frozenset()


def _check_claims(address: Address, takers: Sequence[tuple[str, Collection[str]]]) -> None:
    for option in address.options:
        claims = [name for name, options in takers if option in options]
        if len(claims) > 1:
            names = " and by ".join(claims)
            raise ConfigError(f"address {address.url!r}: option {option!r} is taken by {names}; leave one of them out")


def _layer(wrapper: Wrapper, address: Address) -> Layer:
    if not isinstance(wrapper, OptionWrapper):
        return wrapper
    mine = address.of_wrapper(_options(wrapper))
    if isinstance(wrapper, HasCheck):
        wrapper.check(mine)
    return partial(_wrap, wrapper, mine)


def _wrap(wrapper: OptionWrapper, mine: Address, link: Link) -> Link:
    return wrapper(link, mine)
