"""Peak separation: speed and accuracy against lmfit (true number, rough starts) and scipy's AAA."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from lmfit import Parameters as LmfitParameters
from lmfit import minimize
from scipy.interpolate import AAA
from scipy.optimize import linear_sum_assignment

from compute.expsum.esprit import esprit_poles, hankel_signal_space
from compute.peaks import decompose
from tests.benchmarks.rows import Row, cpu_seconds
from tests.benchmarks.synthetic_peaks import Truth, bounds, generate, lineshape, resolvable

SPECTRA = 12
LEVELS: tuple[float | None, ...] = (None, 60.0, 40.0, 30.0, 20.0)


@dataclass(frozen=True)
class Answer:
    """Positions, widths and areas in order of position, and the CPU seconds they took."""

    values: np.ndarray  # (3, j)
    seconds: float


def run() -> Iterator[Row]:
    """Rows for every noise level, then with an edge, then ESPRIT alone."""
    for level in LEVELS:
        truths = [generate(5000 + k, snr_db=level) for k in range(SPECTRA)]
        truths = [t for t in truths if level is None or resolvable(t)]
        name = "noise-free" if level is None else f"{level:g} dB"
        ours = [_timed(_ours, t) for t in truths]
        rivals = {
            "lmfit, true J": [_timed(_lmfit, t) for t in truths],
            "AAA": [_timed(_aaa, t) for t in truths],
        }
        found = _share_exact(truths, ours)
        limit = {None: 1.0, 60.0: 0.97, 40.0: 0.97, 30.0: 0.95, 20.0: 0.9}[level]
        detail = {"spectra": len(truths)}
        for rival, answers in rivals.items():
            yield Row(
                f"{name}: CPU per spectrum",
                float(np.median([a.seconds for a in ours])),
                reference=rival,
                reference_value=float(np.median([a.seconds for a in answers])),
                limit=0.25,
                detail=detail,
            )
            right = _share_near(truths, answers)
            yield Row(
                f"{name}: spectra with J peaks, all in place",
                _share_near(truths, ours),
                "share",
                reference=rival,
                reference_value=right,
                detail=detail,
            )
        yield Row(f"{name}: J exact", found, "share", limit=limit, at_least=True, detail=detail)
        if level is not None:
            for rival, answers in {"": ours, **rivals}.items():
                yield Row(
                    f"{name}: median |error| / bound" + (f" of {rival}" if rival else ""),
                    _median_error(truths, answers),
                    "bounds",
                    detail=detail,
                )
    edged = [generate(6000 + k, snr_db=50.0, sigma=0.3, edge=True) for k in range(SPECTRA // 2)]
    times = [_timed(_ours, t).seconds for t in edged]
    yield Row("edge and σ = 0.3 eV: CPU per spectrum", float(np.median(times)), limit=1.5)
    samples = np.fft.rfft(generate(1, snr_db=60, n_points=20_000).intensity)[1:]

    def separate() -> None:
        esprit_poles(hankel_signal_space(samples, rank=24).vectors)

    yield Row("ESPRIT of 20,000 points, 24 poles", cpu_seconds(separate), limit=0.3)
    large = generate(1, snr_db=60, n_points=20_000)
    yield Row("whole decomposition of 20,000 points", cpu_seconds(lambda: _ours(large), repeat=1))


def _timed(method: Callable[[Truth], np.ndarray], truth: Truth) -> Answer:
    start = time.process_time()
    values = method(truth)
    seconds = time.process_time() - start
    return Answer(values[:, np.argsort(values[0])] if values.size else values, seconds)


def _ours(truth: Truth) -> np.ndarray:
    fit = decompose(
        truth.energy,
        truth.intensity,
        edge_step=truth.edge is not None,
        gaussian_sigma_ev=truth.sigma,
    )
    return np.array([[p.position_ev, p.hwhm_ev, p.area] for p in fit.peaks]).reshape(-1, 3).T


def _lmfit(truth: Truth) -> np.ndarray:
    """What a person does: the true number of peaks, positions read off within 0.3 eV, one width."""
    rng = np.random.default_rng(1)
    j = truth.position.size
    parameters = LmfitParameters()
    for k in range(j):
        at = truth.position[k] + 0.3 * rng.standard_normal()
        height = max(float(np.interp(at, truth.energy, truth.intensity)), 0.05)
        parameters.add(f"p{k}", value=at, min=849.0, max=901.0)
        parameters.add(f"g{k}", value=0.6, min=0.01, max=10.0)
        parameters.add(f"a{k}", value=height * 0.6 * np.pi, min=0.0)

    def residual(p: LmfitParameters) -> np.ndarray:
        peaks = [
            p[f"a{k}"].value * lineshape(truth.energy, p[f"p{k}"].value, p[f"g{k}"].value, 0.0)
            for k in range(j)
        ]
        return np.sum(peaks, axis=0) - truth.intensity

    best = minimize(residual, parameters, max_nfev=4000).params
    return np.array([[best[f"{q}{k}"].value for k in range(j)] for q in "pga"])


def _aaa(truth: Truth) -> np.ndarray:
    """Poles of a rational approximation, stopped at the noise: those in the upper half plane."""
    tolerance = 1e-13 if truth.noise == 0.0 else 3.0 * truth.noise / truth.intensity.max()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = AAA(truth.energy, truth.intensity, rtol=tolerance, max_terms=80)
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
