"""Matches that are kept: of uploads for a day, of stored spectra for good."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from compute.errors import InputError, ReadError
from spectradb.models import Calculation, JobStatus, Kind, MatchRun, Upload
from spectradb.services.imports.uploads import forget_old, keep_spectrum_file
from spectradb.services.matching import index as match_index
from spectradb.services.matching import reliability as match_reliability
from spectradb.services.matching import runs as match_runs
from spectradb.services.matching.as_values import report_of
from spectradb.services.matching.groups import Group
from spectradb.services.matching.options import MatchOptions
from spectradb.services.matching.runs import Request, match_now
from spectradb.tasks import take_up_again
from spectradb.views.matching.figure import comparison_step, match_plot
from tests.factories import make_site, make_spectrum, make_structure
from tests.spectradb.matching.test_match import _curve, _measured, _theory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_indexes")]


def csv(element: str, k: int) -> bytes:
    """A measured file of two columns."""
    energy, intensity = _measured(element, k)
    rows = [f"{e},{v}" for e, v in zip(energy, intensity, strict=True)]
    return "\n".join(["energy_eV,intensity", *rows]).encode()


def test_an_uploaded_file_is_matched_and_its_overlay_kept() -> None:
    rows = [_theory("Ni", k) for k in range(6)]
    upload = keep_spectrum_file("ni.csv", csv("Ni", 2), None)
    run = match_now(upload)
    assert run.job_status == "done", run.error
    best = run.matches.get(rank=1)
    assert best.candidate_id == rows[2].pk
    energy, query, fit, sigma = best.overlay
    assert np.corrcoef(query, fit)[0, 1] > 0.99
    assert (sigma > 0).all()
    assert run.curve.shape[0] == 2
    assert best.probability is not None
    assert 0.0 < best.probability <= 1.0  # by what measured spectra taught
    assert run.details["calibrated"] is True
    assert [one["level"] for one in run.details["levels"]] == [
        "element", "valence", "family", "compound",
    ]  # fmt: skip
    assert run.details["told"]


def test_what_is_left_over_is_drawn_where_the_curves_were_compared() -> None:
    """A row on a coarse grid differs from the file between its points: that is no residual."""
    _theory("Ni", 2)
    run = match_now(keep_spectrum_file("ni.csv", csv("Ni", 2), None))
    best = run.matches.get(rank=1)
    at = np.arange(845.0, 885.0, 3.0)
    query = np.interp(at, *run.curve)
    best.overlay = np.array([at, query, query, np.full(at.size, 0.01)])
    best.save()
    plot = match_plot(run, best, band=False)
    assert plot is not None
    (left,) = [one for one in plot.figure.curves if one.role == "residual"]
    np.testing.assert_array_equal(left.x, at)
    np.testing.assert_allclose(left.y, 0.0, atol=1e-12)
    assert comparison_step(best) == pytest.approx(3.0)


def test_a_search_is_narrowed_by_valence() -> None:
    structure = make_structure()
    two = make_site(structure, oxidation_state=2.0)
    three = make_site(structure, index=1, oxidation_state=3.0)
    right = _theory("Ni", 1, structure=structure, site=two)
    other = _theory("Ni", 2, structure=structure, site=three)
    upload = keep_spectrum_file("ni.csv", csv("Ni", 1), None)
    asked = Request(MatchOptions(absorber="Ni", edge="L23"), {"oxidation_state": ["3"]})
    run = match_now(upload, asked)
    assert [one.candidate_id for one in run.matches.all()] == [other.pk]
    assert match_now(upload).matches.get(rank=1).candidate_id == right.pk
    assert Request.from_json(run.options) == asked


def test_elements_of_the_sample_leave_out_compounds_with_others_from_match_and_mixture() -> None:
    rows = [
        _theory("Ni", k, structure=make_structure(formula))
        for k, formula in enumerate(["LiNiO2", "NiO", "NiTiO3", "Ni(HO)2", "NiO2"])
    ]
    upload = keep_spectrum_file("ni.csv", csv("Ni", 0), None)
    options = MatchOptions(absorber="Ni", edge="L23")
    run = match_now(upload, Request(options, {"only_elements": ["Ni", "O", "H"]}))
    allowed = {rows[k].pk for k in (1, 3, 4)}
    assert {one.candidate_id for one in run.matches.all()} == allowed
    assert {one["spectrum_id"] for one in run.details["mixture"]["components"]} <= allowed
    assert match_now(upload, Request(options)).matches.get(rank=1).candidate_id == rows[0].pk


def test_a_mixture_is_told_with_its_shares() -> None:
    rows = [_theory("Ni", k) for k in range(5)]
    energy = np.asarray(rows[0].energy)
    curve = 0.6 * _curve("Ni", 0, energy) + 0.4 * _curve("Ni", 3, energy)
    query = make_spectrum(Kind.EXPERIMENT, energy=energy, intensity=curve, status="draft")
    run = match_now(query, Request(MatchOptions(absorber="Ni", edge="L23", kind="theory")))
    parts = run.details["mixture"]["components"]
    assert {one["spectrum_id"] for one in parts} == {rows[0].pk, rows[3].pk}
    assert sum(one["share"] for one in parts) == pytest.approx(1.0)


def test_what_cannot_be_matched_keeps_the_reason() -> None:
    _theory("Ni", 1)
    upload = keep_spectrum_file("mn.csv", csv("Mn", 1), None)
    run = match_now(upload)
    assert run.job_status == "failed"
    assert "no published spectrum" in run.error
    assert report_of(run)["matches"] == []


def test_a_report_leaves_out_what_is_no_longer_public() -> None:
    rows = [_theory("Ni", k) for k in range(4)]
    run = match_now(keep_spectrum_file("ni.csv", csv("Ni", 2), None))
    rows[2].status = "withdrawn"
    rows[2].save()
    told = report_of(run)
    assert rows[2].pk not in [one["spectrum_id"] for one in told["matches"]]
    assert len(told["matches"]) == 3


def test_files_are_forgotten_after_a_day_with_all_answers() -> None:
    _theory("Ni", 1)
    upload = keep_spectrum_file("ni.csv", csv("Ni", 1), None)
    match_now(upload)
    assert forget_old() == 0
    Upload.objects.update(expires=timezone.now() - timedelta(hours=1))
    assert forget_old() == 1
    assert not MatchRun.objects.exists()


def test_a_file_that_holds_no_spectrum_is_refused_and_not_kept() -> None:
    with pytest.raises((ReadError, InputError)):
        keep_spectrum_file("words.txt", b"nothing to see here\nnor here\n", None)
    assert not Upload.objects.exists()


def test_a_library_that_was_never_indexed_is_indexed_by_a_worker(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    monkeypatch.setattr(match_runs, "_AT_ONCE", 2)
    rows = [_theory("Ni", k) for k in range(3)]
    with django_capture_on_commit_callbacks() as told:
        run = match_now(keep_spectrum_file("ni.csv", csv("Ni", 2), None))
    assert run.job_status == "queued"
    assert [group.absorber for group in match_runs.missing_indexes(run)] == ["Ni"]
    told[-1]()  # the queue of the tests works at once
    run.refresh_from_db()
    assert run.matches.get(rank=1).candidate_id == rows[2].pk
    assert match_runs.missing_indexes(run) == []


def test_an_index_behind_the_database_answers_and_is_brought_up_to_date() -> None:
    for k in range(3):
        _theory("Ni", k)
    upload = keep_spectrum_file("ni.csv", csv("Ni", 7), None)
    assert match_now(upload).details["behind"] == []
    new = _theory("Ni", 7)
    run = match_now(upload)
    assert run.details["behind"] == ["Ni L23"]
    assert run.n_library == 3
    again = match_now(upload)  # the queue of the tests has refreshed it at once
    assert (again.details["behind"], again.n_library) == ([], 4)
    assert again.matches.get(rank=1).candidate_id == new.pk


def test_workers_tend_indexes_and_diagrams_when_no_calculation_is_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(match_reliability, "SIMULATED", 3)
    for k in range(2):
        _theory("Ni", k)
    group = Group("Ni", "L23", Kind.THEORY)
    job = Calculation.objects.create(route="explicit", job_status=JobStatus.RUNNING)
    take_up_again()
    assert match_index.state_of(group) is match_index.IndexState.MISSING
    job.job_status = JobStatus.DONE
    job.save()
    take_up_again()
    assert match_index.state_of(group) is match_index.IndexState.CURRENT
    assert match_reliability.kept_reliability(group) is not None
    assert match_reliability.measure_next() is None
