"""Non-negative combinations of up to three library spectra, all under one shift and broadening.

One model with `match`: the single component is its first candidate, and combinations answer for the
same errors of theory, as far as evidence is believed there, with the same prior of the alignment.

At its alignment and a few at which pairs explain most, a pool is gathered by pursuit: rows that
explain the query, then rows that explain what the best combination so far leaves. All pairs
and triples of the pool are solved by least squares; the best are aligned and weighed exactly, the
mixed curve taking the candidate's part in the discrepancy. The components share the shift of the
instrument; how far each row's own energies may be off counts as error. One component more must
raise the log-evidence by ln(substances) + ln(n) / 2: it was picked out of that many, and adds a
parameter.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotrs

from compute.errors import ConvergenceError, InputError
from compute.matching.align import (
    MAX_GAMMA_EV,
    MAX_SIGMA_EV,
    Alignment,
    AlignmentPrior,
    spread_ratio,
    window_at,
)
from compute.matching.calibration import Calibration
from compute.matching.discrepancy import STEP_PRECISION, Covariance, student_log_density
from compute.matching.grid import Array, Curve
from compute.matching.index import Rows
from compute.matching.results import Component, Mixture
from compute.matching.screen import without_line
from compute.matching.search import Candidates, Searcher
from compute.matching.shapes import Shape
from compute.threads import single_blas

# Bounds of the search, by its time: 24 rows give 2,024 triples.
_STARTS = 3
_STARTING_VARIANCES = (0.0, 0.25)  # eV²
_POOL = 24
_ALIKE = 0.9995  # curves more correlated than that are one component: no query tells their shares
_TRIED = 4
_ROUNDS = 4


@dataclass(frozen=True)
class Mixed:
    """One combination, fitted.

    Attributes
    ----------
    row : tuple[int, ...]
    weight : float64 (k,)
        Of rows as stored; not negative.
    covariance : float64 (k, k)
        Of the weights.
    shift, variance, gamma : float
        eV, eV², eV.
    log_evidence : float
        As far as it counts, with the alignment prior.
    misfit, r_squared : float
    n : int
        Energies compared.
    """

    row: tuple[int, ...]
    weight: Array
    covariance: Array
    shift: float
    variance: float
    gamma: float
    log_evidence: float
    misfit: float
    r_squared: float
    n: int


@dataclass(frozen=True)
class Asked:
    """A query of a mixture, and what is expected of it.

    ``counted`` is how much of the log-likelihood counts, as for candidates of a match.
    """

    searcher: Searcher
    rows: Rows
    curve: Curve
    covariance: Covariance
    prior: AlignmentPrior
    counted: float
    max_shift_ev: float


def best_mixtures(
    searcher: Searcher,
    rows: Rows,
    curve: Curve,
    known: Calibration,
    first: Candidates,
    max_components: int,
    max_shift_ev: float,
) -> tuple[list[Mixed], list[Mixed]]:
    """The best combination of each size from 1 to ``max_components``, and all that were fitted.

    ``first`` are the candidates of a match among the rows; the likeliest is the combination of size
    one.
    """
    posterior, across = known.posterior, known.posterior.across
    shares = posterior.shares(
        first.likelihood, rows.weight[first.row], first.prior, rows.group[first.row]
    )
    k = int(np.argmax(shares))
    counted = float(across.weight.sum(axis=1) @ across.beta)
    with single_blas():
        covariance = Covariance(searcher.grid, known.discrepancy)
        asked = Asked(searcher, rows, curve, covariance, known.alignment, counted, max_shift_ev)
        at = first.alignment
        lead = float(at.shift[k]), float(at.variance[k])
        best: dict[int, Mixed] = {}
        fitted: list[Mixed] = []
        one = _fit(asked, (int(first.row[k]),), *lead, float(at.gamma[k]))
        if one is not None:
            best[1] = one
        starts = [lead, *_starts(searcher, rows, curve, max_shift_ev)] if max_components > 1 else []
        for shift, variance in starts:
            for row in _combinations(searcher, rows, curve, shift, variance, max_components):
                fit = _fit(asked, row, shift, variance) if len(row) > 1 else None
                if fit is None:
                    continue
                fitted.append(fit)
                size = len(fit.row)
                if size not in best or fit.log_evidence > best[size].log_evidence:
                    best[size] = fit
    return [best[size] for size in sorted(best)], fitted


def penalty(rows: Rows, n: int) -> float:
    """What one component more must gain in log-evidence."""
    named = rows.substance[rows.substance >= 0]
    substances = np.unique(named).size + int((rows.substance < 0).sum())
    return float(np.log(max(substances, 2)) + 0.5 * np.log(n))


def _starts(
    searcher: Searcher, rows: Rows, curve: Curve, max_shift_ev: float
) -> list[tuple[float, float]]:
    """The shifts (eV) and sigma² (eV²) at which pairs of rows explain most, those alike left out.

    What single rows suggest would not do: of a mixture of several, none need be among the best.
    """
    grid = searcher.grid
    half = int(np.ceil(max_shift_ev / (1.25 * grid.sigma_ev)))
    tried = [
        (float(shift), variance, window)
        for shift in max_shift_ev * np.arange(-half, half + 1) / max(half, 1)
        for variance in _STARTING_VARIANCES
        if (window := window_at(grid, curve, float(shift))).stop > 0
    ]
    longest = max((w.stop - w.start for *_, w in tried), default=0)
    tried = [one for one in tried if one[2].stop - one[2].start > longest // 2]
    if not tried:
        raise InputError(
            "energy_ev", (curve.low_ev, curve.high_ev),
            f"does not overlap the library's {grid.start_ev:g} to {grid.stop_ev:g} eV",
        )  # fmt: skip
    inside = np.zeros((len(tried), grid.size), np.bool_)
    for k, (*_, window) in enumerate(tried):
        inside[k, window] = True
    shifts = np.array([shift for shift, *_ in tried])
    queries = without_line(curve.at(grid.energy_ev + shifts[:, None]), inside)
    broaden = [searcher.broadener.matrix(float(np.sqrt(v))) for _, v, _ in tried]
    pools: list[NDArray[np.int64]] = [np.zeros(0, np.int64)] * len(tried)
    explained = np.zeros(len(tried))
    residual = queries
    for size in (1, 2):
        seen = np.stack([b @ r for b, r in zip(broaden, residual, strict=True)], axis=1)
        product = rows.values @ seen.astype(np.float32)
        residual = queries.copy()
        for k in range(len(tried)):
            leading = np.argpartition(-product[:, k], min(_POOL, len(rows)) - 1)[:_POOL]
            pools[k] = np.union1d(pools[k], leading)
            curves = without_line(
                rows.values[pools[k]].astype(np.float64) @ broaden[k],
                np.repeat(inside[k : k + 1], pools[k].size, axis=0),
            )
            for members, weight, share in _solve_all(curves, queries[k], size)[:1]:
                residual[k] = queries[k] - weight @ curves[list(members)]
                explained[k] = max(explained[k], share)
    chosen: list[tuple[float, float]] = []
    for k in np.argsort(-explained, kind="stable").tolist():
        if all(abs(shifts[k] - other) > 0.3 for other, _ in chosen):
            chosen.append(tried[k][:2])
        if len(chosen) == _STARTS:
            break
    return chosen


def _combinations(
    searcher: Searcher,
    rows: Rows,
    curve: Curve,
    shift: float,
    variance: float,
    max_components: int,
) -> list[tuple[int, ...]]:
    """Row numbers of the most promising combinations of each size at one alignment."""
    grid = searcher.grid
    window = window_at(grid, curve, shift)
    inside = np.zeros((1, grid.size), np.bool_)
    inside[0, window] = True
    query = without_line(curve.at(grid.energy_ev + shift)[None], inside)[0]
    broaden = searcher.broadener.matrix(float(np.sqrt(variance)))
    pool = np.zeros(0, np.int64)
    residual, found = query, []
    for size in range(1, max_components + 1):
        explained = (rows.values @ (broaden @ residual).astype(np.float32)).astype(np.float64)
        pool = np.union1d(pool, np.argsort(-explained, kind="stable")[:_POOL])
        curves = without_line(
            rows.values[pool].astype(np.float64) @ broaden, np.repeat(inside, pool.size, axis=0)
        )
        ranked = _solve_all(curves, query, size)
        if not ranked:
            break
        found += [tuple(int(pool[k]) for k in members) for members, _, _ in ranked[:_TRIED]]
        members, weight, _ = ranked[0]
        residual = query - weight @ curves[list(members)]
    return found


def _solve_all(
    curves: Array, query: Array, size: int
) -> list[tuple[tuple[int, ...], Array, float]]:
    """All combinations of ``size`` different curves with positive weights, best first.

    Each with its weights (size,) and the sum of squares that it explains.
    """
    gram, right = curves @ curves.T, curves @ query
    length = np.sqrt(np.maximum(np.diag(gram), 1e-30))
    alike = gram > _ALIKE * np.outer(length, length)
    members = np.array(list(combinations(range(curves.shape[0]), size)), np.intp)
    if members.size:
        apart = [~alike[members[:, a], members[:, b]] for a, b in combinations(range(size), 2)]
        members = members[np.logical_and.reduce(apart)] if apart else members
    if members.size == 0:
        return []
    normal = gram[members[:, :, None], members[:, None, :]]
    normal = normal + 1e-9 * np.trace(gram) / gram.shape[0] * np.eye(size)
    side = right[members]
    weight = np.linalg.solve(normal, side[:, :, None])[:, :, 0]
    explained = np.sum(weight * side, axis=1)
    explained[(weight <= 0.0).any(axis=1)] = -np.inf
    order = np.argsort(-explained, kind="stable")[:_TRIED]
    return [
        (tuple(members[k].tolist()), weight[k], float(explained[k]))
        for k in order
        if np.isfinite(explained[k])
    ]


def _fit(
    asked: Asked, row: tuple[int, ...], shift: float, variance: float, gamma: float = 0.0
) -> Mixed | None:
    """Weights, shift and broadening of one combination; None if a weight is not positive."""
    searcher, rows, curve, covariance = asked.searcher, asked.rows, asked.curve, asked.covariance
    max_shift_ev, grid, size = asked.max_shift_ev, searcher.grid, len(row)
    values = rows.values[list(row)].astype(np.float64)
    own_err, error = rows.shift_err_ev[list(row)], rows.error[list(row)]
    weight = np.full(size, 1.0 / size)
    noise = curve.noise**2 * curve.correlation
    for turn in range(_ROUNDS + 1):
        shapes = searcher.broadener.shapes(values, np.full(size, variance), np.full(size, gamma))
        window = window_at(grid, curve, shift)
        query = curve.at(grid.energy_ev[window] + shift)
        mixed = Shape(
            *(weight @ getattr(shapes, f) for f in ("value", "slope", "by_variance", "by_gamma"))
        )
        everywhere = np.ones(query.size, np.bool_)
        size_of = float(spread_ratio(query[None], mixed.value[None, window], everywhere)[0])
        share = weight / weight.sum()
        total = covariance.total(mixed, window, noise, size_of * float(share @ error))
        if size > 1:  # each may lie apart from the others by what its own energies are off
            apart = (size_of * weight * own_err)[:, None] * shapes.slope[:, window]
            total += np.asfortranarray(apart.T @ apart)
        factor, info = dpotrf(total, lower=1, overwrite_a=1, clean=0)
        if info != 0:
            raise ConvergenceError("factorisation of the mixture's covariance", float(info), 0.0)
        n = query.size
        design = np.column_stack([
            shapes.value[:, window].T, np.ones(n), np.arange(n, dtype=np.float64),
            mixed.slope[window], mixed.by_variance[window], mixed.by_gamma[window],
        ])  # fmt: skip
        last = turn == _ROUNDS
        used = design[:, : size + 2] if last else design
        solved = dpotrs(factor, np.column_stack([query, used]), lower=1)[0]
        normal, right = used.T @ solved[:, 1:], used.T @ solved[:, 0]
        if not last:
            steps = np.arange(size + 2, size + 5)
            normal[steps, steps] += STEP_PRECISION
        coefficient = np.linalg.solve(normal, right)
        weight = coefficient[:size]
        if (weight <= 0.0).any():
            return None
        if last:
            break
        step = float(np.clip(-coefficient[size + 2], -grid.step_ev, grid.step_ev))
        shift = float(np.clip(shift + step, -max_shift_ev, max_shift_ev))
        variance = float(np.clip(variance + coefficient[size + 3], 0.0, MAX_SIGMA_EV**2))
        gamma = float(np.clip(gamma + coefficient[size + 4], 0.0, MAX_GAMMA_EV))
    misfit = float(query @ solved[:, 0] - right @ coefficient)
    log_likelihood = student_log_density(misfit, n, covariance.model.freedom)
    log_likelihood -= float(np.log(np.diag(factor)).sum())
    log_likelihood -= n * curve.unrelated_log_density  # windows of any length compare
    at = Alignment(np.array([shift]), np.array([variance]), np.array([gamma]))
    own = float(np.sqrt((weight / weight.sum()) @ own_err**2))
    before = float(asked.prior.log_density(at, max_shift_ev, own)[0])
    # Errors are those of as much evidence as counts, and no smaller than the misfit shows.
    spread = np.linalg.inv(normal)[:size, :size] / asked.counted
    spread *= max(misfit / max(n - size - 2, 1), 1.0)
    inside = np.ones((1, n), np.bool_)
    over_line = without_line(query[None], inside)[0]
    residual = query - used @ coefficient
    return Mixed(
        row, weight, spread, shift, variance, gamma, asked.counted * log_likelihood + before,
        misfit, 1.0 - float(residual @ residual) / float(over_line @ over_line), n,
    )  # fmt: skip


def as_mixture(
    found: list[Mixed], fitted: list[Mixed], rows: Rows, ids: list[Hashable], unit: float
) -> Mixture:
    """The largest of the combinations (of sizes 1, 2, …) each of whose components gains.

    Errors of shares hold what the others ``fitted`` say of its group, by their evidence and what
    their components cost: which substance stands for a valence, and whether there is another, is
    seldom sure. ``ids`` are those of ``rows``; ``unit`` is the query's.
    """
    cost = penalty(rows, found[0].n)
    gains = [found[0].log_evidence - cost]
    gains += [b.log_evidence - a.log_evidence - cost for a, b in pairwise(found)]
    size = 1
    while size < len(found) and gains[size] > 0.0:
        size += 1
    best = found[size - 1]
    height = rows.height[list(best.row)] / unit
    scale, share, error = shares(best.weight, best.covariance, height)
    error = np.hypot(error, _open_choice(best, fitted, rows, cost))
    scale_err = np.sqrt(np.diag(best.covariance)) / height
    components = [
        Component(ids[row], *(float(x[k]) for x in (share, error, scale, scale_err)))
        for k, row in enumerate(best.row)
    ]
    return Mixture(
        components=sorted(components, key=lambda c: -c.share),
        shift_ev=best.shift,
        sigma_ev=float(np.sqrt(best.variance)),
        gamma_ev=best.gamma,
        r_squared=best.r_squared,
        misfit=best.misfit / best.n,
        log_evidence_gain=gains,
    )


def _open_choice(best: Mixed, fitted: list[Mixed], rows: Rows, cost: float) -> Array:
    """Standard deviation (k,) of the share of each component's group over rival combinations."""

    def worth(one: Mixed) -> float:
        return one.log_evidence - cost * len(one.row)

    rivals = fitted if len(best.row) > 1 else [best, *fitted]
    likely = np.exp([min(worth(one) - worth(best), 0.0) for one in rivals])
    likely /= likely.sum()

    def of_groups(one: Mixed) -> Array:
        part = one.weight / rows.height[list(one.row)]
        own = rows.group[list(one.row)]
        told = [part[own == label].sum() / part.sum() for label in rows.group[list(best.row)]]
        return np.array(told, np.float64)

    off = np.array([of_groups(one) for one in rivals]) - of_groups(best)
    result: Array = np.sqrt(likely @ off**2)
    return result


def shares(
    weight: Array, covariance: Array, height: Array
) -> tuple[Array, Array, NDArray[np.float64]]:
    """Scales in the library's own units, their shares of the sum, and the shares' errors, (k,)."""
    scale = weight / height
    own = covariance / np.outer(height, height)
    total = float(scale.sum())
    share = scale / total
    jacobian = (np.eye(scale.size) - share[:, None]) / total
    error: Array = np.sqrt(np.maximum(np.diag(jacobian @ own @ jacobian.T), 0.0))
    return scale, share, error
