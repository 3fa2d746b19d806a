"""Analyses as jobs: asked for once, seen by the rule, stopped, gone on with; files checked."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.utils import timezone

from compute.errors import InputError, ReadError
from spectradb.models import JobStatus, Measurement, Series, SeriesAnalysis
from spectradb.services.accounts.quotas import QuotaError, series_bytes_left
from spectradb.services.curation.workflow import CurationError, publish, send_back, submit
from spectradb.services.files import local
from spectradb.services.queue import jobs
from spectradb.services.series import analyses as service
from spectradb.services.series import local as series_local
from spectradb.services.series import store
from spectradb.services.series.analyse import analyse
from spectradb.services.series.combine import combine
from spectradb.services.series.discard import discard_draft
from spectradb.services.series.local import local_file
from spectradb.services.series.spectrum import spectrum_of
from spectradb.services.series.store import opened
from spectradb.services.series.writing import Asked
from tests.factories import make_series, make_series_analysis, make_spectrum, make_user

pytestmark = pytest.mark.django_db


class Remote(Storage):
    """A storage without paths on this machine."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def _open(self, name, mode="rb"):
        return ContentFile(self.files[name])


ASKED = Asked("nmf", components=2)


def test_the_same_question_is_one_row_for_each_person():
    row, anna, ben = (
        make_series(),
        make_user("anna", "contributor"),
        make_user("ben", "contributor"),
    )
    first = service.request_analysis(row, ASKED, anna)
    assert service.request_analysis(row, ASKED, anna).pk == first.pk
    other = service.request_analysis(row, ASKED, ben)
    assert other.pk != first.pk
    assert set(SeriesAnalysis.objects.visible_to(anna)) == {first}
    assert not SeriesAnalysis.objects.visible_to(None).exists()


def test_maps_count_for_what_an_account_keeps_of_series(settings):
    row, anna = make_series(), make_user("anna", "contributor")
    settings.ACCOUNT_SERIES_MAX_MB = 1
    whole = series_bytes_left(anna)
    made = make_series_analysis(row, requested_by=anna)
    SeriesAnalysis.objects.filter(pk=made.pk).update(n_bytes=whole - 10)
    assert series_bytes_left(anna) == 10
    with pytest.raises(QuotaError, match="do not fit"):
        service.request_analysis(row, ASKED, anna)
    SeriesAnalysis.objects.filter(pk=made.pk).update(n_bytes=0)
    service.request_analysis(row, ASKED, anna)


def test_the_same_content_of_two_people_has_analyses_of_each():
    anna, ben = make_user("anna", "contributor"), make_user("ben", "contributor")
    hers = make_series(contributor=anna, status="draft")
    his = Series.objects.get(pk=hers.pk)
    his.pk, his.contributor = None, ben
    his.save(force_insert=True)
    assert his.content_hash == hers.content_hash
    service.request_analysis(hers, ASKED, anna)
    made = service.request_analysis(his, ASKED, ben)
    assert made.series == his
    assert SeriesAnalysis.objects.visible_to(ben).get() == made


def test_what_the_owner_of_a_series_asks_for_is_seen_with_it():
    anna = make_user("anna", "contributor")
    row = make_series(contributor=anna)
    made = service.request_analysis(row, ASKED, anna)
    assert SeriesAnalysis.objects.visible_to(None).get() == made
    Series.objects.update(status="draft")
    assert not SeriesAnalysis.objects.visible_to(None).exists()
    assert SeriesAnalysis.objects.visible_to(anna).get() == made


