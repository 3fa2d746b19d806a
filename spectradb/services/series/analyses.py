"""Analyses of series as jobs: asked for on a page, done by a worker, kept as a file of maps."""

from __future__ import annotations

import hashlib
import json
import secrets
import tempfile
import time
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.files.storage import storages
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext

from compute.errors import InputError
from compute.series.absorption import over_absorption
from compute.series.parameters import QUANTITIES
from compute.series.version import VERSION
from spectradb.models import JobStatus, Quantity, Series, SeriesAnalysis, Spectrum, Status
from spectradb.models.visibility import as_condition, public_spectra
from spectradb.services.accounts.quotas import check_jobs, check_series
from spectradb.services.accounts.roles import may_contribute, may_curate
from spectradb.services.queue import jobs
from spectradb.services.series.analyse import METHODS, analyse
from spectradb.services.series.by_factors import check_components
from spectradb.services.series.local import digest_of, keep
from spectradb.services.series.references import references_on
from spectradb.services.series.source import CORRECTIONS
from spectradb.services.series.writing import Asked

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

_TOLD_EVERY = 1.0  # seconds between two notes of how far it is
MAX_REFERENCES, MAX_COMPONENTS = 20, 20


class Stopped(Exception):
    """The job was cancelled, or went to another worker, while it ran."""

    cause = "Cancelled"
    permanent = True


@dataclass(frozen=True)
class Made:
    """A finished file of maps, stored."""

    file_name: str
    n_bytes: int
    sha256: str
    told: dict[str, Any]
    warnings: list[str]


def as_asked(options: dict[str, Any]) -> Asked:
    """What a row keeps as JSON."""
    return Asked(**{name: _tuples(value) for name, value in options.items()})


def _tuples(value: Any) -> Any:
    return tuple(_tuples(one) for one in value) if isinstance(value, list) else value


def check(row: Series, asked: Asked, user: User) -> list[str]:
    """Refuse what cannot be done before it is queued; what has to be told.

    References are numbers of spectra that this person sees: no file of the server is read.

    Raises
    ------
    InputError
        Naming the field.
    """
    if asked.method not in METHODS:
        raise InputError("method", asked.method, f"is one of {', '.join(METHODS)}")
    for one in asked.references:
        if not one.isdecimal() or len(one) > 18:
            raise InputError("references", one, "is no number of a spectrum")
    if len(asked.references) > MAX_REFERENCES:
        raise InputError("references", len(asked.references), f"are at most {MAX_REFERENCES}")
    check_components(asked)
    seen = Spectrum.objects.visible_to(user).filter(pk__in=asked.references)
    known = {str(pk) for pk in seen.values_list("pk", flat=True)}
    for one in asked.references:
        if one not in known:
            raise InputError("references", one, "there is no such spectrum")
    if asked.method == "references" and not asked.references:
        raise InputError("references", "", "name at least one spectrum")
    if asked.components is not None and not 1 <= asked.components <= MAX_COMPONENTS:
        raise InputError("components", asked.components, f"are 1 to {MAX_COMPONENTS}")
    if asked.method == "parameters":
        for name in asked.quantities:
            if name not in QUANTITIES:
                raise InputError("quantity", name, f"is one of {', '.join(QUANTITIES)}")
            if asked.windows and QUANTITIES[name][1] != len(asked.windows):
                raise InputError("window", asked.windows, f"{name} takes {QUANTITIES[name][1]}")
    _check_corrections(row, asked, user)
    for low, high in asked.windows:
        if not row.energy_min <= low < high <= row.energy_max:
            raise InputError(
                "window", f"{low:g}–{high:g}",
                f"lies within {row.energy_min:g} to {row.energy_max:g} eV, the lower one first",
            )  # fmt: skip
    return references_on(asked.references, row.energy)[2] if asked.references else []


