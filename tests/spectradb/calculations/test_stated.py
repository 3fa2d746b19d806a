"""Valences that a person states with the command: used everywhere, kept, and told of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from pymatgen.core import Lattice, Structure

from compute.crystals.published import crystal
from compute.errors import InputError
from spectradb.models import Calculation, Site, Spectrum
from spectradb.services.calculations.stated import parse_stated
from spectradb.services.calculations.structures import queue_sites
from spectradb.services.imports.structures import store_structure
from spectradb.services.library.build import store_crystals


def computed(path: Path, *arguments: str) -> list[dict[str, Any]]:
    output = path.with_name("out.json")
    call_command("compute_spectra", str(path), *arguments, "--output", str(output))
    found: list[dict[str, Any]] = json.loads(output.read_text())
    return found


@pytest.fixture
def nickel_oxide(tmp_path: Path) -> Path:
    path = tmp_path / "NiO.cif"
    crystal("rocksalt-NiO").structure().to(filename=str(path))
    return path


@pytest.mark.parametrize("stated", ["Ni=3", "Ni:0=3", "Ni:2=+3.0"])
def test_a_stated_valence_of_a_file_is_used_and_a_charged_cell_told(nickel_oxide, stated) -> None:
    (row,) = computed(nickel_oxide, "--absorber", "Ni", "--oxidation-state", stated)
    assert (row["oxidation_state"], row["valence_confidence"]) == (3.0, 1.0)
    assert row["parameters"]["charge"] == 3
    assert any("add up to +4 a cell" in text for text in row["warnings"])


def test_a_row_tells_of_the_site_and_of_the_computed_ground_state(nickel_oxide) -> None:
    (row,) = computed(nickel_oxide, "--absorber", "Ni")
    assert row["s_squared"] == pytest.approx(2.0, abs=0.1)
    assert (row["spin"], row["geometry"]) == ("high", "octahedron")
    assert np.abs(np.linalg.det(row["local_axes"])) == pytest.approx(1.0)
    assert 0.6 < row["branching_ratio"] < 0.85
    assert 0.0 < row["valence_confidence"] <= 1.0


def test_a_valence_against_the_bonds_is_told(nickel_oxide) -> None:
    (row,) = computed(nickel_oxide, "--absorber", "Ni", "--oxidation-state", "Ni=4")
    assert any("its bonds add up to" in text for text in row["warnings"])


@pytest.mark.parametrize(
    ("stated", "reason"),
    [
        ("Ni3", "write EL=N"),
        ("Xx=2", "no chemical element"),
        ("Ni=22", "within"),
        ("Fe=2", "oxidation-state Fe: NiO holds no Fe"),
        ("Ni:4=2", "place 4 holds O"),
        ("Ni:99=2", "no atom"),
    ],
)
def test_what_cannot_be_stated_is_refused_by_name(nickel_oxide, stated, reason) -> None:
    with pytest.raises(CommandError, match=reason):
        computed(nickel_oxide, "--absorber", "Ni", "--oxidation-state", stated)


def test_two_states_of_one_thing_are_refused() -> None:
    assert len(parse_stated(["Fe=2", "Fe:3=3", "Fe=2.0"])) == 2
    with pytest.raises(InputError, match="stated as"):
        parse_stated(["Fe=2", "Fe=3"])


@pytest.mark.django_db
def test_of_a_stored_structure_the_site_row_keeps_it(tmp_path: Path) -> None:
    list(store_crystals([crystal("perovskite-SrTiO3")]))
    output = tmp_path / "out.json"
    arguments = ("--absorber", "Ti", "--where", "formula=SrTiO3", "--sync", "--output", str(output))
    call_command("compute_spectra", *arguments, "--oxidation-state", "Ti=3")
    (row,) = json.loads(output.read_text())
    assert (row["status"], row["oxidation_state"], row["parameters"]["charge"]) == ("done", 3.0, 3)
    assert any("add up to" in text for text in row["warnings"])
    site = Site.objects.get(element="Ti")
    assert (site.oxidation_state, site.oxidation_method) == (3.0, "stated")
    call_command("compute_spectra", *arguments)  # it stays
    assert Calculation.objects.count() == 1


@pytest.mark.django_db
def test_another_shape_is_another_calculation_that_stays_out_of_the_library(tmp_path: Path) -> None:
    list(store_crystals([crystal("perovskite-SrTiO3")]))
    output = tmp_path / "out.json"
    arguments = ("--absorber", "Ti", "--where", "formula=SrTiO3", "--sync", "--output", str(output))
    shaped = (*arguments, "--widths", "table", "--continuum", "0.1")
    call_command("compute_spectra", *arguments)
    (plain,) = json.loads(output.read_text())
    call_command("compute_spectra", *shaped)
    (broad,) = json.loads(output.read_text())
    call_command("compute_spectra", *shaped)
    (again,) = json.loads(output.read_text())
    assert again == broad
    assert plain["parameters"]["hwhm_ev"] == {"l3": 0.2, "l2": 0.4}
    assert broad["parameters"]["hwhm_ev"] == {"l3": 0.125, "l2": 0.26}
    assert broad["intensity"][-1] > 0.05 * max(broad["intensity"])
    assert Calculation.objects.count() == 2
    assert [row.status for row in Spectrum.objects.order_by("pk")] == ["published", "draft"]


METALS = {
    "nickel": ("Fm-3m", Lattice.cubic(3.52), ["Ni"], [[0, 0, 0]], "Ni", "no ion: in metals"),
    "copper": ("Fm-3m", Lattice.cubic(3.61), ["Cu"], [[0, 0, 0]], "Cu", "no ion: in metals"),
    "FeAl": (
        "Pm-3m", Lattice.cubic(2.91), ["Fe", "Al"], [[0, 0, 0], [0.5, 0.5, 0.5]], "Fe",
        "intermetallics",
    ),
    "CoSi2": (
        "Fm-3m", Lattice.cubic(5.365), ["Co", "Si"], [[0, 0, 0], [0.25, 0.25, 0.25]], "Co",
        "no ion|silicide",
    ),
    "FeB": (
        "Pnma", Lattice.orthorhombic(5.506, 2.952, 4.061), ["Fe", "B"],
        [[0.18, 0.25, 0.125], [0.036, 0.25, 0.61]], "Fe", "no ion|boride",
    ),
    "Fe3C": (
        "Pnma", Lattice.orthorhombic(5.09, 6.74, 4.53), ["Fe", "Fe", "C"],
        [[0.036, 0.25, 0.852], [0.186, 0.063, 0.328], [0.89, 0.25, 0.45]], "Fe",
        "no ion|metallic carbide",
    ),
    "ZnO": (
        "P6_3mc", Lattice.hexagonal(3.25, 5.2), ["Zn", "O"],
        [[1 / 3, 2 / 3, 0], [1 / 3, 2 / 3, 0.382]], "Zn", "3d shell is full",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", METALS)
def test_a_metal_and_a_full_shell_are_refused_in_the_right_words(name: str, tmp_path: Path) -> None:
    *crystal_, absorber, words = METALS[name]
    path = tmp_path / f"{name}.cif"
    Structure.from_spacegroup(*crystal_).to(filename=str(path))
    with pytest.raises(CommandError, match=rf"({words}).*route feff") as caught:
        call_command("compute_spectra", str(path), "--absorber", absorber)
    assert "shell is full" not in str(caught.value) or name == "ZnO"


@pytest.mark.django_db
def test_the_page_and_the_job_of_a_metal_say_why(client) -> None:
    *crystal_, _, _ = METALS["nickel"]
    row, _ = store_structure(Structure.from_spacegroup(*crystal_))
    page = client.get(f"/structures/{row.pk}/").content.decode()
    assert "no multiplet" in page
    assert "route feff" in page
    from spectradb.services.calculations.structures import run_calculation

    (job,) = queue_sites(row.sites.all(), send=False)
    assert not run_calculation(job.pk)
    job.refresh_from_db()
    assert job.error_cause == "No ligand-field multiplet"
    assert "no ion" in job.error