@pytest.mark.parametrize(
    "asked",
    [
        lambda pk: Asked("references", references=(str(pk),)),
        lambda pk: Asked("nmf", components=2, corrections=(("low_loss", str(pk)),)),
    ],
)
def test_what_was_found_with_a_record_that_is_not_public_is_not_public(asked):
    anna = make_user("anna", "contributor")
    row = make_series(contributor=anna)
    later = timezone.localdate() + timedelta(days=9)
    curve = {"contributor": anna, "energy": row.energy, "intensity": row.summed}
    hidden = make_spectrum("experiment", **curve, embargo_until=later)
    made = service.request_analysis(row, asked(hidden.pk), anna)
    assert not SeriesAnalysis.objects.visible_to(None).exists()
    assert SeriesAnalysis.objects.visible_to(anna).get() == made
    shown = make_spectrum("experiment", **curve)
    public = service.request_analysis(row, asked(shown.pk), anna)
    assert SeriesAnalysis.objects.visible_to(None).get() == public


def test_what_was_found_with_a_region_of_the_series_itself_is_seen_with_it():
    anna = make_user("anna", "contributor")
    row = make_series(contributor=anna)
    region = spectrum_of(row, [(0, 1), (0, 2)], contributor=anna)
    assert not region.is_public
    asked = Asked("references", references=(str(region.pk),))
    made = service.request_analysis(row, asked, anna)
    assert SeriesAnalysis.objects.visible_to(None).get() == made


def test_what_was_found_with_a_draft_of_a_series_is_not_public():
    anna = make_user("anna", "contributor")
    row, hidden = make_series(contributor=anna), make_series(contributor=anna, status="draft")
    asked = Asked("nmf", components=2, corrections=(("i0", str(hidden.pk)),))
    service.request_analysis(row, asked, anna)
    assert not SeriesAnalysis.objects.visible_to(None).exists()


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (Asked("references"), "references"),
        (Asked("references", references=("/etc/passwd",)), "references"),
        (Asked("references", references=("77",)), "references"),
        (Asked("nmf", components=0), "components"),
        (Asked("mcr", references=("1", "2", "3"), components=2), "components"),
        (Asked("nmf", corrections=(("spikes", -4.0),)), "spikes"),
        (Asked("parameters", quantities=("colour",)), "quantity"),
        (Asked("parameters", quantities=("e0",), windows=((641.0, 645.0),)), "window"),
        (Asked("parameters", windows=((1.0, 2.0),)), "window"),
        (Asked("guess"), "method"),
    ],
)
def test_what_cannot_be_analysed_is_refused_before_it_is_queued(asked, field):
    with pytest.raises(InputError) as told:
        service.request_analysis(make_series(), asked, make_user("anna", "contributor"))
    assert told.value.field == field
    assert not SeriesAnalysis.objects.exists()


def test_another_series_of_a_correction_has_as_many_spectra():
    row, other = make_series((3, 4)), make_series((2, 2))
    asked = Asked("nmf", corrections=(("drift", str(other.pk)),))
    with pytest.raises(InputError, match="has 4 spectra; this one 12"):
        service.request_analysis(row, asked, make_user("anna", "contributor"))


def test_another_persons_draft_is_no_reference():
    hidden = make_spectrum(
        "experiment", status="draft", contributor=make_user("ben", "contributor")
    )
    asked = Asked("references", references=(str(hidden.pk),))
    with pytest.raises(InputError, match="no such spectrum"):
        service.request_analysis(make_series(), asked, make_user("anna", "contributor"))


def test_visitors_and_full_accounts_are_refused(settings):
    row = make_series()
    with pytest.raises(PermissionDenied):
        service.request_analysis(row, ASKED, make_user("nobody"))
    settings.ACCOUNT_MAX_JOBS = 0
    with pytest.raises(QuotaError):
        service.request_analysis(row, ASKED, make_user("anna", "contributor"))


def test_a_cancelled_analysis_stops_and_can_be_asked_for_again(monkeypatch):
    row, anna = make_series((6, 6)), make_user("anna", "contributor")
    made = service.request_analysis(row, ASKED, anna)

    def cancelled(*arguments, **options):
        jobs.cancel(SeriesAnalysis.objects.filter(pk=made.pk))
        yield from steps(*arguments, **options)

    steps = analyse
    monkeypatch.setattr(service, "analyse", cancelled)
    assert not service.run_analysis(made.pk)
    made.refresh_from_db()
    assert (made.job_status, made.file_name) == (JobStatus.CANCELLED, "")
    monkeypatch.setattr(service, "analyse", steps)
    assert service.request_analysis(row, ASKED, anna).pk == made.pk
    assert service.run_analysis(made.pk)
    made.refresh_from_db()
    assert made.job_status == JobStatus.DONE
    assert made.told["components"] == ["component1", "component2"]