def _check_corrections(row: Series, asked: Asked, user: User) -> None:
    """What corrections name are series and spectra that this person sees, never files."""
    for name, value in asked.corrections:
        if name not in CORRECTIONS:
            raise InputError("corrections", name, f"are {', '.join(CORRECTIONS)}")
        if name == "i0" or (name == "drift" and value != "self"):
            seen = Series.objects.visible_to(user)
            number = int(str(value)[:18]) if str(value).isdecimal() else 0
            other = seen.without_arrays().filter(pk=number).first()
            if other is None:
                raise InputError(name, value, "there is no such series")
            if other.pk == row.pk:
                raise InputError(name, value, "is this series itself")
            if other.n_spectra != row.n_spectra:
                raise InputError(
                    name, value, f"has {other.n_spectra} spectra; this one {row.n_spectra}"
                )
        if name == "spikes" and not value > 0:
            raise InputError(name, value, "is a positive number")
        if name == "dead_time" and not 0 < value[0] < value[1]:
            raise InputError(
                name, f"{value[0]:g}, {value[1]:g}", "is positive and less than the time it is of"
            )
        if name == "calibrate":
            if "drift" not in dict(asked.corrections):
                raise InputError(name, value, "needs a drift: it says where the rise is seen")
            if dict(asked.corrections)["drift"] == "self" and not (
                row.energy_min <= value <= row.energy_max
            ):
                raise InputError(name, value, "lies outside the energies of the series")
        if name == "over_absorption":
            _check_over_absorption(row, *value)
        if name == "low_loss":
            spectra = Spectrum.objects.visible_to(user)
            if not (str(value).isdecimal() and spectra.filter(pk=int(str(value)[:18])).exists()):
                raise InputError(name, value, "there is no such spectrum")
        if name == "power_law" and not row.energy_min <= value[0] < value[1] <= row.energy_max:
            raise InputError(
                name, f"{value[0]:g}–{value[1]:g}",
                f"lies within {row.energy_min:g} to {row.energy_max:g} eV, the lower one first",
            )  # fmt: skip
        if name == "bin" and not 1 <= value <= row.n_channels // 8:
            raise InputError(name, value, f"is 1 to {row.n_channels // 8}")


def _check_over_absorption(row: Series, formula: str, angle_in: float, angle_out: float) -> None:
    if row.quantity != Quantity.NORMALISED:
        reason = f"spectra have to be normalised before, these are {row.quantity}"
        raise InputError("over_absorption", formula, reason)
    if not (row.absorber and row.edge):
        raise InputError("over_absorption", formula, "the absorber and the edge are not known")
    over_absorption(formula, row.absorber, row.edge, angle_in=angle_in, angle_out=angle_out)


def request_analysis(row: Series, asked: Asked, user: User) -> SeriesAnalysis:
    """Queue an analysis; asked for again by the same person, it is the row that is there.

    Raises
    ------
    PermissionDenied
        If the person may not contribute.
    InputError
        What cannot be done (:func:`check`).
    QuotaError
        If this person has too many jobs waiting, or no room for the maps.
    """
    if not may_contribute(user):
        raise PermissionDenied(gettext("Only contributors ask for analyses."))
    check(row, asked, user)
    public = (may_curate(user) or row.contributor_id == user.pk) and _of_public(row, asked)
    digest = input_hash(row, asked, None if public else user)
    found = SeriesAnalysis.objects.filter(input_hash=digest).first()
    if found is not None and found.job_status not in (JobStatus.FAILED, JobStatus.CANCELLED):
        return found
    check_jobs(user)
    check_series(user, least_bytes(row, asked))
    if found is not None:
        jobs.retry(SeriesAnalysis.objects.filter(pk=found.pk))
        found.refresh_from_db()
        return found
    try:
        with transaction.atomic():
            made = SeriesAnalysis.objects.create(
                series=row, method=asked.method, options=asdict(asked), public=public,
                input_hash=digest, requested_by=user,
            )  # fmt: skip
            jobs.enqueue(SeriesAnalysis, [made.pk])
    except IntegrityError:  # asked twice at the same time
        return SeriesAnalysis.objects.get(input_hash=digest)
    return made


def least_bytes(row: Series, asked: Asked) -> int:
    """What the maps of an analysis take at least, before it is known how many there are."""
    components = asked.components or len(asked.references)
    return 8 * row.n_spectra * (1 + 2 * max(1, components, len(asked.quantities)))


def _of_public(row: Series, asked: Asked) -> bool:
    """Whether everything that it names is public or of the series itself.

    Maps and curves show what references are.
    """
    named = dict(asked.corrections)
    spectra = {*asked.references, *([str(named["low_loss"])] if "low_loss" in named else [])}
    rows = Spectrum.objects.filter(pk__in=spectra)
    shown = rows.filter(Q(measurement__series=row) | as_condition([public_spectra()]))
    if shown.count() < len(spectra):
        return False
    series = {str(named[name]) for name in ("i0", "drift") if name in named} - {"self"}
    public = Series.objects.filter(Q(pk=row.pk) | Q(status=Status.PUBLISHED), pk__in=series)
    return public.count() == len(series)


