"""Peak separation: speed and accuracy against lmfit (true number, rough starts) and scipy's AAA.

``manage.py bench peaks`` takes a few spectra of each kind. For rates,
``python -m tests.benchmarks.bench_peaks "40 dB, constant" --spectra 400 --first 900000``
takes many of one, from other seeds, and prints a row a line as JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count, islice
from typing import Any

import numpy as np
from scipy.interpolate import AAA
from scipy.optimize import linear_sum_assignment

from compute.expsum.esprit import esprit_poles, hankel_signal_space
from compute.peaks import decompose
from compute.threads import single_blas
from tests.benchmarks.rows import Row, cpu_seconds
from tests.benchmarks.synthetic_peaks import (
    Truth,
    bounds,
    determined,
    generate,
    lineshape,
    resolvable,
)

FIRST_SEED = 5000
SPECTRA = 24  # of each kind; those that no method could resolve are left out
RIVALS = 6  # spectra of each kind for lmfit and AAA
EDGE_SIGMA = 0.3  # eV


@dataclass(frozen=True)
class Kind:
    """Spectra of one kind, the least share with the right number of peaks, and how many.

    ``background`` is the largest constant under them, relative to the highest peak.
    """

    name: str
    snr_db: float | None
    least: float
    edge: bool = False
    broadened_edge: bool = False
    packed: bool = False
    spectra: int = SPECTRA
    background: float = 0.0

    def truths(self) -> list[Truth]:
        """Those whose peaks can be told apart by the Cramér-Rao bound, of so many made."""
        if self.background:
            return list(islice(self.determined(FIRST_SEED), self.spectra))
        made = [self._made(FIRST_SEED + k) for k in range(self.spectra)]
        return [t for t in made if self.snr_db is None or resolvable(t)]

    def determined(self, first: int) -> Iterator[Truth]:
        """Spectra of these seeds whose areas and positions the bound determines."""
        return filter(determined, map(self._made, count(first)))

    @property
    def seconds(self) -> float:
        """Median CPU time allowed."""
        without, within = (0.1, 1.0) if self.background else (0.25, 1.5)
        return within if self.edge else without

    def _made(self, seed: int) -> Truth:
        return generate(
            seed,
            snr_db=self.snr_db,
            sigma=EDGE_SIGMA if self.edge else 0.0,
            edge=self.edge,
            broadened_edge=self.broadened_edge,
            packed=self.packed,
            background=self.background,
        )


KINDS = (
    Kind("noise-free", None, 1.0),
    Kind("noise-free, packed", None, 1.0, packed=True),
    Kind("60 dB", 60.0, 0.97),
    Kind("40 dB", 40.0, 0.97),
    Kind("30 dB", 30.0, 0.95),
    Kind("20 dB", 20.0, 0.90, spectra=3 * SPECTRA),
    Kind("60 dB, edge, σ = 0.3 eV", 60.0, 0.92, edge=True),
    Kind("40 dB, edge, σ = 0.3 eV", 40.0, 0.92, edge=True),
    Kind("60 dB, broadened edge", 60.0, 0.92, edge=True, broadened_edge=True),
    Kind("40 dB, constant", 40.0, 0.97, background=0.1),
    Kind("30 dB, constant", 30.0, 0.97, background=0.1),
    Kind("60 dB, constant, edge, σ = 0.3 eV", 60.0, 0.92, edge=True, background=0.1),
    Kind("40 dB, constant, edge, σ = 0.3 eV", 40.0, 0.92, edge=True, background=0.1),
)


@dataclass(frozen=True)
class Answer:
    """Positions, widths and areas in order of position, their standard errors if any, and the
    CPU seconds they took."""

    values: np.ndarray  # (3, j)
    seconds: float
    errors: np.ndarray | None = None  # (3, j)


def run() -> Iterator[Row]:
    """A table of counts, errors and times; the same spectra by others; ESPRIT alone."""
    _ours(generate(4999, snr_db=60.0))  # compiled before it is timed
    for kind in KINDS:
        truths = kind.truths()
        ours = [_timed(_ours, t) for t in truths]
        yield from _table(kind.name, truths, ours, kind.least, kind.seconds)
        if not (kind.edge or kind.background):
            yield from _against(kind.name, truths[:RIVALS], ours[:RIVALS])
    samples = np.fft.rfft(generate(1, snr_db=60, n_points=20_000).intensity)[1:]

    def separate() -> None:
        esprit_poles(hankel_signal_space(samples, rank=24).vectors)

    yield Row("ESPRIT of 20,000 points, 24 poles", cpu_seconds(separate), limit=0.3)
    large = generate(1, snr_db=60, n_points=20_000)
    yield Row("whole decomposition of 20,000 points", cpu_seconds(lambda: _ours(large), repeat=1))


def _table(
    kind: str, truths: list[Truth], ours: list[Answer], least: float, seconds: float
) -> Iterator[Row]:
    """Number of peaks, errors over the bound, coverage and time of one kind of spectrum."""
    detail = {"spectra": len(truths)}
    exact = _share_exact(truths, ours)
    yield Row(f"{kind}: J exact", exact, "share", limit=least, at_least=True, detail=detail)
    right = [
        (t, a) for t, a in zip(truths, ours, strict=True) if a.values.shape[1] == t.position.size
    ]
    if not right:
        return
    off = [a.values.ravel() - t.vector[: 3 * t.position.size] for t, a in right]
    if truths[0].noise == 0.0:
        worst = [
            np.abs(one[: t.position.size]).max() for one, (t, _) in zip(off, right, strict=True)
        ]
        yield Row(f"{kind}: worst position", float(np.max(worst)), "eV", limit=1e-9, detail=detail)
        relative = [
            np.abs(one / t.vector)[t.position.size :].max()
            for one, (t, _) in zip(off, right, strict=True)
        ]
        name = f"{kind}: worst width or area"
        yield Row(name, float(np.max(relative)), "relative", limit=1e-8, detail=detail)
    else:
        scaled = np.concatenate(
            [one / bounds(t)[: one.size] for one, (t, _) in zip(off, right, strict=True)]
        )
        rms = float(np.sqrt(np.mean(scaled**2)))
        yield Row(f"{kind}: rms(error / bound)", rms, "bounds", limit=1.2, detail=detail)
        inside = np.concatenate(
            [
                np.abs(one) < a.errors.ravel()
                for one, (_, a) in zip(off, right, strict=True)
                if a.errors is not None
            ]
        )
        yield Row(f"{kind}: in the 68 % interval", float(inside.mean()), "share", detail=detail)
    median = float(np.median([a.seconds for a in ours]))
    yield Row(f"{kind}: CPU per spectrum", median, limit=seconds, detail=detail)


def _against(kind: str, truths: list[Truth], ours: list[Answer]) -> Iterator[Row]:
    """The same spectra by others: time, and whether every peak is found in its place."""
    rivals = {"AAA": [_timed(_aaa, t) for t in truths]}
    if find_spec("lmfit"):
        rivals["lmfit, true J"] = [_timed(_lmfit, t) for t in truths]
    detail = {"spectra": len(truths)}
    for rival, answers in rivals.items():
        yield Row(
            f"{kind}: CPU, same spectra",
            float(np.median([a.seconds for a in ours])),
            reference=rival,
            reference_value=float(np.median([a.seconds for a in answers])),
            detail=detail,
        )
        yield Row(
            f"{kind}: J peaks, all in place",
            _share_near(truths, ours),
            "share",
            reference=rival,
            reference_value=_share_near(truths, answers),
            detail=detail,
        )
        if truths[0].noise > 0.0:
            yield Row(
                f"{kind}: median |error| / bound",
                _median_error(truths, ours),
                "bounds",
                reference=rival,
                reference_value=_median_error(truths, answers),
                detail=detail,
            )


def _timed(method: Callable[[Truth], np.ndarray], truth: Truth) -> Answer:
    with single_blas():  # small matrices: with more threads AAA is no faster and costs more
        start = time.process_time()
        values = method(truth)
        seconds = time.process_time() - start
    if values.size:
        values = values[:, np.argsort(values[0])]
    return Answer(values[:3], seconds, values[3:] if len(values) > 3 else None)


def _ours(truth: Truth) -> np.ndarray:
    """Values and their standard errors, (6, j); none where the number of peaks is refused."""
    fit = decompose(
        truth.energy,
        truth.intensity,
        edge_step=truth.edge is not None,
        gaussian_sigma_ev=truth.sigma,
    )
    if fit.n_peaks is None:
        return np.zeros((6, 0))
    rows = [
        [p.position_ev, p.hwhm_ev, p.area, p.position_err, p.hwhm_err, p.area_err]
        for p in fit.peaks
    ]
    return np.array(rows).reshape(-1, 6).T


def _lmfit(truth: Truth) -> np.ndarray:
    """What a person does: the true number of peaks, positions read off within 0.3 eV, one width."""
    from lmfit import Parameters as LmfitParameters
    from lmfit import minimize

    rng = np.random.default_rng(1)
    j = truth.position.size
    parameters = LmfitParameters()
    for k in range(j):
        at = truth.position[k] + 0.3 * rng.standard_normal()
        height = max(float(np.interp(at, truth.energy, truth.intensity)), 0.05)
        parameters.add(f"p{k}", value=at, min=849.0, max=901.0)
        parameters.add(f"g{k}", value=0.6, min=0.01, max=10.0)
        parameters.add(f"a{k}", value=height * 0.6 * np.pi, min=0.0)

    def residual(p: Any) -> np.ndarray:
        peaks = [
            p[f"a{k}"].value * lineshape(truth.energy, p[f"p{k}"].value, p[f"g{k}"].value, 0.0)
            for k in range(j)
        ]
        return np.sum(peaks, axis=0) - truth.intensity

    best = minimize(residual, parameters, max_nfev=1500).params
    return np.array([[best[f"{q}{k}"].value for k in range(j)] for q in "pga"])


def _aaa(truth: Truth) -> np.ndarray:
    """Poles of a rational approximation, stopped at the noise: those in the upper half plane."""
    tolerance = 1e-13 if truth.noise == 0.0 else 3.0 * truth.noise / truth.intensity.max()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = AAA(truth.energy, truth.intensity, rtol=tolerance, max_terms=50)
        poles, residues = fitted.poles(), fitted.residues()
    # a Lorentzian of area A is (A/2πi) [1/(E - p - iγ) - 1/(E - p + iγ)]
    areas = (2.0j * np.pi * residues).real
    real = (poles.imag > 0.02) & (areas > 0.0)
    real &= (poles.real > truth.energy[0]) & (poles.real < truth.energy[-1])
    return np.array([poles.real[real], poles.imag[real], areas[real]])


def _share_exact(truths: list[Truth], answers: list[Answer]) -> float:
    same = [a.values.shape[1] == t.position.size for t, a in zip(truths, answers, strict=True)]
    return float(np.mean(same)) if same else 1.0


def _share_near(truths: list[Truth], answers: list[Answer]) -> float:
    """As many peaks as there are, each nearer to its own than half its HWHM."""
    good = []
    for truth, answer in zip(truths, answers, strict=True):
        p = answer.values[0] if answer.values.size else np.zeros(0)
        near = p.size == truth.position.size
        good.append(near and bool(np.all(np.abs(p - truth.position) < 0.5 * truth.hwhm)))
    return float(np.mean(good)) if good else 1.0


def _median_error(truths: list[Truth], answers: list[Answer]) -> float:
    """Of the positions, each true peak against the one assigned to it."""
    errors: list[float] = []
    for truth, answer in zip(truths, answers, strict=True):
        bound = bounds(truth)[: truth.position.size]
        found = answer.values[0] if answer.values.size else np.zeros(0)
        distance = np.abs(truth.position[:, None] - found[None, :])
        rows, columns = linear_sum_assignment(distance)
        missed = truth.position.size - rows.size
        errors.extend(distance[rows, columns] / bound[rows])
        errors.extend([np.inf] * missed)
    return float(np.median(errors)) if errors else 0.0


def main() -> None:
    """Rates of one kind, from seeds of one's own."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("kind", choices=[kind.name for kind in KINDS])
    parser.add_argument("--spectra", type=int, default=400, help="how many that are determined")
    parser.add_argument("--first", type=int, default=FIRST_SEED, help="seed of the first one")
    asked = parser.parse_args()
    kind = next(kind for kind in KINDS if kind.name == asked.kind)
    _ours(generate(FIRST_SEED - 1, snr_db=60.0))
    truths = list(islice(kind.determined(asked.first), asked.spectra))
    ours = [_timed(_ours, truth) for truth in truths]
    for row in _table(kind.name, truths, ours, kind.least, kind.seconds):
        sys.stdout.write(json.dumps(row.as_dict(), ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
