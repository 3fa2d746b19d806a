"""Series against other packages, from the same start on the same data.

``python -m tests.benchmarks.series_peers --python ENV/bin/python [--only factors size …]``:
``ENV`` is an environment of its own with pymcr, scikit-learn, hyperspy and pyEELSMODEL (the last
two under the GPL, never imported here); it is asked by a subprocess. Times are CPU seconds of all
threads.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from compute.series import unmix
from compute.series.factor import Factors, mcr, nmf
from tests.benchmarks.rows import Row
from tests.benchmarks.series_truth import make

Floats = NDArray[np.float64]
NAMES = ("Mn2", "Mn3", "Mn4")
PEER = Path(__file__).with_name("series_peer.py")
LARGE = (300, 300, 1024)


def ask(python: str, what: str, arrays: dict[str, Any]) -> dict[str, Any]:
    """What a package of the other environment makes of arrays, with its CPU seconds."""
    with tempfile.TemporaryDirectory() as place:
        given, found = Path(place) / "in.npz", Path(place) / "out.npz"
        np.savez(given, **arrays)
        subprocess.run([python, str(PEER), what, str(given), str(found)], check=True)
        with np.load(found) as file:
            return {name: file[name] for name in file.files}


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.process_time()
    found = work()
    return found, time.process_time() - start


def least_cosine(a: Floats, b: Floats) -> float:
    """Of components (k, m) paired as they fit best."""
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    cosine = a @ b.T
    return float(cosine[linear_sum_assignment(-cosine)].min())


def loss_of(d: Floats, c: Floats, s: Floats) -> float:
    return float(((d - c @ s) ** 2).sum())


def factors(python: str) -> Iterator[Row]:
    """NMF against scikit-learn, MCR against pyMCR."""
    made = make(400, counts=500, seed=1, names=NAMES, thickness=0.3)
    d = made.spectra
    rng = np.random.default_rng(0)
    start = np.abs(made.references + 0.3 * rng.random(made.references.shape))
    for what, work in (
        ("nmf", lambda: nmf(d, 3, start=start, rounds=1000)),
        ("mcr", lambda: mcr(d, start, rounds=1000, tolerance=1e-9)),
    ):
        ours: Factors
        ours, cpu = timed(work)
        theirs = ask(python, what, {"d": d, "s": start})
        loss = loss_of(d, theirs["c"], theirs["s"])
        yield Row(f"{what}: loss over theirs - 1", ours.loss / loss - 1, "", limit=1e-3)
        cosine = least_cosine(ours.components, theirs["s"])
        yield Row(f"{what}: least cosine", cosine, "", limit=0.99, at_least=True)
        yield Row(f"{what}: CPU", cpu, "s", "theirs", float(theirs["cpu"]),
                  detail={"rounds": ours.rounds})  # fmt: skip


def references(python: str) -> Iterator[Row]:
    """Fractions against hyperspy's linear fit, amplitudes against numpy's."""
    made = make(400, counts=500, seed=3, names=NAMES, thickness=0.3)
    plain = np.linalg.lstsq(made.references.T, made.spectra.T, rcond=None)[0].T
    unmix(made.spectra[:50], made.references, background=-1)  # compiled and loaded
    ours, cpu = timed(lambda: unmix(made.spectra, made.references, background=-1))
    theirs = ask(python, "references", {"d": made.spectra, "s": made.references})
    for name, amounts in (("numpy lstsq", plain), ("hyperspy", theirs["c"])):
        fractions = amounts / amounts.sum(axis=1, keepdims=True)
        off = np.abs(ours.unbounded - fractions) / ours.errors
        yield Row(f"references against {name}: median difference", float(np.median(off)), "σ",
                  limit=1.0)  # fmt: skip
        yield Row(f"references against {name}: 95 % below", float(np.quantile(off, 0.95)), "σ")
    yield Row("references: CPU", cpu, "s", "hyperspy", float(theirs["cpu"]))


def eelsmodel(python: str) -> Iterator[Row]:
    """Fractions and rate against pyEELSMODEL's linear fitter, without and with weights."""
    made = make(2000, counts=500, seed=3, names=NAMES, thickness=0.3)
    unmix(made.spectra[:50], made.references, background=-1)  # compiled and loaded
    ours, cpu = timed(lambda: unmix(made.spectra, made.references, background=-1))
    theirs = ask(python, "eelsmodel", {"d": made.spectra, "s": made.references})
    for name in ("c", "weighted"):
        amounts, label = theirs[name], "weighted" if name == "weighted" else "unweighted"
        fractions = amounts / amounts.sum(axis=1, keepdims=True)
        off = np.abs(ours.unbounded - fractions) / ours.errors
        yield Row(f"references against pyEELSMODEL, {label}: median difference",
                  float(np.median(off)), "σ", limit=1.0)  # fmt: skip
        yield Row(f"references against pyEELSMODEL, {label}: 95 % below",
                  float(np.quantile(off, 0.95)), "σ", limit=1.0)  # fmt: skip
        yield Row(f"references against pyEELSMODEL, {label}: CPU", cpu, "s", "pyEELSMODEL",
                  float(theirs[f"cpu_{name}"]), detail={"spectra": len(made.spectra)})  # fmt: skip


def large_map(n: int, m: int, k: int, seed: int = 0) -> NDArray[np.float32]:
    """Counts of smooth amounts (n,) of k spectra (m,) of peaks."""
    rng = np.random.default_rng(seed)
    x = np.arange(m)
    s = np.array([
        sum(rng.uniform(0.3, 1) * np.exp(-0.5 * ((x - rng.uniform(0, m)) / rng.uniform(8, 60)) ** 2)
            for _ in range(5)) + 0.05
        for _ in range(k)
    ])  # fmt: skip
    c = rng.dirichlet(np.full(k, 0.5), n)
    out = np.empty((n, m), np.float32)
    for start in range(0, n, 4096):
        out[start : start + 4096] = rng.poisson(30 * c[start : start + 4096] @ s)
    return out


def size(python: str) -> Iterator[Row]:
    """NMF of a large map with 6 components, to scikit-learn's loss."""
    h, w, m = LARGE
    d = large_map(h * w, m, 6)
    start = time.perf_counter()
    ours, cpu = timed(lambda: nmf(d, 6))
    wall = time.perf_counter() - start
    theirs = ask(python, "nmf6", {"d": d})
    yield Row("large map: loss over scikit-learn's - 1", ours.loss / float(theirs["loss"]) - 1, "",
              limit=0.01)  # fmt: skip
    yield Row("large map: CPU", cpu, "s", "scikit-learn", float(theirs["cpu"]), limit=60,
              detail={"wall": wall, "rounds": ours.rounds})  # fmt: skip


PARTS = {
    "factors": factors,
    "references": references,
    "eelsmodel": eelsmodel,
    "size": size,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    for name in options.only:
        for row in PARTS[name](options.python):
            print(json.dumps(row.as_dict()), flush=True)  # noqa: T201 - its output


if __name__ == "__main__":
    main()
