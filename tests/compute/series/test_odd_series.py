"""Files that say less, more or something else than they hold."""

from __future__ import annotations

import json
import os

import h5py
import numpy as np
import pytest

from compute.errors import InputError, ReadError
from compute.series.io import arrays, read_series
from compute.series.io.convert import convert
from compute.series.io.store import write
from tests.compute.series.test_series_io import CUBE, ENERGY, nxdata, spectra_of


def changed(path, name, values, **attrs):
    """Another dataset in place of an axis."""
    with h5py.File(path, "a") as file:
        group = file["entry/data"]
        kept = dict(group[name].attrs) if name in group else {}
        del group[name]
        if values is not None:
            group[name] = values
            group[name].attrs.update(kept | attrs)
    return path


def test_bins_lie_at_their_middles(tmp_path):
    edges = np.append(ENERGY, ENERGY[-1] + 0.5) - 0.25
    path = changed(nxdata(tmp_path / "map.h5"), "energy", edges)
    np.testing.assert_allclose(read_series([path])[0].energy_ev, ENERGY)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (np.tile(ENERGY, (3, 1)), r"shape \(3, 40\)"),
        (ENERGY[:7], r"shape \(7,\)"),
        (None, "is missing"),
    ],
)
def test_places_on_an_axis_are_never_taken_for_energies(tmp_path, values, why):
    path = changed(nxdata(tmp_path / "map.h5"), "energy", values)
    with pytest.raises(ReadError, match=f"axis energy.*{why}"):
        read_series([path])


def test_another_axis_that_cannot_be_read_is_counted_and_told(tmp_path):
    path = changed(nxdata(tmp_path / "map.h5"), "x", np.array([b"a", b"b", b"c", b"d"]))
    series, _ = read_series([path])
    np.testing.assert_array_equal(series.axes[1].values, np.arange(4))
    assert any("axis x" in text and "counted" in text for text in series.warnings)


def test_an_axis_may_be_larger_than_any_memory(tmp_path):
    with h5py.File(tmp_path / "huge.h5", "w") as file:
        group = file.create_group("entry/data")
        group.attrs.update({"NX_class": "NXdata", "signal": "counts", "axes": [".", "energy"]})
        group.create_dataset("counts", (10**13, 40), "f4", chunks=(1000, 40))
        group["energy"] = ENERGY
    with pytest.raises(ReadError, match="more than a series may have"):
        read_series([tmp_path / "huge.h5"])


def test_more_spectra_than_numbers_count_are_no_room(tmp_path):
    with h5py.File(tmp_path / "huge.h5", "w") as file:
        group = file.create_group("entry/data")
        group.attrs.update({"NX_class": "NXdata", "signal": "c", "axes": [*"....", "energy"]})
        group.create_dataset("c", (2**20, 2**20, 2**20, 2**20, 40), "f4", chunks=(1, 1, 1, 1, 40))
        group["energy"] = ENERGY
    with pytest.raises(ReadError, match="GB are needed"):
        convert([tmp_path / "huge.h5"], tmp_path / "out.h5")


@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_parts_are_small_whichever_axis_is_long(monkeypatch, at):
    cube = np.random.default_rng(0).random((1, 6, 5, 40))
    monkeypatch.setattr(arrays, "PART_BYTES", 2 * 40 * 8)
    parts = list(arrays.parts_of(np.moveaxis(cube, -1, at), at))
    assert max(len(one) for one in parts) <= 2
    np.testing.assert_array_equal(np.vstack(parts), cube.reshape(-1, 40))


def test_hyperspy_places_one_by_one_and_by_attributes_of_one_value(tmp_path):
    uneven = ENERGY + 0.01 * np.arange(40) ** 2
    path = tmp_path / "line.hspy"
    with h5py.File(path, "w") as file:
        group = file.create_group("Experiments/line")
        group["data"] = CUBE[0].T
        signal = group.create_group("axis-0")
        signal.attrs.update({"name": "Energy", "units": "eV", "navigate": False})
        signal["axis"] = uneven
        group.create_group("axis-1").attrs.update(
            {"name": "x", "units": "nm", "navigate": True, "scale": np.array([0.5]), "offset": 1}
        )
    series, _ = read_series([path])
    np.testing.assert_allclose(series.energy_ev, uneven)
    np.testing.assert_allclose(series.axes[0].values, 1 + 0.5 * np.arange(4))
    np.testing.assert_array_equal(spectra_of(series), CUBE[0])
    with h5py.File(path, "a") as file:
        file["Experiments/line/axis-0"].attrs["expression"] = "a * x"
    with pytest.raises(ReadError, match="by an expression"):
        read_series([path])


