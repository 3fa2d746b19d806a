"""A contributor completes, corrects, sends and deletes their own draft."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import translation

from compute.io.raw import ASKS_ABSORBER
from spectradb.forms import DraftForm
from spectradb.models import Kind, Measurement, SourceFile, Spectrum, Status
from spectradb.services.curation.quality import run_checks
from spectradb.services.curation.workflow import CurationError, submit
from spectradb.words import in_words
from tests.factories import make_site, make_spectrum, make_structure, make_user
from tests.spectradb.matching.test_runs import csv

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna() -> Client:
    client = Client()
    client.force_login(make_user("anna", "contributor"))
    return client


@pytest.fixture
def row(anna: Client) -> Spectrum:
    """A draft of a file that says nothing of itself."""
    file = SimpleUploadedFile("scan.csv", csv("Ni", 1))
    page = anna.post("/upload/", {"files": [file]})
    draft = Spectrum.objects.get()
    assert f'href="/spectra/{draft.pk}/draft/"' in page.content.decode()
    return draft


def form_of(client: Client, row: Spectrum, **changes: Any) -> dict[str, Any]:
    form = client.get(f"/spectra/{row.pk}/draft/").context["form"]
    sent = {one.html_name: "" if one.value() is None else one.value() for one in form}
    return sent | changes


COMPLETE = {
    "absorber": "Ni", "edge": "L23", "formula": "NiO", "licence": "CC0 1.0", "m_mode": "TEY",
    "doi": "https://doi.org/10.1000/xyz", "quantity": "mu", "m_facility": "KEK-PF",
    "m_beamline": "BL-2A", "m_monochromator": "VLS", "m_resolution_ev": "0.2",
    "m_temperature_k": "300", "m_sample_name": "NiO film", "m_sample_formula": "NiO",
    "m_sample_preparation": "sputtered", "m_measured_on": "2026-03-01 12:00:00",
    "citation": "Own measurement", "title": "NiO film, normal incidence",
}  # fmt: skip


def test_nothing_is_licensed_without_being_asked(row: Spectrum, anna: Client) -> None:
    assert row.licence == ""
    assert ("L23", "L2,3") in anna.get(f"/spectra/{row.pk}/draft/").context["form"].fields[
        "edge"
    ].widget.choices
    text = anna.get(f"/spectra/{row.pk}/draft/").content.decode()
    for words in ("element", "edge", "formula of the sample", "licence", "mode of detection"):
        assert words in text.split('id="missing"')[1].split("</div>")[0]


def test_what_the_reader_told_is_said_in_words_and_what_was_filled_in_no_more(
    row: Spectrum, anna: Client
) -> None:
    text = anna.get(f"/spectra/{row.pk}/draft/").content.decode()
    assert "The file does not say which element and edge were measured" in text
    assert "Energies: " in text
    assert "name it (" not in text
    row.absorber, row.edge = "Ni", "L23"
    row.save()
    assert "The file does not say" not in anna.get(f"/spectra/{row.pk}/draft/").content.decode()


def test_warnings_of_a_reader_are_each_said_to_a_curator_in_their_language() -> None:
    row = make_spectrum("experiment")
    assert row.measurement is not None
    row.measurement.warnings = ["energy: e", "columns not used: a, b", f"{ASKS_ABSORBER}edge was"]
    reason = next(one.reason for one in run_checks(row) if one.name == "File")
    with translation.override("ja"):
        assert in_words(reason).split("\n") == ["エネルギー：e", "使わなかった列：a, b"]
    row.measurement.warnings = [f"{ASKS_ABSORBER}edge was measured"]
    assert next(one.verdict for one in run_checks(row) if one.name == "File") == "pass"


def test_what_is_missing_blocks_the_submission_and_is_said(row: Spectrum, anna: Client) -> None:
    for address, sent in (
        (f"/spectra/{row.pk}/submit/", {}),
        (f"/spectra/{row.pk}/draft/", form_of(anna, row, then="submit", formula="NiO")),
    ):
        answer = anna.post(address, sent, follow=True)
        text = answer.content.decode()
        assert text.count("mode of detection</div>") == 1  # told once, where it is mended
        assert "it does not say everything yet" in text
        assert answer.redirect_chain[-1][0].endswith("#missing")
        row.refresh_from_db()
        assert row.status == Status.DRAFT
    assert row.formula == "NiO"  # what was written is kept
    with pytest.raises(CurationError, match="licence"):
        submit(row, row.contributor)


def test_every_field_is_kept_and_the_draft_is_sent(row: Spectrum, anna: Client) -> None:
    site = make_site(make_structure("NiO"))
    page = anna.get(f"/spectra/{row.pk}/draft/")
    sent = form_of(anna, row, **COMPLETE, then="submit", structure=site.structure.source_id)
    assert set(COMPLETE) <= {one.html_name for one in page.context["form"]}
    answer = anna.post(f"/spectra/{row.pk}/draft/", sent)
    assert answer.status_code == 302, answer.context["form"].errors
    row.refresh_from_db()
    assert row.status == Status.SUBMITTED
    assert (row.licence, row.doi) == ("CC0 1.0", "10.1000/xyz")
    assert row.structure == site.structure
    measured = row.measurement
    assert (measured.facility, measured.mode, measured.resolution_ev) == ("KEK-PF", "TEY", 0.2)
    assert (measured.sample_preparation, measured.temperature_k) == ("sputtered", 300.0)
    assert measured.measured_on.year == 2026
    assert "licence" in row.history.latest().prev_record.history_change_reason
    assert anna.get(f"/spectra/{row.pk}/draft/").status_code == 403  # with the curators now


def test_structures_are_suggested_from_the_formula_and_a_likeness(
    row: Spectrum, anna: Client
) -> None:
    same = make_structure("NiO")
    make_structure("MnO")
    like = make_structure("LiNiO2")
    make_spectrum(structure=like, site=make_site(like), energy=row.energy, intensity=row.intensity)
    sent = form_of(anna, row, absorber="Ni", edge="L23", formula="O2Ni2")
    anna.post(f"/spectra/{row.pk}/draft/", sent)
    page = anna.get(f"/spectra/{row.pk}/draft/")
    found = dict(page.context["suggested"])
    assert found[same] == "same formula"
    assert "alike" in found[like]
    assert len(found) == 2
    taken = form_of(anna, row) | {"structure": f"SDB-S{like.pk}"}
    anna.post(f"/spectra/{row.pk}/draft/", taken)
    row.refresh_from_db()
    assert row.structure == like


def test_a_likeness_is_of_the_element_as_it_was_corrected(row: Spectrum, anna: Client) -> None:
    like = make_structure("NiO")
    make_spectrum(structure=like, site=make_site(like), energy=row.energy, intensity=row.intensity)
    address = f"/spectra/{row.pk}/draft/"
    anna.post(address, form_of(anna, row, absorber="Ni", edge="L23"))
    assert like in dict(anna.get(address).context["suggested"])
    anna.post(address, form_of(anna, row, absorber="Co"))
    assert like not in dict(anna.get(address).context["suggested"])


def test_choices_are_in_the_reader_s_language(row: Spectrum, anna: Client) -> None:
    anna.cookies["django_language"] = "ja"
    form = anna.get(f"/spectra/{row.pk}/draft/").context["form"]
    for name in ("quantity", "m_mode"):
        words = [str(label) for value, label in form.fields[name].widget.choices if value]
        assert words
        assert not any("easured" in word or "ransmission" in word for word in words)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("absorber", "Xx", "not an element"),
        ("edge", "Q9", "not the name of an edge"),
        ("formula", "nickel", "no formula"),
        ("doi", "my paper", "no DOI"),
        ("structure", "mp-999", "no structure"),
        ("m_resolution_ev", "fine", "number"),
        ("m_resolution_ev", "-0.1", "above 0"),
        ("m_temperature_k", "-5", "above 0"),
        ("m_mode", "magic", "magic"),
    ],
)
def test_a_wrong_value_is_told_at_its_field_and_the_rest_is_kept(
    row: Spectrum, anna: Client, field: str, value: str, words: str
) -> None:
    sent = form_of(anna, row, citation="Mine") | {field: value}
    answer = anna.post(f"/spectra/{row.pk}/draft/", sent)
    assert answer.status_code == 400
    text = answer.content.decode()
    assert words in text
    assert "Mine" in text
    row.refresh_from_db()
    assert row.citation == ""


def test_a_formula_without_the_absorber_is_told(row: Spectrum, anna: Client) -> None:
    address = f"/spectra/{row.pk}/draft/"
    answer = anna.post(address, form_of(anna, row, absorber="Ni", formula="Mn₂O₃"))
    assert answer.status_code == 400
    assert "holds no Ni" in answer.content.decode()
    assert anna.post(address, form_of(anna, row, absorber="Mn", formula="Mn₂O₃")).status_code == 302


def test_two_tabs_are_told(row: Spectrum, anna: Client) -> None:
    first, second = form_of(anna, row, formula="NiO"), form_of(anna, row, formula="NiO2")
    anna.post(f"/spectra/{row.pk}/draft/", first)
    answer = anna.post(f"/spectra/{row.pk}/draft/", second)
    assert "changed since this page was opened" in answer.content.decode()
    row.refresh_from_db()
    assert row.formula == "NiO"


def test_a_draft_is_deleted_with_its_file_by_its_contributor_alone(
    row: Spectrum, anna: Client
) -> None:
    other = Client()
    other.force_login(make_user("bert", "contributor"))
    assert other.post(f"/spectra/{row.pk}/delete/").status_code == 404
    assert Client().post(f"/spectra/{row.pk}/delete/").status_code == 302
    assert anna.post(f"/spectra/{row.pk}/delete/").status_code == 302
    assert not Spectrum.objects.exists()
    assert not Measurement.objects.exists()
    assert not SourceFile.objects.exists()


def test_what_was_sent_or_published_is_not_deleted(anna: Client) -> None:
    from django.contrib.auth import get_user_model

    owner = get_user_model().objects.get(username="anna")
    for status in (Status.SUBMITTED, Status.PUBLISHED, Status.WITHDRAWN):
        record = make_spectrum(Kind.EXPERIMENT, status=status, contributor=owner)
        assert anna.post(f"/spectra/{record.pk}/delete/").status_code == 403
    assert Spectrum.objects.count() == 3


def test_no_measured_record_is_published_without_its_formula() -> None:
    curator = make_user(role="curator")
    record = make_spectrum(Kind.EXPERIMENT, status="submitted", formula="")
    from spectradb.services.curation.workflow import publish

    with pytest.raises(CurationError, match="say what was measured"):
        publish(record, curator)


@pytest.mark.parametrize("formula", ["Ni(((O", "Ni)O", "()", "K3[Fe(CN)6", "Ni0O0"])
def test_a_formula_that_nobody_can_read_is_not_kept(formula: str) -> None:
    row = make_spectrum("experiment", status=Status.DRAFT, contributor=make_user())
    assert "is no formula" in str(DraftForm({"formula": formula}, instance=row).errors["formula"])
    right = DraftForm({"formula": "K3[Fe(CN)6]"}, instance=row)
    assert "formula" not in right.errors
