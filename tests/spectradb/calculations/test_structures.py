"""A spectrum a site: computed once, stored whole, told in the words of the command."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from compute.crystals.published import crystal
from compute.errors import ConvergenceError
from compute.l23 import routes
from compute.l23.cheap.version import VERSION as CHEAP
from spectradb.models import Calculation, JobStatus, Site, Spectrum, Status, Structure
from spectradb.services.calculations import inputs
from spectradb.services.calculations.structures import queue_sites, run_calculation
from spectradb.services.curation.workflow import publish
from spectradb.services.imports.structures import store_structure
from spectradb.services.library.build import (
    expected_cost,
    library_sites,
    queue_library,
    store_crystals,
    store_variants,
)
from spectradb.services.library.snapshot import export_library, import_library
from spectradb.services.structures.sites import state_valence
from tests.factories import make_user

KEYS = {
    "source_id", "formula", "site_index", "element", "oxidation_state", "route", "status",
    "energy_ev", "intensity", "energy_offset_ev", "energy_offset_err", "ten_dq", "parameters",
    "seconds", "error", "warnings", "valence_confidence", "s_squared", "spin", "geometry",
    "local_axes", "branching_ratio", "multiplicity",
}  # fmt: skip


@pytest.fixture
def copper_oxide(tmp_path: Path) -> Path:
    path = tmp_path / "CuO.cif"
    crystal("CuO").structure().to(filename=str(path))
    return path


def test_a_file_is_computed_without_the_database(copper_oxide: Path, tmp_path: Path) -> None:
    """No ``db`` fixture: any query would fail the test."""
    output = tmp_path / "out.json"
    call_command("compute_spectra", str(copper_oxide), "--absorber", "Cu", "--output", str(output))
    (answer,) = json.loads(output.read_text())
    assert set(answer) == KEYS
    assert (answer["status"], answer["element"], answer["oxidation_state"]) == ("done", "Cu", 2.0)
    energy, intensity = np.array(answer["energy_ev"]), np.array(answer["intensity"])
    assert np.allclose(np.diff(energy), 0.05)
    peak = energy[np.argmax(intensity)]
    assert (peak - energy[0], energy[-1] - peak) == pytest.approx((10.0, 30.0), abs=0.051)
    assert peak == pytest.approx(931.0, abs=3.0)
    assert answer["parameters"]["hwhm_ev"] == {"l3": 0.2, "l2": 0.4}


def test_a_file_without_the_absorber_fails_by_name(copper_oxide: Path) -> None:
    with pytest.raises(CommandError, match="CuO holds no Ni"):
        call_command("compute_spectra", str(copper_oxide), "--absorber", "Ni")


def test_files_and_where_exclude_each_other(copper_oxide: Path) -> None:
    with pytest.raises(CommandError, match="select stored structures"):
        call_command("compute_spectra", "--absorber", "Ni")


def test_an_absorber_in_small_letters_is_asked_back(copper_oxide: Path) -> None:
    with pytest.raises(CommandError, match=r"absorber: Cu\?"):
        call_command("compute_spectra", str(copper_oxide), "--absorber", "cu")


@pytest.mark.parametrize(
    ("option", "value"), [("--edge", "K"), ("--route", "magic"), ("--absorber", "U")]
)
def test_what_no_route_can_do_is_refused(copper_oxide: Path, option: str, value: str) -> None:
    arguments = {"--absorber": "Cu", option: value}
    with pytest.raises(CommandError, match=value):
        call_command("compute_spectra", str(copper_oxide), *sum(arguments.items(), ()))


@pytest.mark.django_db
def test_a_stored_site_is_computed_once(tmp_path: Path) -> None:
    ((row, is_new),) = store_crystals([crystal("CuO")])
    assert is_new
    output = tmp_path / "out.json"
    arguments = ("--absorber", "Cu", "--where", "formula=CuO", "--sync", "--output", str(output))
    call_command("compute_spectra", *arguments)
    first = json.loads(output.read_text())[0]
    call_command("compute_spectra", *arguments)
    second = json.loads(output.read_text())[0]
    assert first["status"] == "done"
    assert first == second
    calculation = Calculation.objects.get()
    spectrum = Spectrum.objects.get()
    assert (calculation.structure, spectrum.calculation) == (row, calculation)
    assert spectrum.energy_offset_ev == first["energy_offset_ev"]
    assert calculation.results["ten_dq"] == first["ten_dq"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("role", "status"),
    [(None, "published"), ("curator", "published"), ("contributor", "submitted")],
)
def test_what_a_contributor_asks_for_waits_for_a_curator(role: str | None, status: str) -> None:
    list(store_crystals([crystal("perovskite-SrTiO3")]))
    user = make_user(role=role) if role else None
    (calculation,) = queue_sites(Site.objects.filter(element="Ti"), send=False, requested_by=user)
    assert run_calculation(calculation.pk)
    spectrum = Spectrum.objects.get()
    assert (spectrum.status, spectrum.contributor) == (status, user)
    assert (spectrum.published_at is not None) == (status == "published")
    assert bool(spectrum.checks) == (status == "submitted")
    if status == "submitted":
        page = f"/structures/{spectrum.structure_id}/"
        assert "Waits for a curator" in Client().get(page).content.decode()
        publish(spectrum, make_user(role="curator"))
        assert "Waits for a curator" not in Client().get(page).content.decode()


@pytest.mark.django_db
def test_fields_that_do_not_converge_leave_their_trace_and_no_spectrum(monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise ConvergenceError("Kohn-Sham field; last residuals 1e-2, 2e-2;", 2e-2, 2e-5)

    monkeypatch.setattr("compute.l23.cluster.parameters.prepare", fail)
    list(store_crystals([crystal("CuO")]))
    (calculation,) = queue_sites(Site.objects.filter(element="Cu"), route="cluster", send=False)
    assert (calculation.route, calculation.version) == (
        "cluster",
        " ".join(routes.version("cluster").values()),
    )
    assert not run_calculation(calculation.pk)
    calculation.refresh_from_db()
    assert calculation.job_status == JobStatus.FAILED
    assert "last residuals 1e-2, 2e-2" in calculation.error
    assert not Spectrum.objects.exists()


@pytest.mark.django_db
def test_a_site_that_cannot_be_done_fails_with_the_reason_and_stores_nothing() -> None:
    list(store_crystals([crystal("CuO")]))
    site = Site.objects.get(element="Cu")
    (calculation,) = queue_sites(Site.objects.filter(pk=site.pk), send=False)
    Structure.objects.update(data=crystal("rocksalt-NiO").structure().as_dict())
    Site.objects.filter(pk=site.pk).update(index=99)
    assert not run_calculation(calculation.pk)
    calculation.refresh_from_db()
    assert calculation.job_status == JobStatus.FAILED
    assert "99" in calculation.error
    assert not Spectrum.objects.exists()


@pytest.mark.django_db
def test_the_library_keeps_citations_and_runs_quick_sites_first() -> None:
    chosen = [crystal(name) for name in ("rocksalt-NiO", "corundum-Fe2O3", "delafossite-CuFeO2")]
    assert sum(is_new for _, is_new in store_crystals(chosen)) == 3
    assert not any(is_new for _, is_new in store_crystals(chosen))
    assert Structure.objects.get(source_id="rocksalt-NiO").citation.startswith("S. Sasaki")
    sites = library_sites()
    costs = [expected_cost(site) for site in sites]
    assert costs == sorted(costs)
    assert [site.element for site in sites] == ["Ni", "Fe", "Fe"]  # Cu+ has no empty 3d state


@pytest.mark.django_db
def test_a_snapshot_brings_the_library_back_and_doubles_nothing(tmp_path: Path) -> None:
    list(store_crystals([crystal("CuO"), crystal("CaCuO2")]))
    for calculation in queue_library():
        assert calculation.job_status in (JobStatus.QUEUED, JobStatus.DONE)
        run_calculation(calculation.pk)
    path = tmp_path / "library.jsonl.gz"
    assert export_library(path) == 2
    kept = {
        s.calculation.input_hash: (s.energy, s.intensity, s.energy_offset_ev, s.site.index)
        for s in Spectrum.objects.select_related("calculation", "site")
    }
    Spectrum.objects.all().delete()
    Calculation.objects.all().delete()
    Structure.objects.all().delete()
    assert list(import_library(path)) == [True, True]
    assert list(import_library(path)) == [False, False]
    assert not [row for row in queue_library() if row.job_status != JobStatus.DONE]
    assert Spectrum.objects.count() == 2
    for spectrum in Spectrum.objects.select_related("calculation", "site"):
        energy, intensity, offset, index = kept[spectrum.calculation.input_hash]
        np.testing.assert_allclose(spectrum.energy, energy, atol=1e-9)
        np.testing.assert_allclose(spectrum.intensity, intensity, rtol=1e-6, atol=1e-12)
        assert (spectrum.energy_offset_ev, spectrum.site.index) == (offset, index)


@pytest.mark.django_db
def test_a_snapshot_of_before_is_found_by_what_is_asked_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its hashes covered neither the engine's version, here still the first, nor valences."""
    present = routes.version("cheap")
    monkeypatch.setattr(inputs, "_FIRST", {k: present[k] for k in ("engine", "atom")})
    list(store_crystals([crystal("CuO")]))
    (row,) = queue_library(["Cu"])
    run_calculation(row.pk)
    path = tmp_path / "library.jsonl.gz"
    export_library(path)
    header, line = gzip.decompress(path.read_bytes()).decode().splitlines()
    record = json.loads(line)
    del record["valences"]
    record["calculation"] |= {"input_hash": "of before", "version": CHEAP}
    old = json.loads(header) | {"version": 1}
    path.write_bytes(gzip.compress("\n".join([json.dumps(old), json.dumps(record)]).encode()))
    for model in (Spectrum, Calculation, Structure):
        model.objects.all().delete()
    assert list(import_library(path)) == [True]
    assert [one.job_status for one in queue_library(["Cu"])] == [JobStatus.DONE]
    assert Calculation.objects.get().engine_version_unknown


