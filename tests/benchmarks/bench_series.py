"""Series: fractions of known truth, false alarms and power, spectra a second.

``manage.py bench series``. Mixtures of our own Mn2+, Mn3+, Mn4+ and Fe2+, Fe3+ multiplets
(`tests.benchmarks.series_truth`); speeds on four references over 1,024 channels of counts.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compute.matching import SpectrumLibrary
from compute.matching.many import Many, Saved
from compute.series import Unmixed, unmix
from compute.series.parallel import device_of, processors
from compute.series.references import Unmixing
from tests.benchmarks.lorentzian_sets import Disturbance, make_library, make_queries
from tests.benchmarks.rows import Row, wall_seconds
from tests.benchmarks.series_truth import Series, make

COUNTS = (50, 500, 5000)
PIXELS = 2000
LIBRARY_ROWS = 300
MIXTURES = {"Mn": ("Mn2", "Mn3", "Mn4"), "Fe": ("Fe2", "Fe3")}
MADE: dict[str, Any] = {"background": 1.0, "thickness": 0.3}
MOVING: dict[str, Any] = {"drift_ev": 0.3, "width_ev": 0.4}
FREE: dict[str, Any] = {"free": ("shift", "width"), "max_shift": 2.0, "max_width": 0.8}


def run() -> Iterator[Row]:
    for element, names in MIXTURES.items():
        for counts in COUNTS:
            series = make(PIXELS, counts=counts, seed=counts, names=names, **MADE)
            yield from _truth(f"{element}, {counts} counts", series, {})
            moving = make(PIXELS, counts=counts, seed=counts + 1, names=names, **MADE, **MOVING)
            yield from _truth(
                f"{element}, {counts} counts, moving",
                moving,
                {**FREE, "energy_ev": moving.energy_ev},
            )
    yield from _halved()
    yield from _power()
    yield from _speed()
    yield from _device()
    yield from _library()


def _truth(label: str, series: Series, how: dict[str, Any]) -> Iterator[Row]:
    found = unmix(series.spectra, series.references, **how)
    z = (found.fractions - series.fractions) / found.errors
    inside = (series.fractions > 3 * found.errors) & (series.fractions < 1 - 3 * found.errors)
    columns = [z[inside[:, j], j] for j in range(z.shape[1])]
    n = {"n": [one.size for one in columns], "noise": found.noise.kind}
    bias = max(abs(float(one.mean())) for one in columns)
    cover = [float((np.abs(one) < 1).mean()) for one in columns]
    yield Row(f"{label}: bias", bias, "σ", limit=0.2, detail=n)
    yield Row(f"{label}: 68 % cover, least", min(cover), "", limit=0.63, at_least=True)
    yield Row(f"{label}: 68 % cover, most", max(cover), "", limit=0.73)
    zero = series.fractions == 0
    yield Row(
        f"{label}: unbounded limit above a true 0", _limit_covers(found, zero), "", limit=0.93,
        at_least=True,
    )  # fmt: skip
    alarms = float((found.p_value < 0.05).mean())
    yield Row(f"{label}: false alarms at 5 %", alarms, "", limit=0.07)


def _limit_covers(found: Unmixed, zero: NDArray[np.bool_]) -> float:
    """A limit of what cannot be negative covers 0 always; f + 1.64 σ of the raw estimate has to."""
    f, e = found.unbounded[zero], found.errors[zero]
    return float((f + 1.645 * e >= 0).mean())


def _halved() -> Iterator[Row]:
    few, many = (make(PIXELS, counts=c, seed=7, **MADE) for c in (250, 500))
    a, b = (unmix(one.spectra, one.references).errors for one in (few, many))
    ratio = float(np.median(a / b))
    yield Row("σ at half the counts over σ, off √2", abs(ratio / np.sqrt(2) - 1), "", limit=0.05)


def _power() -> Iterator[Row]:
    """Power at 5 % false alarms, the threshold taken from spectra without anything else."""
    for names, foreign in ((("Mn2", "Mn4"), "Mn3"), (("Mn2", "Mn3", "Mn4"), "Mn2-tetrahedral"),
                           (("Fe2", "Fe3"), "Fe3-tetrahedral")):  # fmt: skip
        for counts in (50, 100, 500, 5000):
            null = make(PIXELS, counts=counts, seed=1, names=names, **MADE)
            threshold = np.quantile(unmix(null.spectra, null.references).p_value, 0.05)
            for share in (0.05, 0.1, 0.2, 0.3):
                made = make(
                    500, counts=counts, seed=2, names=names, foreign=foreign, share=share, **MADE
                )
                p = unmix(made.spectra, made.references).p_value
                needed = share == 0.3 and counts >= 500
                yield Row(
                    f"{foreign} of {share:.0%} in {'+'.join(names)}, {counts} counts: power",
                    float((p <= threshold).mean()), "",
                    limit=0.75 if needed else None, at_least=True,
                )  # fmt: skip


def _peaks() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Four references over 1,024 channels, and 20,000 counted mixtures on a background."""
    rng = np.random.default_rng(0)
    x = np.arange(1024)
    references = np.array(
        [
            np.exp(-0.5 * ((x - c) / 25) ** 2) + 0.5 * np.exp(-0.5 * ((x - c - 300) / 30) ** 2)
            + 0.1 * (2 + np.tanh((x - c) / 20))
            for c in (300, 330, 370, 400)
        ]
    )  # fmt: skip
    references /= references.mean(axis=1, keepdims=True)
    mixed = rng.dirichlet(np.ones(4), 20_000) @ references
    return references, rng.poisson(500 * (mixed + 1)).astype(float)


