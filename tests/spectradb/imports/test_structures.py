"""Structures are stored once, with symmetry and sites, and bad files are told apart."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice
from pymatgen.core import Structure as PymatgenStructure

from compute.errors import InputError
from spectradb.models import Site, Structure
from spectradb.services.calculations.inputs import input_hash, valences
from spectradb.services.imports.same_crystal import atom_order, content_hash
from spectradb.services.imports.structures import (
    StructureConflict,
    site_of_atom,
    store_structure,
)
from spectradb.services.structures.sites import state_valence, total_charge
from tests.factories import rocksalt

pytestmark = pytest.mark.django_db


def rutile() -> PymatgenStructure:
    lattice = Lattice.tetragonal(4.5937, 2.9587)
    return PymatgenStructure.from_spacegroup(
        "P4_2/mnm", lattice, ["Ti", "O"], [[0, 0, 0], [0.3053, 0.3053, 0]]
    )


def disturbed(structure: PymatgenStructure, seed: int, noise: float) -> PymatgenStructure:
    """Atoms in another order, in other periodic images, with noise."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(structure))
    places = structure.frac_coords[order] + rng.integers(-1, 2, (len(order), 3))
    places = places + noise * rng.standard_normal(places.shape)
    matrix = structure.lattice.matrix * (1 + noise * rng.standard_normal())
    return PymatgenStructure(Lattice(matrix), [structure[i].species for i in order], places)


def test_rutile_gets_its_symmetry_elements_and_sites() -> None:
    row, is_new = store_structure(rutile(), source="library", source_id="rutile", name="Rutile")
    assert is_new
    assert (row.formula, row.formula_anonymous, row.chemical_system) == ("TiO2", "AB2", "O-Ti")
    assert (row.space_group_number, row.crystal_system, row.n_sites) == (136, "tetragonal", 6)
    assert {e.element: round(e.fraction, 3) for e in row.element_rows.all()} == {
        "Ti": 0.333,
        "O": 0.667,
    }
    titanium = row.sites.get(element="Ti")
    assert (titanium.oxidation_state, titanium.coordination_number) == (4, 6)
    assert (titanium.ligands, titanium.site_symmetry, titanium.multiplicity) == ("O", "mmm", 2)
    assert titanium.mean_bond_length == pytest.approx(1.96, abs=0.02)
    assert site_of_atom(row, 1) == titanium
    assert row.to_pymatgen() == rutile()
    assert Site.history.count() == 2


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 10_000), noise=st.sampled_from([0.0, 1e-9, 1e-6, 1e-5]))
def test_order_and_noise_do_not_make_another_structure(seed: int, noise: float) -> None:
    row, _ = store_structure(rutile())
    other = disturbed(rutile(), seed, noise)
    again, is_new = store_structure(other)
    assert (again.pk, is_new) == (row.pk, False)
    for number, stored in enumerate(atom_order(row, other)):
        assert other[number].species == row.to_pymatgen()[stored].species


def test_a_different_crystal_is_another_structure() -> None:
    store_structure(rocksalt("NiO"))
    assert store_structure(rocksalt("NiO", a=4.22))[1]
    assert store_structure(rocksalt("CoO", a=4.177))[1]
    assert content_hash(rocksalt("NiO")) != content_hash(rocksalt("NiO", a=4.18))
    with pytest.raises(ValueError, match="not the crystal"):
        atom_order(Structure.objects.first(), rutile())  # type: ignore[arg-type]


def test_a_source_id_names_one_structure() -> None:
    store_structure(rocksalt("NiO"), source="mp", source_id="mp-19009")
    with pytest.raises(StructureConflict, match="mp-19009"):
        store_structure(rutile(), source="mp", source_id="mp-19009")
    assert Structure.objects.count() == 1
    assert Site.objects.count() == 2


def half_nickel() -> PymatgenStructure:
    return PymatgenStructure.from_spacegroup(
        "Fm-3m", Lattice.cubic(4.2), [{"Ni": 0.5, "Co": 0.5}, "O"], [[0, 0, 0], [0.5] * 3]
    )