def test_an_attempt_that_is_taken_for_dead_does_not_touch_the_files_of_the_next(monkeypatch):
    made = service.request_analysis(make_series(), ASKED, make_user("anna", "contributor"))
    first = jobs.claim(SeriesAnalysis, made.pk)
    places = []

    def meanwhile(row, asked, output):
        places.append(output)
        yield from analyse(row, asked, output)
        if len(places) == 1:  # whole, not stored yet: the next one begins and ends
            second = service.work(first)
            assert places[0] != places[1]
            assert storages["series"].exists(second.file_name)

    monkeypatch.setattr(service, "analyse", meanwhile)
    assert storages["series"].exists(service.work(first).file_name)
    assert not any(one.exists() for one in places)


def left_by_a_dead_worker(row):
    return storages["series"].save(f"maps/{row.pk}-0123456789abcdef-00000000.h5", ContentFile(b"x"))


def test_a_cancelled_analysis_leaves_no_maps(django_capture_on_commit_callbacks, monkeypatch):
    made = service.request_analysis(make_series(), ASKED, make_user("anna", "contributor"))
    other = make_series_analysis(make_series())
    kept, stored = left_by_a_dead_worker(made), storages["series"].exists
    ended = []

    def cancelled(*arguments):
        ended.append(series_local.keep(*arguments))
        with django_capture_on_commit_callbacks(execute=True):
            assert service.cancel(made)
        assert not stored(kept)
        left_by_a_dead_worker(made)  # only its own may an attempt take away at its end
        return ended[-1]

    monkeypatch.setattr(service, "keep", cancelled)
    assert not service.run_analysis(made.pk)
    assert not stored(ended[0])
    assert stored(kept)
    assert stored(other.file_name)


def test_maps_whose_row_was_stored_stay_though_nobody_heard_of_it(monkeypatch):
    made = service.request_analysis(make_series(), ASKED, make_user("anna", "contributor"))
    run = jobs.run
    monkeypatch.setattr(jobs, "run", lambda *arguments: bool(run(*arguments)) and False)
    assert not service.run_analysis(made.pk)
    made.refresh_from_db()
    assert made.job_status == JobStatus.DONE
    assert storages["series"].exists(made.file_name)


def test_removing_an_analysis_removes_its_files():
    made, other = make_series_analysis(make_series()), make_series_analysis(make_series())
    left = left_by_a_dead_worker(made)
    service.discard([made])
    assert not storages["series"].exists(made.file_name)
    assert not storages["series"].exists(left)
    assert storages["series"].exists(other.file_name)


def test_a_damaged_file_is_told_in_words():
    row = make_series()
    path = Path(storages["series"].path(row.file_name))
    data = bytearray(path.read_bytes())
    data[-40] ^= 1
    path.write_bytes(bytes(data))
    os.utime(path, (1, 1))
    with pytest.raises(ReadError, match="is damaged"), opened(row):
        pass


def test_a_file_is_checked_once(monkeypatch):
    row = make_series()
    monkeypatch.setattr(local, "_digest", lambda _: pytest.fail("read again"))
    local_file(row.file_name, row.n_bytes, row.sha256)


