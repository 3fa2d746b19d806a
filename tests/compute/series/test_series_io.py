"""Files of series: what is read, what is told, what is refused."""

from __future__ import annotations

import importlib.util
import json
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from compute.errors import InputError, ReadError
from compute.series.io import read_series
from compute.series.io.rosetta import read_rosetta
from compute.series.io.store import Stored, write

ENERGY = 700 + 0.5 * np.arange(40)
CUBE = np.random.default_rng(0).poisson(100, (3, 4, 40)).astype(float)


def spectra_of(series):
    return np.vstack(list(series.parts()))


def nxdata(path, cube=CUBE, order=("y", "x", "energy"), unit="eV"):
    with h5py.File(path, "w") as file:
        group = file.create_group("entry/data")
        group.attrs.update({"NX_class": "NXdata", "signal": "counts", "axes": list(order)})
        group["counts"] = cube
        for name, size in zip(order, cube.shape, strict=True):
            group[name] = ENERGY if name == "energy" else 2.0 * np.arange(size)
            group[name].attrs["units"] = unit if name == "energy" else "nm"
    return path


@pytest.mark.parametrize("at", [0, 1, 2])
def test_the_energy_may_be_any_axis_of_an_nxdata(tmp_path, at):
    order = ["y", "x"]
    order.insert(at, "energy")
    path = nxdata(tmp_path / "map.h5", np.moveaxis(CUBE, -1, at), order)
    series, errors = read_series([path])
    assert errors == []
    assert [axis.told() for axis in series.axes] == [
        {"name": "y", "unit": "nm", "size": 3},
        {"name": "x", "unit": "nm", "size": 4},
    ]
    np.testing.assert_array_equal(spectra_of(series), CUBE.reshape(-1, 40))
    np.testing.assert_array_equal(series.energy_ev, ENERGY)


def test_hyperspy_axes_are_taken(tmp_path):
    with h5py.File(tmp_path / "line.hspy", "w") as file:
        group = file.create_group("Experiments/line")
        group["data"] = CUBE[0].astype("f4")
        for i, (name, unit, scale, offset, navigate) in enumerate(
            [("x", "nm", 0.5, 0.0, True), ("Energy loss", "eV", 0.5, 700.0, False)]
        ):
            group.create_group(f"axis-{i}").attrs.update(
                {
                    "name": name,
                    "units": unit,
                    "scale": scale,
                    "offset": offset,
                    "navigate": navigate,
                }
            )
    series, _ = read_series([tmp_path / "line.hspy"])
    assert series.axes[0].told() == {"name": "x", "unit": "nm", "size": 4}
    assert series.technique == "EELS"
    assert series.dtype == "<f4"
    np.testing.assert_array_equal(series.energy_ev, ENERGY)


def test_an_array_has_its_axes_beside_it(tmp_path):
    np.save(tmp_path / "t.npy", CUBE[0][:, ::-1])
    told = {
        "axes": [
            {"name": "t", "unit": "s", "start": 0, "step": 5},
            {"name": "energy", "unit": "keV", "values": list(ENERGY[::-1] / 1000)},
        ],
        "element": "Fe",
        "edge": "L23",
    }
    (tmp_path / "t.json").write_text(json.dumps(told))
    series, _ = read_series([tmp_path / "t.npy"])
    np.testing.assert_allclose(series.energy_ev, ENERGY)
    np.testing.assert_array_equal(spectra_of(series), CUBE[0])
    assert (series.element, series.edge) == ("Fe", "L23")
    (tmp_path / "t.json").write_text(json.dumps({"axes": told["axes"][:1]}))
    with pytest.raises(ReadError, match="2 are needed"):
        read_series([tmp_path / "t.npy"])


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


def test_a_stored_series_gives_back_what_was_read(tmp_path):
    cube = CUBE.copy()
    cube[1, 2, 5] = np.nan
    cube[2, 0] = np.nan
    series, _ = read_series([nxdata(tmp_path / "map.h5", cube)])
    written = write(series, tmp_path / "stored.h5")
    assert written.gaps == 1
    np.testing.assert_allclose(written.total, np.nansum(cube, axis=(0, 1)))
    with Stored(tmp_path / "stored.h5") as stored:
        assert stored.shape == (3, 4)
        np.testing.assert_array_equal(stored.rows(2, 9), cube.reshape(-1, 40)[2:9])
        assert [axis.name for axis in stored.axes] == ["y", "x"]


def test_a_file_that_ends_in_the_middle_is_no_series(tmp_path):
    path = nxdata(tmp_path / "map.h5")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(ReadError):
        read_series([path])