def test_what_cannot_be_analysed_leaves_nothing_behind() -> None:
    with pytest.raises(InputError, match="0 atoms"):
        store_structure(PymatgenStructure(Lattice.cubic(4.2), [], []))
    assert not Structure.objects.exists()


def test_partial_occupancy_is_kept_marked_and_calculated_by_element(tmp_path: Path) -> None:
    path, report = tmp_path / "half.cif", tmp_path / "report"
    path.write_text(half_nickel().to(fmt="cif"))
    call_command("import_structures", str(path), output=str(report))
    (row,) = json.loads(report.read_text())
    assert row["status"] == "new"
    assert any("partly occupied" in text and "0.5 Ni" in text for text in row["warnings"])
    stored = Structure.objects.get()
    assert stored.to_pymatgen()[0].species.as_dict() == {"Ni": 0.5, "Co": 0.5}
    sites = {site.element: site for site in stored.sites.all()}
    assert sites["Ni"].index == sites["Co"].index
    assert (sites["Ni"].occupancy, sites["O"].occupancy) == (0.5, 1.0)
    assert {site.oxidation_state for site in sites.values()} == {2.0, -2.0}
    assert total_charge(sites.values()) == pytest.approx(0.0)
    assert stored.refusal == ""
    assert "partly occupied" in stored.unpredicted
    asked = {"absorber": "Ni", "sync": True, "output": str(report)}
    call_command("compute_spectra", "--where", "formula=CoNiO2", **asked)
    (there,) = json.loads(report.read_text())
    call_command("compute_spectra", str(path), absorber="Ni", output=str(report))
    (here,) = json.loads(report.read_text())
    assert (there["status"], there["site_index"]) == (here["status"], 0) == ("done", 0)
    np.testing.assert_allclose(there["intensity"], here["intensity"], rtol=1e-5, atol=1e-7)
    assert any("filled at random" in text for text in there["warnings"])
    assert any("filled at random" in text for text in here["warnings"])


def test_what_is_stated_of_one_element_of_a_place_leaves_the_other(tmp_path: Path) -> None:
    row, _ = store_structure(half_nickel())
    nickel, cobalt = (row.sites.get(element=element) for element in ("Ni", "Co"))
    keys = {input_hash(one, valences(row.sites.all()), "L23", "cheap") for one in (nickel, cobalt)}
    assert len(keys) == 2
    done = state_valence(cobalt, 3.0, user=None)
    assert any("add up to" in text for text in done.warnings)
    for site in (nickel, cobalt):
        site.refresh_from_db()
    assert (nickel.oxidation_state, cobalt.oxidation_state) == (2.0, 3.0)
    assert (nickel.oxidation_method, cobalt.oxidation_method) != ("stated", "stated")
    # The neighbours' charges make the potential.
    assert input_hash(nickel, valences(row.sites.all()), "L23", "cheap") not in keys


def write_files(folder: Path) -> None:
    (folder / "mp-2657.cif").write_text(rutile().to(fmt="cif"))
    (folder / "POSCAR").write_text(rocksalt("NiO").to(fmt="poscar"))
    (folder / "two.json").write_text(
        json.dumps([rocksalt("MnO").as_dict(), {"structure": rocksalt("CoO").as_dict()}])
    )
    with gzip.open(folder / "FeO.json.gz", "wt") as file:
        file.write(json.dumps(rocksalt("FeO").as_dict()))
    (folder / "notes.txt").write_text("not a structure")


def test_a_folder_is_imported_and_again_is_unchanged(tmp_path: Path) -> None:
    write_files(tmp_path)
    report = tmp_path / "report.out"
    for status in ("new", "unchanged"):
        call_command("import_structures", str(tmp_path), output=str(report))
        rows = json.loads(report.read_text())
        assert [row["status"] for row in rows] == [status] * 5
    assert {row["formula"] for row in rows} == {"TiO2", "NiO", "MnO", "CoO", "FeO"}
    assert Structure.objects.get(formula="TiO2").source == "mp"


