"""A multiplet while its page waits: bounded in size, a few at a time, answers kept for a while.

Anybody may ask, so a question must not cost more than a few seconds of one core: larger ones are
refused here and can be saved as a job by people who are signed in.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import comb
from typing import Any

from django.core.cache import cache

from compute.errors import InputError
from compute.multiplet import solve
from compute.multiplet.case import parse_case

MAX_FINAL_STATES = 25_000  # the slowest case below it took 6 s; Cr3+ with 73,080 takes minutes
MAX_GRID_POINTS = 20_000
MAX_GAUSS_PER_LINE = 1_000
MAX_TEMPERATURE_K = 1_000.0  # more of it populates more initial states, and each is solved for
_AT_ONCE = 2  # in one server process
_WAIT_SECONDS = 10.0
_KEPT_SECONDS = 600
_engine = threading.BoundedSemaphore(_AT_ONCE)


class BusyError(RuntimeError):
    """Others are computing; asking again soon may help."""

    cause = "Others are computing"
    permanent = False


def solve_now(case: dict[str, Any]) -> dict[str, Any]:
    """The engine's answer with ``wall``, its seconds; ``kept`` where it was asked before.

    Raises
    ------
    InputError
        If the case is wrong, or too large to wait for.
    ConvergenceError
    BusyError
        If no engine got free within ten seconds.
    """
    key = "multiplet:" + hashlib.sha256(json.dumps(case, sort_keys=True).encode()).hexdigest()
    kept: dict[str, Any] | None = cache.get(key)
    if kept is not None:
        return kept | {"kept": True}
    _refuse_large(case)
    with engine():
        started = time.perf_counter()
        result: dict[str, Any] = solve(case)
        result["wall"] = time.perf_counter() - started
    cache.set(key, result, _KEPT_SECONDS)
    return result


@contextmanager
def engine() -> Iterator[None]:
    """One of the few engines of this server process, for as long as a page waits.

    Raises
    ------
    BusyError
        If none got free within ten seconds.
    """
    if not _engine.acquire(timeout=_WAIT_SECONDS):
        raise BusyError("The engine is busy with other questions; ask again in a moment.")
    try:
        yield
    finally:
        _engine.release()


def final_states(n_d: int, configurations: int) -> int:
    """Determinants of 2p⁵ 3dⁿ⁺¹⁺ᵏ Lᵏ summed over the configurations k."""
    most = min(configurations, 10 - n_d)  # dⁿ⁺¹⁺ᵏ holds ten at most
    return sum(6 * comb(10, n_d + 1 + k) * comb(10, k) for k in range(most))


def _refuse_large(case: dict[str, Any]) -> None:
    parsed = parse_case(case)
    parameters = parsed.parameters
    n_points = parsed.energy.size
    if n_points > MAX_GRID_POINTS:
        raise InputError(
            "grid.step", parameters["grid"]["step"],
            f"makes {n_points:,} points; at most {MAX_GRID_POINTS:,} while you wait",
        )  # fmt: skip
    narrowest, gauss = min(parsed.hwhm), parsed.fwhm_gauss
    if gauss > MAX_GAUSS_PER_LINE * narrowest:
        raise InputError(
            "fwhm_gauss_ev", gauss,
            f"is more than {MAX_GAUSS_PER_LINE:,} times the width of the narrowest line, "
            f"{narrowest:g} eV, which takes too long while you wait",
        )  # fmt: skip
    transfer = parameters["charge_transfer"] or {}
    configurations = int(transfer.get("configurations", 1))
    n_d = int(parameters["n_d"])
    states = final_states(n_d, configurations)
    if parameters.get("back_donation"):
        states += 6 * comb(10, n_d) * 10  # 2p⁵ 3dⁿ A
    if states > MAX_FINAL_STATES:
        raise InputError(
            "configurations",
            configurations,
            f"makes {states:,} final states of {parameters['element']}{parameters['charge']}+, too "
            "many to compute while you wait: use 2, or sign in and save it as a job",
        )
    if parameters["temperature_k"] > MAX_TEMPERATURE_K:
        raise InputError(
            "temperature_k", parameters["temperature_k"],
            f"here at most {MAX_TEMPERATURE_K:g} K; save hotter ones as a job",
        )  # fmt: skip
