"""E0 and edge step of real and of made spectra: the tables of docs/measurements/normalisation.md.

``python -m tests.benchmarks.normalise FOLDER`` reads every file below a folder of spectra.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from compute.edges import edge_energy
from compute.errors import ComputeError, InputError
from compute.io import RawSpectrum, read
from compute.normalise import XasNormalised, normalise_xas
from tests.compute.made_edges import Made, scan

CROPS = ((-150, 400), (-150, 250), (-100, 150), (-60, 100), (-30, 60))
SEEDS = 200


def main() -> None:
    rows = list(_real(Path(sys.argv[1])))
    _say("| file | edge | E0 − table, eV | edge step | pre-edge peak, eV |\n|---|---|---|---|---|")
    for path, raw, table, found in rows:
        peak = found.pre_edge_peak_ev
        _say(
            f"| {path.stem} {raw.label[:20]} | {raw.element} {raw.edge} | "
            f"{found.e0_ev - table:+.2f} | {found.edge_step:.4g} | "
            f"{'' if peak is None else f'{peak:.1f}'} |"
        )
    _say(
        "\n| kept, eV from the table | spectra | median | rms | 90 % below |\n|---|---|---|---|---|"
    )
    for low, high in CROPS:
        _row(f"{low} … {high}", np.array(list(_cropped(rows, low, high))))
    _say("\n| made spectra | number | median | rms | 90 % below |\n|---|---|---|---|---|")
    for name, make in KINDS.items():
        _row(name, np.array([_made(make, seed) for seed in range(SEEDS)]))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _row(name: str, error: Any) -> None:
    if error.size:
        rms = np.sqrt(np.mean(error**2))
        most = np.percentile(np.abs(error), 90)
        _say(f"| {name} | {error.size} | {np.median(error):+.3f} | {rms:.3f} | {most:.3f} |")


def _real(folder: Path) -> Iterator[tuple[Path, RawSpectrum, float, XasNormalised]]:
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        try:
            raws = read(path)
        except (ComputeError, OSError) as error:
            sys.stderr.write(f"{path.name}: {error}" + "\n")
            continue
        for raw in raws:
            table = edge_energy(raw.element, raw.edge) if raw.element and raw.edge else None
            if table is None or raw.axis_unit != "eV":
                continue
            try:
                yield path, raw, table, _of(raw.energy_ev, raw.intensity, raw)
            except InputError as error:
                sys.stderr.write(f"{path.name} {raw.label}: {error}" + "\n")


def _of(x: Any, y: Any, raw: RawSpectrum) -> XasNormalised:
    return normalise_xas(x, y, element=raw.element, edge=raw.edge)


def _cropped(rows: list[Any], low: float, high: float) -> Iterator[float]:
    """Edge step of a part over that of the whole, less 1; of scans from −95 to +450 eV."""
    for _, raw, table, found in rows:
        x = raw.energy_ev - table
        if x[0] > -95 or x[-1] < 450:
            continue
        kept = (x > low) & (x < high)
        part = _of(raw.energy_ev[kept], raw.intensity[kept], raw)
        yield part.edge_step / found.edge_step - 1


def _made(make: Callable[[Any], tuple[Made, Any]], seed: int) -> float:
    """Error of the edge step, which is 1."""
    made, x = make(np.random.default_rng(seed))
    return normalise_xas(x, made(x, 0.003, seed), element="Fe", edge="K").edge_step - 1


def _any(rng: Any, **fixed: Any) -> Made:
    return Made(
        **{
            "e0": rng.uniform(7107, 7124),
            "white": rng.uniform(0, 1.5),
            "exafs": rng.uniform(0, 0.12),
            "distance": rng.uniform(1.7, 3),
            "slope": rng.uniform(-1e-3, 1e-3),
            "offset": rng.uniform(-2, 3),
            "hwhm": rng.uniform(0.6, 1.6),
        }
        | fixed
    )


def _scanned(**ends: float) -> Callable[[Any], tuple[Made, Any]]:
    def make(rng: Any) -> tuple[Made, Any]:
        made = _any(rng)
        return made, scan(made.e0, **ends)

    return make


def _peaked(rng: Any) -> tuple[Made, Any]:
    peak = (-rng.uniform(9, 16), rng.uniform(0.1, 1), rng.uniform(0.7, 1.5))
    made = _any(rng, white=rng.uniform(0, 0.3), pre_edge=peak)
    return made, scan(made.e0)


def _followed(step: float) -> Callable[[Any], tuple[Made, Any]]:
    def make(rng: Any) -> tuple[Made, Any]:
        e0 = rng.uniform(7107, 7124)
        made = _any(rng, e0=e0, others=((e0 + rng.uniform(130, 300), step),))
        return made, scan(e0, after=600.0)

    return make


KINDS = {
    "−150 … 700 eV": _scanned(),
    "−40 … 100 eV": _scanned(before=40.0, after=100.0),
    "−20 … 60 eV": _scanned(before=20.0, after=60.0),
    "pre-edge peak": _peaked,
    "an edge of 0.2 steps 130–300 eV behind, not told of": _followed(0.2),
    "the same, 1 step": _followed(1.0),
    "the same, 5 steps": _followed(5.0),
}


if __name__ == "__main__":
    main()