@pytest.mark.django_db
def test_a_snapshot_keeps_what_was_stated_of_a_valence(tmp_path: Path) -> None:
    list(store_crystals([crystal("CuO")]))
    state_valence(Site.objects.get(element="Cu"), 3.0, user=None)
    (row,) = queue_library(["Cu"])
    run_calculation(row.pk)
    path = tmp_path / "library.jsonl.gz"
    export_library(path)
    for model in (Spectrum, Calculation, Structure):
        model.objects.all().delete()
    assert list(import_library(path)) == [True]
    site = Site.objects.get(element="Cu")
    assert (site.oxidation_state, site.oxidation_method) == (3.0, "stated")
    assert [one.job_status for one in queue_library(["Cu"])] == [JobStatus.DONE]


@pytest.mark.django_db
def test_a_snapshot_of_an_older_release_doubles_nothing(tmp_path: Path) -> None:
    list(store_crystals([crystal("CuO")]))
    run_calculation(queue_library()[0].pk)
    path = tmp_path / "library.jsonl.gz"
    export_library(path)
    lines = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    lines[0]["version"] = 1
    for line in lines[1:]:  # as it was before hashes covered the engine and the valences
        line["calculation"] |= {"version": routes.version("cheap")["route"], "input_hash": "a" * 64}
        del line["valences"]
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode()))
    list(import_library(path))
    assert Spectrum.objects.published().count() == 1


