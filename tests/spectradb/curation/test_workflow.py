"""Who may take which step, what blocks it, and what is kept of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied

from spectradb.models import ImmutableArray, Spectrum
from spectradb.services.curation import workflow as curation
from spectradb.services.curation.quality import blocking, keep_checks, run_checks
from spectradb.services.curation.revise import revise
from spectradb.services.curation.workflow import CurationError
from tests.factories import make_spectrum, make_user

pytestmark = pytest.mark.django_db


def draft(**fields: object) -> Spectrum:
    return make_spectrum("experiment", status="draft", **fields)  # type: ignore[arg-type]


def test_the_way_from_draft_to_withdrawn_is_kept_with_who_and_why() -> None:
    author, curator = make_user("ada", "contributor"), make_user("cur", "curator")
    spectrum = draft(contributor=author)
    curation.submit(spectrum, author)
    curation.send_back(spectrum, curator, "Which scan is this?")
    curation.submit(spectrum, author, "Scan 2")
    curation.publish(spectrum, curator)
    row = curation.withdraw(spectrum, curator, "Sample was mislabelled")
    assert (row.status, row.status_note) == ("withdrawn", "Sample was mislabelled")
    assert row.published_at is not None
    told = [(str(one["who"]), one["reason"]) for one in curation.history_of(row)][:5]
    assert told == [
        ("cur", "Withdrawn. Sample was mislabelled"),
        ("cur", "Published."),
        ("ada", "Submitted. Scan 2"),
        ("cur", "Sent back. Which scan is this?"),
        ("ada", "Submitted."),
    ]
    assert curation.history_of(row)[0]["changes"] == [
        {"field": "status", "before": "published", "after": "withdrawn"}
    ]


@pytest.mark.parametrize("action", curation.STEPS)
def test_only_the_author_submits_and_only_curators_decide(action: str) -> None:
    step = curation.STEPS[action]
    author = make_user(role="contributor")
    allowed = {"author": action == "submit", "curator": True}
    people: dict[str, Any] = {
        "visitor": AnonymousUser(),
        "nobody": make_user(),
        "stranger": make_user(role="contributor"),
        "author": author,
        "curator": make_user(role="curator"),
    }
    for role, person in people.items():
        spectrum = make_spectrum("experiment", status=step.start, contributor=author)
        if allowed.get(role, False):
            assert curation.decide(spectrum, action, person, "why").status == step.end
        else:
            with pytest.raises(PermissionDenied):
                curation.decide(spectrum, action, person, "why")
            assert Spectrum.objects.get(pk=spectrum.pk).status == step.start


@pytest.mark.parametrize("action", ["send_back", "reject", "withdraw"])
def test_a_refusal_needs_a_note(action: str) -> None:
    spectrum = make_spectrum("experiment", status=curation.STEPS[action].start)
    with pytest.raises(CurationError, match="note is needed"):
        curation.decide(spectrum, action, make_user(role="curator"), "  ")


def test_a_step_must_fit_the_status() -> None:
    with pytest.raises(CurationError, match="is draft; only a submitted"):
        curation.publish(draft(), make_user(role="curator"))


def test_a_failed_check_blocks_publishing_and_names_what_to_mend() -> None:
    curator = make_user(role="curator")
    spectrum = make_spectrum("experiment", status="submitted", edge="")
    keep_checks(spectrum)
    assert blocking(spectrum.checks) == [
        "Element and edge: The file does not give the edge. Fill it in."
    ]
    with pytest.raises(CurationError, match="does not give the edge"):
        curation.publish(spectrum, curator)
    spectrum.edge = "L23"
    spectrum.save()
    assert curation.publish(spectrum, curator).status == "published"


def test_a_scan_stored_before_is_pointed_at() -> None:
    first = make_spectrum("experiment")
    rng = np.random.default_rng(1)
    noisy = first.intensity * 2 + 0.01 + 1e-4 * rng.standard_normal(first.n_points)
    second = draft(energy=first.energy, intensity=noisy)
    third = draft(energy=first.energy, intensity=first.intensity[::-1])
    found = {one.name: one for one in run_checks(second)}["Not a duplicate"]
    assert (found.verdict, found.spectrum_id) == ("check", first.pk)
    assert found.reason.endswith("The same data.")
    assert {one.name: one.verdict for one in run_checks(third)}["Not a duplicate"] == "pass"


def test_bulk_decisions_go_on_past_one_that_cannot_be_taken() -> None:
    curator = make_user(role="curator")
    good = [make_spectrum("experiment", status="submitted") for _ in range(2)]
    bad = make_spectrum("experiment", status="submitted", absorber="")
    result = curation.decide_all([good[0], bad, good[1]], "publish", curator)
    assert result.done == [one.pk for one in good]
    assert "does not give the element" in result.refused[bad.pk]


def test_the_queue_has_neighbours() -> None:
    curator = make_user(role="curator")
    rows = [curation.submit(draft(), curator) for _ in range(3)]
    place = curation.place_in_queue(rows[1])
    assert (place.position, place.length) == (2, 3)
    assert (place.previous, place.next) == (rows[0].pk, rows[2].pk)
    assert list(curation.queue()) == rows


def test_stored_arrays_cannot_be_changed_in_any_way() -> None:
    spectrum = Spectrum.objects.get(pk=make_spectrum().pk)
    with pytest.raises(ValueError, match="read-only"):
        spectrum.intensity[0] = 1.0
    spectrum.intensity = spectrum.intensity * 2
    with pytest.raises(ImmutableArray, match="intensity of SDB-"):
        spectrum.save()
    with pytest.raises(ImmutableArray):
        Spectrum.objects.update(intensity=spectrum.intensity)
    spectrum.refresh_from_db()
    spectrum.title = "named"
    spectrum.save()
    listed = Spectrum.objects.without_arrays().get(pk=spectrum.pk)
    listed.title = "named again"
    listed.save()
    assert "energy" in listed.get_deferred_fields()


def test_a_changed_curve_is_a_new_version_and_replaces_the_old_when_published() -> None:
    author, curator = make_user(role="contributor"), make_user(role="curator")
    old = make_spectrum("experiment", contributor=author)
    new = revise(old, old.energy, old.intensity * 1.5, user=author, reason="Dead time corrected")
    assert (new.version, new.replaces, new.status) == (2, old, "draft")
    assert new.measurement is not None
    assert new.measurement.pk != old.measurement_id
    assert new.sparkline.startswith("M")
    old.refresh_from_db()
    assert old.status == "published"
    curation.submit(new, author)
    curation.publish(new, curator)
    old.refresh_from_db()
    assert (old.status, old.status_note) == ("withdrawn", f"Replaced by SDB-{new.pk}, version 2.")
    with pytest.raises(CurationError, match="newer version"):
        revise(old, old.energy, old.intensity, user=author, reason="again")
    with pytest.raises(PermissionDenied):
        revise(new, old.energy, old.intensity, user=make_user(role="contributor"), reason="x")
