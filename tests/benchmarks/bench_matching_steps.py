"""Matching step-like spectra (K edges) against 150,000: hits, speed, memory, "none of these".

``python manage.py bench matching_steps`` (about six CPU minutes): a library of five flavours in
equal parts (`tests.benchmarks.step_sets`), uncalibrated, since libraries of K edges have no known
pairs at first. Queries reach beyond the library's range, are moved by up to 5 eV and broadened.
One flavour by itself, fewer rows, families of near-duplicates or theory that errs: ``python -m
tests.benchmarks.bench_matching_steps --flavour wiggles --rows 30000 --queries 100``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from compute.matching import SpectrumLibrary, reliability
from tests.benchmarks.bench_matching import memory, reset_peak
from tests.benchmarks.output import say
from tests.benchmarks.rows import Row
from tests.benchmarks.step_sets import (
    FLAVOURS,
    Moved,
    StepQuery,
    StepSet,
    make_library,
    make_queries,
    make_strangers,
)

MAX_SHIFT_EV = 5.0
NOISE_DB = (40.0, 30.0)


def run() -> Iterator[Row]:
    """The full size: 600 queries."""
    made = make_library(150_000, "mixed")
    yield from measure(made, n_queries=300, n_strangers=50, n_pairs=0, how=Moved())


def measure(
    made: StepSet, n_queries: int, n_strangers: int, n_pairs: int, how: Moved
) -> Iterator[Row]:
    """All rows of the benchmark for one library; ``n_pairs`` known pairs calibrate it."""
    before = memory("VmRSS")
    reset_peak()
    cpu = time.process_time()
    library = SpectrumLibrary(made.energy_ev, made.intensities, range(len(made.curves)))
    yield Row(f"build the index of {len(made.curves)}", time.process_time() - cpu)
    if n_pairs:
        pairs = make_queries(made, n_pairs, how, seed=11)
        library.calibrate((q.energy_ev, q.intensity, q.row) for q in pairs)
    for query in make_queries(made, 3, how, seed=3):
        library.match(query.energy_ev, query.intensity, max_shift_ev=MAX_SHIFT_EV)
    yield Row("memory above the library", memory("VmHWM") - before, "MB", limit=400.0)
    for db in NOISE_DB:
        noisy = replace(how, snr_db=db)
        queries = make_queries(made, n_queries, noisy, seed=7)
        strangers = make_strangers(made.flavour, n_strangers, noisy, seed=8)
        yield from _rows(f"{made.flavour}, {db:g} dB", library, queries, strangers)


def _rows(
    name: str, library: SpectrumLibrary, queries: list[StepQuery], strangers: list[StepQuery]
) -> Iterator[Row]:
    rank, probability, none, off = [], [], [], []
    cpu, wall = time.process_time(), time.perf_counter()
    for query in queries:
        answer = library.match(query.energy_ev, query.intensity, max_shift_ev=MAX_SHIFT_EV)
        ids = [one.spectrum_id for one in answer.matches]
        rank.append(ids.index(query.row) if query.row in ids else len(ids))
        probability.append(answer.matches[0].probability)
        none.append(answer.none_of_these)
        off.append(answer.matches[0].shift_ev - query.shift_ev)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    first = np.array(rank) == 0
    found = float(np.mean(np.array(rank) < 10))
    each = cpu / len(queries)
    yield Row(f"{name}: a query, CPU s", each, limit=0.5, detail={"wall": wall / len(queries)})
    yield Row(f"{name}: rank 1", float(first.mean()), "share", limit=0.95, at_least=True)
    yield Row(f"{name}: within the first 10", found, "share", limit=0.98, at_least=True)
    claims = reliability(probability, first)
    yield Row(
        f"{name}: expected calibration error", claims.expected_error, "",
        detail={"claimed": claims.claimed.tolist(), "found": claims.found.tolist()},
    )  # fmt: skip
    yield Row(f"{name}: known ones rejected", float(np.mean(np.array(none) > 0.5)), "share")
    yield Row(f"{name}: spread of the shift's error", float(np.std(np.array(off)[first])), "eV")
    strange = [library.match(q.energy_ev, q.intensity).none_of_these for q in strangers]
    caught = float(np.mean(np.array(strange) > 0.5)) if strange else float("nan")
    yield Row(f"{name}: strangers recognised", caught, "share")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flavour", default="mixed", choices=["mixed", *FLAVOURS])
    parser.add_argument("--rows", type=int, default=150_000)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--strangers", type=int, default=50)
    parser.add_argument("--pairs", type=int, default=0)
    parser.add_argument("--family", type=int, default=1, help="near-duplicates of each curve")
    parser.add_argument("--points", type=int, default=240)
    parser.add_argument("--jitter-ev", type=float, default=0.0, help="of peaks, heights by half")
    options = parser.parse_args()
    how = Moved(jitter_ev=options.jitter_ev, height_jitter=0.5 * options.jitter_ev)
    made = make_library(options.rows, options.flavour, options.points, family=options.family)
    for row in measure(made, options.queries, options.strangers, options.pairs, how):
        sign = "" if row.passed is None else ("  kept" if row.passed else "  BROKEN")
        say(f"{row.name:<52} {row.value:9.4f} {row.unit}{sign} {row.detail}")


if __name__ == "__main__":
    main()
