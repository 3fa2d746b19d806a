"""BLAS held to one thread.

Thousands of small factorisations on BLAS's own threads spend their time waiting for each other,
and on a busy machine spinning.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from threadpoolctl import ThreadpoolController


@contextmanager
def single_blas() -> Iterator[None]:
    """BLAS on one thread for the time being."""
    with _blas().limit(limits=1, user_api="blas"):
        yield


@lru_cache(maxsize=1)
def _blas() -> ThreadpoolController:
    """The BLAS libraries loaded; numpy's and scipy's are by the time this is asked."""
    return ThreadpoolController()
