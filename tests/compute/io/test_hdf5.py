"""HDF5: NXdata, stacks, layouts, and what is never followed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from compute.io import RawSpectrum, read_bytes
from tests.compute.io.samples import I0, IT, MU, E, fails, hdf5, nxdata, one


def test_nxdata_is_read_with_the_entry_around_it() -> None:
    def build(file: h5py.File) -> None:
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        entry["title"] = "foil"
        entry.create_group("element")["symbol"] = "Fe"
        entry.create_group("edge")["name"] = "K"
        nxdata(entry, "keV", 1e-3)

    found = one("a.nxs", hdf5(build))
    assert (found.element, found.edge, found.label, found.format) == ("Fe", "K", "foil", "hdf5")
    assert found.energy_ev[0] == pytest.approx(7000)
    assert found.quantity == "mu"


def test_hdf5_never_follows_links_out_of_the_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        nxdata(file)

    def external(file: h5py.File) -> None:
        file["entry"] = h5py.ExternalLink(str(secret), "/")

    def through_soft(file: h5py.File) -> None:
        file["out"] = h5py.ExternalLink(str(secret), "/")
        file["entry"] = h5py.SoftLink("/out/data")

    def external_values(file: h5py.File) -> None:
        data = nxdata(file)
        del data["mu"]
        raw = tmp_path / "raw.bin"
        raw.write_bytes(np.array(MU).tobytes())
        data.create_dataset("mu", (20,), "f8", external=[(str(raw), 0, 160)])

    def virtual(file: h5py.File) -> None:
        data = nxdata(file)
        del data["mu"]
        layout = h5py.VirtualLayout((20,), "f8")
        layout[:] = h5py.VirtualSource(str(secret), "/data/mu", (20,))
        data.create_virtual_dataset("mu", layout)

    for build in (external, through_soft, external_values, virtual):
        assert fails("a.h5", hdf5(build))


def test_an_hdf5_without_spectrum_or_broken_is_an_error() -> None:
    assert "no NXdata group" in fails("a.h5", hdf5(lambda file: file.create_group("x")))
    assert "broken" in fails("a.h5", hdf5(nxdata)[:700])


def test_a_huge_dataset_is_not_read() -> None:
    def build(file: h5py.File) -> None:
        data = nxdata(file)
        del data["mu"]
        data.create_dataset("mu", (10**9,), "f8", chunks=(10**6,), compression="gzip")

    assert fails("a.h5", hdf5(build))


# --- stacks, several signals, several axes ------------------------------------------------------


def stack(parent: h5py.Group, values: np.ndarray, axes: list[str], **more: object) -> h5py.Group:
    data = parent.create_group("data")
    data.attrs.update({"NX_class": "NXdata", "signal": "mu", "axes": axes, **more})
    data["mu"] = values
    data.create_dataset("energy", data=np.array(E, float)).attrs["units"] = "eV"
    return data


def many(build: Callable[[h5py.File], object]) -> list[RawSpectrum]:
    return read_bytes("a.h5", hdf5(build))


@pytest.mark.parametrize("shape", [(1, 20), (20, 1), (1, 1, 20)])
def test_axes_of_length_one_are_no_stack(shape: tuple[int, ...]) -> None:
    axes = ["." if n == 1 else "energy" for n in shape]
    (found,) = many(lambda file: stack(file, np.array(MU).reshape(shape), axes))
    np.testing.assert_allclose(found.intensity, MU)
    assert found.label == "/data"


@pytest.mark.parametrize("transposed", [False, True])
def test_each_row_of_a_stack_is_a_spectrum_with_its_coordinate(transposed: bool) -> None:
    values = np.array([np.array(MU) * (i + 1) for i in range(3)])

    def build(file: h5py.File) -> None:
        axes = ["energy", "temperature"] if transposed else ["temperature", "energy"]
        data = stack(file, values.T if transposed else values, axes)
        data.create_dataset("temperature", data=[10.0, 20.0, 300.0]).attrs["units"] = "K"

    found = many(build)
    assert [f.label for f in found] == [f"/data, temperature = {t} K" for t in (10, 20, 300)]
    np.testing.assert_allclose(found[2].intensity, np.array(MU) * 3)


def test_a_map_has_a_spectrum_at_each_place() -> None:
    values = np.ones((2, 3, 20)) * np.array(MU)

    def build(file: h5py.File) -> None:
        data = stack(file, values, ["y", "x", "energy"])
        data["x"] = [0.0, 0.5, 1.0]
        data["y"] = [5.0, 6.0]

    found = many(build)
    assert len(found) == 6
    assert found[4].label == "/data, y = 6, x = 0.5"


def test_a_stack_beyond_the_limit_is_refused() -> None:
    values = np.ones((2001, 20))
    assert "2001 spectra; the limit is 2000" in fails(
        "a.h5", hdf5(lambda file: stack(file, values, [".", "energy"]))
    )


@pytest.mark.parametrize("first", [True, False])
def test_the_energy_is_told_by_name_and_indices_among_several_axes(first: bool) -> None:
    def build(file: h5py.File) -> None:
        names = ["energy", "angle"] if first else ["angle", "energy"]
        data = stack(file, np.array(MU), names, energy_indices=0, angle_indices=0)
        data["angle"] = np.linspace(13, 12, 20)

    assert many(build)[0].energy_ev[0] == 7000


@pytest.mark.parametrize(
    ("name", "unit"), [("angle", ""), ("angle", "deg"), ("energy", "mm"), ("x", "pixel")]
)
def test_an_axis_that_is_no_energy_is_refused(name: str, unit: str) -> None:
    def build(file: h5py.File) -> None:
        data = file.create_group("data")
        data.attrs.update({"NX_class": "NXdata", "signal": "mu", "axes": name})
        data["mu"] = MU
        data.create_dataset(name, data=np.array(E, float)).attrs["units"] = unit

    fails("a.h5", hdf5(build))


def test_auxiliary_signals_are_spectra_of_their_own() -> None:
    def build(file: h5py.File) -> None:
        data = nxdata(file)
        data.attrs["auxiliary_signals"] = ["mu_fluo", "mu_ref", "I0", "time"]
        for name in ("mu_fluo", "mu_ref", "I0", "time"):
            data[name] = np.array(MU) * 2

    found = many(build)
    assert [(f.label, f.role) for f in found] == [
        ("/data, mu", "sample"),
        ("/data, mu_fluo", "sample"),
        ("/data, reference", "reference"),
    ]
    assert any("auxiliary signal not used: time" in text for text in found[0].warnings)


def test_counts_are_divided_by_the_i0_beside_them() -> None:
    def build(file: h5py.File) -> None:
        data = file.create_group("data")
        data.attrs.update({"NX_class": "NXdata", "signal": "It", "axes": "energy"})
        data.create_dataset("energy", data=E).attrs["units"] = "eV"
        data["It"], data["I0"] = IT, I0

    (found,) = many(build)
    np.testing.assert_allclose(found.intensity, MU)
    assert found.mode == "transmission"


# --- layouts that are no NXdata -----------------------------------------------------------------


def bliss(file: h5py.File, scan: str, title: str, **counters: object) -> None:
    entry = file.create_group(scan)
    entry.attrs["NX_class"] = "NXentry"
    entry["title"] = title
    entry.create_group("sample")["name"] = "NiO"
    measured = entry.create_group("measurement")
    measured.attrs["NX_class"] = "NXcollection"
    for name, values in counters.items():
        kept = entry.create_dataset(f"instrument/{name}/data", data=values)
        if name == "energy":
            kept.attrs["units"] = "keV"
        measured[name] = h5py.SoftLink(kept.name)


def test_each_bliss_scan_is_a_spectrum_and_scans_over_motors_are_told() -> None:
    kev = np.array(E) / 1000

    def build(file: h5py.File) -> None:
        for scan in ("1.1", "2.1"):
            bliss(
                file, scan, "ascan energy", energy=kev, I0=I0, It=IT, elapsed_time=E, sr_current=E
            )
        bliss(file, "3.1", "ascan y", y=kev, I0=I0, elapsed_time=E)

    found = many(build)
    assert [f.label for f in found] == [
        "NiO, scan 1.1, ascan energy",
        "NiO, scan 2.1, ascan energy",
    ]
    assert found[0].energy_ev[0] == pytest.approx(7000)
    np.testing.assert_allclose(found[0].intensity, MU)
    assert any("/3.1" in text for text in found[0].warnings)


@pytest.mark.parametrize(
    ("mode", "form"),
    [("Transmission", "ln"), ("Fluorescence Yield", "ratio"), ("Total Electron Yield", "ratio")],
)
def test_legacy_nxxas_is_formed_by_its_mode(mode: str, form: str) -> None:
    def build(file: h5py.File) -> None:
        entry = file.create_group("entry")
        entry["definition"] = "NXxas"
        entry["instrument/incoming_beam/data"] = np.array(I0, float)
        entry["instrument/absorbed_beam/data"] = np.array(IT, float)
        energy = entry.create_dataset("instrument/monochromator/energy", data=np.array(E, float))
        energy.attrs["units"] = "eV"
        entry["data/mode"] = mode

    (found,) = many(build)
    expected = MU if form == "ln" else np.array(IT) / np.array(I0)
    np.testing.assert_allclose(found.intensity, expected)


@pytest.mark.parametrize("unit", ["eV", "keV"])
def test_hyperspy_files_give_each_place_of_a_spectrum_image(unit: str) -> None:
    scale = 1.0 if unit == "eV" else 1e-3

    def build(file: h5py.File) -> None:
        one_ = file.create_group("Experiments/oxide")
        one_["data"] = np.arange(40.0).reshape(2, 20)
        for index, (name, step, offset, units, navigate) in enumerate(
            [("x", 0.5, 0.0, "nm", True), ("Energy loss", 0.25 * scale, 520.0 * scale, unit, False)]
        ):
            axis = one_.create_group(f"axis-{index}")
            axis.attrs.update(
                {"name": name, "scale": step, "offset": offset, "units": units,
                 "size": (2, 20)[index], "navigate": navigate}
            )  # fmt: skip
        one_.create_group("metadata/Signal").attrs["signal_type"] = "EELS"

    found = many(build)
    assert [f.label for f in found] == ["oxide, x = 0 nm", "oxide, x = 0.5 nm"]
    assert found[1].energy_ev[:2] == pytest.approx([520, 520.25])
    assert found[0].technique == "EELS"


def test_a_hyperspy_file_of_one_spectrum_is_read() -> None:
    def build(file: h5py.File) -> None:
        one_ = file.create_group("Experiments/oxide")
        one_["data"] = np.arange(20.0)
        one_.create_group("axis-0").attrs.update(
            {"name": "Energy loss", "scale": 0.25, "offset": 520.0, "units": "eV", "size": 20,
             "navigate": False}
        )  # fmt: skip

    (found,) = many(build)
    assert found.label == "oxide"
    np.testing.assert_array_equal(found.intensity, np.arange(20.0))


def test_uncalibrated_hyperspy_files_are_refused() -> None:
    def build(file: h5py.File) -> None:
        one_ = file.create_group("Experiments/raw")
        one_["data"] = np.arange(20.0)
        axis = one_.create_group("axis-0")
        axis.attrs.update(
            {
                "name": "x",
                "scale": 1.0,
                "offset": 0.0,
                "units": "<undefined>",
                "size": 20,
                "navigate": False,
            }
        )

    assert "no single axis over an energy" in fails("a.hspy", hdf5(build))


def test_a_plain_group_of_columns_is_read_by_its_names() -> None:
    def build(file: h5py.File) -> None:
        file["energy"], file["i0"], file["itrans"], file["time"] = E, I0, IT, E

    (found,) = many(build)
    np.testing.assert_allclose(found.intensity, MU)


@pytest.mark.parametrize("name", ["dwell_time", "I0", "mu_errors", "ring_current"])
def test_a_signal_of_another_role_is_never_the_spectrum(name: str) -> None:
    def build(file: h5py.File) -> None:
        data = nxdata(file)
        data[name] = np.array(I0, float)
        data.attrs["signal"] = name

    found = many(build)
    assert ["intensity: mu" in one_.warnings for one_ in found] == [True]


def test_a_transmitted_beam_without_i0_is_refused() -> None:
    def build(file: h5py.File) -> None:
        data = nxdata(file)
        del data["mu"]
        data["It"] = np.array(IT, float)
        data.attrs["signal"] = "It"

    assert "no spectrum can be formed" in fails("a.h5", hdf5(build))


def test_counters_of_bliss_without_a_role_are_asked_for() -> None:
    assert "which of its columns" in fails(
        "a.h5",
        hdf5(lambda file: bliss(file, "1.1", "x", energy=np.array(E) / 1000, p201=I0, p202=IT)),
    )