def input_hash(row: Series, asked: Asked, user: User | None) -> str:
    """SHA-256 of series, question and version; of the person where it is theirs alone.

    The same content may be a draft of two people: each row has analyses of its own.
    """
    whose = None if user is None else user.pk
    told = [VERSION, row.pk, row.content_hash, asdict(asked), whose]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def run_analysis(pk: int) -> bool:
    """Do one queued analysis; whether this call finished it."""
    made: list[str] = []

    def attempt(row: SeriesAnalysis) -> Made:
        found = work(row)
        made.append(found.file_name)
        return found

    if jobs.run(SeriesAnalysis, pk, attempt, keep_maps):
        return True
    for name in made:  # of an attempt that was cancelled, or another's meanwhile
        if not SeriesAnalysis.objects.filter(pk=pk, file_name=name).exists():
            storages["series"].delete(name)
    return False


def work(row: SeriesAnalysis) -> Made:
    """The long part of the job. A worker that dies leaves the parts that are done to the next.

    Raises
    ------
    Stopped
        Once it is cancelled.
    ComputeError
        What cannot be analysed or read.
    """
    asked = as_asked(row.options)
    home = Path(settings.VAR_DIR) / "series-maps"
    home.mkdir(parents=True, exist_ok=True)
    # Place and name are of this attempt: one that was taken for dead and ends changes no other's.
    with tempfile.TemporaryDirectory(dir=home, prefix=f"analysis-{row.pk}-") as folder:
        output = Path(folder) / "maps.h5"
        start = said = time.monotonic()
        first: int | None = None
        warnings: list[str] = []
        for step in analyse(row.series, asked, output):
            now, warnings = time.monotonic(), list(step.warnings)
            if first is None:
                first, start = step.done, now
            if now - said < _TOLD_EVERY and step.done < step.total:
                continue
            rate = (step.done - first) / (now - start) if now > start else 0.0
            if not jobs.note(row, done=step.done, rate=rate or None):
                raise Stopped(f"analysis {row.pk} was cancelled")
            said = now
        told, size, digest = _told(output, row.series), output.stat().st_size, digest_of(output)
        name = keep(f"maps/{row.pk}-{row.input_hash[:16]}-{secrets.token_hex(4)}.h5", output)
        return Made(name, size, digest, told, warnings)


def _told(path: Path, series: Series) -> dict[str, Any]:
    import h5py

    from spectradb.services.series.maps import Maps

    with h5py.File(path, "r") as file:
        maps = Maps(file, series.shape)
        return {**maps.told, "components": maps.components, "keys": maps.keys}


def keep_maps(row: SeriesAnalysis, made: Made) -> None:
    """Note where the maps are."""
    row.file_name, row.n_bytes, row.sha256 = made.file_name, made.n_bytes, made.sha256
    row.told, row.warnings = made.told, made.warnings
    row.done = row.series.n_spectra
    row.save(update_fields=[
        "file_name", "n_bytes", "sha256", "told", "warnings", "done"])  # fmt: skip
    # A worker may have died behind its file, and before its row.
    transaction.on_commit(partial(forget_maps, {row.pk}, but=row.file_name))


def forget_maps(pks: Collection[int], *, but: str = "") -> None:
    """Delete all files of these analyses, those of attempts that came to nothing too."""
    storage = storages["series"]
    try:
        names = storage.listdir("maps")[1]
    except FileNotFoundError:  # nothing was ever analysed
        return
    for name in names:
        number = name.partition("-")[0]
        if number.isdecimal() and int(number) in pks and f"maps/{name}" != but:
            storage.delete(f"maps/{name}")


def may_change(row: SeriesAnalysis, user: User | AnonymousUser) -> bool:
    """Whether this person cancels, repeats and removes it: who asked, and curators."""
    return may_curate(user) or (user.is_authenticated and row.requested_by_id == user.pk)


def cancel(row: SeriesAnalysis) -> bool:
    """Stop one that waits or runs; whether there was something to stop.

    Attempts before may have left maps; those of one that runs go when it ends.
    """
    if not jobs.cancel(SeriesAnalysis.objects.filter(pk=row.pk)):
        return False
    transaction.on_commit(partial(forget_maps, {row.pk}))
    return True


def discard(rows: QuerySet[SeriesAnalysis] | Iterable[SeriesAnalysis]) -> int:
    """Remove analyses with their files; how many."""
    pks = set()
    for row in rows:
        pks.add(row.pk)
        row.delete()
    forget_maps(pks)
    return len(pks)
