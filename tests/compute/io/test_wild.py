"""Files as people have them, and what a scientist who made each would say of it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from compute.io import QuestionError, RawSpectrum, read
from tests.shared_data import shared_data

CU = (8900.0, 9149.0)


def wild(*parts: str) -> list[RawSpectrum]:
    return read(shared_data("wild", *parts))


@pytest.mark.parametrize(
    ("name", "n", "low", "high"),
    [
        ("time_col.txt", 1, *CU), ("sigmacol.txt", 1, *CU), ("pandas_index.csv", 1, *CU),
        ("two_scans.spec", 2, 7000, 7299), ("two_regions.txt", 2, *CU), ("marked.dat", 3, *CU),
        ("li_k.txt", 1, 50, 79.9), ("quoted.csv", 1, *CU), ("fortran_exp.dat", 1, *CU),
        ("choff_y.msa", 1, 520, 619.5), ("choff_xy.msa", 1, 520, 619.5),
        ("xunits_eV_loss.msa", 1, 520, 619.5), ("xunits_Energy_eV.msa", 1, 520, 619.5),
        ("athena_newline.prj", 2, *CU), ("normabs.csv", 1, *CU),
        ("kek_nobl.dat", 1, 8856.048, 9205.751), ("kek_sjis.dat", 1, 8856.048, 9205.751),
        ("feff_xmu.dat", 1, 8963, 9132.5),
    ],
)  # fmt: skip
def test_files_give_their_spectra_over_their_energies(
    name: str, n: int, low: float, high: float
) -> None:
    found = wild("import", name)
    assert len(found) == n
    assert found[0].energy_ev[0] == pytest.approx(low, abs=1e-3)
    assert found[0].energy_ev[-1] == pytest.approx(high, abs=1e-3)


@pytest.mark.parametrize(("name", "column"), [("time_col.txt", 2), ("sigmacol.txt", 2)])
def test_the_signal_is_the_last_column(name: str, column: int) -> None:
    path = shared_data("wild", "import", name)
    expected = np.loadtxt(path, skiprows=1)[:, column]
    np.testing.assert_allclose(read(path)[0].intensity, expected)


def test_names_labels_quantities_and_kinds() -> None:
    assert wild("import", "kek_nobl.dat")[0].measurement.facility == "AichiSR"
    assert wild("import", "kek_nobl.dat")[0].mode == "transmission"
    for name in ("kek_sjis.dat", "kek_utf8.dat"):
        assert wild("import", name)[0].measurement.sample_name == "酸化銅ペレット"
    athena = wild("import", "athena_newline.prj")
    assert [(s.label, s.element, s.edge) for s in athena] == [
        ("foil", "Cu", "K"),
        ("oxide", "Cu", "K"),
    ]
    assert wild("import", "normabs.csv")[0].quantity == "normalised"
    feff = wild("import", "feff_xmu.dat")[0]
    assert (feff.kind, feff.code, feff.element, feff.edge) == ("theory", "FEFF", "Cu", "K")
    assert [s.label for s in wild("import", "two_regions.txt")] == [
        "two_regions, Region A oxidised",
        "two_regions, Region B reduced",
    ]


@pytest.mark.parametrize("name", ["nxxas_legacy.h5", "one_by_n.h5", "two_axes_1d.h5"])
def test_hdf5_files_give_one_copper_spectrum(name: str) -> None:
    (found,) = wild("hdf5", name)
    assert (found.energy_ev[0], found.energy_ev[-1]) == CU
    assert 0.15 < found.intensity[0] < 0.25
    assert 1.1 < found.intensity[-1] < 1.3


# --- the public examples of beamlines -----------------------------------------------------------

# What a scientist forms from each file, by its header: columns from 0. A question is right too.
TRUTH: dict[str, tuple[int, tuple[tuple[str, tuple[int, ...], int], ...]]] = {
    "APS10BM_2019.dat": (0, (("ln", (1,), 2),)),
    "APS12BM_2019.dat": (0, (("is", (7,), 0), ("ln", (3,), 4))),
    "APS13ID_2008.dat": (0, (("ln", (2,), 3),)),
    "APS13ID_2019.dat": (0, (("over", (5, 6, 7, 8), 2),)),
    "APS20BM_2001.dat": (0, (("ln", (2,), 3),)),
    "APS20ID_2018.dat": (0, (("over", (8,), 5), ("over", (8,), 7))),
    "APS20ID_2022.dat": (0, (("over", (10,), 6),)),
    "APS9BM_2006.dat": (
        0, (("over", (9,), 6), ("over", (23, 24, 25, 26, 27, 28, 30), 6)),
    ),
    "APS9BM_2019.dat": (0, (("ln", (4,), 5), ("over", (7,), 4))),
    "CLSHXMA.dat": (3, (("ln", (5,), 6), ("over", (4,), 5))),
    "ESRF_BM08_LISA_2021.dat": (0, (("is", (3,), 0),)),
    "ESRF_SNBL_2013.dat": (15, (("ln", (0,), 7), ("ln", (7,), 9), ("ln", (0,), 9))),
    "NSLS6BM_2019.dat": (0, (("is", (3,), 0),)),
    "NSLS8ID_2019.dat": (0, (("ln", (1,), 3), ("over", (4,), 1))),
    "NSLS_XDAC_2011.dat": (0, (("ln", (1,), 2), ("over", (3, 4, 5, 6), 1))),
    "SLS_PHOENIX_2023.dat": (0, (("over", (2,), 3),)),
    "SSRL1_2006.dat": (2, (("ln", (3,), 4),)),
    "SSRLmicro_2008.dat": (
        1, (("over", tuple(i for i in range(5, 37) if i != 17), 2),),
    ),
    "generic_columns_no_header.dat": (0, (("is", (3,), 0),)),
}  # fmt: skip


def examples() -> list[Path]:
    """The shared ones, and the whole set where LARCH_BEAMLINES names its folder."""
    folders = [Path(os.environ["LARCH_BEAMLINES"])] if os.environ.get("LARCH_BEAMLINES") else []
    for parts in (("wild", "beamlines"), ("spectra", "columns")):
        try:
            folders.append(shared_data(*parts))
        except pytest.skip.Exception:
            continue
    found = {path.name: path for folder in folders for path in sorted(folder.glob("*.dat"))}
    return [found[name] for name in sorted(found) if name in TRUTH]


@pytest.mark.parametrize("path", examples(), ids=lambda path: path.name)
def test_beamline_files_give_the_right_signal_or_ask(path: Path) -> None:
    try:
        found = [one for one in read(path) if one.role == "sample"]
    except QuestionError:
        return
    energy_at, formulas = TRUTH[path.name]
    table = numbers(path)
    energy = table[:, energy_at] * (1000 if np.median(table[:, energy_at]) < 150 else 1)
    for one in found:
        right = False
        for form, top, bottom in formulas:
            with np.errstate(divide="ignore", invalid="ignore"):
                y = table[:, list(top)].sum(axis=1)
                if form == "ln":
                    y = np.log(y / table[:, bottom])
                elif form == "over":
                    y = y / table[:, bottom]
            order = np.argsort(energy, kind="stable")
            order = order[np.isfinite(y[order])]
            apart = np.abs(np.interp(one.energy_ev, energy[order], y[order]) - one.intensity)
            right = right or float(np.quantile(apart, 0.9)) < 1e-5 * float(np.ptp(one.intensity))
        assert right, one.warnings


def test_most_beamline_files_are_read_without_a_question() -> None:
    asked = 0
    paths = examples()
    if not paths:
        pytest.skip("no example of a beamline here")
    for path in paths:
        try:
            read(path)
        except QuestionError:
            asked += 1
    assert 3 * (len(paths) - asked) >= 2 * len(paths)


def numbers(path: Path) -> np.ndarray:
    """The widest run of lines of numbers, by a plain loop."""
    rows: list[list[float]] = []
    for line in path.read_text(encoding="latin-1").splitlines():
        try:
            row = [float(word) for word in line.replace(",", " ").split()]
        except ValueError:
            continue
        if row and (not rows or len(row) >= len(rows[-1])):
            if rows and len(row) > len(rows[-1]):
                rows = []
            rows.append(row)
    return np.array(rows)
