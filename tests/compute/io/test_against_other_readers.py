"""Our values beside those of independent readers, where these are installed.

Neither is a requirement: put them on the path for this check alone, e.g.
``pip install --target other xraylarch rosettasciio`` and ``PYTHONPATH=other pytest …``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from compute.io import RawSpectrum, read
from tests.shared_data import shared_data


def _files(folder: str, pattern: str) -> list[Any]:
    try:
        root = shared_data("spectra", folder)
    except pytest.skip.Exception:
        return []
    found = sorted(path for path in root.rglob(pattern) if path.is_file())
    return [pytest.param(path, id=path.name) for path in found]


@pytest.fixture(scope="module")
def larch_io() -> Any:
    return pytest.importorskip("larch.io")


def _ordered(energy: Any, intensity: Any) -> tuple[np.ndarray, np.ndarray]:
    """Finite points in ascending order, those of equal energy averaged, by a plain loop."""
    groups: dict[float, list[float]] = {}
    for e, y in zip(np.asarray(energy, float), np.asarray(intensity, float), strict=True):
        if np.isfinite(e) and np.isfinite(y):
            groups.setdefault(float(e), []).append(float(y))
    keys = sorted(groups)
    return np.array(keys), np.array([sum(groups[k]) / len(groups[k]) for k in keys])


@pytest.mark.parametrize("path", _files("athena", "*.prj"))
def test_athena_groups_agree_with_larch(path: Path, larch_io: Any) -> None:
    project = larch_io.read_athena(str(path), do_preedge=False, do_bkg=False, use_hashkey=True)
    theirs = [getattr(project, name) for name in dir(project) if not name.startswith("_")]
    theirs = [group for group in theirs if hasattr(group, "energy") and hasattr(group, "mu")]
    ours = {str(one.header["group"]): one for one in read(path)}
    assert len(ours) >= len(theirs) > 0
    for group in theirs:
        one = ours[group.athena_id]
        # larch moves repeated energies apart; only groups without them compare point by point.
        if any("point before" in text or "left out" in text for text in one.warnings):
            continue
        # larch leaves the shift that was chosen in Athena to its user; we add it.
        shift = float(one.header.get("bkg_eshift") or 0.0)
        assert_allclose(one.energy_ev, np.sort(group.energy) + shift, rtol=0, atol=1e-9)
        assert_allclose(one.intensity, group.mu[np.argsort(group.energy)], rtol=1e-12)


def _larch_mu(group: Any, one: RawSpectrum) -> Any:
    """The signal formed from larch's columns by the definition in XDI's dictionary."""
    if one.role == "reference":
        return np.log(group.itrans / group.irefer)
    for name in ("mutrans", "mufluor"):
        if hasattr(group, name):
            return getattr(group, name)
    if hasattr(group, "itrans"):
        return np.log(group.i0 / group.itrans)
    return group.ifluor / group.i0


@pytest.mark.parametrize(
    "path",
    _files("xdi_xaslib", "*.x*") + _files("xdi_good", "*_rt*.xdi") + _files("xdi_good", "*10K*"),
)
def test_xdi_agrees_with_larch(path: Path, larch_io: Any) -> None:
    try:
        group = larch_io.read_xdi(str(path))
    except OSError as error:  # no library for this machine
        pytest.skip(str(error))
    for one in read(path):
        energy, mu = _ordered(group.energy, _larch_mu(group, one))
        assert_allclose(one.energy_ev, energy, rtol=0, atol=1e-9)
        assert_allclose(one.intensity, mu, rtol=1e-10, atol=1e-13)
        if one.role == "sample":
            assert one.element == str(group.element).strip()
            assert one.edge == str(group.edge).strip()


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("cu_10k.xmu", (0, 1)),
        ("fe2o3_rt1.xmu", (0, 1)),
        ("feo_xafs.dat", (0, 1)),
        ("sno2_l3.dat", (0, 1)),
        ("ESRF_BM08_LISA_2021.dat", (0, 3)),
        ("generic_columns_no_header.dat", (0, 3)),
    ],
)
def test_columns_agree_with_larch(name: str, columns: tuple[int, int], larch_io: Any) -> None:
    path = _one("columns", name)
    data = larch_io.read_ascii(str(path)).data
    energy, mu = _ordered(data[columns[0]], data[columns[1]])
    one = read(path)[0]
    assert_allclose(one.energy_ev, energy, rtol=1e-14)
    assert_allclose(one.intensity, mu, rtol=1e-14)


@pytest.mark.parametrize("name", ["incomplete_label.dat", "SSRL1_2006.dat"])
def test_formed_signals_agree_with_larch(name: str, larch_io: Any) -> None:
    path = _one("columns", name)
    data = larch_io.read_ascii(str(path)).data
    energy, i0, it = (data[0], data[3], data[4]) if "label" in name else data[[2, 3, 4]]
    expected = _ordered(energy, np.log(i0 / it))
    one = read(path)[0]
    assert_allclose(one.energy_ev, expected[0], rtol=1e-14)
    assert_allclose(one.intensity, expected[1], rtol=1e-12)


@pytest.mark.parametrize("name", ["PF9A_2022.dat", "PFBL12C_2005.dat"])
def test_9809_agrees_with_larch(name: str, larch_io: Any) -> None:
    """larch gives the columns; Bragg's law with its own hc differs by 8e-6 in the energy."""
    path = _one("columns", name)
    data = larch_io.read_ascii(str(path)).data
    energy = 12398.4198 / (2 * 3.13551 * np.sin(np.deg2rad(data[1])))
    mu = np.log(data[3] / data[4]) if "PFBL" in name else data[4] / data[3]
    expected = _ordered(energy, mu)
    one = read(path)[0]
    assert_allclose(one.energy_ev, expected[0], rtol=1e-5)
    assert_allclose(one.intensity, expected[1], rtol=1e-10)


@pytest.mark.parametrize("path", _files("msa", "*.msa"))
def test_emsa_agrees_with_rosettasciio(path: Path) -> None:
    msa = pytest.importorskip("rsciio.msa")
    one = read(path)[0]
    if one.format != "emsa":
        pytest.skip("plain columns under the name .msa, which rosettasciio does not read")
    signal = msa.file_reader(str(path))[0]
    axis = signal["axes"][0]
    energy = axis["offset"] + axis["scale"] * np.arange(axis["size"])
    assert_allclose(one.energy_ev, energy, rtol=0, atol=1e-3)  # the file's own rounding
    assert_allclose(one.intensity, signal["data"], rtol=1e-7)


def _one(folder: str, name: str) -> Path:
    return shared_data("spectra", folder, name)
