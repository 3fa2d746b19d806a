"""What a search found, as it is told: candidates with probabilities, warnings, overlays."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compute.matching.align import Alignment, fit_exactly, shape_of, window_at
from compute.matching.alternatives import Alternative, Beside
from compute.matching.coverage import Coverage
from compute.matching.discrepancy import Covariance, Discrepancy
from compute.matching.grid import Array, ComparisonGrid, Curve
from compute.matching.index import Rows
from compute.matching.posterior import Posterior
from compute.matching.results import AlternativeShare, Match, MatchResult, Overlay
from compute.matching.search import Candidates, Searcher

# When a person is warned; conventions, no number depends on them.
_NARROW = 0.6  # of the library's range in the query
_POOR = 0.5  # of the variance explained


@dataclass(frozen=True)
class Shown:
    """Turns candidates into matches: ids and rows of the library, and the query's unit."""

    ids: list[Hashable]
    rows: Rows
    grid: ComparisonGrid
    unit: float
    max_shift_ev: float
    searched: NDArray[np.int64] | slice
    alternatives: Sequence[Alternative]
    beside: Beside  # of the alternatives

    def result(
        self, curve: Curve, found: Candidates, posterior: Posterior, top: int | None, n_library: int
    ) -> MatchResult:
        """The ``top`` candidates (all where None), likeliest first.

        An alternative may fit as badly as a candidate: each is believed as far as it fits, and
        what is left is none of these without a name.
        """
        strain = found.strain()
        unknown = posterior.none_of_these(strain, float(found.surprise[0]))
        shares, beside = self._shares(found, posterior)
        shares = (1.0 - unknown) * shares
        fits = [
            1.0 - posterior.none_of_these(own, float(surprise))
            for own, surprise in zip(self.beside.strain, self.beside.surprise, strict=True)
        ]
        beside = beside * np.array(fits, np.float64)
        none = 1.0 - float(shares.sum())
        order = np.argsort(-shares, kind="stable")[:top]
        matches = [self._match(found, int(k), float(shares[k])) for k in order]
        return MatchResult(
            matches=matches,
            none_of_these=none,
            p_value=posterior.p_value(strain),
            misfit=float(np.exp(strain[0])),
            calibrated=posterior.calibrated,
            n_calibration_pairs=posterior.n_pairs,
            n_library=n_library,
            noise=curve.noise * self.unit,
            warnings=self._warnings(matches[0], found.fitted[int(order[0])].n, posterior),
            alternatives=sorted(
                (
                    AlternativeShare(one.name, one.oxidation_state, float(share))
                    for one, share in zip(self.alternatives, beside, strict=True)
                ),
                key=lambda one: -one.probability,
            ),
        )

    def _shares(self, found: Candidates, posterior: Posterior) -> tuple[Array, Array]:
        """Shares of candidates (k,) and alternatives (a,), given that one of them is right.

        Before looking every alternative weighs as much as one group of the library.
        """
        rows = self.rows
        groups = np.unique(rows.group[self.searched])
        weight = np.concatenate([
            rows.weight[found.row] * groups.size / rows.weight[self.searched].sum(),
            np.ones(len(self.alternatives)),
        ])  # fmt: skip
        before = np.concatenate([found.prior, self.beside.prior])
        label = np.arange(len(self.alternatives)) + int(groups.max()) + 1
        shares = posterior.shares(
            np.concatenate([found.likelihood, self.beside.likelihood]),
            weight,
            before,
            np.concatenate([rows.group[found.row], label]),
        )
        return shares[: found.row.size], shares[found.row.size :]

    def _match(self, found: Candidates, k: int, probability: float) -> Match:
        at, fitted, row = found.alignment, found.fitted[k], int(found.row[k])
        shift = float(at.shift[k])
        return Match(
            spectrum_id=self.ids[row],
            score=float(found.evidence[k]),
            probability=probability,
            shift_ev=shift,
            scale=max(fitted.scale, 0.0) * self.unit / float(self.rows.height[row]),
            sigma_ev=float(np.sqrt(at.variance[k])),
            gamma_ev=float(at.gamma[k]),
            r_squared=fitted.r_squared,
            at_shift_limit=self.max_shift_ev > 0.0 and abs(shift) > 0.995 * self.max_shift_ev,
        )

    def _warnings(self, best: Match, n_compared: int, posterior: Posterior) -> list[str]:
        warnings = []
        if best.at_shift_limit:
            warnings.append(
                f"The shift of the best candidate sits at its limit of {self.max_shift_ev:g} eV."
            )
        share = n_compared / self.grid.size
        if share < _NARROW:
            warnings.append(
                f"Only {100 * share:.0f} % of the library's energy range is in the query."
            )
        if best.r_squared < _POOR:
            warnings.append(
                f"The best candidate explains only {100 * max(best.r_squared, 0.0):.0f} % of the "
                "query's variance: it is hardly the substance measured."
            )
        if not posterior.calibrated:
            warnings.append(f"{posterior.n_pairs} known pairs: probabilities are not calibrated.")
        return warnings


def lay_over(
    searcher: Searcher,
    model: Discrepancy,
    row: Array,
    match: Match,
    curve: Curve,
    unit: float,
    mean: float,
) -> Overlay:
    """A row (size,) over the query, with the shift, broadening and scale of a match.

    The background is the straight line nearest to what is left: the match's own may lie beside the
    query all along, where the errors that theory may have account for it.
    """
    grid, variance = searcher.grid, match.sigma_ev**2
    at = Alignment(np.array([match.shift_ev]), np.array([variance]), np.array([match.gamma_ev]))
    covariance = Covariance(grid, model)
    _, (fitted,) = fit_exactly(
        curve,
        Coverage(curve, grid, abs(match.shift_ev)),
        row[None],
        at,
        covariance,
        searcher.broadener,
        abs(match.shift_ev),
        np.ones(1),
        rounds=0,
    )
    shape = shape_of(searcher.broadener, row, variance, match.gamma_ev)
    window = window_at(grid, curve, match.shift_ev)
    energy = grid.energy_ev[window] + match.shift_ev
    query = curve.at(energy)
    candidate = fitted.scale * shape.value[window]
    background = np.polynomial.Polynomial.fit(energy, query - candidate, 1)(energy)
    fit = candidate + background
    sigma = fitted.scale * np.sqrt(np.diag(covariance.of(shape, window)))
    return Overlay(
        energy, query * unit + mean, fit * unit + mean, sigma * unit, (query - fit) * unit,
        background * unit + mean,
    )  # fmt: skip