def rocksalt_of(metal: str | dict[str, float], charge: float | None = None) -> PymatgenStructure:
    places = [[0, 0, 0], [0.5, 0.5, 0.5]]
    structure = PymatgenStructure.from_spacegroup(
        "Fm-3m", Lattice.cubic(4.31), [metal, "O"], places
    )
    if charge is not None:
        structure.set_charge(charge)
    return structure


def test_a_shared_place_is_the_same_in_any_order_and_with_charges() -> None:
    first, _ = store_structure(rocksalt_of({"Mg": 0.9, "Fe": 0.1}))
    for same in ({"Fe": 0.1, "Mg": 0.9}, {"Fe2+": 0.1, "Mg2+": 0.9}):
        assert content_hash(rocksalt_of(same)) == first.content_hash
        assert store_structure(rocksalt_of(same)) == (first, False)
    other, is_new = store_structure(rocksalt_of({"Mg": 0.89, "Fe": 0.11}))
    assert is_new
    assert other != first


def test_a_charged_cell_is_another_structure_than_the_neutral_one() -> None:
    neutral, _ = store_structure(rocksalt_of("Fe"))
    charged, is_new = store_structure(rocksalt_of("Fe", charge=4))
    assert is_new
    assert neutral.sites.get(element="Fe").oxidation_state == 2
    assert charged.sites.get(element="Fe").oxidation_state == 3
    assert store_structure(rocksalt_of("Fe", charge=4)) == (charged, False)


def test_a_file_that_states_other_valences_than_are_stored_tells_so(tmp_path: Path) -> None:
    report = tmp_path / "report.out"
    told = []
    for metal in ("Mn", "Mn4+", "Mn2+"):
        path = tmp_path / f"{metal}.json"
        path.write_text(json.dumps(rocksalt_of(metal).as_dict()))
        call_command("import_structures", str(path), output=str(report))
        told.append(" ".join(json.loads(report.read_text())[0]["warnings"]))
    row = Structure.objects.get()
    assert f"Mn is stated as +4; it stays +2 in SDB-S{row.pk}" in told[1]
    assert "stays" not in told[2]
    state_valence(row.sites.get(element="Mn"), 3, user=None, reason="measured")
    call_command("import_structures", str(tmp_path / "Mn.json"), output=str(report))
    [again] = json.loads(report.read_text())
    assert any(f"it is stated as +3 in SDB-S{row.pk}" in text for text in again["warnings"])


BAD = {
    "empty.cif": ("", "no data_ block"),
    "broken.cif": ("data_x\n_cell_length_a abc\n", "no block holds a cell and atoms"),
    "list.json": ("[1]", "not a structure but int"),
    "syntax.json": ('{"a": 1,\n oops}', "line 2"),
    "other.json": ('{"@class": "Thing"}', "no lattice and sites"),
    "bomb.json.gz": ("", "unpacks to more than"),
    "torn.json.gz": ("", "gzip"),
    "missing.cif": (None, "No such file"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_named_and_the_rest_goes_on(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, message = BAD[name]
    path = tmp_path / name
    if name == "bomb.json.gz":
        path.write_bytes(gzip.compress(bytes(21 * 2**20)))
    elif name == "torn.json.gz":
        path.write_bytes(gzip.compress(b"{}")[:8])
    elif text is not None:
        path.write_text(text)
    good = tmp_path / "good.json"
    good.write_text(json.dumps(rocksalt().as_dict()))
    with pytest.raises(CommandError, match="1 of 2"):
        call_command("import_structures", str(path), str(good), output="-")
    rows = json.loads(capsys.readouterr().out)
    assert [row["status"] for row in rows] == ["failed", "new"]
    assert name in rows[0]["errors"][0]
    assert message in rows[0]["errors"][0]
