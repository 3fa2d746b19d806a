"""Compiling ahead leaves nothing to compile for the first match."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import pytest

import compute.matching
from compute import broadening
from compute.matching import SpectrumLibrary
from compute.matching.compiled import compile_kernels
from tests.benchmarks.lorentzian_sets import Disturbance, make_library, make_queries
from tests.compiled import signatures
from tests.compute.matching.conftest import MOVED


def compiled() -> dict[str, int]:
    names = [one.name for one in pkgutil.iter_modules(compute.matching.__path__)]
    modules = [importlib.import_module(f"compute.matching.{name}") for name in names]
    return signatures(*modules, broadening)


@pytest.mark.slow
def test_nothing_is_compiled_for_a_match_afterwards(tmp_path: Path) -> None:
    compile_kernels()
    before = compiled()
    assert len(before) > 20
    made = make_library(60, seed=1)
    library = SpectrumLibrary(made.energy_ev, made.intensities, range(60))
    library.save(tmp_path / "library")
    for one in (library, SpectrumLibrary.load(tmp_path / "library")):
        for disturbance in (Disturbance(), MOVED):
            for query in make_queries(made, 4, disturbance, seed=2):
                one.match(query.energy_ev, query.intensity)
        pairs = [(q.energy_ev, q.intensity, q.row) for q in make_queries(made, 14, MOVED, seed=3)]
        one.calibrate(pairs)
        one.simulate(4)
        (query,) = make_queries(made, 1, MOVED, seed=4)
        one.match(query.energy_ev, query.intensity, top=None)
        one.mix(query.energy_ev, query.intensity)
    assert compiled() == before
