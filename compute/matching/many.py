"""Many queries on one energy axis against saved libraries, each as `SpectrumLibrary.match` says."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Hashable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from compute.errors import InputError
from compute.matching.grid import checked_curve
from compute.matching.library import SpectrumLibrary
from compute.matching.region import edge_region, smooth_share
from compute.matching.results import MatchResult
from compute.matching.search import EXACT
from compute.matching.second_edge import with_second_edge
from compute.matching.threads import alone
from compute.spikes import bridged, spikes
from compute.threads import single_blas

Floats = NDArray[np.float64]

_FEW = 64  # queries that are answered before other processes have started
_BATCH = 32  # queries between two messages of a process


@dataclass(frozen=True)
class Saved:
    """A saved library of one edge, and which of its rows are candidates; None for all."""

    path: Path
    absorber: str
    edge: str
    among: tuple[Hashable, ...] | None = None


@dataclass(frozen=True)
class Answered:
    """What one library says of one query, or why it says nothing.

    Attributes
    ----------
    smooth : float
        Share of the query that a smooth curve explains: a candidate that explains less is no edge.
    """

    result: MatchResult | None
    smooth: float = 0.0
    reason: str = ""


class Many:
    """Libraries open in as many processes as there are processors, for as long as it is entered.

    A process that may have no children (a worker of the queue) answers by itself.
    """

    def __init__(
        self, libraries: Sequence[Saved], energy_ev: Floats, max_shift_ev: float, n_queries: int
    ) -> None:
        self._asked = (tuple(libraries), np.asarray(energy_ev, float), max_shift_ev)
        own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        single = own == 1 or n_queries <= _FEW or multiprocessing.current_process().daemon
        self._pool: ProcessPoolExecutor | None = None
        self._here: _Open | None = None
        if single:
            self._here = _Open(*self._asked)
        else:
            self._pool = ProcessPoolExecutor(
                own,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_open,
                initargs=self._asked,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def of(self, spectra: Floats) -> Iterator[list[Answered]]:
        """Answers of every library for each of spectra (n, m), NaN for gaps, as they come."""
        rows = np.asarray(spectra, float)
        batches = [rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH)]
        answer = self._pool.map if self._pool is not None else map
        for batch in answer(_answer if self._here is None else self._here.of, batches):
            yield from batch


class _Open:
    def __init__(
        self, libraries: tuple[Saved, ...], energy_ev: Floats, max_shift_ev: float
    ) -> None:
        self.saved = [(one, SpectrumLibrary.load(one.path)) for one in libraries]
        for _, library in self.saved:
            library.keep_broadened()
        self.energy_ev = energy_ev
        self.max_shift_ev = max_shift_ev

    def of(self, rows: Floats) -> list[list[Answered]]:
        with single_blas(), alone():
            return [[self._one(row, *one) for one in self.saved] for row in rows]

    def _one(self, row: Floats, saved: Saved, library: SpectrumLibrary) -> Answered:
        there = np.isfinite(row)
        try:
            energy, values = checked_curve(self.energy_ev[there], row[there])
            values = bridged(values, spikes(values))
            energy, values = edge_region(
                energy, values, saved.absorber, saved.edge, library.grid, self.max_shift_ev
            )
            result = library.match(
                energy,
                values,
                top=None,
                most=EXACT,
                max_shift_ev=self.max_shift_ev,
                among=saved.among,
            )
            result = with_second_edge(result, library, energy, values, saved.absorber, saved.edge)
        except InputError as error:
            return Answered(None, reason=str(error))
        return Answered(result, smooth_share(energy, values))


_OPEN: list[_Open] = []  # of a process of the pool


def _open(libraries: tuple[Saved, ...], energy_ev: Floats, max_shift_ev: float) -> None:
    _OPEN[:] = [_Open(libraries, energy_ev, max_shift_ev)]


def _answer(rows: Floats) -> list[list[Answered]]:
    return _OPEN[0].of(rows)
