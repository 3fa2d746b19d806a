"""The computed library as one file, so that nobody has to compute it twice.

Gzipped JSON lines: a header, then one line a finished calculation with its structure (once),
parameters, results and spectrum (regular grid, intensities as float32, base64).
"""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Never

import numpy as np
from django.db import DataError, IntegrityError, transaction

from compute.errors import ReadError, told
from compute.isolation import apart
from compute.sites.oxidation import STATED
from compute.structures.read import read_dict
from spectradb.models import Calculation, JobStatus, Site, Spectrum, Structure
from spectradb.services.calculations import records, routes
from spectradb.services.calculations.inputs import (
    input_hash,
    orbit_key,
    valences,
    versions_of,
)
from spectradb.services.imports.same_crystal import atom_order
from spectradb.services.imports.structures import analysed, store_structure
from spectradb.services.library.build import SOURCE
from spectradb.services.structures.sites import state_valences

FORMAT = "spectradb-library"
FORMAT_VERSION = 2
_READ = (1, FORMAT_VERSION)
"""Version 1 had no valences: its spectra are of derived ones."""
_MOST_CHARACTERS = 4_000_000  # of a line: a crystal of 1000 atoms has a tenth
_STRUCTURE_FIELDS = ("source_id", "name", "citation", "doi", "hypothetical")
_CALCULATION_FIELDS = (
    "engine", "version", "route", "absorber", "edge", "parameters", "results",
)  # fmt: skip


@dataclass(frozen=True)
class _Stored:
    """A structure of the file as it is stored here."""

    row: Structure
    digest: str
    """What the file calls it."""
    sites: dict[int, Site]
    """Site rows by the atom that the file numbers them with."""
    valences: dict[int | str, float]
    """What the file computed with, by the first atom of the orbits as they are stored here."""


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
        rows = structure.sites.all()
        record["valences"] = list(valences(rows).items())
        if stated := valences(rows.filter(oxidation_method=STATED)):
            record["stated"] = stated
    return record


def import_library(path: Path) -> Iterator[bool]:
    """Load a snapshot; for each spectrum whether it was new. May be stopped and repeated.

    Hashes follow from the inputs, so that a snapshot of any release doubles nothing. A spectrum of
    other valences than those stated here stays out.

    Raises
    ------
    ReadError
        Naming the line that cannot be read; what came before it stays.
    """
    stored: _Stored | None = None
    for number, record in _records(path):
        try:
            if "crystal" in record:
                stored = _store(record, f"{path.name}, line {number}")
            if stored is None or record["structure"] != stored.digest:
                raise ValueError("names a structure that the file has not given")
            yield _load(record, stored)
        except KeyError as error:
            raise ReadError([f"{path.name}, line {number}: no {error}"]) from error
        # Whatever has another form than what export_library writes.
        except (
            AttributeError,
            DataError,
            IntegrityError,
            OverflowError,
            TypeError,
            ValueError,
        ) as error:
            raise ReadError([f"{path.name}, line {number}: {str(error)[:300]}"]) from error


def _store(record: dict[str, Any], place: str) -> _Stored:
    """The structure of a line; what a person stated of it, where it is new here."""
    crystal = apart(read_dict, record["crystal"], place).structure
    row, new = store_structure(crystal, source=SOURCE, **record["about"])
    by_atom = {atom: site for site in row.sites.all() for atom in site.equivalent_indices}
    sites = {
        atom: by_atom[here] for atom, here in enumerate(atom_order(row, crystal)) if here in by_atom
    }
    # Files from before valences could be stated were computed with derived ones.
    given = record.get("valences") or [
        (one.index, one.oxidation_state) for one in analysed(crystal, row.told)[0]
    ]
    known = {orbit_key(sites[atom]): float(state) for atom, state in given}
    said = record.get("stated", {}).items()
    stated = {orbit_key(sites[int(atom)]): float(state) for atom, state in said}
    if new and stated:
        state_valences(row, stated, user=None, reason="Stated where the snapshot is from.")
    return _Stored(row, record["structure"], sites, known)


def _records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    number = 0
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            while line := lines.readline(_MOST_CHARACTERS + 1):
                number += 1
                if len(line) > _MOST_CHARACTERS:
                    raise ReadError(
                        [f"{path.name}, line {number}: longer than {_MOST_CHARACTERS:,} characters"]
                    )
                if number > 1:
                    yield number, json.loads(line, parse_constant=_no_number)
                else:
                    _check_header(line, path)
        if not number:
            raise ReadError([f"{path.name}: not a library snapshot"])
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ReadError([f"{path.name}: {error}"]) from error
    except (ValueError, RecursionError) as error:
        raise ReadError([f"{path.name}, line {number}: {str(error)[:300]}"]) from error


def _no_number(name: str) -> Never:
    raise ValueError(f"{name} is no number")


def _check_header(line: str, path: Path) -> None:
    try:
        header = json.loads(line)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ReadError([f"{path.name}: not a library snapshot"])
    if header.get("version") not in _READ:
        raise ReadError([f"{path.name}: version {told(header.get('version'), 40)} is not known"])


def _load(record: dict[str, Any], stored: _Stored) -> bool:
    values = record["calculation"]
    site = stored.sites[record["site"]]
    if values["absorber"] != site.element:
        raise ValueError(f"absorber {told(values['absorber'], 40)} at a site of {site.element}")
    routes.check(site.element, values["edge"], values["route"])
    curve = _curve(record)
    finished = {name: values[name] for name in _CALCULATION_FIELDS} | {
        "structure": stored.row,
        "site": site,
        "job_status": JobStatus.DONE,
        "seconds": record["seconds"],
        "error": "",
        "error_cause": "",
        "public": True,
    }
    versions = versions_of(values["version"], values["route"])
    digest = input_hash(site, stored.valences, values["edge"], values["route"], versions)
    if digest != input_hash(
        site, valences(stored.row.sites.all()), values["edge"], values["route"], versions
    ):
        return False  # somebody has stated another valence here
    with transaction.atomic():
        row, new = Calculation.objects.get_or_create(input_hash=digest, defaults=finished)
        if not new:
            row = Calculation.objects.select_for_update().get(pk=row.pk)
            if row.job_status == JobStatus.DONE:
                records.ask([row], None)
                return False
            for name, value in finished.items():  # it was queued or failed
                setattr(row, name, value)
            row.save()
        records.store_records(row, curve)
    return True


def _curve(record: dict[str, Any]) -> records.Curve:
    """The numbers of a line; as many energies as it has intensities, whatever it says.

    Raises
    ------
    ValueError
        If they are not those of one spectrum.
    """
    intensity = np.frombuffer(base64.b64decode(record["intensity"]), "<f4").astype(float)
    first, last, count = record["energy"]
    if count != intensity.size or count < 2:
        raise ValueError(f"{told(count, 40)} energies and {intensity.size} intensities")
    if not (isfinite(first) and isfinite(last) and first < last):
        raise ValueError(f"energies from {told(first, 40)} to {told(last, 40)} eV")
    if not np.isfinite(intensity).all():
        raise ValueError("an intensity that is no finite number")
    offset, error = record["offset"]
    if not all(one is None or isfinite(one) for one in (offset, error)):
        raise ValueError(f"offset {told(record['offset'], 80)} eV is none")
    return records.Curve(np.linspace(first, last, intensity.size), intensity, offset, error)
