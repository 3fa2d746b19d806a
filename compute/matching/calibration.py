"""What known pairs teach a library, and what stands in for them when there are too few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

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
from compute.matching.posterior import MIN_PAIRS, Lessons, Posterior, learn_posterior
from compute.matching.results import Claims
from compute.matching.search import Candidates, Searcher
from compute.threads import single_blas

T = TypeVar("T")

# Bounds of the work: calibrating costs about half a CPU second a pair.
MAX_LEARNING_PAIRS = 64
MAX_LESSONS = 400  # pairs searched for in the whole library
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
class Expected:
    """What is expected before a library's own pairs say more.

    Attributes
    ----------
    discrepancy : Discrepancy
    alignment : AlignmentPrior
    most_beta : float
        How much of the log-evidence counts, at most, below ``MIN_PAIRS`` known pairs.
    posterior : Posterior or None
        What pairs of other libraries taught; without, disturbed copies of the library's own rows
        stand in.
    firm : bool
        Whether measured spectra bear the discrepancy out: then fewer than ``MIN_PAIRS`` pairs of
        a known substance do not move it.
    """

    discrepancy: Discrepancy
    alignment: AlignmentPrior
    most_beta: float
    posterior: Posterior | None = None
    firm: bool = False


@dataclass(frozen=True)
class KnownPair:
    """A query of which something is known.

    Attributes
    ----------
    curve : Curve
    rows : int64 (j,)
        Rows of its substance: several where it was computed more than once, none where only its
        group is known.
    group : int
        Label of its group, see `Rows.group`.
    """

    curve: Curve
    rows: NDArray[np.int64]
    group: int


@dataclass(frozen=True)
class Taught:
    """A library with its known pairs."""

    searcher: Searcher
    rows: Rows
    pairs: list[KnownPair]


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
    libraries: Sequence[Taught],
    expected: Expected,
    max_shift_ev: float,
    *,
    learn_errors: bool = True,
) -> list[Calibration]:
    """Discrepancy, alignment prior and posterior of libraries whose theory errs alike.

    The discrepancy is learnt from the pairs of all, then refined for each by its own, held near
    the common one; alignment prior and posterior are common. With fewer than ``MIN_PAIRS`` pairs in
    all the discrepancy is still drawn towards them (its priors see to that), but the posterior is
    the one expected. Without ``learn_errors`` discrepancy and alignment stay as expected.
    """
    with single_blas():
        return _calibrate(libraries, expected, max_shift_ev, learn_errors)


def unproven(searcher: Searcher, rows: Rows, expected: Expected) -> Calibration:
    """What stands where a library has no known pairs.

    Without a posterior that is expected, one from disturbed copies of the library's own rows:
    positions, areas and noise are disturbed as the discrepancy says; how real data differs nobody
    has told, so evidence counts ``most_beta`` at most.
    """
    model, prior = expected.discrepancy, expected.alignment
    if expected.posterior is not None:
        return Calibration(model, prior, expected.posterior)
    rng = np.random.default_rng(20240229)
    pool = np.sort(rng.choice(len(rows), min(len(rows), _SYNTHETIC_ROWS), replace=False))
    part = take_rows(rows, pool)
    pairs = simulated_pairs(searcher, part, model, _SYNTHETIC_PAIRS, seed=1)
    limit = 2.0 * searcher.grid.step_ev
    learnt = learn_posterior(_lessons(Taught(searcher, part, pairs), model, prior, limit))
    posterior = replace(
        learnt,
        n_pairs=0,
        temper=learnt.temper.unproven(expected.most_beta),
        across=learnt.across.unproven(expected.most_beta),
    )
    return Calibration(model, prior, posterior)


def cross_validated(library: Taught, expected: Expected, max_shift_ev: float, folds: int) -> Claims:
    """What is claimed of each known pair by a library that the others alone have taught."""
    claims, pairs = [], library.pairs
    for fold in range(min(folds, len(pairs))):
        teachers = [pair for k, pair in enumerate(pairs) if k % folds != fold]
        (known,) = calibrate([replace(library, pairs=teachers)], expected, max_shift_ev)
        claims.append(claims_of(replace(library, pairs=pairs[fold::folds]), known, max_shift_ev))
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
        KnownPair(
            _disturbed(rows.values[k].astype(np.float64), searcher.grid, model, rng),
            np.array([k], np.int64),
            int(rows.group[k]),
        )
        for k in chosen
    ]


def claims_of(library: Taught, known: Calibration, max_shift_ev: float) -> Claims:
    """What a calibrated library claims of queries whose rows are known."""
    probability, correct, none_of_these = [], [], []
    rows, posterior = library.rows, known.posterior
    for pair in library.pairs:
        found = library.searcher.search(
            pair.curve, rows, known.discrepancy, known.alignment, max_shift_ev
        )
        none = posterior.none_of_these(found.strain(), float(found.surprise[0]))
        share = posterior.shares(
            found.likelihood, rows.weight[found.row], found.prior, rows.group[found.row]
        )
        first = int(np.argmax(share))
        probability.append((1.0 - none) * float(share[first]))
        correct.append(bool(np.isin(found.row[first], pair.rows)))
        none_of_these.append(none)
    return Claims(np.array(probability), np.array(correct, np.bool_), np.array(none_of_these))


def _calibrate(
    libraries: Sequence[Taught], expected: Expected, max_shift_ev: float, learn_errors: bool
) -> list[Calibration]:
    model, prior = expected.discrepancy, expected.alignment
    count = sum(len(one.pairs) for one in libraries)
    known = [[pair for pair in one.pairs if pair.rows.size] for one in libraries]
    teachers = [
        replace(one, pairs=pairs)
        for one, pairs in zip(libraries, at_most(MAX_LEARNING_PAIRS, known), strict=True)
    ]
    each = [model] * len(libraries)
    firm = expected.firm and sum(map(len, known)) < MIN_PAIRS
    for _ in range(_ROUNDS if any(known) and learn_errors and not firm else 0):
        done = [
            _align(one, own, prior, max_shift_ev) for one, own in zip(teachers, each, strict=True)
        ]
        model = learn_discrepancy([pair for one in done for pair in one[0]], expected.discrepancy)
        each = [_refined(pairs, model, count, alone=len(libraries) == 1) for pairs, _, _ in done]
        if count >= MIN_PAIRS:
            where = Alignment(*(
                np.concatenate([getattr(at, name) for _, at, _ in done])
                for name in ("shift", "variance", "gamma")
            ))  # fmt: skip
            found = learn_alignment(where, max_shift_ev, np.concatenate([err for *_, err in done]))
            prior = _with_expected_shift(found, expected.alignment)
    if count < MIN_PAIRS:
        return [
            _few(one, Expected(own, prior, expected.most_beta, expected.posterior))
            for one, own in zip(libraries, each, strict=True)
        ]
    searched = at_most(MAX_LESSONS, [one.pairs for one in libraries])
    lessons = [
        _lessons(replace(one, pairs=pairs), own, prior, max_shift_ev)
        for one, pairs, own in zip(libraries, searched, each, strict=True)
        if pairs
    ]
    posterior = learn_posterior(Lessons.joined(lessons))
    return [Calibration(own, prior, posterior) for own in each]


def at_most(most: int, pairs: Sequence[Sequence[T]]) -> list[list[T]]:
    """Each n-th pair of each library, so that all together are not many more than ``most``."""
    step = max(1, sum(map(len, pairs)) // most)
    return [list(one[::step]) for one in pairs]


def _with_expected_shift(found: AlignmentPrior, expected: AlignmentPrior) -> AlignmentPrior:
    """The law of the shifts that was expected, where one was.

    Pairs of one instrument share its scale: many of them tell little of the next instrument's.
    """
    if not np.isfinite(expected.shift_hwhm_ev):
        return found
    return replace(found, shift_ev=expected.shift_ev, shift_hwhm_ev=expected.shift_hwhm_ev)


def _few(library: Taught, expected: Expected) -> Calibration:
    """Too few pairs for a posterior of their own; what is expected counts as known."""
    fallback = unproven(library.searcher, library.rows, expected)
    n_pairs = fallback.posterior.n_pairs + len(library.pairs)
    if expected.posterior is None:
        n_pairs = len(library.pairs)
    return replace(fallback, posterior=replace(fallback.posterior, n_pairs=n_pairs))


def _refined(
    pairs: list[AlignedPair], common: Discrepancy, count: int, *, alone: bool
) -> Discrepancy:
    """The discrepancy of one library: the common one, drawn towards its own pairs."""
    if not pairs:
        return common
    own = common if alone else learn_discrepancy(pairs, common)
    return learn_factors(pairs, pairs[0].grid, own) if count >= MIN_PAIRS and alone else own


def _align(
    library: Taught, model: Discrepancy, prior: AlignmentPrior, max_shift_ev: float
) -> tuple[list[AlignedPair], Alignment, Array]:
    """Each pair's query beside its own row at the best alignment; the rows' own shift errors."""
    aligned, shift, variance, gamma, own_err = [], [], [], [], []
    searcher, rows = library.searcher, library.rows
    for pair in library.pairs:
        found = searcher.search(pair.curve, rows, model, prior, max_shift_ev, among=pair.rows)
        at, best = found.alignment, int(found.row[0])
        shift.append(at.shift[0])
        variance.append(at.variance[0])
        gamma.append(at.gamma[0])
        own_err.append(rows.shift_err_ev[best])
        row = rows.values[best].astype(np.float64)
        shape = shape_of(searcher.broadener, row, float(at.variance[0]), float(at.gamma[0]))
        window = window_at(searcher.grid, pair.curve, float(at.shift[0]))
        query = pair.curve.at(searcher.grid.energy_ev[window] + at.shift[0])
        noise = pair.curve.noise**2 * pair.curve.correlation
        everywhere = np.ones(query.size, np.bool_)
        size = float(spread_ratio(query[None], shape.value[None, window], everywhere)[0])
        size *= float(rows.error[best])
        aligned.append(AlignedPair(searcher.grid, query, shape, window, noise, size))
    where = Alignment(np.array(shift), np.array(variance), np.array(gamma))
    return aligned, where, np.array(own_err)


def _lessons(
    library: Taught, model: Discrepancy, prior: AlignmentPrior, max_shift_ev: float
) -> Lessons:
    """Search for each pair with and without its own rows."""
    searcher, rows, pairs = library.searcher, library.rows, library.pairs
    likelihood: list[Array] = []
    weight: list[Array] = []
    before: list[Array] = []
    truth: list[NDArray[np.bool_]] = []
    of_group: list[NDArray[np.bool_]] = []
    known, struck_out, surprise = [], [], []
    for pair in pairs:
        also = int(pair.rows[0]) if pair.rows.size else None
        found = searcher.search(pair.curve, rows, model, prior, max_shift_ev, also=also)
        own_group = rows.group[found.row] == pair.group
        own = np.isin(found.row, pair.rows) if pair.rows.size else own_group
        likelihood.append(found.likelihood)
        weight.append(rows.weight[found.row])
        before.append(found.prior)
        truth.append(own)
        of_group.append(own_group)
        known.append(found.strain())
        surprise.append(found.surprise[0])
        rest: Candidates | None = found.without(found.row[own])
        struck_out.append(rest.strain() if rest is not None else np.full(2, np.nan))
    mirrored = []
    for pair in pairs[:: max(2, len(pairs) // _MIRRORED)]:
        found = searcher.search(pair.curve.mirrored(), rows, model, prior, max_shift_ev)
        mirrored.append(found.strain())
    return Lessons(
        likelihood, weight, before, truth, of_group, np.array(known), np.array(struck_out),
        np.array(surprise), np.array(mirrored).reshape(-1, 2),
    )  # fmt: skip


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
