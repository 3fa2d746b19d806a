"""What a benchmark returns, and how to time one.

A benchmark is a module ``tests/benchmarks/bench_NAME.py`` with a docstring and a function
``run() -> Iterator[Row] | list[Row]``. ``manage.py bench NAME`` runs it. Speeds are told as
ratios with a named reference measured in the same run, because the machine's own speed varies;
a row without a reference is held against a limit instead.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """One measured number.

    Attributes
    ----------
    name : str
        What was measured.
    value : float
    unit : str
        ``s`` is process CPU seconds unless the name says otherwise.
    reference : str
        What it is compared with, e.g. ``EDRIXS 0.2.0 fortran``; empty without comparison.
    reference_value : float or None
        The same quantity of the reference, in the same unit and run.
    limit : float or None
        The value may not exceed this; ``at_least`` turns it round.
    detail : dict
        Sizes, settings, further numbers.
    """

    name: str
    value: float
    unit: str = "s"
    reference: str = ""
    reference_value: float | None = None
    limit: float | None = None
    at_least: bool = False
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """Reference over value: how many times faster (smaller) than the reference."""
        if self.reference_value is None or self.value == 0:
            return None
        return self.reference_value / self.value

    @property
    def passed(self) -> bool | None:
        """Whether it keeps its limit; None without one."""
        if self.limit is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": self.ratio, "passed": self.passed}


def cpu_seconds(work: Callable[[], object], *, repeat: int = 3, warm: bool = True) -> float:
    """Median process CPU seconds of a call, after one that does not count if ``warm``."""
    return _median(work, repeat, warm, time.process_time)


def wall_seconds(work: Callable[[], object], *, repeat: int = 3, warm: bool = True) -> float:
    """Median wall seconds of a call; noisy where others share the machine."""
    return _median(work, repeat, warm, time.perf_counter)


def _median(
    work: Callable[[], object], repeat: int, warm: bool, clock: Callable[[], float]
) -> float:
    if warm:
        work()
    times = []
    for _ in range(repeat):
        start = clock()
        work()
        times.append(clock() - start)
    return statistics.median(times)
