"""What known pairs teach a library, and what stands in for them when there are too few."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from compute.matching.align import Alignment, AlignmentPrior, shape_of, spread_ratio, window_at
from compute.matching.discrepancy import UNKNOWN_SIZES, Discrepancy
from compute.matching.grid import Array, ComparisonGrid, Curve
from compute.matching.index import Rows, take_rows
from compute.matching.learning import (
    AlignedPair,
    learn_alignment,
    learn_discrepancy,
    learn_factors,
)
from compute.matching.posterior import MIN_PAIRS, Posterior, learn_posterior
from compute.matching.results import Claims
from compute.matching.search import Candidates, Searcher
from compute.threads import single_blas

# Bounds of the work: calibrating costs about half a CPU second a pair.
MAX_LEARNING_PAIRS = 64
_ROUNDS = 2  # of aligning and learning by turns
_SYNTHETIC_PAIRS = 24
_MIRRORED = 40
_SYNTHETIC_ROWS = 4000
_SYNTHETIC_NOISE = 0.03  # 30 dB, the noise of a fair measurement; convention
# How much of the log-evidence counts, at most, where no known pair shows it: neighbouring energies
# do not err independently. Chosen on the families of near-duplicates of ``bench matching``, the
# only set on which claims without pairs can be wrong (docs/measurements/matching.md).
UNPROVEN_BETA = 0.6
# Of the grid's span: the shortest background that a straight line leaves and no peak makes.
# Convention; learnt from pairs (``smooth_length_ev``).
_SMOOTH_LENGTH_SHARE = 0.3


@dataclass(frozen=True)
class Calibration:
    """All that known pairs teach."""

    discrepancy: Discrepancy
    alignment: AlignmentPrior
    posterior: Posterior


@dataclass(frozen=True)
class KnownPair:
    """A query whose row is known."""

    curve: Curve
    row: int


def default_discrepancy(rows: Rows, grid: ComparisonGrid) -> Discrepancy:
    """Errors in proportion to the library's own peak width, sqrt(2 <y²> / <y'²>) at most 2 eV.

    For a Lorentzian that width is 2 HWHM; a tenth of it, and 5 % of the area, is what good
    calculations of these spectra miss by.
    """
    sample = rows.values[:: max(1, len(rows) // 500)].astype(np.float64)
    flat = sample - sample.mean(axis=1, keepdims=True)
    slope = np.gradient(sample, grid.step_ev, axis=1)
    width = float(np.sqrt(2.0 * np.mean(flat**2) / np.mean(slope**2)))
    width = float(np.clip(width, 2.0 * grid.sigma_ev, 10.0 * grid.sigma_ev))
    return Discrepancy(
        warp_ev=0.1 * width, warp_length_ev=2.0 * width, area=0.06, area_length_ev=2.0 * width,
        smooth_length_ev=_SMOOTH_LENGTH_SHARE * (grid.stop_ev - grid.start_ev),
        sizes=UNKNOWN_SIZES,
    )  # fmt: skip


def calibrate(
    searcher: Searcher,
    rows: Rows,
    pairs: list[KnownPair],
    expected: Discrepancy,
    prior: AlignmentPrior,
    max_shift_ev: float,
    most_beta: float = UNPROVEN_BETA,
) -> Calibration:
    """Discrepancy, alignment prior and posterior from known pairs.

    With fewer than ``MIN_PAIRS`` the discrepancy is still drawn towards them (its priors see to
    that), but the posterior is the one of `uncalibrated`.
    """
    with single_blas():
        return _calibrate(searcher, rows, pairs, expected, prior, max_shift_ev, most_beta)


def uncalibrated(
    searcher: Searcher,
    rows: Rows,
    model: Discrepancy,
    prior: AlignmentPrior,
    most_beta: float = UNPROVEN_BETA,
) -> Calibration:
    """A posterior from disturbed copies of the library's own rows.

    Positions, areas and noise are disturbed as ``model`` says; how real data differs nobody has
    told, so evidence counts ``most_beta`` at most.
    """
    rng = np.random.default_rng(20240229)
    pool = np.sort(rng.choice(len(rows), min(len(rows), _SYNTHETIC_ROWS), replace=False))
    part = take_rows(rows, pool)
    pairs = simulated_pairs(searcher, part, model, _SYNTHETIC_PAIRS, seed=1)
    learnt = _posterior(searcher, part, pairs, model, prior, 2.0 * searcher.grid.step_ev)
    posterior = replace(
        learnt,
        n_pairs=0,
        temper=learnt.temper.unproven(most_beta),
    )
    return Calibration(model, prior, posterior)


def cross_validated(
    searcher: Searcher,
    rows: Rows,
    pairs: list[KnownPair],
    expected: Discrepancy,
    prior: AlignmentPrior,
    max_shift_ev: float,
    most_beta: float,
    folds: int,
) -> Claims:
    """What is claimed of each known pair by a library that the others alone have taught."""
    claims = []
    for fold in range(min(folds, len(pairs))):
        teachers = [pair for k, pair in enumerate(pairs) if k % folds != fold]
        if teachers:
            known = calibrate(searcher, rows, teachers, expected, prior, max_shift_ev, most_beta)
        else:
            known = uncalibrated(searcher, rows, expected, prior, most_beta)
        claims.append(claims_of(searcher, rows, pairs[fold::folds], known, max_shift_ev))
    return Claims(*(
        np.concatenate([getattr(one, name) for one in claims])
        for name in ("probability", "correct", "none_of_these")
    ))  # fmt: skip


def simulated_pairs(
    searcher: Searcher, rows: Rows, model: Discrepancy, count: int, seed: int
) -> list[KnownPair]:
    """Copies of the library's own rows, disturbed as ``model`` says."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(rows), count, replace=count > len(rows))
    return [
        KnownPair(_disturbed(rows.values[k].astype(np.float64), searcher.grid, model, rng), int(k))
        for k in chosen
    ]


