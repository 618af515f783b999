"""Processes that work for one other: started afresh, and gone when it is."""

from __future__ import annotations

import ctypes
import multiprocessing
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

# Of Linux' prctl: which signal this process gets when the one that started it ends.
_PR_SET_PDEATHSIG = 1


def workers(count: int, prepare: Callable[..., None] | None = None, *given: object) -> ProcessPoolExecutor:
    """``prepare(*given)`` is called in each before its first task.

    Spawned: a process that has threads (of numpy's libraries, say) must not be forked. On Linux they end with their parent
    whatever ends it; elsewhere a parent that is killed leaves them behind.
    """
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(count, context, initializer=_begin, initargs=(prepare, given))


def _begin(prepare: Callable[..., None] | None, given: tuple[object, ...]) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if prepare is not None:
        prepare(*given)
