"""Store measured spectra from files: one draft each, the file kept verbatim, nothing twice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, transaction
from django.db.models import Q, QuerySet

from compute.errors import InputError, ReadError, SkipFile
from compute.io import COLUMNS_HEADER, LIMITS, ColumnChoice, QuestionError, RawSpectrum, read_bytes
from compute.isolation import apart
from spectradb.models import Measurement, SourceFile, Spectrum, Status, Structure
from spectradb.models.visibility import as_condition, public_spectra
from spectradb.services.accounts.quotas import QuotaError, check_storage
from spectradb.services.curation.quality import keep_checks
from spectradb.services.imports.measured_rows import measured_rows
from spectradb.services.imports.theory import store_calculation, stored_calculation

if TYPE_CHECKING:
    from django.contrib.auth.models import User

EXPORTED_HASH = "SpectraDB.content_hash"
"""Header field of our XDI exports that names the row they came from."""


@dataclass(frozen=True)
class ImportedFile:
    """What became of one file.

    ``element``, ``edge``, ``n_points`` and the range are those of its first spectrum;
    ``spectra`` has them for each. The range is None where the abscissa is no energy. A file that
    leaves its columns or its unit open has failed, with a ``question``.
    """

    path: str
    status: str  # imported, unchanged, skipped or failed
    format: str | None = None
    element: str | None = None
    edge: str | None = None
    n_points: int | None = None
    energy_min_ev: float | None = None
    energy_max_ev: float | None = None
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    reason: str | None = None
    sha256: str | None = None
    spectra: list[dict[str, Any]] = field(default_factory=list)
    question: dict[str, Any] | None = None  # what, choices: nothing is stored before an answer
    header: str = ""  # of a table of columns: for which other files an answer holds

    def as_json(self) -> dict[str, Any]:
        values = asdict(self)
        del values["header"]
        return values


@dataclass(frozen=True)
class _Stored:
    row: Spectrum
    is_new: bool


def import_spectra(
    paths: Iterable[Path],
    *,
    element: str | None = None,
    edge: str | None = None,
    dry_run: bool = False,
    contributor: User | None = None,
    structure: Structure | None = None,
    columns: ColumnChoice | None = None,
) -> Iterator[ImportedFile]:
    """Store every spectrum of these files and folders; one result a file, as it is done.

    A file is stored whole or not at all, and one that fails stops nothing else. ``structure`` is
    the crystal that was measured; reference channels are of something else and do not get it.
    ``columns`` holds for the files with the header of the first that it was good for.

    Raises
    ------
    InputError
        If ``element`` or ``edge`` does not exist.
    """
    first: dict[str, str] = {}  # of this run: SHA-256 to path
    for path in _files(paths):
        name = str(path.absolute())
        try:
            data = _content(path)
        except ReadError as error:
            yield ImportedFile(name, "failed", errors=error.errors)
            continue
        done = import_file(
            name,
            data,
            element=element,
            edge=edge,
            dry_run=dry_run,
            contributor=contributor,
            structure=structure,
            columns=columns,
        )
        if columns is not None and columns.header is None and done.header:
            columns = replace(columns, header=done.header)
        if done.status in ("imported", "unchanged") and done.sha256 in first:
            # Stored by this very run, once: the copy is imported as much as the first file.
            text = f"the same bytes as {first[done.sha256]}: stored once"
            done = replace(done, status="imported", warnings=[*done.warnings, text])
        elif done.status == "imported" and done.sha256:
            first[done.sha256] = name
        yield done


def import_file(
    name: str,
    data: bytes,
    *,
    element: str | None = None,
    edge: str | None = None,
    dry_run: bool = False,
    contributor: User | None = None,
    structure: Structure | None = None,
    columns: ColumnChoice | None = None,
) -> ImportedFile:
    """Store the spectra of one file in memory (an upload); ``name`` need not exist anywhere.

    A second import of the same bytes by the same person changes nothing, except that an element,
    edge or structure given now fills the empty field of a draft. Of what others have sent, only
    what is published is known; else each has a draft of their own. ``columns`` answers a question
    of the file.

    Raises
    ------
    InputError
        If ``element`` or ``edge`` does not exist.
    """
    digest = hashlib.sha256(data).hexdigest()
    try:
        check_storage(contributor, len(data))
    except QuotaError as error:
        return ImportedFile(name, "failed", errors=[str(error)], sha256=digest)
    try:
        raws = apart(read_bytes, Path(name).name, data, element=element, edge=edge, columns=columns)
    except SkipFile as skip:
        return ImportedFile(
            name, "skipped", warnings=[skip.reason], reason=skip.reason, sha256=digest
        )
    except ReadError as error:
        question = error.question.as_json() if isinstance(error, QuestionError) else None
        return ImportedFile(name, "failed", errors=error.errors, sha256=digest, question=question)
    try:
        with transaction.atomic():
            named = columns is not None
            stored = _store_all(name, data, digest, raws, contributor, named=named)
            if structure is not None:
                stored = [_with_structure(one, structure) for one in stored]
            if dry_run:
                transaction.set_rollback(True)
    except DatabaseError as error:
        return ImportedFile(
            name, "failed", errors=[f"the database refused it: {error}"], sha256=digest
        )
    except InputError:
        raise
    # Whatever a spectrum does to the checks and formulas is this file's failure alone.
    except Exception as error:
        told = f"it was read, but cannot be stored: {type(error).__name__}: {error}"
        return ImportedFile(name, "failed", errors=[told], sha256=digest)
    status = "imported" if any(one.is_new for one in stored) else "unchanged"
    return _result(name, status, digest, raws, stored, dry_run=dry_run)


# --- files ------------------------------------------------------------------------------------


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files named, and those inside the folders named; hidden ones are left out."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for inside in sorted(path.rglob("*")):
            parts = inside.relative_to(path).parts
            if inside.is_file() and not any(part.startswith(".") for part in parts):
                yield inside


def _content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > LIMITS.bytes:
            raise ReadError(
                [f"{size / 2**20:.1f} MiB; the limit is {LIMITS.bytes / 2**20:.0f} MiB"]
            )
        return path.read_bytes()
    except OSError as error:
        raise ReadError([f"{path.name}: {error.strerror}"], permanent=False) from error


# --- rows -------------------------------------------------------------------------------------


def _store_all(
    name: str,
    data: bytes,
    digest: str,
    raws: list[RawSpectrum],
    contributor: User | None,
    *,
    named: bool,
) -> list[_Stored]:
    """Rows of these spectra, new or known. With ``named`` columns another curve is another part."""
    file, _ = SourceFile.objects.get_or_create(
        sha256=digest,
        defaults={"name": Path(name).name[:255], "n_bytes": len(data), "data": data},
    )
    seen = Spectrum.objects.filter(Q(contributor=contributor) | as_condition([public_spectra()]))
    known: dict[str, Spectrum] = {}
    for one in seen.filter(measurement__file=file).select_related("measurement").order_by("pk"):
        assert one.measurement is not None  # by the filter
        if one.contributor == contributor or one.measurement.file_part not in known:
            known[one.measurement.file_part] = one
    stored: list[_Stored] = []
    for number, raw in enumerate(raws, start=1):
        part = f"{number}: {raw.label}"[:120] if len(raws) > 1 else ""
        if raw.kind == "theory":
            row = stored_calculation(file, part, contributor)
            is_new = row is None
            row = row or store_calculation(file, name, part, raw, contributor)
            stored.append(_Stored(row, is_new or _fill_in(row, raw)))
            continue
        row = known.get(part)
        if named and row is not None and not _same_curve(row, raw):
            part = f"{part} {_formed(raw)}".strip()[:120]
            row = known.get(part)
        if row is not None:
            stored.append(_Stored(row, _fill_in(row, raw)))
            continue
        row = _our_own(raw, seen)
        if row is not None:
            stored.append(_Stored(row, False))
            continue
        stored.append(_create(file, name, part, raw, contributor, seen))
    calculated = any(raw.kind == "theory" for raw in raws)
    unused = not calculated and not file.measurements.exists()
    if not any(one.is_new for one in stored) and unused:
        file.delete()  # an export of ours: the rows are here already
    return stored


def _same_curve(row: Spectrum, raw: RawSpectrum) -> bool:
    same_size = row.n_points == raw.n_points
    return same_size and bool(
        (row.energy == raw.energy_ev).all() and (row.intensity == raw.intensity).all()
    )


def _formed(raw: RawSpectrum) -> str:
    """How the signal was formed from the columns that a person named."""
    return next((t for t in raw.warnings if t.startswith("intensity: ")), raw.label)


def _our_own(raw: RawSpectrum, seen: QuerySet[Spectrum]) -> Spectrum | None:
    """The row that an XDI file of ours was exported from, if it is still the same curve."""
    exported = raw.header.get(EXPORTED_HASH)
    if not isinstance(exported, str):
        return None
    row = seen.filter(content_hash=exported).first()
    if row is None or not _same_curve(row, raw):
        return None
    named = (row.absorber, row.edge) == (raw.element or "", raw.edge or "")
    return row if named else None


def _create(
    file: SourceFile,
    name: str,
    part: str,
    raw: RawSpectrum,
    contributor: User | None,
    seen: QuerySet[Spectrum],
) -> _Stored:
    measurement, row = measured_rows(
        raw, file.sha256, part, file=file, file_name=Path(name).name, contributor=contributor
    )
    here = seen.filter(content_hash=row.content_hash).first()
    if here is not None:  # this very file came with the library of measured spectra
        return _Stored(here, False)
    measurement.save()
    row.measurement = measurement
    _identify(row, measurement)
    keep_checks(row)
    row.save()
    return _Stored(row, True)


def _identify(row: Spectrum, measurement: Measurement) -> None:
    """The content hash of a measured row: others may have sent the same bytes."""
    digest = measurement.file.sha256 if measurement.file is not None else ""
    identity: list[Any] = [digest, measurement.file_part]
    identity += [row.contributor_id] if row.contributor_id is not None else []
    row.content_hash = row.hash_content(*identity)
    others = Spectrum.objects.exclude(pk=row.pk)
    if others.filter(content_hash=row.content_hash).exists():  # of before that owners counted
        row.content_hash = row.hash_content(*identity, measurement.pk)


def _fill_in(row: Spectrum, raw: RawSpectrum) -> bool:
    """Complete a draft whose element or edge was open; whether anything changed."""
    open_fields = {"absorber": raw.element, "edge": raw.edge}
    found = {k: v for k, v in open_fields.items() if v and not getattr(row, k)}
    if row.status != Status.DRAFT or not found:
        return False
    for name, value in found.items():
        setattr(row, name, value)
    row.technique = raw.technique
    if row.measurement is None:
        if row.calculation is not None:
            row.calculation.absorber, row.calculation.edge = row.absorber, row.edge
            row.calculation.save()
        keep_checks(row)
        row.save()
        return True
    _identify(row, row.measurement)
    row.measurement.warnings = list(raw.warnings)
    row.measurement.save()
    keep_checks(row)
    row.save()
    return True


def _with_structure(stored: _Stored, structure: Structure) -> _Stored:
    """Fill the structure of a draft that has none."""
    row = stored.row
    is_reference = row.measurement is not None and row.measurement.is_reference
    if row.status != Status.DRAFT or row.structure_id is not None or is_reference:
        return stored
    row.structure = structure
    row.formula = structure.formula
    row.save()
    return _Stored(row, True)


# --- report -----------------------------------------------------------------------------------


def _result(
    name: str,
    status: str,
    digest: str,
    raws: list[RawSpectrum],
    stored: list[_Stored],
    *,
    dry_run: bool,
) -> ImportedFile:
    spectra = [
        {
            "id": None if dry_run and one.is_new else one.row.pk,
            "status": "imported" if one.is_new else "unchanged",
            "label": raw.label,
            "role": raw.role,
            "mode": raw.mode,
            "technique": raw.technique,
            "quantity": raw.quantity,
            "kind": raw.kind,
            "code": raw.code or None,
            "element": one.row.absorber or None,
            "edge": one.row.edge or None,
            **_range(raw),
            "warnings": [*raw.warnings, *_stays(raw, one)],
        }
        for raw, one in zip(raws, stored, strict=True)
    ]
    first = spectra[0]
    warnings = list(dict.fromkeys(text for one in spectra for text in one["warnings"]))
    return ImportedFile(
        path=name,
        status=status,
        format=raws[0].format,
        element=first["element"],
        edge=first["edge"],
        n_points=first["n_points"],
        energy_min_ev=first["energy_min_ev"],
        energy_max_ev=first["energy_max_ev"],
        warnings=warnings,
        sha256=digest,
        spectra=spectra,
        header=next((str(raw.header.get(COLUMNS_HEADER) or "") for raw in raws), ""),
    )


def _stays(raw: RawSpectrum, stored: _Stored) -> Iterator[str]:
    """What this import says of a spectrum that is stored otherwise; curation changes it."""
    row = stored.row
    for name, said, kept in (("element", raw.element, row.absorber), ("edge", raw.edge, row.edge)):
        if said and kept and said != kept:
            yield f"{name} {said}: it is stored as {kept} (SDB-{row.pk}), which stays"


def _range(raw: RawSpectrum) -> dict[str, Any]:
    energies = raw.axis_unit == "eV"
    return {
        "n_points": raw.n_points,
        "energy_min_ev": float(raw.energy_ev[0]) if energies else None,
        "energy_max_ev": float(raw.energy_ev[-1]) if energies else None,
    }
