"""A folder of single files as one series: coordinates in names, energies that differ."""

from __future__ import annotations

import numpy as np
import pytest

from compute.errors import ReadError
from compute.series.io import read_series
from tests.compute.series.test_series_io import spectra_of


def folder(path, energies, names):
    path.mkdir()
    for energy, name in zip(energies, names, strict=True):
        mu = 0.1 + 1 / (1 + np.exp(-(energy - 7120)))
        rows = "\n".join(f"{e:.4f} {m:.6f}" for e, m in zip(energy, mu, strict=True))
        (path / name).write_text(f"# energy xmu\n{rows}\n")
    return path


def test_a_folder_is_a_series_by_the_number_in_its_names(tmp_path):
    energy = 7000 + np.arange(300.0)
    names = [f"cell_{v}mV.dat" for v in (900, 50, 100)]
    path = folder(tmp_path / "run", [energy] * 3, names)
    series, errors = read_series([path], element="Fe", edge="K")
    assert errors == []
    np.testing.assert_array_equal(series.axes[0].values, [50, 100, 900])
    assert any("--axis" in text for text in series.warnings)
    given, _ = read_series([path], axes=["U=0.1:0.2:V"])
    np.testing.assert_allclose(given.axes[0].values, [0.1, 0.3, 0.5])
    assert given.axes[0].told() == {"name": "U", "unit": "V", "size": 3}
    kept, _ = read_series([path], axes=["U:mV"])
    np.testing.assert_array_equal(kept.axes[0].values, [50, 100, 900])
    assert kept.axes[0].told() == {"name": "U", "unit": "mV", "size": 3}
    assert not any("--axis" in text for text in kept.warnings)
    assert not any("--axis" in text for text in given.warnings)


def test_hyphens_that_part_words_are_no_signs(tmp_path):
    energy = 7000 + np.arange(300.0)
    names = [f"scan-{n:03d}.dat" for n in (10, 2, 1)]
    path = folder(tmp_path / "run", [energy] * 3, names)
    series, _ = read_series([path])
    np.testing.assert_array_equal(series.axes[0].values, [1, 2, 10])
    assert series.header["files"] == ["scan-001.dat", "scan-002.dat", "scan-010.dat"]
    assert any("hyphens" in text and "signs" in text for text in series.warnings)


def test_signs_that_only_some_names_have_are_signs(tmp_path):
    energy = 7000 + np.arange(300.0)
    path = folder(tmp_path / "run", [energy] * 3, ["E0.1.dat", "E-0.1.dat", "E-0.3.dat"])
    (path / "notes.md").write_text("three potentials")
    series, _ = read_series([path])
    np.testing.assert_array_equal(series.axes[0].values, [-0.3, -0.1, 0.1])
    assert not any("hyphens" in text for text in series.warnings)


@pytest.mark.parametrize("stopped", [0, 4])
def test_a_scan_that_was_stopped_takes_nothing_off_the_others(tmp_path, stopped):
    energies = [7000 + np.arange(300.0)] * 10
    energies[stopped] = energies[stopped][:180]
    names = [f"run{n:02d}.dat" for n in range(10)]
    series, errors = read_series([folder(tmp_path / "run", energies, names)])
    assert errors == []
    assert series.energy_ev[[0, -1]].tolist() == [7000, 7299]
    rows = spectra_of(series)
    assert np.isnan(rows[stopped, 180:]).all()
    assert np.isfinite(rows[stopped, :180]).all()
    assert np.isfinite(np.delete(rows, stopped, axis=0)).all()
    assert any("1 of 10 spectra do not reach over all of it" in text for text in series.warnings)


def test_energies_that_differ_are_resampled_and_told(tmp_path):
    energies = [7000 + np.arange(300.0), 7001.5 + np.arange(300.0)]
    series, _ = read_series([folder(tmp_path / "run", energies, ["a1.dat", "a2.dat"])])
    assert any("energies differ: 1 of 2" in text for text in series.warnings)
    first, second = spectra_of(series)
    np.testing.assert_allclose(first, second, atol=0.02)
    assert series.energy_ev[0] >= 7001.5


def xdi(path, element):
    mu = 0.1 + 1 / (1 + np.exp(-np.arange(-100.0, 200)))
    rows = "\n".join(f"{7020 + i} {m:.6f}" for i, m in enumerate(mu))
    path.write_text(
        f"# XDI/1.0\n# Column.1: energy eV\n# Column.2: mutrans\n# Element.symbol: {element}\n"
        f"# Element.edge: K\n#---\n{rows}\n"
    )


def test_a_file_that_says_no_absorber_takes_that_of_the_others(tmp_path):
    path = folder(tmp_path / "run", [7020 + np.arange(300.0)], ["T10.dat"])
    xdi(path / "T20.xdi", "Fe")
    series, _ = read_series([path])
    assert (series.element, series.edge, series.n_spectra) == ("Fe", "K", 2)
    assert any("1 of 2 spectra say no absorber (T10.dat" in text for text in series.warnings)
    xdi(path / "T30.xdi", "Ni")
    with pytest.raises(ReadError, match=r"Fe K in T20.xdi; Ni K in T30.xdi"):
        read_series([path])


