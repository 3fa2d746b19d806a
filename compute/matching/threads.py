"""Two workers of our own, which leave BLAS one thread each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

WORKERS = 2  # the cores of the smallest machine this is meant for

T = TypeVar("T")
R = TypeVar("R")


def in_parallel(work: Callable[[T], R], parts: Iterable[T]) -> list[R]:
    """``work`` of every part, in their order, on ``WORKERS`` threads."""
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(work, parts))
