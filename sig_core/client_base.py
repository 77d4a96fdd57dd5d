"""What a client is, whatever its face: its state, and what can be said of it without waiting."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from sig_core.address import Address, is_exposed
from sig_core.contract import Codec, HasAddressTraits, Link
from sig_core.description import described
from sig_core.errors import ConfigError
from sig_core.events import Info, Name
from sig_core.log import log
from sig_core.plugins import Plugins, default_plugins
from sig_core.protocol.hello import Auth
from sig_core.protocol.limits import Limits
from sig_core.router import RouterBase, check_kind, check_url, name_of
from sig_core.routing.delivery import Delivery, OnLost
from sig_core.routing.durable import Durable
from sig_core.routing.entities import Listener, Sender, Subscription
from sig_core.session.client_state.asks import Reply, Steps
from sig_core.session.client_state.client_state import ClientState
from sig_core.session.client_state.durable_listener import DurableListener, Finished
from sig_core.session.client_state.reconnect import Reconnect
from sig_core.session.client_state.state_callbacks import StateCallback
from sig_core.tokens import checked

__all__ = ["DEFAULT", "ClientBase", "Token", "explain_params"]

DEFAULT = Reconnect()

Token: TypeAlias = str | Callable[[], str]
"""What proves who a client is, or what returns that; it is called before each attempt to connect, and may block."""


class ClientBase(RouterBase):
    """A client without a way to wait.

    Attributes:
        url, limits: as given.
        lost: events that did not reach this program, by (sender, event), as far as their counts tell.
    """

    def _begin(
        self,
        url: str,
        codec: str | Sequence[str],
        limits: Limits | None,
        reconnect: Reconnect | None,
        plugins: Plugins | None,
        token: Token | None,
        resume: float | None,
        *,
        make_reply: Callable[[], Reply],
        wake_callbacks: Callable[[], None],
    ) -> None:
        """Take what the user said. Args: see `ClientRouter`, and for the last two `ClientState`."""
        self.url = check_url(url)
        self.limits = check_kind("limits", limits, Limits) or Limits()
        check_kind("reconnect", reconnect, Reconnect)
        check_kind("plugins", plugins, Plugins)
        self._codec_names = [codec] if isinstance(codec, str) else list(codec)
        self._plugins = plugins or default_plugins()
        self._token = token
        self._state = ClientState(
            *(url, self.limits, reconnect),
            lock=self._lock,
            topics=self._table,
            installed=self._senders,
            make_reply=make_reply,
            wake_callbacks=wake_callbacks,
            new_id=lambda size: os.urandom(size).hex(),
            chance=random.random,
            failed=self.listener_failed,
            log=log,
            resume=_checked_resume(resume),
        )
        self.lost: Counter[tuple[Name, Name | None]] = self._state.lost

    # -- durable listeners

    def _durable_listener(
        self,
        name: str | Durable,
        listener: Listener,
        sender: Name | None,
        event: Name | None,
        delivery: Delivery | None,
        on_lost: OnLost | None,
    ) -> DurableListener:
        """Return what is to be a durable listener.

        Raises:
            ConfigError: something is not as it must be, or contradicts that.
        """
        durable = name if isinstance(name, Durable) else Durable(name)
        if delivery is not None or on_lost is not None:
            remedy = "leave delivery and on_lost out"
            raise ConfigError(f"durable {durable.name!r}: its events wait at the server: {remedy}")
        subscription = self._subscription(listener, sender, event, lambda removed: self._left_durable(made))
        explicit = durable.acknowledge == "explicit"
        made = DurableListener(
            durable.name, subscription, self._call_durable, self.listener_failed, explicit=explicit
        )
        if explicit:
            subscription.durable = made
        return made

    def _call_durable(self, subscription: Subscription, info: Info, data: Any, finished: Finished) -> None:
        """Call a durable listener; see `Run`."""
        raise NotImplementedError

    def _left_durable(self, listener: DurableListener) -> None:
        """Let a durable listener leave."""
        raise NotImplementedError

    # -- what a connection asks

    def _dial(self) -> Link:
        """Return a live link to the server, or raise what is in the way; it may block."""
        if self._token is not None:
            self._check_private()
            given = self._token() if callable(self._token) else self._token
            self._state.connection.auth = Auth(checked(given))
        return self._plugins.connect(self.url)

    def _check_private(self) -> None:
        """Raise ConfigError where others could read a token on its way."""
        address = Address.parse(self.url)
        within = address.port is not None and not is_exposed(self.url)
        carrier = None if within or "tls" in address.wrappers else self._plugins.carriers.get(address.scheme)
        if carrier is not None:
            known = isinstance(carrier, HasAddressTraits) and carrier.address_traits(address)
            if not (known and known.within_machine):
                ways = "use TLS, or a server on this machine (127.0.0.1, unix://, local://)"
                raise ConfigError(f"{self.url}: a token is not sent where others could read it: {ways}")

    def _offered_codecs(self) -> Mapping[str, Codec]:
        """Return the codecs to offer, by name, the preferred one first."""
        return self._plugins.choose_codecs(self._codec_names)

    # -- how it stands

    def on(self, state: str, callback: StateCallback) -> None:
        """Let `callback(state, error)` be called whenever the link comes to a state.

        They are told in order, one after the other; while one is running, the link comes and goes without waiting for
        it. On threads they run on a thread of their own; on asyncio on the loop, and may be coroutine functions.

        Args:
            state: "connected", once; "disconnected", with why; "reconnected", with the first thing that could not be
                restored, or None; "gave_up", with the last failure; "refused", with what the rules of the server do
                not allow any more: to come in, a sender that it removed, a listener that hears nothing.
            callback: what to call.

        Raises:
            ConfigError: there is no such state, or `callback` can't be called.
        """
        self._check_callable(f"callback of {described(state)}", callback)
        self._state.callbacks.add(state, callback)

    @property
    def is_connected(self) -> bool:
        """Whether the link lives."""
        return self._state.connection.is_up

    @property
    def codec(self) -> str:
        """Name of the codec that was agreed on.

        Raises:
            LocalProtocolError, LinkClosed: there is no link now.
        """
        encoding = self._state.connection.open_session().encoding
        assert encoding is not None
        return encoding.name

    def stats(self) -> dict[str, Any]:
        """Return how it stands, over all its links: docs/statistics.md.

        Of what it fired, "waiting" is kept for the next link, "dropped" was dropped there, and "unsent" left for a
        server and is known not to have reached it. What a killed server had taken and not passed on, only its listeners
        know.
        """
        return {**self._state.stats(), "listener_errors": self.listener_errors}

    def has_sender(self, name: Name) -> bool:
        """Return whether a sender of that name, one of this program, is connected; ConfigError: there can be none."""
        return self._has_own(name) and (name not in self._state.registrations.senders or self.is_connected)

    def _removal(self, sender: Sender | Name) -> Steps[bool]:
        """Return the plan to disconnect a sender of this program, remote or not."""
        return self._state.remove_own(name_of(sender), lambda: self._remove_local(sender))

    def _removed(self, name: Name) -> None:
        self._state.registrations.forget_sender(name)


def _checked_resume(seconds: float | None) -> float | None:
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if seconds is not None and not (is_number and 0.1 <= seconds <= 3600):
        raise ConfigError(f"resume={described(seconds)}: must be None, or seconds from 0.1 to 3600, such as 30")
    return seconds


def explain_params(
    user: str, action: str, sender: Name | None, name: Name | None, roles: Sequence[str] | None
) -> dict[str, Any]:
    """Return the params of the call `explain`; see `ClientRouter.explain`."""
    asked = {} if roles is None else {"roles": list(roles)}
    return {"user": user, "action": action, "sender": sender, "name": name, **asked}