@pytest.mark.parametrize("text", ["t", "t:", "t:1:2", "t=0", "t=a:1", "t=0:0", "t=0:nan:s"])
def test_axes_are_checked(tmp_path, text):
    with pytest.raises(InputError, match="axis"):
        read_series([nxdata(tmp_path / "map.h5")], axes=[text, text])


def test_what_cannot_be_is_refused(tmp_path):
    path = nxdata(tmp_path / "map.h5")
    with pytest.raises(InputError, match="the series has 2"):
        read_series([path], axes=["t=0:1"])
    with pytest.raises(InputError, match="element"):
        read_series([path], element="Qq")
    with pytest.raises(ReadError, match="no such file"):
        read_series([tmp_path / "none"])
    with pytest.raises(ReadError, match="none of eV"):
        read_series([nxdata(tmp_path / "odd.h5", unit="furlong")])


@pytest.mark.parametrize("whole", [True, False])
def test_berkeley_emd_is_read_by_its_dimensions(tmp_path, whole):
    with h5py.File(tmp_path / "map.emd", "w") as file:
        group = file.create_group("data/map")
        group.attrs["emd_group_type"] = 1
        group["data"] = CUBE.astype("u2")
        dims = (("y", "[n_m]", 2.0 * np.arange(3)), ("x", "[n_m]", 2.0 * np.arange(4)),
                ("energy_loss", "[eV]", ENERGY))  # fmt: skip
        for i, (name, unit, values) in enumerate(dims):
            group[f"dim{i + 1}"] = values if whole else values[:2]
            group[f"dim{i + 1}"].attrs.update({"name": name, "units": unit})
    series, errors = read_series([tmp_path / "map.emd"])
    assert errors == []
    assert [axis.told() for axis in series.axes] == [
        {"name": "y", "unit": "nm", "size": 3},
        {"name": "x", "unit": "nm", "size": 4},
    ]
    np.testing.assert_allclose(series.energy_ev, ENERGY)
    np.testing.assert_array_equal(spectra_of(series), CUBE.reshape(-1, 40))
    assert (series.dtype, series.technique) == ("<f4", "EELS")


def test_scans_of_a_spec_file_are_a_series(tmp_path):
    energy = 7000 + np.arange(300.0)
    text = "#F run\n"
    for i in range(4):
        mu = (i + 1) * (0.1 + 1 / (1 + np.exp(-(energy - 7120))))
        rows = "\n".join(f"{e:.2f} {m:.6f}" for e, m in zip(energy, mu, strict=True))
        text += f"#S {i + 1} ascan energy\n#L Energy  xmu\n{rows}\n\n"
    (tmp_path / "run.spec").write_text(text)
    series, errors = read_series([tmp_path / "run.spec"], element="Fe", edge="K")
    assert errors == []
    assert series.shape == (4,)
    level = spectra_of(series)[:, -1]
    np.testing.assert_allclose(level / level[0], [1, 2, 3, 4], rtol=1e-3)


def test_ragged_scans_are_what_all_of_them_reach_over(tmp_path):
    """One scan was stopped early, another has a point more."""
    text = "#F run\n"
    for i, n in enumerate((300, 220, 301)):
        energy = 7000 + np.arange(float(n))
        mu = (i + 1) * (0.1 + 1 / (1 + np.exp(-(energy - 7120))))
        rows = "\n".join(f"{e:.2f} {m:.6f}" for e, m in zip(energy, mu, strict=True))
        text += f"#S {i + 1} ascan energy\n#L Energy  xmu\n{rows}\n\n"
    (tmp_path / "run.spec").write_text(text)
    series, errors = read_series([tmp_path / "run.spec"], element="Fe", edge="K")
    assert errors == []
    assert series.shape == (3,)
    assert any("energies differ: 2 of 3" in one for one in series.warnings)
    assert series.energy_ev[[0, -1]].tolist() == [7000, 7219]
    np.testing.assert_allclose(spectra_of(series)[:, -1] / 1.1, [1, 2, 3], rtol=1e-3)


def test_rows_of_different_lengths_are_no_array(tmp_path):
    with h5py.File(tmp_path / "ragged.h5", "w") as file:
        group = file.create_group("entry/data")
        group.attrs.update({"NX_class": "NXdata", "signal": "counts", "axes": ["t", "energy"]})
        kind = h5py.vlen_dtype(np.dtype("f8"))
        group.create_dataset("counts", (2,), dtype=kind)
        group["counts"][0], group["counts"][1] = CUBE[0, 0], CUBE[0, 1, :30]
        group["t"], group["energy"] = np.arange(2.0), ENERGY
        group["energy"].attrs["units"] = "eV"
    with pytest.raises(ReadError, match="ragged.h5"):
        read_series([tmp_path / "ragged.h5"])


