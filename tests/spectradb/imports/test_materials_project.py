"""Materials Project import through the real client against a loopback server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from spectradb.models import ImportRun, JobStatus, Site, Spectrum, Status, Structure
from spectradb.services.imports import materials_project as import_mp
from spectradb.services.imports import mp_client
from spectradb.services.imports.materials_project import Progress, import_mp_xas
from spectradb.services.imports.mp_client import BrokenDocument, SourceError, XasQuery, XasSource
from tests.spectradb.imports.mp_server import State, documents, materials_project

pytestmark = pytest.mark.django_db
KEY = "k" * 32
QUERY = XasQuery("Cu", "K")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, State]]:
    monkeypatch.setattr(mp_client, "PAGE", 2)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with materials_project(5) as served:
        yield served


def run(endpoint: str, limit: int | None = None) -> tuple[ImportRun, Progress]:
    *_, last = import_mp_xas(XasSource(KEY, endpoint), QUERY, limit=limit)
    return last


def test_every_spectrum_is_stored_with_its_structure_and_absorbing_site(
    server: tuple[str, State],
) -> None:
    _, counts = run(server[0])
    assert (counts.new, counts.structures_new, counts.broken) == (5, 5, 0)
    spectrum = Spectrum.objects.select_related("structure", "site").earliest("pk")
    assert spectrum.status == Status.PUBLISHED
    assert spectrum.site is not None
    assert spectrum.site.index == 2
    assert spectrum.structure is not None
    assert spectrum.structure.source_id == "mp-100"
    assert spectrum.structure.to_pymatgen()[2].specie.symbol == "Cu"
    assert Site.objects.filter(structure=spectrum.structure, element="Cu").count() == 1


def test_importing_again_changes_nothing(server: tuple[str, State]) -> None:
    run(server[0])
    before = list(Spectrum.objects.values_list("pk", "content_hash", "updated"))
    _, counts = run(server[0])
    assert (counts.new, counts.changed, counts.unchanged) == (0, 0, 5)
    assert list(Spectrum.objects.values_list("pk", "content_hash", "updated")) == before


def test_a_changed_spectrum_becomes_a_new_version_and_the_old_one_is_withdrawn(
    server: tuple[str, State],
) -> None:
    run(server[0])
    server[1].documents[3]["spectrum"]["y"][10] += 0.01
    _, counts = run(server[0])
    assert (counts.new, counts.changed, counts.unchanged) == (0, 1, 4)
    new = Spectrum.objects.get(version=2)
    assert new.replaces is not None
    assert new.replaces.status == Status.WITHDRAWN
    assert Spectrum.objects.published().count() == 5


@pytest.mark.parametrize("fault", ["429", "502", "cut"])
def test_passing_faults_are_retried(server: tuple[str, State], fault: str) -> None:
    endpoint, state = server
    source = XasSource(KEY, endpoint)
    state.faults = ["", "", fault, fault, fault, fault, fault, ""]
    *_, (_, counts) = import_mp_xas(source, QUERY)
    assert counts.new == 5


def test_an_interrupted_run_goes_on_at_its_page(
    server: tuple[str, State], monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, state = server
    pages = import_mp_xas(XasSource(KEY, endpoint), QUERY)
    next(pages)
    del pages  # as a kill between two pages leaves it
    assert Spectrum.objects.count() == 2
    state.requests.clear()
    _, counts = run(endpoint)
    assert Spectrum.objects.count() == 5
    assert counts.new == 5
    assert not any("_page=1&" in path for path in state.requests if "_fields=task_id" in path)


def test_a_kill_inside_a_page_leaves_nothing_of_it(
    server: tuple[str, State], monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(import_mp, "_store_spectra", killed)
        with pytest.raises(KeyboardInterrupt):
            run(server[0])
    assert Structure.objects.count() == 0
    run(server[0])
    assert Spectrum.objects.count() == 5


def test_broken_documents_are_listed_and_completed_by_a_later_run(
    server: tuple[str, State],
) -> None:
    endpoint, state = server
    good = documents(5)
    state.documents[0]["spectrum"] = None
    state.documents[1]["spectrum"]["y"].pop()
    state.documents[2]["spectrum"]["y"][7] = None
    state.documents[3]["spectrum"]["absorbing_index"] = 5
    finished, counts = run(endpoint)
    assert counts.new == 1
    reasons = {entry["task_id"]: entry["reason"] for entry in finished.broken}
    assert set(reasons) == {"mp-100", "mp-101", "mp-102", "mp-103"}
    assert "spectrum is missing" in reasons["mp-100"]
    assert "60 values, spectrum.y 59" in reasons["mp-101"]
    assert "spectrum.y[7] is None" in reasons["mp-102"]
    assert "absorbing_index 5 is Cl, not Cu" in reasons["mp-103"]
    state.documents = good
    finished, counts = run(endpoint)
    assert (counts.new, counts.unchanged, finished.broken) == (4, 1, [])


def test_a_permanent_error_stops_the_run_and_says_so(server: tuple[str, State]) -> None:
    endpoint, state = server
    source = XasSource(KEY, endpoint)
    state.faults = ["", "", "401"]
    with pytest.raises(SourceError, match="401") as caught:
        list(import_mp_xas(source, QUERY))
    assert caught.value.permanent
    assert ImportRun.objects.get().job_status == JobStatus.FAILED


def test_energy_above_hull_is_stored_where_the_server_offers_it(
    server: tuple[str, State],
) -> None:
    server[1].summaries = {
        "mp-101": {"material_id": "mp-101", "energy_above_hull": 0.25, "theoretical": True}
    }
    run(server[0])
    row = Structure.objects.get(source_id="mp-101")
    assert row.energy_above_hull == 0.25
    assert row.hypothetical


def test_missing_summaries_lose_no_spectrum(server: tuple[str, State]) -> None:
    server[1].summaries = None
    _, counts = run(server[0])
    assert counts.new == 5


def test_limit_stops_after_so_many_documents(server: tuple[str, State]) -> None:
    _, counts = run(server[0], limit=3)
    assert counts.new == 3
    assert Spectrum.objects.count() == 3


def test_a_key_of_the_wrong_length_is_told_without_being_shown() -> None:
    with pytest.raises(SourceError, match="5 characters") as caught:
        XasSource("short")
    assert "short" not in str(caught.value)


def test_an_unknown_task_id_is_a_broken_document() -> None:
    document = documents(1)[0] | {"task_id": "not an id"}
    with pytest.raises(BrokenDocument, match="not an id"):
        mp_client.read_document(document)
