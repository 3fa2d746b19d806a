"""A valence that a person states is the site's: used, hashed, marked, told if not neutral."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from compute.crystals.published import crystal
from spectradb.forms import state_of
from spectradb.models import Calculation, Prediction, Site, Spectrum, Status, TrainedModel
from spectradb.services.calculations.structures import queue_sites, run_calculation
from spectradb.services.curation.workflow import CurationError, publish
from spectradb.services.imports.structures import store_structure
from spectradb.services.learning.training_data import training_rows
from spectradb.services.library.build import queue_library, store_crystals
from spectradb.services.structures.sites import sites_of, state_valence
from tests.factories import make_site, make_spectrum, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def copper() -> Site:
    """Cu of CuO, Cu2+ by its bonds."""
    list(store_crystals([crystal("CuO")]))
    return Site.objects.get(element="Cu")


@pytest.fixture
def desk() -> Client:
    client = Client()
    client.force_login(make_user("cur", "curator"))
    return client


def correct(desk: Client, site: Site, valence: str, reason: str = "Mössbauer") -> Any:
    path = f"/admin/spectradb/site/{site.pk}/change/"
    seen = state_of(Site.objects.get(pk=site.pk))
    form = {"oxidation_state": valence, "reason": reason, "seen": seen}
    answer = desk.post(path, form, follow=True)
    site.refresh_from_db()
    return answer


def computed(site: Site) -> Calculation:
    (row,) = queue_sites(Site.objects.filter(pk=site.pk), send=False)
    run_calculation(row.pk)
    row.refresh_from_db()
    assert row.job_status == "done", row.error
    return row


def test_a_corrected_valence_is_what_is_computed(copper: Site, desk: Client) -> None:
    before = computed(copper)
    assert (before.parameters["charge"], before.results["warnings"]) == (2, [])
    answer = correct(desk, copper, "3")
    assert (copper.oxidation_state, copper.oxidation_method) == (3.0, "stated")
    assert copper.oxidation_confidence == 1.0
    change = copper.history.first()
    assert (str(change.history_user), change.history_change_reason) == ("cur", "Mössbauer")
    assert "add up to +4" in answer.content.decode()
    assert (
        "add up to +4 in the cell"
        in desk.get(f"/structures/{copper.structure_id}/").content.decode()
    )
    after = computed(copper)
    assert after.input_hash != before.input_hash
    assert (after.parameters["charge"], after.parameters["n_d"]) == (3, 8)
    assert "+4" in after.results["warnings"][0]


def test_spectra_of_another_valence_leave_the_library_and_come_back(
    copper: Site, desk: Client
) -> None:
    old = computed(copper).spectra.get()
    assert f"SDB-{old.pk}" in correct(desk, copper, "3").content.decode()
    old.refresh_from_db()
    assert old.status == Status.WITHDRAWN
    new = computed(copper).spectra.get()
    assert new.status == Status.PUBLISHED
    correct(desk, copper, "")
    assert (copper.oxidation_state, copper.oxidation_method) == (2.0, "bond valence")
    assert computed(copper).spectra.get() == old
    assert set(Spectrum.objects.published()) == {old}


def test_a_mixture_is_not_shown_for_one_of_its_ions(copper: Site, desk: Client) -> None:
    correct(desk, copper, "2.5")
    mixed = computed(copper).spectra.get()
    correct(desk, copper, "2")
    mixed.refresh_from_db()
    assert mixed.status == Status.WITHDRAWN


def test_spectra_of_other_neighbours_leave_the_library_too(copper: Site, desk: Client) -> None:
    old = computed(copper).spectra.get()
    oxygen = Site.objects.get(structure=copper.structure, element="O")
    state_valence(copper, 2.0, user=None)
    state_valence(oxygen, -1.5, user=None)
    old.refresh_from_db()
    assert old.status == Status.WITHDRAWN
    new = computed(copper).spectra.get()
    assert Spectrum.objects.published().get() == new


def test_only_valences_that_are_others_are_told(copper: Site, desk: Client) -> None:
    answer = correct(desk, copper, "3").content.decode()
    assert "is now -2" not in answer


def test_a_spectrum_of_another_valence_cannot_be_published(copper: Site) -> None:
    author = make_user("author", "contributor")
    (row,) = queue_sites(Site.objects.filter(pk=copper.pk), send=False, requested_by=author)
    run_calculation(row.pk)
    record = row.spectra.get()
    assert record.status == Status.SUBMITTED
    state_valence(copper, 3.0, user=None)
    with pytest.raises(CurationError, match="other valences"):
        publish(record, make_user("cur2", "curator"))


def test_a_stated_valence_survives_another_import(copper: Site, desk: Client) -> None:
    correct(desk, copper, "3")
    row, new = store_structure(crystal("CuO").structure(), source="library", source_id="CuO")
    copper.refresh_from_db()
    assert (row.pk, new, copper.oxidation_state) == (copper.structure_id, False, 3.0)
    (found,) = (site for site in sites_of(row) if site.element == "Cu")
    assert (found.oxidation_state, found.oxidation_source) == (3.0, "stated")


def test_a_valence_of_a_neighbour_is_part_of_the_hash_and_the_absorber_need_not_be(
    copper: Site,
) -> None:
    before = computed(copper)
    oxygen = Site.objects.get(structure=copper.structure, element="O")
    state_valence(oxygen, -1.5, user=None)
    copper.refresh_from_db()
    state_valence(copper, 2.0, user=None)
    after = computed(copper)
    assert after.parameters["charge"] == 2
    assert after.input_hash != before.input_hash
    assert after.parameters["crystal_field"] != before.parameters["crystal_field"]


def test_where_a_site_row_moves_within_its_orbit_nothing_is_computed_again(copper: Site) -> None:
    (row,) = queue_library(["Cu"])
    other = next(atom for atom in copper.equivalent_indices if atom != copper.index)
    Site.objects.filter(pk=copper.pk).update(index=other)
    assert [one.pk for one in queue_library(["Cu"])] == [row.pk]
    copy = Site.objects.get(pk=copper.pk)
    copy.pk, copy._state.adding, copy.index = None, True, copper.index
    copy.save()  # a second row of the orbit, as imports of other atoms make it
    assert [one.pk for one in queue_library(["Cu"])] == [row.pk]
    state_valence(copy, 3.0, user=None)
    assert set(Site.objects.filter(element="Cu").values_list("oxidation_state", flat=True)) == {3.0}


def test_a_job_asked_for_before_the_correction_does_not_answer_for_it(copper: Site) -> None:
    (row,) = queue_sites(Site.objects.filter(pk=copper.pk), send=False)
    state_valence(copper, 3.0, user=None)
    assert not run_calculation(row.pk)
    row.refresh_from_db()
    assert "ask again" in row.error
    assert computed(Site.objects.get(pk=copper.pk)).parameters["charge"] == 3


def test_predictions_made_for_the_valence_before_are_dropped(copper: Site) -> None:
    model = TrainedModel.objects.create(name="m", kind="mlp", absorber="Cu", edge="L23")
    grid = [1.0, 2.0]
    Prediction.objects.create(
        model=model, structure=copper.structure, site=copper, site_index=copper.index,
        absorber="Cu", edge="L23", trust=1.0, energy=grid, intensity=grid, sigma=grid,
    )  # fmt: skip
    state_valence(copper, 3.0, user=None)
    assert not Prediction.objects.exists()


@pytest.mark.parametrize("valence", ["12", "nan", "x"])
def test_what_is_no_valence_is_refused_in_words(copper: Site, desk: Client, valence: str) -> None:
    answer = correct(desk, copper, valence)
    assert copper.oxidation_state == 2.0
    assert answer.context["adminform"].form.errors["oxidation_state"]


def test_saving_without_a_change_states_nothing(copper: Site, desk: Client) -> None:
    correct(desk, copper, "2", reason="")
    assert copper.oxidation_method == "bond valence"
    correct(desk, copper, "2", reason="Magnetic moment")  # confirmed
    assert copper.oxidation_method == "stated"


def test_rows_with_another_valence_are_other_training_data() -> None:
    site = make_site()
    make_spectrum(structure=site.structure, site=site)
    before = training_rows(Spectrum.objects.all()).data_hash
    Site.objects.filter(pk=site.pk).update(oxidation_state=3.0)
    assert training_rows(Spectrum.objects.all()).data_hash != before
