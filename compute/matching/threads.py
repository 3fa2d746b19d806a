"""Two workers of our own, which leave BLAS one thread each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

WORKERS = 2  # the cores of the smallest machine this is meant for

T = TypeVar("T")
R = TypeVar("R")

_ALONE: ContextVar[bool] = ContextVar("alone", default=False)


@contextmanager
def alone() -> Iterator[None]:
    """No threads for the time being: processes beside this one have the other cores."""
    token = _ALONE.set(True)
    try:
        yield
    finally:
        _ALONE.reset(token)


def in_parallel(work: Callable[[T], R], parts: Iterable[T]) -> list[R]:
    """``work`` of every part, in their order, on ``WORKERS`` threads, or here if `alone`."""
    if _ALONE.get():
        return [work(part) for part in parts]
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(work, parts))
