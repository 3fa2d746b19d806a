"""Matching against 150,000 spectra: speed, memory, hits, calibration, "none of these".

``python manage.py bench matching`` (about ten CPU minutes), or smaller: ``python -m
tests.benchmarks.bench_matching --rows 20000 --queries 60``. The two sets of the acceptance are
asked in full; a third of the queries of each also go to cosine and Pearson similarity, and to
Pearson at the best of all shifts on the library's grid. What else is asked is asked of a sixth:
uncalibrated, with few pairs, moved and cropped; and last a small library of families of
near-duplicates, where only a probability below one can be honest.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compute.matching import SpectrumLibrary, reliability
from tests.benchmarks.lorentzian_sets import (
    Disturbance,
    LorentzianSet,
    Query,
    make_library,
    make_queries,
    make_strangers,
)
from tests.benchmarks.rows import Row

SETS = {
    "0.06 eV, 4 %": (Disturbance(0.06, 0.04), 0.97),
    "0.12 eV, 8 %": (Disturbance(0.12, 0.08), 0.90),
    "0.12 eV, 8 %, moved": (
        Disturbance(
            0.12, 0.08, max_shift_ev=4.5, max_sigma_ev=0.5, max_gamma_ev=0.3,
            background=0.1, scale_spread=1.0, n_points=400, crop_ev=3.0,
        ),
        0.90,
    ),
}  # fmt: skip
MAX_SHIFT_EV = 5.0
FAMILY = 10
FAMILY_ROWS = 3_000
FEW_PAIRS = (10, 20)


@dataclass(frozen=True)
class Answers:
    """What the library said to known and to strange queries."""

    rank: NDArray[np.int64]
    probability: NDArray[np.float64]
    none_known: NDArray[np.float64]
    none_strange: NDArray[np.float64]
    cpu_seconds: float
    wall_seconds: float
    shift_error_ev: float


def run() -> Iterator[Row]:
    """The full size."""
    yield from measure(150_000, n_queries=300, n_strangers=100, n_pairs=50)


def measure(n_rows: int, n_queries: int, n_strangers: int, n_pairs: int) -> Iterator[Row]:
    """All rows of the benchmark for one size."""
    made = make_library(n_rows)
    before = memory("VmRSS")
    reset_peak()
    clock, cpu = time.perf_counter(), time.process_time()
    library = SpectrumLibrary(made.energy_ev, made.intensities, range(n_rows))
    built = time.process_time() - cpu
    probe = make_queries(made, 3, Disturbance(), seed=3)
    for query in probe:
        library.match(query.energy_ev, query.intensity)
    yield Row(
        f"build the index of {n_rows} x 300", built, detail={"wall": time.perf_counter() - clock}
    )
    yield Row("memory above the library", memory("VmHWM") - before, "MB", limit=400.0)
    few, strange = max(n_queries // 6, 2), max(n_strangers // 2, 2)
    first, (how, least) = next(iter(SETS.items()))
    queries, strangers = make_queries(made, few, how, seed=5), make_strangers(strange, how, seed=6)
    yield from _rows(f"{first}, no pairs", ask(library, queries, strangers), least)
    for count in FEW_PAIRS:
        yield _calibrate(library, first, make_queries(made, count, how, seed=11))
        got = ask(library, queries, strangers[:2])
        yield from _rows(f"{first}, {count} pairs", got, least, with_strangers=False)
    for name, (how, least) in SETS.items():
        yield _calibrate(library, name, make_queries(made, n_pairs, how, seed=11))
        asked, strangers = (few, strange) if how.max_shift_ev else (n_queries, n_strangers)
        queries = make_queries(made, asked, how, seed=7)
        got = ask(library, queries, make_strangers(strangers, how, seed=8))
        yield from _rows(name, got, least)
        for other, hits in baselines(made, queries[: n_queries // 3]).items():
            yield Row(f"{name}: rank 1 by {other}", hits, "share")
    del library, made
    yield from near_duplicates(min(n_rows, FAMILY_ROWS), n_queries, n_pairs)


def near_duplicates(n_rows: int, n_queries: int, n_pairs: int) -> Iterator[Row]:
    """A library of families of ten, hardly farther apart than queries are from their rows."""
    made = make_library(n_rows, family=FAMILY)
    library = SpectrumLibrary(made.energy_ev, made.intensities, range(n_rows))
    how = SETS["0.12 eV, 8 %"][0]
    queries = make_queries(made, n_queries, how, seed=7)
    strangers = make_strangers(max(n_queries // 10, 2), how, seed=8)
    for count in (0, *FEW_PAIRS, n_pairs):
        if count:
            yield _calibrate(library, "families", make_queries(made, count, how, seed=11))
        yield from _rows(f"families, {count} pairs", ask(library, queries, strangers), None)


def _calibrate(library: SpectrumLibrary, name: str, pairs: list[Query]) -> Row:
    clock = time.process_time()
    library.calibrate((q.energy_ev, q.intensity, q.row) for q in pairs)
    return Row(f"{name}: calibrate with {len(pairs)} pairs", time.process_time() - clock)


def ask(library: SpectrumLibrary, queries: list[Query], strangers: list[Query]) -> Answers:
    """Match them all."""
    rank, probability, none_known, shift_errors = [], [], [], []
    cpu, wall = time.process_time(), time.perf_counter()
    for query in queries:
        result = library.match(query.energy_ev, query.intensity, max_shift_ev=MAX_SHIFT_EV)
        ids = [m.spectrum_id for m in result.matches]
        rank.append(ids.index(query.row) if query.row in ids else 999)
        probability.append(result.matches[0].probability)
        none_known.append(result.none_of_these)
        shift_errors.append(result.matches[0].shift_ev - query.shift_ev)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    strange = [library.match(q.energy_ev, q.intensity).none_of_these for q in strangers]
    ranks = np.array(rank)
    return Answers(
        ranks,
        np.array(probability),
        np.array(none_known),
        np.array(strange),
        cpu / len(queries),
        wall / len(queries),
        float(np.std(np.array(shift_errors)[ranks == 0])),
    )


def honest_error(probability: NDArray[np.float64], draws: int = 200) -> float:
    """The calibration error that so many perfectly honest claims show by chance, on average."""
    rng = np.random.default_rng(1)
    shown = [
        reliability(probability, rng.uniform(size=probability.size) < probability).expected_error
        for _ in range(draws)
    ]
    return float(np.mean(shown))


def baselines(made: LorentzianSet, queries: list[Query]) -> dict[str, float]:
    """Share of queries whose own row is first by each plain similarity."""
    grid = made.energy_ev
    rows = made.intensities
    centred = rows - rows.mean(axis=1, keepdims=True)
    length = np.linalg.norm(rows, axis=1)
    spread = np.linalg.norm(centred, axis=1)
    step = grid[1] - grid[0]
    shifts = step * np.arange(-int(MAX_SHIFT_EV / step), int(MAX_SHIFT_EV / step) + 1)
    hits = {"cosine": 0, "Pearson": 0, "Pearson at best shift": 0}
    for query in queries:
        moved = np.array([np.interp(grid + s, query.energy_ev, query.intensity) for s in shifts])
        moved = moved.astype(np.float32)
        still = moved[shifts.size // 2]
        flat = moved - moved.mean(axis=1, keepdims=True)
        flat /= np.linalg.norm(flat, axis=1, keepdims=True)
        hits["cosine"] += int(np.argmax(rows @ still / length) == query.row)
        hits["Pearson"] += int(np.argmax(centred @ flat[shifts.size // 2] / spread) == query.row)
        best = (centred @ flat.T).max(axis=1) / spread
        hits["Pearson at best shift"] += int(np.argmax(best) == query.row)
    return {name: count / len(queries) for name, count in hits.items()}


def _rows(
    name: str, got: Answers, least: float | None, *, with_strangers: bool = True
) -> Iterator[Row]:
    right = got.rank == 0
    calibration = reliability(got.probability, right)
    # Half the CPU seconds is the wall time of two cores that nobody else uses.
    yield Row(
        f"{name}: a query, CPU s / 2 cores", got.cpu_seconds / 2.0, limit=0.5,
        detail={"wall": got.wall_seconds},
    )  # fmt: skip
    yield Row(f"{name}: rank 1", float(right.mean()), "share", limit=least, at_least=True)
    found = float((got.rank < 10).mean())
    ten = None if least is None else 0.99
    yield Row(f"{name}: within the first 10", found, "share", limit=ten, at_least=True)
    yield Row(
        f"{name}: expected calibration error", calibration.expected_error, "", limit=0.05,
        detail={
            "claimed": calibration.claimed.tolist(),
            "found": calibration.found.tolist(),
            "of honest claims": honest_error(got.probability),
        },
    )  # fmt: skip
    rejected = float((got.none_known > 0.5).mean())
    yield Row(f"{name}: known ones rejected", rejected, "share", limit=0.05)
    yield Row(f"{name}: shift error", got.shift_error_ev, "eV")
    if not with_strangers:
        return
    caught = float((got.none_strange > 0.5).mean())
    surely = float((got.none_strange > 0.95).mean())
    yield Row(
        f"{name}: strangers recognised", caught, "share", limit=0.75, at_least=True,
        detail={"above 0.95": surely},
    )  # fmt: skip


def memory(field: str) -> float:
    """A field of /proc/self/status, MB; 0 where there is none."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    lines = status.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024.0


def reset_peak() -> None:
    """Start the peak of the memory anew."""
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=150_000)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--strangers", type=int, default=100)
    parser.add_argument("--pairs", type=int, default=50)
    parser.add_argument("--families", action="store_true", help="the near-duplicates only")
    options = parser.parse_args()
    rows = (
        near_duplicates(min(options.rows, FAMILY_ROWS), options.queries, options.pairs)
        if options.families
        else measure(options.rows, options.queries, options.strangers, options.pairs)
    )
    for row in rows:
        sign = "" if row.passed is None else ("  kept" if row.passed else "  BROKEN")
        print(f"{row.name:<52} {row.value:9.4f} {row.unit}{sign} {row.detail}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
