"""The computed library as one file, so that nobody has to compute it twice.

Gzipped JSON lines: a header, then one line a finished calculation with its structure (once),
parameters, results and spectrum (regular grid, intensities as float32, base64).
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from django.db import transaction

from compute.errors import InputError, ReadError
from compute.sites.oxidation import STATED
from spectradb.models import Calculation, JobStatus, Site, Spectrum, Structure
from spectradb.services.calculations import records
from spectradb.services.calculations.structures import input_hash
from spectradb.services.imports.structures import site_of_atom, store_structure
from spectradb.services.library.build import SOURCE
from spectradb.services.structures.sites import state_valences, valences

FORMAT = "spectradb-library"
FORMAT_VERSION = 2
_READ = (1, FORMAT_VERSION)
"""Version 1 had hashes without the engine's version and the valences: they are worked out anew."""
_FIRST = {"engine": "multiplet-1", "atom": "atom-1"}  # what version 1 was computed with
_STRUCTURE_FIELDS = ("source_id", "name", "citation", "doi", "hypothetical")
_CALCULATION_FIELDS = (
    "engine", "version", "route", "absorber", "edge", "input_hash", "parameters", "results",
)  # fmt: skip


def export_library(path: Path) -> int:
    """Write every published library spectrum; how many."""
    spectra = (
        Spectrum.objects.published()
        .filter(structure__source=SOURCE, calculation__job_status=JobStatus.DONE)
        .select_related("structure", "site", "calculation")
        .order_by("structure_id", "pk")
    )
    count, last = 0, None
    part = path.with_name(path.name + ".part")
    with gzip.open(part, "wt", encoding="utf-8", compresslevel=6) as lines:
        lines.write(json.dumps({"format": FORMAT, "version": FORMAT_VERSION}) + "\n")
        for spectrum in spectra.iterator(chunk_size=200):
            record = _record(spectrum, with_structure=spectrum.structure_id != last)
            lines.write(json.dumps(record, allow_nan=False) + "\n")
            last = spectrum.structure_id
            count += 1
    part.replace(path)  # a snapshot that is cut short never takes the place of a whole one
    return count


def _record(spectrum: Spectrum, *, with_structure: bool) -> dict[str, Any]:
    structure, site, calculation = spectrum.structure, spectrum.site, spectrum.calculation
    if structure is None or site is None or calculation is None:
        raise ValueError(f"{spectrum} lacks its structure, site or calculation")
    energy = np.asarray(spectrum.energy)
    record: dict[str, Any] = {
        "structure": structure.content_hash,
        "site": site.index,
        "calculation": {name: getattr(calculation, name) for name in _CALCULATION_FIELDS},
        "seconds": calculation.seconds,
        "energy": [float(energy[0]), float(energy[-1]), energy.size],
        "intensity": base64.b64encode(np.asarray(spectrum.intensity, "<f4").tobytes()).decode(),
        "offset": [spectrum.energy_offset_ev, spectrum.energy_offset_err],
    }
    if with_structure:
        record["crystal"] = structure.data
        record["about"] = {name: getattr(structure, name) for name in _STRUCTURE_FIELDS}
        rows = structure.sites.filter(oxidation_method=STATED)
        if stated := valences(rows):
            record["stated"] = stated
    return record


def import_library(path: Path) -> Iterator[bool]:
    """Load a snapshot; for each spectrum whether it was new. May be stopped and repeated.

    Raises
    ------
    ReadError
        Naming the line that cannot be read; what came before it stays.
    """
    from pymatgen.core import Structure as PymatgenStructure

    row: Structure | None = None
    digest = ""
    for number, record in _records(path):
        try:
            if "crystal" in record:
                crystal = PymatgenStructure.from_dict(record["crystal"])
                row, new = store_structure(crystal, source=SOURCE, **record["about"])
                if new and (stated := record.get("stated")):
                    given = {int(atom): float(value) for atom, value in stated.items()}
                    state_valences(row, given, user=None, reason=f"From {path.name}.")
                digest = record["structure"]
            if row is None or record["structure"] != digest:
                raise ValueError("names a structure that the file has not given")
            yield _load(record, row)
        except (KeyError, TypeError, ValueError, InputError, Site.DoesNotExist) as error:
            raise ReadError([f"{path.name}, line {number}: {error}"]) from error


def _records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            try:
                header = json.loads(next(lines, "null"))
            except json.JSONDecodeError:
                header = None
            if not isinstance(header, dict) or header.get("format") != FORMAT:
                raise ReadError([f"{path.name}: not a library snapshot"])
            if header.get("version") not in _READ:
                raise ReadError([f"{path.name}: version {header.get('version')} is not known"])
            for number, line in enumerate(lines, start=2):
                yield number, json.loads(line) | {"format": header["version"]}
    except (OSError, EOFError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ReadError([f"{path.name}: {error}"]) from error


def _load(record: dict[str, Any], structure: Structure) -> bool:
    if record["format"] == 1:
        record["calculation"]["input_hash"] = _hash_of_before(record, structure)
    values = record["calculation"]
    first, last, count = record["energy"]
    energy = np.linspace(first, last, int(count))
    intensity = np.frombuffer(base64.b64decode(record["intensity"]), "<f4").astype(float)
    with transaction.atomic():
        row, new = Calculation.objects.get_or_create(
            input_hash=values["input_hash"],
            defaults=_finished(record, structure) | {"public": True},
        )
        if not new:
            row = Calculation.objects.select_for_update().get(pk=row.pk)
            if row.job_status == JobStatus.DONE:
                records.ask([row], None)
                return False
            for name, value in _finished(record, structure).items():  # it was queued or failed
                setattr(row, name, value)
            row.public = True
            row.save()
        records.store_records(row, records.Curve(energy, intensity, *record["offset"]))
    return True


def _hash_of_before(record: dict[str, Any], structure: Structure) -> str:
    """The hash of a calculation of version 1 from its own inputs, as asking for it gives."""
    values = record["calculation"]
    return input_hash(
        _site(record, structure),
        valences(structure.sites.all()),
        values["edge"],
        values["route"],
        versions={"route": values["version"], **_FIRST},
    )


def _site(record: dict[str, Any], structure: Structure) -> Site:
    site = site_of_atom(structure, int(record["site"]))
    if site is None:
        raise ValueError(f"site {record['site']} is no atom of {structure}")
    return site


def _finished(record: dict[str, Any], structure: Structure) -> dict[str, Any]:
    """Columns of the calculation as the file has it."""
    return {name: record["calculation"][name] for name in _CALCULATION_FIELDS} | {
        "structure": structure,
        "site": _site(record, structure),
        "job_status": JobStatus.DONE,
        "seconds": record["seconds"],
        "error": "",
        "error_cause": "",
    }
