"""Releases of the library: written, proved whole, loaded beside what people have made."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from compute.crystals.published import crystal
from compute.l23 import routes
from spectradb.models import Calculation, JobStatus, Site, Spectrum, Status, Structure
from spectradb.services.calculations.structures import run_calculation
from spectradb.services.library.build import queue_library, store_crystals, store_variants
from spectradb.services.library.load import load_release, n_parts
from spectradb.services.library.rebuild import SAME_STEPS, compare, hours, queue_release
from spectradb.services.library.release import read_release
from spectradb.services.library.starter import supplements
from spectradb.services.structures.sites import state_valence
from tests.factories import make_user

pytestmark = pytest.mark.django_db
FILES = ["manifest.json", "structures.parquet", "spectra.parquet"]


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """One real crystal and one prototype."""
    list(store_crystals([crystal("perovskite-SrTiO3")]))
    list(store_variants("Sc", 1))
    for row in queue_library(["Ti", "Sc"]):
        assert run_calculation(row.pk)
    folder = tmp_path / "release"
    call_command("export_library", str(folder), "--release", "2026.1")
    return folder


def empty() -> None:
    for model in (Spectrum, Calculation, Structure):
        model.objects.all().delete()


def load(folder: Path) -> dict:
    output = folder.parent / "loaded.json"
    call_command("import_library", str(folder), "--output", str(output))
    return json.loads(output.read_text())


def refused(folder: Path) -> None:
    with pytest.raises(CommandError, match="release"):
        load(folder)
    assert not Structure.objects.exists()


def described() -> list[tuple]:
    """All that is stored of the library, without numbers of rows."""
    fields = ("element", "index", "oxidation_state", "ligands", "equivalent_indices")
    return [
        (
            one.content_hash, one.formula, one.source_id, one.citation, one.space_group_symbol,
            one.to_pymatgen().matches(one.to_pymatgen()), len(one.data["sites"]),
            list(one.sites.order_by("index").values_list(*fields)),
            list(one.element_rows.order_by("element").values_list("element", "fraction")),
            list(one.calculations.values_list("input_hash", "route", "version", "job_status")),
        )
        for one in Structure.objects.order_by("content_hash")
    ]  # fmt: skip


def test_what_was_written_is_what_is_loaded(release: Path):
    before = described()
    curves = {
        one.calculation.input_hash: (one.energy, one.intensity, one.energy_offset_err)
        for one in Spectrum.objects.select_related("calculation")
    }
    manifest = json.loads((release / "manifest.json").read_text())
    assert manifest["version"] == "2026.1"
    assert manifest["counts"]["spectra"] == len(curves) == 2
    assert manifest["counts"]["real_crystals"] == 1
    assert manifest["licence"] == "CC BY 4.0"
    assert manifest["engines"]["cheap"] == " ".join(routes.version("cheap").values())
    recipes = [one["recipe"] for one in read_release(release).structures]
    assert sum(bool(one) for one in recipes) == 1
    empty()
    counts = load(release)
    assert (counts["new"], counts["structures"], counts["older"]) == (2, 2, {})
    assert described() == before
    for one in Spectrum.objects.published().select_related("calculation"):
        energy, intensity, error = curves[one.calculation.input_hash]
        assert one.energy == pytest.approx(energy, abs=1e-6)
        assert np.abs(one.intensity - intensity).max() <= 1e-4 * intensity.max()
        assert one.energy_offset_err == error
        assert one.citation.endswith("2026.1")
        assert one.sparkline
        assert one.history.count() == 1
    assert {one.job_status for one in queue_library(["Ti", "Sc"])} == {JobStatus.DONE}
    again = load(release)
    assert (again["new"], again["unchanged"], again["structures"]) == (0, 2, 0)


def test_real_crystals_without_a_spectrum_come_along(release: Path, tmp_path: Path):
    Spectrum.objects.filter(structure__hypothetical=False).delete()
    call_command("export_library", str(tmp_path / "next"), "--release", "2026.2")
    assert n_parts(tmp_path / "next") == 1
    empty()
    assert load(tmp_path / "next")["new"] == 1
    assert Structure.objects.get(hypothetical=False).formula == "SrTiO3"


def test_a_release_that_is_not_whole_is_refused_whole(release: Path):
    empty()
    for name in FILES:
        path = release / name
        data = path.read_bytes()
        middle = len(data) // 2
        path.unlink()
        refused(release)
        path.write_bytes(data[:middle])
        refused(release)
        path.write_bytes(data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :])
        refused(release)
        path.write_bytes(data)


def test_an_older_release_says_so_and_a_newer_one_replaces_the_librarys_own(release, monkeypatch):
    mine = make_user("anna", "contributor")
    held = Spectrum.objects.published().select_related("calculation").first()
    copy = Spectrum.objects.get(pk=held.pk)
    copy.pk, copy._state.adding = None, True
    copy.contributor, copy.status, copy.content_hash = mine, Status.DRAFT, "a" * 64
    copy.save()
    # What is stored here becomes that of an engine before this release.
    for row in Calculation.objects.all():
        row.input_hash, row.version = f"{row.pk:064d}", "cheap-0 multiplet-1 atom-1"
        row.save()
    counts = load(release)
    assert (counts["new"], counts["withdrawn"]) == (2, 2)
    assert Spectrum.objects.published().count() == 2
    copy.refresh_from_db()
    assert (copy.status, copy.contributor) == (Status.DRAFT, mine)
    monkeypatch.setattr(routes, "ENGINE", "multiplet-next")
    (done,) = {id(one): one for one in load_release(release)}.values()
    assert done.older["cheap"][1].split()[1] == "multiplet-next"


def test_a_release_that_holds_more_adds_it_and_touches_no_record_of_a_person(release: Path):
    mine = make_user("anna", "contributor")
    Spectrum.objects.filter(absorber="Sc").delete()  # as an earlier release had it
    Calculation.objects.filter(absorber="Sc").delete()
    held = Spectrum.objects.get()
    copy = Spectrum.objects.get(pk=held.pk)
    copy.pk, copy._state.adding = None, True
    copy.contributor, copy.status, copy.content_hash = mine, Status.DRAFT, "a" * 64
    copy.save()
    told = ("pk", "status", "contributor", "content_hash", "citation", "title", "sparkline")
    before = list(Spectrum.objects.order_by("pk").values_list(*told))
    counts = load(release)
    assert (counts["new"], counts["unchanged"], counts["withdrawn"]) == (1, 1, 0)
    rest = Spectrum.objects.exclude(absorber="Sc").order_by("pk")
    assert list(rest.values_list(*told)) == before


def test_a_supplement_holds_what_a_release_and_its_supplements_lack_and_loads_beside_them(
    release: Path, tmp_path: Path
):
    list(store_crystals([crystal("rocksalt-NiO")]))
    for row in queue_library(["Ni"]):
        assert run_calculation(row.pk)
    folder = release / "supplements" / "2026.2"
    options = ("--release", "2026.2", "--beyond", str(release))
    call_command("export_library", str(folder), *options)
    before = described()
    held = read_release(folder)
    assert held.manifest["supplements"] == "2026.1"
    assert [row["absorber"] for row in held.spectra] == ["Ni"]
    assert [row["about"]["source_id"] for row in held.structures] == ["rocksalt-NiO"]
    assert supplements(release) == [folder]
    call_command("export_library", str(folder), *options)  # the same folder anew: nothing is lost
    assert [row["absorber"] for row in read_release(folder).spectra] == ["Ni"]
    call_command("export_library", str(tmp_path / "third"), "--release", "3", *options[2:])
    assert read_release(tmp_path / "third").spectra == []
    empty()
    assert [load(one)["new"] for one in (release, folder)] == [2, 1]
    assert described() == before
    assert Spectrum.objects.get(absorber="Ni").citation.endswith("2026.2")


def test_what_lines_of_json_cannot_leave_out_is_refused(tmp_path: Path):
    with pytest.raises(CommandError, match="--routes"):
        call_command("export_library", str(tmp_path / "all.jsonl.gz"), "--routes", "cheap")
    with pytest.raises(CommandError, match="nowhere"):
        call_command("export_library", str(tmp_path), "--beyond", str(tmp_path / "nowhere"))


def test_what_a_person_stated_of_a_valence_stays(release: Path):
    Spectrum.objects.all().delete()
    Calculation.objects.all().delete()
    state_valence(Site.objects.get(element="Ti"), 3.0, user=None)
    counts = load(release)
    assert (counts["new"], counts["kept_out"]) == (1, 1)
    assert Site.objects.get(element="Ti").oxidation_state == 3.0


def test_a_release_computed_anew_from_its_own_recipes_is_the_same(release: Path, tmp_path: Path):
    empty()
    held = read_release(release)
    assert set(hours(held)) == {"cheap"}
    output = tmp_path / "queued.json"
    call_command("build_library", "--of", str(release), "--queue-only", "--output", str(output))
    assert json.loads(output.read_text()) == {"done": 0, "failed": 0, "open": 2}
    assert [compare(held).n, compare(held).computed] == [2, 0]
    for row in queue_release(held):  # the same rows again
        assert run_calculation(row.pk)
    found = compare(held)
    assert found.whole, found.differing
    assert (found.same, found.largest_steps <= SAME_STEPS) == (2, True)
    call_command("build_library", "--of", str(release))  # nothing is left to do
    held.spectra[0]["largest"] *= 1.01
    assert (compare(held).same, len(compare(held).differing)) == (1, 1)
    Spectrum.objects.filter(absorber="Ti").update(status=Status.WITHDRAWN)
    with pytest.raises(CommandError, match="1 of 2 spectra.* 1 were not computed"):
        call_command("build_library", "--of", str(release))