def test_axes_of_one_name_get_names_of_their_own(tmp_path):
    np.save(tmp_path / "t.npy", CUBE)
    axes = [{"name": "x", "unit": "nm", "start": 0, "step": 1} for _ in range(2)]
    axes.append({"name": "energy", "unit": "eV", "values": list(ENERGY)})
    (tmp_path / "t.json").write_text(json.dumps({"axes": axes}))
    series, _ = read_series([tmp_path / "t.npy"])
    assert [axis.name for axis in series.axes] == ["x", "x2"]
    assert any("two axes are named x" in text for text in series.warnings)
    with pytest.raises(InputError, match="named twice"):
        read_series([tmp_path / "t.npy"], axes=["a=0:1", "a=0:1"])
    with pytest.raises(InputError, match="what numbers can be"):
        read_series([tmp_path / "t.npy"], axes=["a=1e308:1e308", "b=0:1"])


@pytest.mark.parametrize(("unit", "factor"), [("keV", 1e3), ("MeV", 1e6), ("meV", 1e-3)])
def test_units_of_energy_are_read_with_their_letters(tmp_path, unit, factor):
    path = changed(nxdata(tmp_path / "map.h5", unit=unit), "energy", ENERGY / factor)
    series, _ = read_series([path])
    np.testing.assert_allclose(series.energy_ev, ENERGY)


def test_an_edge_that_lies_elsewhere_is_told(tmp_path):
    path = changed(nxdata(tmp_path / "map.h5"), "energy", ENERGY / 1000)  # keV called eV
    told = read_series([path], element="Fe", edge="L23")[0].warnings
    assert any("Fe L23 lies at 707 eV, the energies at 0.7" in text for text in told)
    good = read_series([nxdata(tmp_path / "good.h5")], element="Fe", edge="L23")[0]
    assert not any("lies at" in text for text in good.warnings)


def test_a_side_car_that_says_what_does_not_exist_is_told(tmp_path):
    np.save(tmp_path / "t.npy", CUBE[0])
    told = {
        "axes": [
            {"name": "t", "unit": "s", "start": 0, "step": 5},
            {"name": "energy", "unit": "eV", "values": list(ENERGY)},
        ],
        "element": "Xy",
    }
    side = tmp_path / "t.json"
    side.write_text(json.dumps(told), encoding="utf-8-sig")
    series, _ = read_series([tmp_path / "t.npy"])
    assert series.element is None
    assert any("element 'Xy'" in text for text in series.warnings)
    side.write_text(json.dumps(told | {"quantity": "photons"}))
    with pytest.raises(ReadError, match="'photons' is one of"):
        read_series([tmp_path / "t.npy"])


def test_full_counters_are_told(tmp_path):
    counts = CUBE.astype("u2")
    counts[0, 0, :3] = 65535
    nxdata(tmp_path / "map.h5", counts)
    told = convert([tmp_path / "map.h5"], tmp_path / "out.h5").warnings
    assert any(text.startswith("3 values are 65535, the most that uint16 holds") for text in told)


def test_the_mean_of_a_spectrum_is_that_of_its_values(tmp_path):
    cube = np.full((3, 4, 40), 2.0)
    cube[0, 0, 10:] = np.nan
    cube[1, 1] = np.nan
    series, _ = read_series([nxdata(tmp_path / "map.h5", cube)])
    level = write(series, tmp_path / "stored.h5").level
    assert np.isnan(level[5])
    np.testing.assert_array_equal(np.delete(level, 5), 2.0)


def test_values_whose_squares_are_no_numbers_are_refused(tmp_path):
    series, _ = read_series([nxdata(tmp_path / "map.h5", CUBE * 1e200)])
    with pytest.raises(ReadError, match="beyond 1e"):
        write(series, tmp_path / "stored.h5")


def test_one_spectrum_is_no_series(tmp_path):
    with pytest.raises(ReadError, match="holds one spectrum, no series"):
        read_series([nxdata(tmp_path / "map.h5", CUBE[:1, :1])])


