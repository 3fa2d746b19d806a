"""What the queue's workers call: ids in, one service call each."""

from __future__ import annotations

from spectradb.models import Calculation, Export
from spectradb.services import (
    compute_spectra,
    exports,
    fit_peaks,
    jobs,
    match_spectrum,
    run_case,
    train_model,
)


def take_up_again() -> int:
    """Each minute: jobs of dead workers, and rows whose message the broker lost."""
    return jobs.take_up_again()


def run_export(pk: int) -> bool:
    """Write one bulk download."""
    return jobs.run(Export, pk, exports.write, exports.keep)


def run_peak_fit(pk: int) -> bool:
    """Split one spectrum into peaks."""
    return fit_peaks.run_fit(pk)


def run_calculation(pk: int) -> bool:
    """One queued calculation."""
    if Calculation.objects.filter(pk=pk, route=run_case.ROUTE).exists():
        return run_case.run_case(pk)
    return compute_spectra.run_calculation(pk)


def run_match(pk: int) -> bool:
    """Match one stored spectrum."""
    return match_spectrum.run_match(pk)


def run_training(pk: int) -> bool:
    """Train one queued model."""
    return train_model.run_training(pk)
