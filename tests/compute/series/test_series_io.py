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