def test_an_axis_without_a_unit_is_told(tmp_path):
    path = nxdata(tmp_path / "map.h5")
    with h5py.File(path, "a") as file:
        del file["entry/data/x"].attrs["units"]
    series, _ = read_series([path])
    assert [axis.unit for axis in series.axes] == ["nm", ""]
    assert any("axis x has no unit" in text for text in series.warnings)


def test_infinite_values_are_refused(tmp_path):
    cube = CUBE.copy()
    cube[1, 1, 1] = np.inf
    series, _ = read_series([nxdata(tmp_path / "map.h5", cube)])
    with pytest.raises(ReadError, match="infinite"):
        write(series, tmp_path / "stored.h5")


@pytest.mark.parametrize("name", ["a.dm4", "a.emd", "a.zspy"])
def test_files_that_need_another_package_say_which(tmp_path, name):
    if importlib.util.find_spec("rsciio"):
        pytest.skip("rosettasciio is installed here")
    (tmp_path / name).write_bytes(bytes(100))
    with pytest.raises(ReadError, match="rosettasciio"):
        read_series([tmp_path / name])


def test_dask_reads_a_mapped_file_in_one_thread(tmp_path, monkeypatch):
    """Each of its threads maps all of it anew."""
    now = []

    @contextmanager
    def chosen(*, scheduler):
        now.append(scheduler)
        yield
        now.pop()

    class Values(np.ndarray):
        def __getitem__(self, key):
            assert now == ["synchronous"]
            return np.asarray(self)[key]

    axes = [{"name": "x", "units": "nm", "size": 3, "navigate": True},
            {"name": "E", "units": "eV", "size": 4, "navigate": False, "offset": 600}]  # fmt: skip
    signal = {"data": np.ones((3, 4), np.float32).view(Values), "axes": axes}
    reader = SimpleNamespace(file_reader=lambda path, lazy: [signal])
    monkeypatch.setitem(sys.modules, "rsciio", SimpleNamespace(digitalmicrograph=reader))
    monkeypatch.setitem(sys.modules, "rsciio.digitalmicrograph", reader)
    monkeypatch.setitem(sys.modules, "dask", SimpleNamespace(config=SimpleNamespace(set=chosen)))
    series = read_rosetta(tmp_path / "a.dm4")
    np.testing.assert_array_equal(np.concatenate(list(series.parts())), np.ones((3, 4)))
    assert now == []


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


def _side_car(path, start, step, unit, name="energy"):
    np.save(path / "one.npy", np.random.default_rng(0).normal(size=(4, 30)))
    axes = [{"name": "t", "unit": "s", "start": 0, "step": 1}]
    axes.append({"name": name, "unit": unit, "start": start, "step": step})
    (path / "one.json").write_text(json.dumps({"axes": axes}))
    return path / "one.npy"


@pytest.mark.parametrize(
    ("start", "step", "unit", "words"),
    [
        (7.0, 0.001, "", r"axis energy: 7 … 7\.029 without a unit: is it eV or keV"),
        (0.7, 0.001, "", "is it eV or keV"),
        (7112, 1, "keV", r"7\.112e\+06 … 7\.141e\+06 eV .*is the unit keV right"),
    ],
)
def test_energies_that_may_be_in_another_unit_are_asked_about(tmp_path, start, step, unit, words):
    with pytest.raises(ReadError, match=words) as refused:
        read_series([_side_car(tmp_path, start, step, unit)])
    assert "one.npy" in str(refused.value)


@pytest.mark.parametrize(
    ("start", "step", "name"), [(-2.0, 0.1, "energy"), (55, 0.5, "energy"), (0.05, 0.01, "Eloss")]
)
def test_small_energies_that_may_be_ev_are_taken_as_such(tmp_path, start, step, name):
    name = "energy loss" if name == "Eloss" else name
    series, _ = read_series([_side_car(tmp_path, start, step, "", name)])
    assert series.energy_ev[0] == pytest.approx(start)


def test_a_faulty_array_is_told_from_a_faulty_side_car(tmp_path):
    path = _side_car(tmp_path, 700, 1, "eV")
    path.write_bytes(b"")
    with pytest.raises(ReadError, match="one.npy: is empty"):
        read_series([path])
    path.with_suffix(".json").write_text("{axes:")
    with pytest.raises(ReadError, match="one.json: is no JSON"):
        read_series([path])


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
