"""A release put on another energy scale is what would be computed anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from spectradb.services.calculations.inputs import present_versions
from spectradb.services.library.rebuild import SAME_EV, SAME_STEPS, apart
from spectradb.services.library.release import read_release, write_release
from tests.benchmarks.release_recomputed import STARTER, computed
from tests.benchmarks.release_rescaled import rescale

OLD = "cheap-0 multiplet-0 atom-0"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of iron, one that is two ions, and one by another route; energies of long ago."""
    held = read_release(STARTER / "supplements" / "2027.01")
    cheap = [row for row in held.spectra if row["route"] == "cheap" and row["absorber"] == "Fe"]
    rows = [
        next(row for row in cheap if "mixture" not in row["results"]),
        next(row for row in cheap if "mixture" in row["results"]),
        next(row for row in held.spectra if row["route"] == "cluster"),
    ]
    for row in rows[:2]:
        row["version"] = OLD
        for name in ("offset_ev", "first_ev", "last_ev"):
            row[name] += 1.5
        row["offset_err"] = 9.0
    structures = [held.structures[row["structure"]] for row in rows]
    rows = [row | {"structure": k} for k, row in enumerate(rows)]
    folder = tmp_path_factory.mktemp("release")
    about = {"engines": {"cheap": OLD, "cluster": rows[2]["version"]}, "counts": {"spectra": 3}}
    write_release(folder, "2000.01", structures, rows, about)
    return folder


def test_rescaled_spectra_are_those_computed_anew_and_other_routes_stay(release: Path) -> None:
    before = read_release(release)
    assert rescale(release, 1) == {"moved": 1, "solved": 1}
    after = read_release(release)
    for row in after.spectra[:2]:
        found = computed(after, row)
        steps, shift_ev = apart(row, found.energy_ev, found.intensity)
        assert steps <= SAME_STEPS
        assert shift_ev <= SAME_EV
        assert row["offset_ev"] == pytest.approx(found.energy_offset_ev, abs=1e-6)
        assert row["offset_err"] == pytest.approx(found.energy_offset_err)
        assert row["version"] == present_versions("cheap")
    assert after.spectra[2] == before.spectra[2]
    assert after.structures == before.structures
    assert after.manifest["engines"]["cheap"] == present_versions("cheap")
    assert after.manifest["counts"] == before.manifest["counts"]
    assert rescale(release, 1) == {}
