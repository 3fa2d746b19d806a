"""Files changed as people's files differ: the same spectrum, a question or an error, never another.

Not whether a reader crashes, but whether it still means what the file means.
"""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest

from compute.io.column_table import find_tables
from compute.io.raw import Faults
from compute.io.text import lines_of
from tests.compute.io.meaning import Base, mutate, page_of, verdict
from tests.shared_data import shared_data


def synthetic() -> list[Base]:
    """Clean and noisy tables of each kind, Cu K and Fe K."""
    rng = np.random.default_rng(5)
    found = []
    for edge, noise in ((8979.0, 0.0), (7112.0, 2e-3)):
        x = edge - 80 + np.arange(260.0)
        mu = 0.2 + np.arctan((x - edge) / 2) / np.pi + 0.5 + 0.05 * np.sin((x - edge) / 9)
        mu += noise * rng.standard_normal(x.size)
        i0 = 1e5 * (1 + 2e-4 * (x - x[0])) + 100 * rng.standard_normal(x.size)
        it, fluo = i0 * np.exp(-mu), 0.02 * i0 * mu
        ref = it * np.exp(-0.8 * (np.arctan((x - edge) / 1.5) / np.pi + 0.5))
        at = f"{edge:.0f}"
        found += [
            Base(f"mu {at}", ("energy", "mu"), _table(x, mu), (("mu",),)),
            Base(f"it {at}", ("energy", "I0", "It"), _table(x, i0, it), (("ln", "I0", "It"),)),
            Base(f"if {at}", ("energy", "I0", "If"), _table(x, i0, fluo), (("ratio", "If", "I0"),)),
            Base(
                f"all {at}",
                ("energy", "time", "I0", "It", "Iref", "If"),
                _table(x, np.ones(x.size), i0, it, ref, fluo),
                (("ln", "I0", "It"), ("ratio", "If", "I0")),
                (("ln", "It", "Iref"),),
            ),
        ]
    return found


def _table(*columns: np.ndarray) -> np.ndarray:
    return np.array(columns).T


@cache
def real() -> tuple[Base, ...]:
    """Measured files with their meaning, written down by hand from their headers."""
    stated: tuple[tuple[str, str, tuple[tuple[object, ...], ...], tuple[object, ...], str], ...] = (
        ("spectra/columns/cu_10k.xmu", "energy mu", (("mu",),), (), "energy"),
        ("spectra/columns/feo_xafs.dat", "energy mu", (("mu",),), (), "energy"),
        ("spectra/columns/sno2_l3.dat", "energy mu", (("mu",),), (), "energy"),
        ("spectra/columns/fe2o3_rt1.xmu", "energy mu i0", (("mu",),), (), "energy"),
        (
            "spectra/columns/SSRL1_2006.dat",
            "time requested_energy achieved_energy I0 I1 I2",
            (("ln", "I0", "I1"),),
            (("ln", "I1", "I2"),),
            "achieved_energy",
        ),
        (
            "spectra/columns/ESRF_BM08_LISA_2021.dat",
            "eBraggEnergy I0_EH1 I1_EH1 mu I1_EH2 IR_EH2 mu_ref",
            (("mu",),),
            (("mu_ref",), ("ln", "I0_EH1", "I1_EH1"), ("ln", "I1_EH1", "IR_EH2")),
            "eBraggEnergy",
        ),
        (
            "wild/beamlines/APS10BM_2019.dat",
            "energy Io It Iref If",
            (("ln", "Io", "It"),),
            (("ln", "It", "Iref"),),
            "energy",
        ),
        (
            "wild/beamlines/APS13ID_2008.dat",
            "energy time I0 I1",
            (("ln", "I0", "I1"),),
            (),
            "energy",
        ),
        (
            "wild/beamlines/APS20BM_2001.dat",
            "energy time I0 I1 If",
            (("ln", "I0", "I1"),),
            (),
            "energy",
        ),
        (
            "wild/beamlines/NSLS8ID_2019.dat",
            "energy i0 ir it iff pba2_adc7",
            (("ln", "i0", "it"), ("ratio", "iff", "i0")),
            (("ln", "it", "ir"),),
            "energy",
        ),
    )
    found = []
    for path, names, spectra, also, energy in stated:
        text = shared_data(*path.split("/")).read_text(encoding="latin-1")
        table = find_tables(lines_of(text), "a.dat", Faults())[0]
        words = tuple(names.split())
        other = "requested_energy" if "requested_energy" in words else ""
        found.append(Base(path, words, table.values, spectra, tuple(also), energy, other))  # type: ignore[arg-type]
    return tuple(found)


@pytest.mark.parametrize("base", synthetic(), ids=lambda base: base.label)
def test_an_unchanged_table_is_right(base: Base) -> None:
    assert verdict(page_of(base)) == ("right", "")


def _run(bases: list[Base], n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts: Counter[str] = Counter()
    readable: Counter[str] = Counter()
    wrong = []
    for k in range(n):
        base = bases[k % len(bases)]
        page, changes = mutate(base, rng)
        answer, told = verdict(page)
        counts[answer] += 1
        if page.readable:
            readable[answer] += 1
        if answer in ("wrong", "missing"):
            wrong.append(f"{base.label} {changes}: {answer}: {told}")
    assert not wrong, "\n".join(wrong[:5])
    assert readable["right"] >= 0.8 * readable.total(), readable


def test_changed_tables_keep_their_meaning() -> None:
    _run(synthetic(), 160, seed=11)


@pytest.mark.slow
def test_a_thousand_changed_tables_keep_their_meaning() -> None:
    _run(synthetic(), 1200, seed=12)


@pytest.mark.slow
def test_a_thousand_changed_real_files_keep_their_meaning() -> None:
    _run(list(real()), 1000, seed=13)
