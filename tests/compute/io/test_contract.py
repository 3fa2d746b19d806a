"""What every reader keeps: one suite, inherited by a class for each format.

A new reader adds a class here with one small, whole file of its format.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import FrozenInstanceError

import h5py
import numpy as np
import pytest

from compute.errors import ReadError, SkipFile
from compute.io import LIMITS, RawSpectrum, read_bytes
from compute.io.dispatch import UNFORESEEN
from tests.compute.io.samples import (
    HEAD,
    I0,
    IT,
    MU,
    E,
    group,
    hdf5,
    kek,
    msa,
    nxdata,
    rows,
)
from tests.compute.io.test_theory import feff
from tests.compute.io.test_xdi import xdi


class ReaderContract:
    """The suite; ``content`` is a whole file of ``n_points`` rows."""

    name = "a.dat"
    n_points: int

    @abstractmethod
    def content(self) -> bytes: ...

    def read(self, data: bytes) -> list[RawSpectrum]:
        return read_bytes(self.name, data)

    def test_spectra_are_frozen(self) -> None:
        one = self.read(self.content())[0]
        with pytest.raises(FrozenInstanceError):
            one.label = "other"  # type: ignore[misc]
        with pytest.raises(ValueError, match="read-only"):
            one.energy_ev[0] = 0.0
        with pytest.raises(ValueError, match="read-only"):
            one.intensity[0] = 0.0

    def test_energies_are_finite_and_rise_in_a_named_unit(self) -> None:
        for one in self.read(self.content()):
            assert one.energy_ev.dtype == one.intensity.dtype == np.float64
            assert one.energy_ev.shape == one.intensity.shape
            assert np.isfinite(one.energy_ev).all()
            assert np.isfinite(one.intensity).all()
            assert (np.diff(one.energy_ev) > 0).all()
            assert one.axis_unit
            assert 2 <= one.n_points <= LIMITS.points

    def test_every_row_is_a_point_or_told(self) -> None:
        for one in self.read(self.content()):
            dropped = [text for text in one.warnings if "left out" in text or "mean" in text]
            assert one.n_points == self.n_points or dropped

    def test_a_measurement_names_no_code_and_theory_names_its_own(self) -> None:
        for one in self.read(self.content()):
            assert (one.kind == "theory") == bool(one.code)
            assert one.label or one.header

    def test_reading_twice_gives_the_same(self) -> None:
        first, second = self.read(self.content()), self.read(self.content())
        assert [(a.label, a.warnings) for a in first] == [(b.label, b.warnings) for b in second]
        for a, b in zip(first, second, strict=True):
            np.testing.assert_array_equal(a.energy_ev, b.energy_ev)
            np.testing.assert_array_equal(a.intensity, b.intensity)

    def test_a_file_cut_anywhere_is_read_or_refused(self) -> None:
        data = self.content()
        for stop in sorted({*range(0, len(data), max(1, len(data) // 60)), len(data) - 1}):
            answer(self.name, data[:stop])

    def test_a_damaged_byte_is_read_or_refused(self) -> None:
        data = self.content()
        rng = np.random.default_rng(0)
        for _ in range(40):
            broken = bytearray(data)
            broken[int(rng.integers(len(data)))] = int(rng.integers(256))
            answer(self.name, bytes(broken))

    def test_the_name_of_the_file_does_not_decide(self) -> None:
        """Content first: another ending changes neither energies nor values."""
        one = self.read(self.content())[0]
        other = read_bytes("renamed.txt", self.content())[0]
        np.testing.assert_array_equal(one.energy_ev, other.energy_ev)
        np.testing.assert_array_equal(one.intensity, other.intensity)


def answer(name: str, data: bytes) -> None:
    """Read; any error but the readers' own, and any that is a fault of ours, fails the test."""
    try:
        told = " ".join(text for one in read_bytes(name, data) for text in one.warnings)
    except (ReadError, SkipFile) as error:
        told = str(error)
    assert UNFORESEEN not in told, told


class TestXdi(ReaderContract):
    name = "a.xdi"
    n_points = 20

    def content(self) -> bytes:
        return xdi()


class TestKek(ReaderContract):
    n_points = 3

    def content(self) -> bytes:
        return kek().encode()


class TestEmsa(ReaderContract):
    name = "a.msa"
    n_points = 6

    def content(self) -> bytes:
        return msa().encode()


class TestAthena(ReaderContract):
    name = "a.prj"
    n_points = 120

    def content(self) -> bytes:
        return (HEAD + group("abc", "foil") + group("def", "  Ref foil")).encode()


class TestColumns(ReaderContract):
    n_points = 20

    def content(self) -> bytes:
        return ("# energy time I0 It\n" + rows(E, [1] * 20, I0, IT)).encode()


class TestSpec(ReaderContract):
    name = "a.spec"
    n_points = 20

    def content(self) -> bytes:
        scan = "#S {} ascan energy\n#N 2\n#L Energy  mu\n" + rows(E, MU)
        return ("#F a\n\n" + scan.format(1) + "\n" + scan.format(2)).encode()


class TestFeff(ReaderContract):
    name = "xmu.dat"
    n_points = 120

    def content(self) -> bytes:
        return feff().encode()


class TestHdf5(ReaderContract):
    name = "a.h5"
    n_points = 20

    def content(self) -> bytes:
        return hdf5(nxdata)


class TestHdf5Stack(ReaderContract):
    name = "a.nxs"
    n_points = 20

    def content(self) -> bytes:
        def build(file: h5py.File) -> None:
            data = nxdata(file)
            del data["mu"]
            data["mu"] = np.array([MU, MU, MU])
            data.attrs["axes"] = [".", "energy"]

        return hdf5(build)
