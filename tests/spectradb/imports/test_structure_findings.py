"""What is doubtful or open about a structure file is told, asked, and stops calculations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pymatgen.core import Lattice
from pymatgen.core import Structure as PymatgenStructure

from compute.errors import InputError
from spectradb.models import Structure, Upload
from spectradb.services.accounts.roles import CONTRIBUTOR, CURATOR
from spectradb.services.curation.structures import overrule, restore_doubts
from spectradb.services.curation.workflow import CurationError
from spectradb.services.imports.structures import refuse_doubted, store_structure
from tests.compute.structures.written import FM3M, NIO, cif
from tests.factories import make_user
from tests.shared_data import shared_data

pytestmark = pytest.mark.django_db

WRONG_FORMULA = cif(NIO, tags=FM3M | {"_chemical_formula_sum": "'Ni O2'"})


def imported(*paths: Path, **options: Any) -> list[dict[str, Any]]:
    report = paths[0].parent / "report.out"
    try:
        call_command("import_structures", *map(str, paths), output=str(report), **options)
    except CommandError:
        assert any(row["status"] == "failed" for row in json.loads(report.read_text()))
    else:
        assert all(row["status"] != "failed" for row in json.loads(report.read_text()))
    rows: list[dict[str, Any]] = json.loads(report.read_text())
    return rows


def doubted() -> Structure:
    """Two atoms closer than any atoms are."""
    crystal = PymatgenStructure(Lattice.cubic(3), ["Ni", "O"], [[0, 0, 0], [0.35, 0, 0]])
    return store_structure(crystal)[0]


def test_a_doubted_file_is_stored_only_when_asked_and_never_calculated(tmp_path: Path) -> None:
    path = tmp_path / "wrong.cif"
    path.write_text(WRONG_FORMULA)
    (row,) = imported(path)
    assert row["status"] == "failed"
    assert any("formula sum" in text for text in row["errors"])
    assert not Structure.objects.exists()
    (row,) = imported(path, keep_doubted=True)
    assert row["status"] == "new"
    assert "formula sum" in Structure.objects.get().refusal
    for arguments in ({"where": ["formula=NiO"], "sync": True}, {"files": [str(path)]}):
        files = arguments.pop("files", [])
        with pytest.raises(CommandError, match="not calculated: the formula sum"):
            call_command("compute_spectra", *files, absorber="Ni", **arguments)


def test_an_open_symmetry_is_a_question_and_its_answer_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "open.cif"
    path.write_text(cif(NIO))
    (row,) = imported(path)
    assert row["status"] == "failed"
    assert not Structure.objects.exists()
    choice = row["question"]["choices"][0]
    assert "F m -3 m" in choice["command"]
    (row,) = imported(path, space_group=choice["options"]["space-group"])
    assert (row["status"], row["space_group"], row["formula"]) == ("new", "Fm-3m", "NiO")


def test_two_polymorphs_in_one_file_keep_their_names(tmp_path: Path) -> None:
    path = tmp_path / "both.cif"
    zincblende = ("Ni1 Ni 0 0 0", "O1 O .25 .25 .25")
    other = cif(zincblende, {"a": 4.6, "b": 4.6, "c": 4.6}, block="zincblende",
                tags={"_symmetry_space_group_name_H-M": "'F -4 3 m'"})  # fmt: skip
    path.write_text("data_global\n_journal_year 1999\n" + cif(NIO, tags=FM3M, block="rock") + other)
    rows = imported(path)
    assert [row["source_id"] for row in rows] == ["both:rock", "both:zincblende"]


def test_the_gate_stands_before_structures_of_any_origin() -> None:
    row = doubted()
    assert "1.05 Å" in row.refusal
    Structure.objects.update(findings=[])  # a row stored before structures were checked
    row.refresh_from_db()
    with pytest.raises(InputError, match=r"not calculated.*1\.05 Å"):
        refuse_doubted(row, row.to_pymatgen())


def test_curators_overrule_doubts_and_it_is_recorded() -> None:
    row, curator = doubted(), make_user(role=CURATOR)
    with pytest.raises(PermissionDenied):
        overrule(row, make_user(role=CONTRIBUTOR), "looks fine")
    with pytest.raises(CurationError, match="say why"):
        overrule(row, curator, " ")
    row = overrule(row, curator, "A model system.")
    assert row.refusal == ""
    refuse_doubted(row, row.to_pymatgen())
    assert (row.overruled_by, row.overruled_reason) == (curator, "A model system.")
    assert row.overruled_at is not None
    last = row.history.first()
    assert (last.history_user, last.history_change_reason) == (
        curator,
        "Doubts overruled. A model system.",
    )
    with pytest.raises(CurationError, match="already"):
        overrule(row, curator, "again")
    assert restore_doubts(row, curator, "A slip.").refusal


def test_the_page_shows_findings_and_lets_curators_judge(client: Client) -> None:
    row = doubted()
    address = reverse("structure", args=[row.pk])
    page = client.get(address).content.decode()
    assert "Nothing is calculated" in page
    assert "Overrule" not in page
    client.force_login(make_user(role=CURATOR))
    assert "Overrule the doubts" in client.get(address).content.decode()
    client.post(reverse("structure-judge", args=[row.pk]), {"reason": "A model system."})
    page = client.get(address).content.decode()
    assert "A model system." in page
    assert "Restore the doubts" in page


def test_the_predict_page_asks_and_takes_the_answer(client: Client) -> None:
    file = SimpleUploadedFile("open.cif", cif(NIO).encode())
    answer = client.post(reverse("predict"), {"file": file})
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "names no symmetry" in page
    token = page.split('name="token" value="')[1].split('"')[0]
    answer = client.post(reverse("predict"), {"token": token, "space-group": "F m -3 m"})
    assert answer.status_code == 302
    assert "Fm" in client.get(answer["Location"]).content.decode()


def test_a_crystal_that_is_brought_asks_and_is_kept_once_by_its_answer(client: Client) -> None:
    file = SimpleUploadedFile("open.cif", cif(NIO).encode())
    answer = client.post(reverse("bring"), {"file": file})
    assert "names no symmetry" in answer.content.decode()
    token = Upload.objects.get().token
    answer = client.post(reverse("bring"), {"token": token, "space-group": "F m -3 m"})
    assert answer["Location"] == reverse("crystal", args=[Upload.objects.get().token])


EXPECTED: dict[str, tuple[str, str, str]] = {
    # file: status, formula, words of a warning or error
    "anatase_o1_plain.cif": ("new", "TiO2", "origin choice 1"),
    "goethite.cif": ("new", "FeHO2", ""),
    "goethite_OHlabel.cif": ("new", "FeO2", "OH2 is read as O"),
    "header_block.cif": ("new", "TiO2", ""),
    "mp-900010.cif": ("new", "CuO", ""),
    "nio_formula_mismatch.cif": ("failed", "NiO2", "formula sum is NiO"),
    "nosym.cif": ("failed", "", "names no symmetry"),
    "POSCAR_vasp4": ("new", "NiO", "by the title"),
    "nio_occ99.cif": ("new", "NiO", "0.99"),
    "occ_q.cif": ("new", "NiO", "taken as 1"),
    "q_coord.cif": ("new", "NiO", "H1"),
    "goethite_noH.cif": ("new", "FeO2", "4 of 4 H atoms a cell are missing"),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_files_as_people_have_them(name: str, tmp_path: Path) -> None:
    status, formula, words = EXPECTED[name]
    path = tmp_path / name
    path.write_bytes(shared_data("wild", "cif", name).read_bytes())
    (row,) = imported(path)
    assert (row["status"], row["formula"]) == (status, formula)
    assert words in " ".join(row["warnings"] + row["errors"])
    if formula == "FeO2":
        iron = Structure.objects.get().sites.get(element="Fe")
        assert iron.oxidation_state == 3


def test_anatase_from_either_origin_is_one_crystal(tmp_path: Path) -> None:
    names = ("anatase_o1_plain.cif", "anatase_o2_noops.cif")
    paths = [tmp_path / name for name in names]
    for path in paths:
        path.write_bytes(shared_data("wild", "cif", path.name).read_bytes())
    first, second = imported(*paths)
    assert first["space_group"] == second["space_group"] == "I4_1/amd"
    for row in Structure.objects.all():
        titanium = row.sites.get(element="Ti")
        assert row.density == pytest.approx(3.89, abs=0.01)
        assert titanium.mean_bond_length == pytest.approx(1.95, abs=0.01)
