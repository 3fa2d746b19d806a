"""What the queue's workers call: ids in, one service call each."""

from __future__ import annotations

from spectradb.models import Calculation, Export, JobStatus
from spectradb.services.calculations import brought, queued
from spectradb.services.curation import mails
from spectradb.services.exports import jobs as exports
from spectradb.services.imports import uploads
from spectradb.services.learning import train as train_model
from spectradb.services.matching import groups as match_groups
from spectradb.services.matching import index as match_index
from spectradb.services.matching import reliability as match_reliability
from spectradb.services.matching import runs as match_runs
from spectradb.services.peaks import fit as fit_peaks
from spectradb.services.queue import jobs
from spectradb.services.series import analyses as series_analyses
from spectradb.services.series import incoming

_OPEN = [JobStatus.QUEUED, JobStatus.RUNNING]


def take_up_again() -> int:
    """Each minute: jobs of dead workers, lost messages, old files, mails that are due, indexes."""
    uploads.forget_old()
    incoming.forget_old()
    mails.send_due()
    again = jobs.take_up_again()
    if not Calculation.objects.filter(job_status__in=_OPEN).exists():
        tend_matching()
    return again


def tend_matching() -> None:
    """Bring the indexes for matching up to date, then one diagram of how well they do.

    While calculations are open it would be in vain: each of them changes an index.
    """
    match_index.refresh_all()
    match_reliability.measure_next()


def send_mails() -> int:
    """Mail what is due; how many went out."""
    return mails.send_due()


def run_export(pk: int) -> bool:
    """Write one bulk download."""
    return jobs.run(Export, pk, exports.write, exports.keep)


def run_peak_fit(pk: int) -> bool:
    """Split one spectrum into peaks."""
    return fit_peaks.run_fit(pk)


def run_calculation(pk: int) -> bool:
    """One queued calculation."""
    return queued.run(pk)


def run_brought(pk: int) -> bool:
    """The spectrum of one site of a crystal at hand."""
    return brought.run_brought(pk)


def run_series_upload(pk: int) -> bool:
    """Read the files of one series that somebody has sent."""
    return incoming.run_upload(pk)


def run_match(pk: int) -> bool:
    """Match one stored or uploaded spectrum."""
    return match_runs.run_match(pk)


def refresh_match_index(absorber: str, edge: str, kind: str) -> None:
    """Bring the index of one group of spectra up to date."""
    match_index.refresh(match_groups.Group(absorber, edge, kind))


def measure_reliability(absorber: str, edge: str, kind: str) -> None:
    """Work out the reliability diagram of one library."""
    match_reliability.reliability_of(match_groups.Group(absorber, edge, kind))


def run_training(pk: int) -> bool:
    """Train one queued model."""
    return train_model.run_training(pk)


def run_series_analysis(pk: int) -> bool:
    """The maps of one series by one method."""
    return series_analyses.run_analysis(pk)
