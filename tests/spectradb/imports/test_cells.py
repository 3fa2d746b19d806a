"""Several cells of one material: each keeps its own spectra, one answers for the source id."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pymatgen.core import Structure as PymatgenStructure

from ml.errors import LearningError
from spectradb.filters import EVERYTHING, apply_where
from spectradb.models import Quantity, Site, Spectrum, Structure
from spectradb.services.imports import mp_client
from spectradb.services.imports.materials_project import import_mp_xas
from spectradb.services.imports.mp_client import XasQuery, XasSource
from spectradb.services.imports.structures import StructureConflict, store_structure
from spectradb.services.learning.training_data import refuse_ambiguous, training_rows
from tests.factories import make_site, make_spectrum, make_structure, make_user, rocksalt
from tests.spectradb.imports.mp_server import State, documents, materials_project

pytestmark = pytest.mark.django_db
KEY = "k" * 32


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, State]]:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with materials_project(2) as served:
        yield served


def run(endpoint: str, **query: Any) -> Any:
    asked = XasQuery(**{"absorbing_element": "Cu", "edge": "K"} | query)
    *_, last = import_mp_xas(XasSource(KEY, endpoint), asked)
    return last


def crystal_of(document: dict[str, Any]) -> PymatgenStructure:
    return PymatgenStructure.from_dict(document["spectrum"]["structure"])


@pytest.mark.parametrize("change", ["primitive", "strained", "larger"])
def test_a_spectrum_of_another_cell_is_stored_with_that_cell(
    server: tuple[str, State], change: str
) -> None:
    document = server[1].documents[0]
    stored = crystal_of(document)
    if change == "primitive":
        stored = stored.get_primitive_structure()
    elif change == "strained":
        stored.apply_strain(0.02)
    else:
        stored.make_supercell([1, 1, 2])
    first, _ = store_structure(stored, source="mp", source_id="mp-100")
    for new in (2, 0):
        run_row, counts = run(server[0])
        assert (counts.new, counts.broken, run_row.broken) == (new, 0, [])
    spectrum = Spectrum.objects.get(structure__source_id="mp-100")
    assert spectrum.structure_id != first.pk
    assert spectrum.structure is not None
    assert len(spectrum.structure.to_pymatgen()) == 8
    assert (spectrum.site.index, spectrum.site.element) == (2, "Cu")
    assert set(Structure.objects.filter(source_id="mp-100", is_primary=True)) == {first}
    # Searches: the primary cell answers for the id; a spectrum is found whatever its cell.
    assert set(apply_where(Structure, {"source_id": ["mp-100"]}, EVERYTHING)) == {first}
    sites = apply_where(Site, {"source_id": ["mp-100"]}, EVERYTHING)
    assert {site.structure_id for site in sites} == {first.pk}
    assert set(apply_where(Spectrum, {"source_id": ["mp-100"]}, EVERYTHING)) == {spectrum}
    assert Client().get("/spectra/?q=mp-100")["Location"] == f"/structures/{first.pk}/"
    page = Client().get(f"/structures/{first.pk}/").content.decode()
    assert f"/structures/{spectrum.structure_id}/" in page


def test_a_curator_lets_another_cell_answer() -> None:
    first = make_structure(source_id="mp-1")
    second = make_structure(source_id="mp-1", is_primary=False)
    client = Client()
    client.force_login(make_user(role="curator"))
    form = {"action": "answer_for_id", "_selected_action": [second.pk]}
    client.post("/admin/spectradb/structure/", form)
    assert set(Structure.objects.filter(is_primary=True)) == {second}
    assert first.history.count() == 2


def test_another_compound_under_a_known_id_is_refused_with_both_formulas() -> None:
    store_structure(rocksalt("NiO"), source="mp", source_id="mp-1")
    with pytest.raises(StructureConflict, match=r"mp-1.*NiO.*MnO"):
        store_structure(rocksalt("MnO"), source="mp", source_id="mp-1")


def test_the_primary_cell_answers_for_a_scale_and_a_material_stays_in_one_part() -> None:
    primary = make_structure(source_id="mp-1")
    further = make_structure(source_id="mp-1", is_primary=False)
    for row in (primary, further):
        make_spectrum(structure=row, site=make_site(row))
    rows = training_rows(Spectrum.objects.all(), target_scale={"mp-1:0": 2.0})
    assert rows.keys == [("mp-1", primary.pk, 0)]
    assert {reason: len(pks) for reason, pks in rows.left_out.items()} == {"scale": 1}
    rows = training_rows(Spectrum.objects.all())
    assert set(rows.data.groups) == {"mp-1"}
    refuse_ambiguous("--split", ["mp-1"], [primary.pk, further.pk])


def test_a_key_that_fits_two_structures_is_an_error_that_names_both() -> None:
    rows = [make_structure(source="file", source_id="NiO") for _ in range(2)]
    for row in rows:
        make_spectrum(structure=row, site=make_site(row))
    names = rf"SDB-S{rows[0].pk} .*SDB-S{rows[1].pk} .*NiO"
    with pytest.raises(LearningError, match=names):
        training_rows(Spectrum.objects.all(), target_scale={"NiO:0": 2.0})
    with pytest.raises(LearningError, match=names):
        refuse_ambiguous("--split", {"NiO": "train"}, [row.pk for row in rows])
    assert len(training_rows(Spectrum.objects.all()).keys) == 2  # nothing is asked by the key


def test_a_split_with_such_a_key_is_refused_by_the_command(tmp_path: Path) -> None:
    for _ in range(2):
        row = make_structure(source="file", source_id="NiO")
        make_spectrum(structure=row, site=make_site(row), quantity=Quantity.RADIAL)
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"NiO": "train"}))
    with pytest.raises(CommandError, match="fits two structures"):
        call_command("train_model", "krr-nmf", "--name", "x", "--split", str(split))


def test_an_ambiguous_structure_of_a_measurement_is_named(tmp_path: Path) -> None:
    rows = [make_structure(source="file", source_id="NiO") for _ in range(2)]
    with pytest.raises(CommandError, match=rf"SDB-S{rows[0].pk}.*SDB-S{rows[1].pk}"):
        call_command("import_spectra", str(tmp_path), "--structure", "NiO")


@pytest.mark.parametrize(
    ("field", "value"),
    [("spectrum_type", "EXAFS"), ("edge", "L3"), ("absorbing_element", "Cl"), ("chemsys", "")],
)
def test_what_the_server_answers_is_what_was_asked(
    server: tuple[str, State], monkeypatch: pytest.MonkeyPatch, field: str, value: str
) -> None:
    """A server (or a client's cache) that ignores a criterion is not believed."""
    wrong = documents(1)[0]
    asked: dict[str, Any] = {}
    if field == "chemsys":
        asked["chemsys"] = "Cu-O"
    else:
        wrong[field] = value
        if field == "absorbing_element":
            wrong["spectrum"]["absorbing_index"] = 4
    good = XasSource._page

    def page(self: XasSource, search: dict[str, Any], offset: int, query: XasQuery) -> Any:
        monkeypatch.setattr(self, "_documents", lambda *_: [wrong])
        return good(self, search, offset, query)

    monkeypatch.setattr(XasSource, "_page", page)
    monkeypatch.setattr(mp_client, "PAGE", 2)
    row, counts = run(server[0], **asked)
    assert (counts.new, counts.broken) == (0, 1)
    assert "was asked for" in row.broken[0]["reason"]
    assert not Structure.objects.exists()


@pytest.mark.parametrize(
    ("pattern", "elements", "fits"),
    [
        ("Cu-Cl", {"Cu", "Cl"}, True), ("Cl-Cu", {"Cu", "Cl"}, True), ("Cu", {"Cu", "Cl"}, False),
        ("*-Cu", {"Cu", "Cl"}, True), ("*-*-Cu", {"Cu", "Cl"}, False),
        ("Cu-O,Cu-Cl", {"Cu", "Cl"}, True), ("*-O", {"Cu", "Cl"}, False),
    ],
)  # fmt: skip
def test_chemical_systems_as_the_source_writes_them(
    pattern: str, elements: set[str], fits: bool
) -> None:
    assert mp_client.in_chemsys(elements, pattern) is fits
