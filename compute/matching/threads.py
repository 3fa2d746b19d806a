"""Two workers of our own, with BLAS held to one thread each.

Thousands of small factorisations on BLAS's own threads spend their time waiting for each other,
and on a busy machine spinning; chunks on our threads do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import TypeVar

from threadpoolctl import ThreadpoolController

WORKERS = 2

T = TypeVar("T")
R = TypeVar("R")


@contextmanager
def single_blas() -> Iterator[None]:
    """BLAS on one thread for the time being."""
    with _blas().limit(limits=1, user_api="blas"):
        yield


def in_parallel(work: Callable[[T], R], parts: Iterable[T]) -> list[R]:
    """``work`` of every part, in their order, on ``WORKERS`` threads."""
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(work, parts))


@lru_cache(maxsize=1)
def _blas() -> ThreadpoolController:
    """The BLAS libraries loaded; numpy's and scipy's are by the time this is asked."""
    return ThreadpoolController()
