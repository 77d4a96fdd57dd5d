"""Plans of a client, driven in virtual time: each step is waited for as a coroutine would."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from sig_core.errors import RequestTimeout, SigError
from sig_core.session.client_state.asks import Ask
from sig_core.session.client_state.dialling import DIAL, RESUME, Pause

if TYPE_CHECKING:
    from tests.simulation.client_node import ClientNode

__all__ = ["Cancelled", "PlanTask", "SimReply"]

LATE = 0.1  # of answers that are taken up some time after they came
MOST_LATE = 0.05  # seconds

Done = Callable[[Any, BaseException | None], object]


class Cancelled(BaseException):
    """Whoever waits is interrupted."""


class SimReply:
    """Takes one answer, and wakes the plan that waits for it."""

    __slots__ = ("done", "error", "value", "wake")

    def __init__(self) -> None:
        self.done = False
        self.value: Any = None
        self.error: SigError | None = None
        self.wake: Callable[[], object] | None = None

    def tell(self, value: Any, error: SigError | None) -> None:
        """See `Reply`."""
        assert not self.done, "it was told before"
        self.done, self.value, self.error = True, value, error
        if self.wake is not None:
            self.wake()


class PlanTask:
    """Runs a plan.

    Args:
        client: that asks, on the link that it has now.
        steps: the plan.
        done: called with (result, None), or (None, error).
    """

    def __init__(self, client: ClientNode, steps: Generator[Any, Any, Any], done: Done) -> None:
        self._client = client
        self._world = client.world
        self._link = client.latest
        self._steps = steps
        self._done: Done | None = done
        self._step_now: object = None  # that it waits for
        self.resume(None, None, None)

    @property
    def waits(self) -> bool:
        """Whether it has not ended."""
        return self._done is not None

    def cancel(self) -> None:
        """Interrupt it."""
        if self._step_now is not None:
            self._forget()
            self.resume(None, None, Cancelled())

    def resume(self, step: object, value: Any, error: BaseException | None) -> None:
        """Go on: a step is done, if it is the one that is waited for."""
        if self._done is None or step is not self._step_now:
            return
        if self._client.is_stopped_still:
            self._client.when_it_goes_on(lambda: self.resume(step, value, error))
        elif not self._client.is_dead:
            self._step_now = None
            self._run(value, error)

    def _run(self, value: Any, error: BaseException | None) -> None:
        while True:
            try:
                step = self._steps.send(value) if error is None else self._steps.throw(error)
            except StopIteration as end:
                self._end(end.value, None)
                return
            except (SigError, Cancelled) as problem:
                self._end(None, problem)
                return
            value = error = None
            if step in (DIAL, RESUME) or isinstance(step, Pause):
                self._wait_for(step)
                return
            if self._link is not None:
                self._link.flush()
            if step is not None:
                self._wait_for_answer(step)
                return

    def _end(self, value: Any, error: BaseException | None) -> None:
        done, self._done = self._done, None
        if self._link is not None:
            self._link.flush()
        if done is not None:
            done(value, error)

    # -- what it waits for

    def _wait_for(self, step: Any) -> None:
        token = self._step_now = object()
        if isinstance(step, Pause):
            self._world.after(step.seconds, lambda: self.resume(token, None, None))
        elif step is RESUME:
            assert self._link is not None
            self._client.dial_again(self._link, lambda error: self._dialled(token, None, error))
        else:
            self._client.dial(lambda session, error: self._dialled(token, session, error))

    def _dialled(self, token: object, session: Any, error: SigError | None) -> None:
        self._link = self._client.latest
        self._world.soon(lambda: self.resume(token, session, error))

    def _wait_for_answer(self, ask: Ask) -> None:
        self._step_now = ask
        reply: Any = ask.reply
        if reply.done:
            self._world.soon(lambda: self._answered(ask))
        else:
            reply.wake = lambda: self._woken(ask)
            self._world.after(self._client.network.limits.request_timeout, lambda: self._late(ask))

    def _woken(self, ask: Ask) -> None:
        if self._world.random() < LATE:
            self._world.after(self._world.random() * MOST_LATE, lambda: self._answered(ask))
        else:
            self._world.soon(lambda: self._answered(ask))

    def _answered(self, ask: Ask) -> None:
        reply: Any = ask.reply
        self.resume(ask, reply.value, reply.error)

    def _late(self, ask: Ask) -> None:
        reply: Any = ask.reply
        if self._step_now is not ask or reply.done:
            return
        if self._client.is_stopped_still:
            self._client.when_it_goes_on(lambda: self._late(ask))
        else:
            self._forget()
            self.resume(None, None, RequestTimeout(f"{ask.what}: no answer in time"))

    def _forget(self) -> None:
        """Wait for nothing any longer; as the faces do, the session is told so."""
        step, self._step_now = self._step_now, None
        if isinstance(step, Ask) and step.ident is not None and not step.reply.done:  # type: ignore[attr-defined]
            assert self._link is not None
            self._link.session.cancel(step.ident)
