"""Rows of a series in parts over the processors that are ours."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

PART = 256  # spectra: large against a call, small against the cache and the memory


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def over_rows(work: Callable[[slice], None], n: int, part: int = PART) -> None:
    """``work`` of slices of ``n`` rows, at once on all processors; it has to release the GIL."""
    parts = [slice(start, min(start + part, n)) for start in range(0, n, part)]
    if len(parts) <= 1 or processors() == 1:
        for one in parts:
            work(one)
        return
    with ThreadPoolExecutor(processors()) as pool:
        list(pool.map(work, parts))