def _speed() -> Iterator[Row]:
    references, spectra = _peaks()
    n = len(spectra)
    rows = np.vstack([references, np.ones(references.shape[1])])
    plain = n / wall_seconds(lambda: np.linalg.lstsq(rows.T, spectra.T, rcond=None), repeat=1)
    one = 2000 / wall_seconds(
        lambda: [np.linalg.lstsq(rows.T, row, rcond=None) for row in spectra[:2000]], repeat=1
    )
    detail = {"processors": processors(), "numpy lstsq at once": plain}
    fixed = n / wall_seconds(lambda: unmix(spectra, references))
    yield Row("fixed axis, spectra a second", fixed, "1/s", "numpy lstsq, one by one", one,
              limit=10_000, at_least=True, detail=detail)  # fmt: skip
    few = spectra[:2000]
    moving = len(few) / wall_seconds(lambda: unmix(few, references, free=("shift", "width")))
    yield Row("shift and width free, spectra a second", moving, "1/s", "numpy lstsq, one by one",
              one, limit=500, at_least=True)  # fmt: skip


def _device() -> Iterator[Row]:
    """The same on torch's device: a GPU where there is one, otherwise its processors."""
    try:
        device = device_of("auto") or "cpu"
        references, spectra = _peaks()
        spectra = spectra if device != "cpu" else spectra[:2000]
        unmixing = Unmixing.judged(spectra, references)
        unmixing.of(spectra[:100], device)
    except ImportError:
        return
    here, there = unmixing.of(spectra), unmixing.of(spectra, device)
    apart = float(np.abs(here.fractions - there.fractions).max())
    yield Row(f"fractions, torch on {device} off the kernels", apart, "", limit=1e-8)
    kernels = len(spectra) / wall_seconds(lambda: unmixing.of(spectra), repeat=2)
    rate = len(spectra) / wall_seconds(lambda: unmixing.of(spectra, device), repeat=2)
    yield Row(f"fixed axis, torch on {device}, spectra a second", rate, "1/s",
              "compiled kernels", kernels)  # fmt: skip


def _library() -> Iterator[Row]:
    """CPU seconds of a match; 16,384 of them in five minutes on two cores leave 0.0366 s each."""
    made = make_library(LIBRARY_ROWS, seed=5)
    library = SpectrumLibrary(made.energy_ev, made.intensities, range(LIBRARY_ROWS))
    pairs = make_queries(made, 12, Disturbance(), seed=21)
    library.calibrate((q.energy_ev, q.intensity, q.row) for q in pairs)
    queries = make_queries(made, 64, Disturbance(), seed=3)
    energy = queries[0].energy_ev
    rows = np.array([np.interp(energy, q.energy_ev, q.intensity) for q in queries])
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "library"
        library.save(path)
        saved = [Saved(path, "Mn", "K")]  # an edge far away: no range is cut out
        with Many(saved, energy, 5.0, len(rows)) as many:
            list(many.of(rows[:4]))
            start = time.process_time()
            list(many.of(rows))
            cpu = (time.process_time() - start) / len(rows)
    yield Row("library, CPU a spectrum", cpu, "s", limit=0.0366, detail={"rows": LIBRARY_ROWS})