def test_absorbers_that_differ_are_named_before_their_energies(tmp_path):
    for element, at in (("Mn", 640), ("Fe", 707)):
        energy = at - 15 + 0.25 * np.arange(150)
        rows = "\n".join(f"{e:.2f} {1 + np.exp(-((e - at) ** 2)):.5f}" for e in energy)
        (tmp_path / f"{element}.xdi").write_text(
            f"# XDI/1.0\n# Element.symbol: {element}\n# Element.edge: L3\n"
            f"# Column.1: energy eV\n# Column.2: xmu\n# ---\n{rows}\n"
        )
    with pytest.raises(ReadError, match="several absorbers.*Fe L3 in Fe.xdi"):
        read_series([tmp_path])


def test_the_value_that_is_infinite_is_named_with_its_place(tmp_path):
    cube = CUBE.copy()
    cube[2, 1, 7] = np.inf
    series, _ = read_series([nxdata(tmp_path / "map.h5", cube)])
    with pytest.raises(ReadError, match=r"y 4 nm, x 2 nm: the value at 703.5 eV is inf"):
        write(series, tmp_path / "stored.h5")


def test_an_array_without_a_spectrum_is_not_said_to_hold_one(tmp_path):
    with pytest.raises(ReadError, match="holds no spectrum"):
        read_series([nxdata(tmp_path / "map.h5", CUBE[:0])])


def test_whole_numbers_below_nought_are_asked_about(tmp_path):
    counts = CUBE.astype("i2")
    counts[0, 0, :3] = -32000
    told = convert([nxdata(tmp_path / "map.h5", counts)], tmp_path / "out.h5").warnings
    assert any(text.startswith("3 values of type int16 are negative") for text in told)
    same = convert([nxdata(tmp_path / "b.h5", CUBE - 500)], tmp_path / "b-out.h5").warnings
    assert not any("negative" in text for text in same)


def test_an_axis_that_turns_back_is_told(tmp_path):
    path = changed(nxdata(tmp_path / "map.h5"), "x", np.array([300.0, 400.0, 500.0, 300.0]))
    told = read_series([path])[0].warnings
    assert any("axis x does not go one way (300 … 500 … 300" in text for text in told)


def sidecar(path, cube, *axes):
    np.save(path, cube)
    path.with_suffix(".json").write_text(json.dumps({"axes": list(axes)}))
    return path


T = {"name": "t", "unit": "s", "start": 0, "step": 5}
E = {"name": "energy", "unit": "eV", "start": 700, "step": 0.5}


def test_axes_of_an_array_that_are_swapped_are_refused_where_their_sizes_say_so(tmp_path):
    path = sidecar(tmp_path / "t.npy", CUBE[0].T, T | {"size": 4}, E | {"size": 40})
    with pytest.raises(ReadError, match=r"axes\[0\]: t has 4 places, the array 40 there"):
        read_series([path])
    path = sidecar(tmp_path / "u.npy", CUBE[0].T, T, E | {"values": list(ENERGY)})
    with pytest.raises(ReadError, match="40 values for 4 places"):
        read_series([path])


@pytest.mark.parametrize(
    ("cube", "axes", "told"),
    [
        (CUBE[0], (T, E), "takes t for 4 places and energy for 40"),
        (CUBE[0].T, (T, E), "takes t for 40 places and energy for 4"),
        (np.vstack([CUBE[0]] * 10), (T | {"size": 40}, E | {"size": 40}), "both have 40"),
        (CUBE[0], (T | {"size": 4}, E), ""),
        (CUBE[0], (T, E | {"values": list(ENERGY)}), ""),
    ],
)
def test_axes_of_an_array_that_might_be_swapped_are_told(tmp_path, cube, axes, told):
    warnings = read_series([sidecar(tmp_path / "t.npy", cube, *axes)])[0].warnings
    found = [text for text in warnings if "order of its axes" in text]
    assert bool(found) == bool(told)
    assert not told or told in found[0]


def test_what_is_no_file_is_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ReadError, match="pipe: is no file"):
        read_series([tmp_path / "pipe"])


def test_a_file_that_only_begins_like_hdf5_is_refused_by_its_name(tmp_path):
    (tmp_path / "x.h5").write_bytes(b"\x89HDF\r\n\x1a\n\xff" + bytes(500))
    with pytest.raises(ReadError, match="x.h5"):
        arrays.read_hdf5(tmp_path / "x.h5")