def test_a_remote_file_is_copied_once_and_copies_are_bounded(settings, monkeypatch):
    rows = [make_series(), make_series()]
    remote = Remote()
    for row in rows:
        with storages["series"].open(row.file_name) as file:
            remote.files[row.file_name] = file.read()
    monkeypatch.setattr(local, "storages", {"series": remote})
    settings.SERIES_CACHE_MB = 1.5 * rows[0].n_bytes / 1e6
    first = local_file(rows[0].file_name, rows[0].n_bytes, rows[0].sha256)
    monkeypatch.setattr(remote, "open", lambda _: pytest.fail("copied again"))
    assert local_file(rows[0].file_name, rows[0].n_bytes, rows[0].sha256) == first
    monkeypatch.undo()
    monkeypatch.setattr(local, "storages", {"series": remote})
    assert local_file(rows[1].file_name, rows[1].n_bytes, rows[1].sha256).is_file()
    assert not first.exists()


def test_a_series_goes_from_draft_to_published_with_what_it_has_to_say():
    anna, curator = make_user("anna", "contributor"), make_user("cura", "curator")
    row = make_series(contributor=anna, status="draft", formula="")
    with pytest.raises(CurationError, match="formula"):
        submit(row, anna)
    row.formula = "MnO"
    row.save()
    row = submit(row, anna)
    with pytest.raises(PermissionDenied):
        publish(row, anna)
    row = send_back(row, curator, "Which sample?")
    row = publish(submit(row, anna), curator)
    assert (row.status, row.published_at is not None) == ("published", True)
    reasons = row.history.values_list("history_change_reason", flat=True)
    assert "Sent back. Which sample?" in reasons


def test_imports_of_the_operator_at_the_same_time_are_one_row(monkeypatch):
    spectra = [make_spectrum("experiment") for _ in range(2)]
    kept = series_local.keep

    def meanwhile(name, path):
        monkeypatch.setattr(store, "keep", kept)
        assert combine(spectra).is_new
        return kept(name, path)

    monkeypatch.setattr(store, "keep", meanwhile)
    assert not combine(spectra).is_new
    assert Series.objects.count() == 1


def test_a_contributor_deletes_their_draft_unless_records_were_cut_from_it(
    client, django_capture_on_commit_callbacks
):
    anna = make_user("anna", "contributor")
    row = make_series(contributor=anna, status="draft")
    maps = make_series_analysis(row).file_name
    record = make_spectrum("experiment", contributor=anna)
    Measurement.objects.filter(pk=record.measurement_id).update(series=row)
    client.force_login(anna)
    path = f"/series/{row.pk}/delete/"
    assert path in client.get(f"/series/{row.pk}/draft/").content.decode()
    told = client.post(path, follow=True).content.decode()
    assert "delete them first" in told
    Measurement.objects.filter(pk=record.measurement_id).update(series=None)
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(path).status_code == 302
    assert not Series.objects.exists()
    assert not storages["series"].exists(row.file_name)
    assert not storages["series"].exists(maps)


def test_a_file_stays_while_another_person_has_a_series_of_it(django_capture_on_commit_callbacks):
    anna, ben = make_user("anna", "contributor"), make_user("ben", "contributor")
    spectra = [make_spectrum("experiment") for _ in range(2)]
    mine, theirs = (
        Series.objects.get(pk=combine(spectra, contributor=one).id) for one in (anna, ben)
    )
    with django_capture_on_commit_callbacks(execute=True):
        discard_draft(mine, anna)
    assert storages["series"].exists(theirs.file_name)
    with pytest.raises(PermissionDenied):
        discard_draft(theirs, anna)


def test_what_a_dead_worker_left_of_an_analysis_goes_with_the_next_attempt(
    django_capture_on_commit_callbacks,
):
    row = make_series_analysis(make_series())
    before = row.file_name
    other = make_series_analysis(make_series())
    SeriesAnalysis.objects.filter(pk=row.pk).update(job_status="queued")
    with django_capture_on_commit_callbacks(execute=True):
        assert service.run_analysis(row.pk)  # the second attempt
    row.refresh_from_db()
    assert row.attempts == 2
    assert row.file_name != before
    stored = storages["series"].exists
    assert not stored(before)
    assert stored(row.file_name)
    assert stored(other.file_name)
