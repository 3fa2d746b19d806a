"""Split spectra into peaks: files on the spot, stored spectra as jobs that keep the result."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from dataclasses import fields as fields_of
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from django.db import transaction

from compute.errors import InputError
from compute.io import ColumnChoice, read
from compute.isolation import apart
from compute.peaks import VERSION, Decomposition, decompose
from compute.peaks import Peak as ComputedPeak
from spectradb.models import JobStatus, Kind, Peak, PeakFit, Spectrum
from spectradb.services.queue import jobs

if TYPE_CHECKING:
    from django.contrib.auth.models import User

METHOD = "esprit-varpro-bic"
THEORY_FLOOR = 1e-3
_BATCH = 500
UNDETERMINED = 1e30  # a standard error that the data do not bound


@dataclass(frozen=True)
class FitOptions:
    """What to fit; the names are those of ``compute.peaks.decompose``."""

    edge_step: bool = False
    edge_splitting_ev: float = 0.0
    gaussian_sigma_ev: float | Literal["fit"] = 0.0
    phase: bool = False
    background: Literal["auto", "none", "constant", "linear", "flank", "power"] = "auto"
    energy_range: tuple[float, float] | None = None
    max_peaks: int | None = None
    noise_floor: float | None = None
    """None: 0.001 for theory, whose many lines have no noise to hide in; 0 for experiments."""

    def run(self, energy_ev: Any, intensity: Any) -> Decomposition:
        """Decompose; raises InputError."""
        return decompose(
            energy_ev,
            intensity,
            edge_step=self.edge_step,
            edge_splitting_ev=self.edge_splitting_ev,
            gaussian_sigma_ev=self.gaussian_sigma_ev,
            phase=self.phase,
            background=self.background,
            energy_range=self.energy_range,
            max_peaks=self.max_peaks,
            noise_floor=self.noise_floor or 0.0,
        )

    def as_json(self) -> dict[str, Any]:
        values = asdict(self)
        if self.energy_range is not None:
            values["energy_range"] = [float(v) for v in self.energy_range]
        return values

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> FitOptions:
        pair = values.get("energy_range")
        return cls(**{**values, "energy_range": None if pair is None else (pair[0], pair[1])})


def fit_file(
    path: Path, options: FitOptions, columns: ColumnChoice | None = None
) -> Iterator[dict[str, Any]]:
    """The peaks of every spectrum of a file; nothing is stored.

    ``columns`` says what the columns hold where the file leaves it open.

    Raises
    ------
    ReadError, SkipFile
        If the file cannot be read, or holds no spectrum.
    InputError
        If a spectrum cannot be decomposed.
    """
    for raw in apart(read, path, columns=columns):
        if raw.role == "reference":
            continue
        if raw.axis_unit != "eV":
            raise InputError("energy_ev", raw.axis_unit, "the abscissa is no energy")
        result = options.run(raw.energy_ev, raw.intensity)
        yield {"file": str(path.absolute()), "label": raw.label, **result_as_json(result)}


def request_fit(
    spectrum: Spectrum, options: FitOptions, *, requested_by: User | None = None
) -> PeakFit:
    """The row of this fit, new and queued or the one that is there; the queue is not told.

    A row that failed or was cancelled is queued again.
    """
    row, _ = PeakFit.objects.get_or_create(
        input_hash=input_hash(spectrum.content_hash, options),
        defaults=_values(spectrum.pk, options, requested_by),
    )
    if row.job_status in (JobStatus.FAILED, JobStatus.CANCELLED):
        PeakFit.objects.filter(pk=row.pk).update(
            job_status=JobStatus.QUEUED,
            attempts=0,
            error="",
            error_cause="",
            error_permanent=False,
            finished=None,
        )
        row.refresh_from_db()
    return row


def queue_fits(
    spectra: Iterable[Spectrum], options: FitOptions, *, requested_by: User | None = None
) -> list[int]:
    """Queue the fits of these spectra that are not done yet; the ids of the queued rows.

    Call it with ``queryset.only("content_hash").iterator()`` for a whole database: arrays are
    not needed here.
    """
    queued: list[int] = []
    batch: list[Spectrum] = []

    def flush() -> None:
        hashes = {input_hash(one.content_hash, options): one.pk for one in batch}
        with transaction.atomic():
            PeakFit.objects.bulk_create(
                [
                    PeakFit(input_hash=digest, **_values(pk, options, requested_by))
                    for digest, pk in hashes.items()
                ],
                ignore_conflicts=True,
            )
            rows = PeakFit.objects.filter(input_hash__in=hashes)
            jobs.retry(rows)
            waiting = rows.filter(job_status=JobStatus.QUEUED).values_list("pk", flat=True)
            queued.extend(waiting)
            jobs.enqueue(PeakFit, waiting)
        batch.clear()

    for spectrum in spectra:
        batch.append(spectrum)
        if len(batch) == _BATCH:
            flush()
    if batch:
        flush()
    return queued


def run_fit(pk: int) -> bool:
    """Do one queued fit; whether this call finished it."""
    return jobs.run(PeakFit, pk, work, keep)


def work(row: PeakFit) -> Decomposition:
    """The long part of a job."""
    return fit_spectrum(row.spectrum, FitOptions.from_json(row.options))


def fit_spectrum(spectrum: Spectrum, options: FitOptions) -> Decomposition:
    """The fit of a stored spectrum, not kept; raises InputError."""
    if options.noise_floor is None and spectrum.kind == Kind.THEORY:
        options = replace(options, noise_floor=THEORY_FLOOR)
    return options.run(np.asarray(spectrum.energy), np.asarray(spectrum.intensity))


def keep(row: PeakFit, result: Decomposition) -> None:
    """Store a result, whole."""
    energy = np.asarray(row.spectrum.energy)
    inside = (energy >= result.energy_ev[0]) & (energy <= result.energy_ev[-1])
    row.n_peaks = result.n_peaks
    row.gaussian_sigma_ev = result.gaussian_sigma_ev
    row.background = _plain(result.background)
    row.order_trace = [_plain(asdict(step)) for step in result.order_trace]
    row.residual_rms = result.residual_rms
    row.warnings = list(result.warnings)
    row.residual = np.asarray(row.spectrum.intensity)[inside] - result.model
    row.save()
    row.peaks.all().delete()
    Peak.objects.bulk_create(
        Peak(
            fit=row,
            index=index,
            **{name: value if math.isfinite(value) else UNDETERMINED for name, value in fields},
        )
        for index, fields in enumerate(asdict(peak).items() for peak in result.peaks)
    )


def input_hash(content_hash: str, options: FitOptions) -> str:
    """SHA-256 of what a fit depends on."""
    asked = json.dumps([METHOD, VERSION, content_hash, options.as_json()], sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()


def result_as_json(result: Decomposition) -> dict[str, Any]:
    """The keys of the ``fit_peaks`` command; numbers that are not finite become None."""
    answer: dict[str, Any] = _plain(
        {
            "peaks": [asdict(peak) for peak in result.peaks],
            "n_peaks": result.n_peaks,
            "background": result.background,
            "gaussian_sigma_ev": result.gaussian_sigma_ev,
            "residual_rms": result.residual_rms,
            "noise": result.noise,
            "order_trace": [asdict(step) for step in result.order_trace],
            "warnings": list(result.warnings),
        }
    )
    return answer


def row_as_json(row: PeakFit) -> dict[str, Any]:
    """The same keys from a stored fit."""
    fields = [one.name for one in fields_of(ComputedPeak)]
    answer: dict[str, Any] = _plain(
        {
            "spectrum_id": row.spectrum_id,
            "fit_id": row.pk,
            "peaks": [{name: getattr(p, name) for name in fields} for p in row.peaks.all()],
            "n_peaks": row.n_peaks,
            "background": row.background,
            "gaussian_sigma_ev": row.gaussian_sigma_ev,
            "residual_rms": row.residual_rms,
            "order_trace": row.order_trace,
            "warnings": row.warnings,
        }
    )
    return answer


def _values(spectrum_id: int, options: FitOptions, user: User | None) -> dict[str, Any]:
    low, high = options.energy_range or (None, None)
    return {
        "spectrum_id": spectrum_id,
        "method": f"{METHOD} {VERSION}",
        "options": options.as_json(),
        "range_lo": low,
        "range_hi": high,
        "requested_by": user,
    }


def _plain(value: Any) -> Any:
    """JSON values: arrays as lists, no NaN or infinity."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