def test_a_broken_file_stops_no_other(tmp_path):
    path = folder(tmp_path / "run", [7000 + np.arange(300.0)] * 2, ["a1.dat", "a2.dat"])
    (path / "a3.dat").write_text("nothing here")
    series, errors = read_series([path])
    assert series.n_spectra == 2
    assert len(errors) == 1
    assert errors[0].startswith("a3.dat")


@pytest.mark.parametrize(
    ("names", "values"),
    [
        (["cv_0,05V.dat", "cv_0,1V.dat", "cv_1,0V.dat"], [0.05, 0.1, 1.0]),
        (["0,05.dat", "0,1.dat", "0,2.dat"], [0.05, 0.1, 0.2]),
        (["E-0,5V.dat", "E0,25V.dat", "E1V.dat"], [-0.5, 0.25, 1.0]),
        (["p1e-1mbar.dat", "p1e-2mbar.dat", "p5e-1mbar.dat"], [0.01, 0.1, 0.5]),
        (["run1e-0.1.dat", "run1e0.2.dat", "run1e0.3.dat"], [-0.1, 0.2, 0.3]),
        (["map_1,1.dat", "map_1,2.dat", "map_2,1.dat"], [0, 1, 2]),  # x and y
    ],
)
def test_numbers_in_names_are_read_as_they_are_written(tmp_path, names, values):
    energy = 7000 + np.arange(300.0)
    series, errors = read_series([folder(tmp_path / "run", [energy] * 3, names)])
    assert errors == []
    np.testing.assert_allclose(series.axes[0].values, values)
    decimals = any("," in name for name in names) and "map" not in names[0]
    assert decimals == any("decimal" in text for text in series.warnings)


def test_names_that_say_what_the_number_is_name_the_axis(tmp_path):
    energy = 7000 + np.arange(300.0)
    names = [f"Fe_run2_T={t}K.dat" for t in (300, 90, 1200)]
    series, _ = read_series([folder(tmp_path / "run", [energy] * 3, names)])
    assert series.axes[0].told() == {"name": "T", "unit": "K", "size": 3}
    np.testing.assert_array_equal(series.axes[0].values, [90, 300, 1200])


def test_a_coordinate_that_is_measured_twice_is_kept_and_told(tmp_path):
    energy = 7000 + np.arange(300.0)
    names = ["run_300K.dat", "run_310K.dat", "run_310K.xy", "run_320K.dat"]
    series, _ = read_series([folder(tmp_path / "run", [energy] * 4, names)])
    np.testing.assert_array_equal(series.axes[0].values, [300, 310, 310, 320])
    (told,) = [text for text in series.warnings if "several names" in text]
    assert "310 in run_310K.dat and run_310K.xy" in told


def test_edges_that_lie_apart_are_named(tmp_path):
    energies = [7018 + np.arange(100.0)] * 2 + [7122 + np.arange(100.0)] * 2
    names = [f"s{k}.dat" for k in range(4)]
    with pytest.raises(ReadError, match=r"s0 has 7018 … 7117 eV, s2 has 7122 … 7221 eV"):
        read_series([folder(tmp_path / "run", energies, names)])


@pytest.mark.parametrize(
    ("names", "values", "told"),
    [
        (["T=-20C.dat", "T=-10C.dat"], [-20, -10], "T in C"),
        (["s_-20C.dat", "s_-10C.dat"], [-20, -10], "number in the names"),
        (["T=\u221220C.dat", "T=0C.dat"], [-20, 0], "T in C"),
        (["scan.001", "scan.002", "scan.010"], [1, 2, 10], "number in the names"),
        (["a-1_2b.dat", "a-2_2b.dat", "a-3_4b.dat"], [1, 2, 3], "numbers differ at 2 places"),
    ],
)
def test_numbers_of_names_are_read_as_they_are_meant(tmp_path, names, values, told):
    energy = 7000 + np.arange(300.0)
    series, _ = read_series([folder(tmp_path / "run", [energy] * len(names), names)])
    assert series.axes[0].values.tolist() == values
    assert any(told in text for text in series.warnings)


def test_what_a_short_scan_takes_off_the_others_is_told(tmp_path):
    energies = [7000 + np.arange(300.0), 7000 + np.arange(240.0), 7010 + np.arange(290.0)]
    names = ["run1.dat", "run2.dat", "run3.dat"]
    series, _ = read_series([folder(tmp_path / "run", energies, names)])
    assert series.energy_ev[[0, -1]].tolist() == [7010, 7239]
    assert (
        "70 of 300 channels of run1 are cut off, as run3 begins at 7010 eV and run2 ends at 7239 eV"
        in series.warnings
    )


@pytest.mark.parametrize("narrow", ["a.dat", "n.dat", "z.dat"])
def test_a_narrow_scan_among_wide_ones_is_no_series_in_any_order(tmp_path, narrow):
    energies = [7000 + np.arange(300.0)] * 2 + [7100 + np.arange(40.0)]
    with pytest.raises(ReadError, match="share only 7100 … 7139 eV.*has 7100 … 7139 eV"):
        read_series([folder(tmp_path / "run", energies, ["m.dat", "o.dat", narrow])])
