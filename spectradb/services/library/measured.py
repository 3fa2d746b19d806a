"""Measured spectra in the box: sets of open data, written as numbers and facts, loaded as records.

A set is a folder: a manifest (source, commit, licence and where it is stated, citation, hashes) and
one Parquet table with a row for each spectrum. No file of the source is copied; path and SHA-256 of
each tell what a row was read from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from django.db import transaction
from django.utils import timezone

from compute.errors import ReadError
from compute.io import RawSpectrum
from compute.io.raw import Measurement as RawMeasurement
from spectradb.models import Spectrum, Status, Structure
from spectradb.services.curation.quality import blocking, keep_checks
from spectradb.services.curation.workflow import save_with_reason
from spectradb.services.imports.measured_rows import measured_rows
from spectradb.services.library.release import MEASURED, read_tables, write_tables

TABLE = "spectra"
# Of a manifest: what the set is called, where it is from, who says that it may be used.
ABOUT = ("source", "title", "repository", "commit", "licence", "licence_stated", "citation")
_FACTS = (
    "facility", "beamline", "monochromator", "d_spacing_angstrom", "temperature_k", "sample_name",
    "sample_formula", "sample_preparation",
)  # fmt: skip
_PLAIN = ("format", "quantity", "element", "edge", "technique", "mode", "label")


@dataclass
class LoadedMeasured:
    """What became of a set.

    Attributes
    ----------
    new, unchanged : int
        Spectra; one that a person has imported from the same file stays theirs.
    kept_out : int
        Newer numbers of spectra that somebody has changed or withdrawn here.
    linked : int
        Those of known crystals, as far as these are stored.
    refused : list of str
        Spectra that an automatic check stops, with the reason.
    """

    new: int = 0
    unchanged: int = 0
    kept_out: int = 0
    linked: int = 0
    refused: list[str] = field(default_factory=list)


def row_of(raw: RawSpectrum, *, path: str, sha256: str, part: str, crystal: str) -> dict[str, Any]:
    """A row of the table.

    Parameters
    ----------
    path, sha256 : str
        Of the file at the source.
    part : str
        Which of its spectra; empty where it holds one.
    crystal : str
        ``source:id`` of the crystal that was measured, where the compound is certain.
    """
    date = raw.measurement.date
    return {
        "path": path,
        "sha256": sha256,
        "part": part,
        "crystal": crystal,
        **{name: getattr(raw, name) for name in _PLAIN},
        **{name: getattr(raw.measurement, name) for name in _FACTS},
        "date": date.isoformat() if date else None,
        "warnings": list(raw.warnings),
        "energy": np.asarray(raw.energy_ev, "<f8").tobytes(),
        "intensity": np.asarray(raw.intensity, "<f8").tobytes(),
    }


def raw_of(row: dict[str, Any], header: dict[str, Any]) -> RawSpectrum:
    """The spectrum of a row, as the reader of its file gave it."""
    date = row["date"]
    facts = RawMeasurement(
        **{name: row[name] for name in _FACTS},
        date=datetime.fromisoformat(date) if date else None,
    )
    return RawSpectrum(
        energy_ev=np.frombuffer(row["energy"], "<f8"),
        intensity=np.frombuffer(row["intensity"], "<f8"),
        header=header,
        measurement=facts,
        warnings=tuple(row["warnings"]),
        **{name: row[name] for name in _PLAIN},
    )


def write_measured(
    folder: Path, version: str, rows: Iterable[dict[str, Any]], about: dict[str, Any]
) -> dict[str, Any]:
    """Write a set; its manifest."""
    if absent := [name for name in ABOUT if not about.get(name)]:
        raise ValueError(f"a set of measured spectra needs {', '.join(absent)}")
    return write_tables(folder, MEASURED, version, {TABLE: list(rows)}, about)


def load_measured(folder: Path) -> LoadedMeasured:
    """Load a set of measured spectra, each published by the gate that every spectrum passes.

    It may be repeated. What is here stays as it is; numbers that have changed at the source become
    a new record, and withdraw the earlier one unless somebody has changed that.

    Raises
    ------
    ReadError
        If a file is missing, cut short or changed; nothing is stored then.
    """
    manifest, tables = read_tables(folder, MEASURED, (TABLE,))
    if absent := [name for name in ABOUT if not manifest.get(name)]:
        raise ReadError([f"{folder.name}: the manifest does not tell {', '.join(absent)}"])
    rows, done = tables[TABLE], LoadedMeasured()
    crystals = _crystals({row["crystal"] for row in rows if row["crystal"]})
    with transaction.atomic():
        known = _known(manifest["source"])
        for row in rows:
            _load(row, manifest, known, crystals.get(row["crystal"]), done)
    return done


def _known(source: str) -> dict[tuple[str, str], Spectrum]:
    """Records of an earlier load, the newest of each file and part."""
    rows = (
        Spectrum.objects.filter(measurement__header__library=source, contributor=None)
        .select_related("measurement")
        .without_arrays()
        .order_by("pk")
    )
    return {
        (one.measurement.header["file"], one.measurement.file_part): one
        for one in rows
        if one.measurement is not None
    }


def _crystals(names: set[str]) -> dict[str, Structure]:
    ids = [name.partition(":")[2] for name in names]
    rows = Structure.objects.filter(source_id__in=ids, is_primary=True).defer("data")
    return {f"{one.source}:{one.source_id}": one for one in rows}


def _load(
    row: dict[str, Any],
    about: dict[str, Any],
    known: dict[tuple[str, str], Spectrum],
    crystal: Structure | None,
    done: LoadedMeasured,
) -> None:
    place = f"{about['repository']}, {row['path']}"
    header = {
        "library": about["source"],
        "file": row["path"],
        "sha256": row["sha256"],
        "repository": about["repository"],
        "commit": about["commit"],
    }
    raw = raw_of(row, header)
    measurement, record = measured_rows(raw, row["sha256"], row["part"])
    before = known.get((row["path"], row["part"]))
    if before is not None and before.content_hash == record.content_hash:
        done.unchanged += 1
        if crystal is not None and before.structure_id is None and not _touched(before):
            _link(before, crystal)
            save_with_reason(before, None, "The measured crystal is stored now.")
        done.linked += before.structure_id is not None
        return
    same_file = Spectrum.objects.published().filter(
        measurement__file__sha256=row["sha256"], measurement__file_part=row["part"]
    )
    if Spectrum.objects.filter(content_hash=record.content_hash).exists() or same_file.exists():
        done.unchanged += 1  # this very file was imported, by the operator or published
        return
    if before is not None and (before.status != Status.PUBLISHED or _touched(before)):
        done.kept_out += 1
        return
    record.measurement = measurement
    record.licence = about["licence"]
    record.citation = f"{about['citation']}; {place}"
    if crystal is not None:
        _link(record, crystal)
    keep_checks(record)
    if reasons := blocking(record.checks):
        done.refused.append(f"{place} {row['part']}: {' '.join(reasons)}".strip())
        return
    record.status = Status.PUBLISHED
    record.submitted_at = record.published_at = timezone.now()
    record.replaces = before
    measurement.save()
    record.measurement = measurement  # again, now that it has a number
    save_with_reason(record, None, f"Loaded from {about['title']}.")
    done.new += 1
    done.linked += crystal is not None
    if before is not None:
        before.status = Status.WITHDRAWN
        before.status_note = f"Replaced by SDB-{record.pk}, newer numbers of the source."
        save_with_reason(before, None, before.status_note)


def _link(record: Spectrum, crystal: Structure) -> None:
    record.structure, record.formula = crystal, crystal.formula


def _touched(record: Spectrum) -> bool:
    """Whether a person has ever changed it."""
    return bool(record.history.exclude(history_user=None).exists())