@pytest.mark.django_db
def test_a_snapshot_brings_stated_valences_and_yields_to_those_stated_here(tmp_path: Path) -> None:
    list(store_crystals([crystal("CuO")]))
    copper = Site.objects.get(element="Cu")
    state_valence(copper, 3.0, user=None)
    run_calculation(queue_library()[0].pk)
    path = tmp_path / "library.jsonl.gz"
    export_library(path)
    for model in (Spectrum, Calculation, Structure):
        model._default_manager.all().delete()
    swapped = crystal("CuO").structure()
    swapped.reverse()  # the same crystal from another file: its atoms have other numbers
    store_structure(swapped, source="file")
    assert list(import_library(path)) == [False]  # Cu2+ here, and that is not what the file has
    Structure.objects.all().delete()
    assert list(import_library(path)) == [True]
    site = Site.objects.get(element="Cu")
    assert (site.oxidation_state, site.oxidation_method) == (3.0, "stated")
    assert [row.job_status for row in queue_library()] == [JobStatus.DONE]
    state_valence(site, None, user=None)
    assert list(import_library(path)) == [False]
    assert not Spectrum.objects.published().exists()


@pytest.mark.django_db
def test_a_snapshot_finds_its_sites_where_atoms_have_other_numbers(tmp_path: Path) -> None:
    list(store_crystals([crystal("CuO")]))
    run_calculation(queue_library()[0].pk)
    path = tmp_path / "library.jsonl.gz"
    export_library(path)
    for model in (Spectrum, Calculation, Structure):
        model._default_manager.all().delete()
    swapped = crystal("CuO").structure()
    swapped.reverse()
    store_structure(swapped, source="file")
    assert list(import_library(path)) == [True]
    assert Spectrum.objects.get().site.element == "Cu"
    sites = Site.objects.filter(element="Cu")
    assert [row.job_status for row in queue_sites(sites, send=False)] == [JobStatus.DONE]


@pytest.mark.django_db
def test_of_a_site_computed_by_two_versions_the_newer_is_shown(monkeypatch) -> None:
    list(store_crystals([crystal("CuO")]))
    run_calculation(queue_library()[0].pk)
    old = Spectrum.objects.get()
    monkeypatch.setattr(routes, "ENGINE", "multiplet-next")
    run_calculation(queue_library()[0].pk)
    new = Spectrum.objects.published().get()
    old.refresh_from_db()
    assert new.calculation.version != old.calculation.version
    assert (old.status, str(new.pk) in old.status_note) == (Status.WITHDRAWN, True)


@pytest.mark.django_db
def test_a_snapshot_cut_short_is_told_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"format": "spectradb-library", "version": 1}\n{"a')[:-4])
    with pytest.raises(CommandError, match=r"cut\.jsonl\.gz"):
        call_command("import_library", str(path))


@pytest.mark.parametrize("text", ["hello\n", "[]\n"])
def test_a_file_of_another_kind_is_no_snapshot(tmp_path: Path, text: str) -> None:
    path = tmp_path / "foreign.gz"
    path.write_bytes(gzip.compress(text.encode()))
    with pytest.raises(CommandError, match=r"foreign\.gz: not a library snapshot"):
        call_command("import_library", str(path))


@pytest.mark.django_db
def test_a_campaign_goes_on_where_it_stopped() -> None:
    first = [row.source_id for row, _ in store_variants("Cu", 3)]
    again = [row.source_id for row, _ in store_variants("Cu", 5)]
    assert (len(first), len(again)) == (3, 2)
    assert not set(first) & set(again)
    assert not list(store_variants("Cu", 5))
    assert Structure.objects.filter(hypothetical=True).count() == 5
    assert {site.element for site in library_sites(["Cu"])} == {"Cu"}
