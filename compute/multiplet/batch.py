"""Many cases, on one or several processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from compute.errors import ComputeError
from compute.multiplet.calculation import solve


def solve_many(
    cases: Iterable[Mapping[str, Any]], *, processes: int = 1
) -> Iterator[dict[str, Any]]:
    """Results in the order of the cases; one that fails gives ``{"error": message}``.

    Parameters
    ----------
    cases : CASE.json objects
    processes : worker processes; 1 computes here
    """
    if processes <= 1:
        yield from map(_solve_or_error, cases)
        return
    # spawned, because a fork copies whatever locks other threads hold
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap(_solve_or_error, cases, chunksize=4)


def _solve_or_error(case: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return solve(case)
    except ComputeError as error:
        return {"error": str(error)}
