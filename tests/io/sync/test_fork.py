"""In a forked child what has links is told so, and only what still exists."""

from __future__ import annotations

import gc
import os

import pytest

from sig_core.io.sync import fork
from sig_core.io.sync.fork import close_in_child


class Router:
    """Notes that it was told of a fork."""

    def __init__(self) -> None:
        self.told = 0

    def after_fork(self) -> None:
        self.told += 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_it_is_told_in_the_child_and_not_in_the_parent() -> None:
    routers = [Router(), Router()]
    for router in routers:
        close_in_child(router)
    child = os.fork()
    if child == 0:
        os._exit(10 * routers[0].told + routers[1].told)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 11
    assert [router.told for router in routers] == [0, 0]


def test_nothing_is_kept_alive_for_it() -> None:
    router = Router()
    close_in_child(router)
    assert router in fork._living
    before = len(fork._living)
    del router
    gc.collect()
    assert len(fork._living) < before