def claims_of(
    searcher: Searcher, rows: Rows, pairs: list[KnownPair], known: Calibration, max_shift_ev: float
) -> Claims:
    """What a calibrated library claims of queries whose rows are known."""
    probability, correct, none_of_these = [], [], []
    for pair in pairs:
        found = searcher.search(pair.curve, rows, known.discrepancy, known.alignment, max_shift_ev)
        none = known.posterior.none_of_these(found.strain())
        share = known.posterior.temper.shares(found.evidence, rows.weight[found.row])
        first = int(np.argmax(share))
        probability.append((1.0 - none) * float(share[first]))
        correct.append(int(found.row[first]) == pair.row)
        none_of_these.append(none)
    return Claims(np.array(probability), np.array(correct, np.bool_), np.array(none_of_these))


def _calibrate(
    searcher: Searcher,
    rows: Rows,
    pairs: list[KnownPair],
    expected: Discrepancy,
    prior: AlignmentPrior,
    max_shift_ev: float,
    most_beta: float,
) -> Calibration:
    model = expected
    step = max(1, len(pairs) // MAX_LEARNING_PAIRS)
    teachers = pairs[::step][:MAX_LEARNING_PAIRS]
    for _ in range(_ROUNDS):
        aligned, where = _align(searcher, rows, teachers, model, prior, max_shift_ev)
        model = learn_discrepancy(aligned, searcher.grid, expected)
        if len(pairs) >= MIN_PAIRS:
            model = learn_factors(aligned, searcher.grid, model)
            own_err = rows.shift_err_ev[[pair.row for pair in teachers]]
            prior = learn_alignment(where, max_shift_ev, own_err)
    if len(pairs) < MIN_PAIRS:
        fallback = uncalibrated(searcher, rows, model, prior, most_beta)
        posterior = replace(fallback.posterior, n_pairs=len(pairs))
        return Calibration(model, prior, posterior)
    posterior = _posterior(searcher, rows, pairs, model, prior, max_shift_ev)
    return Calibration(model, prior, posterior)


def _align(
    searcher: Searcher,
    rows: Rows,
    pairs: list[KnownPair],
    model: Discrepancy,
    prior: AlignmentPrior,
    max_shift_ev: float,
) -> tuple[list[AlignedPair], Alignment]:
    """Each pair's query beside its own row, at the best shift and broadening."""
    aligned, shift, variance, gamma = [], [], [], []
    for pair in pairs:
        only = np.array([pair.row], np.int64)
        found = searcher.search(pair.curve, rows, model, prior, max_shift_ev, among=only)
        at = found.alignment
        shift.append(at.shift[0])
        variance.append(at.variance[0])
        gamma.append(at.gamma[0])
        row = rows.values[pair.row].astype(np.float64)
        shape = shape_of(searcher.broadener, row, float(at.variance[0]), float(at.gamma[0]))
        window = window_at(searcher.grid, pair.curve, float(at.shift[0]))
        query = pair.curve.at(searcher.grid.energy_ev[window] + at.shift[0])
        noise = pair.curve.noise**2 * pair.curve.correlation
        everywhere = np.ones(query.size, np.bool_)
        size = float(spread_ratio(query[None], shape.value[None, window], everywhere)[0])
        aligned.append(AlignedPair(query, shape, window, noise, size))
    return aligned, Alignment(np.array(shift), np.array(variance), np.array(gamma))


def _posterior(
    searcher: Searcher,
    rows: Rows,
    pairs: list[KnownPair],
    model: Discrepancy,
    prior: AlignmentPrior,
    max_shift_ev: float,
) -> Posterior:
    """Search for each pair with and without its own row."""
    evidence: list[Array] = []
    truth: list[int | None] = []
    known, struck_out = [], []
    for pair in pairs:
        found = searcher.search(pair.curve, rows, model, prior, max_shift_ev, also=pair.row)
        place: NDArray[np.intp] = np.flatnonzero(found.row == pair.row)
        evidence.append(found.evidence)
        truth.append(int(place[0]) if place.size else None)
        known.append(found.strain())
        rest: Candidates | None = found.without(pair.row)
        struck_out.append(rest.strain() if rest is not None else np.full(2, np.nan))
    mirrored = []
    for pair in pairs[:: max(2, len(pairs) // _MIRRORED)]:
        found = searcher.search(pair.curve.mirrored(), rows, model, prior, max_shift_ev)
        mirrored.append(found.strain())
    return learn_posterior(
        evidence, truth, np.array(known), np.array(struck_out), np.array(mirrored).reshape(-1, 2)
    )


def _disturbed(
    row: Array, grid: ComparisonGrid, model: Discrepancy, rng: np.random.Generator
) -> Curve:
    """A row with all that the model says may be off, and 30 dB of noise.

    All of it has the expected size, none a larger one: without known pairs, what fits much worse
    than expected had better be doubted.
    """
    fine = np.linspace(grid.start_ev, grid.stop_ev, 3 * grid.size)

    def field(amplitude: float, length: float) -> Array:
        knots = max(2, int((grid.stop_ev - grid.start_ev) / length))
        at = np.linspace(grid.start_ev, grid.stop_ev, knots)
        return np.interp(fine, at, rng.normal(0.0, amplitude, knots))

    moved = fine - field(model.warp_ev, model.warp_length_ev)
    values = np.interp(moved, grid.energy_ev, row)
    values *= 1.0 + field(model.area, model.area_length_ev)
    running = np.cumsum(row - row.min())
    values += model.step * rng.normal() * np.interp(fine, grid.energy_ev, running / running[-1])
    values += field(model.smooth, model.smooth_length_ev) + field(model.floor, grid.step_ev)
    values += rng.normal(0.0, _SYNTHETIC_NOISE * np.sqrt(np.mean(values**2)), fine.size)
    return Curve(fine, values, grid)
