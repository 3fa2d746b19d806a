"""The columns of an export, by what they are about."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import pyarrow as pa

from ml.data import split_by_material
from spectradb.models import Spectrum
from spectradb.services.learning.training_data import material_of

Column = tuple[pa.DataType, Callable[[Spectrum], Any]]


def _of(related: str, name: str) -> Callable[[Spectrum], Any]:
    """A field of a related row; None where there is no such row."""
    key = f"{related}_id"
    return lambda row: getattr(getattr(row, related), name) if getattr(row, key) else None


def _iso(when: datetime | None) -> str | None:
    return when.isoformat() if when else None


def _material(row: Spectrum) -> str | None:
    if row.structure_id is None or row.structure is None:
        return None
    return material_of(row.structure.source_id, row.structure_id)


def _split(row: Spectrum) -> str | None:
    """The part that trainings here put the material into; none of a spectrum without one."""
    name = _material(row)
    return None if name is None else str(split_by_material([name])[0])


def _parameters(row: Spectrum) -> str | None:
    if row.calculation is None:
        return None
    return json.dumps(row.calculation.parameters, ensure_ascii=False)


def _cell(row: Spectrum) -> str | None:
    return None if row.structure is None else json.dumps(row.structure.data, ensure_ascii=False)


def _text(related: str, *names: str) -> dict[str, Column]:
    return {name: (pa.string(), _of(related, name)) for name in names}


def _number(related: str, *names: str) -> dict[str, Column]:
    return {name: (pa.float64(), _of(related, name)) for name in names}


def _whole(related: str, *names: str) -> dict[str, Column]:
    return {name: (pa.int64(), _of(related, name)) for name in names}


GROUPS: dict[str, dict[str, Column]] = {
    "spectrum": {
        "id": (pa.int64(), lambda row: row.pk),
        "title": (pa.string(), lambda row: row.title),
        "formula": (pa.string(), lambda row: row.formula),
        "kind": (pa.string(), lambda row: row.kind),
        "technique": (pa.string(), lambda row: row.technique),
        "absorber": (pa.string(), lambda row: row.absorber),
        "edge": (pa.string(), lambda row: row.edge),
        "quantity": (pa.string(), lambda row: row.quantity),
        "status": (pa.string(), lambda row: row.status),
        "version": (pa.int64(), lambda row: row.version),
        "energy_offset_ev": (pa.float64(), lambda row: row.energy_offset_ev),
        "energy_offset_err": (pa.float64(), lambda row: row.energy_offset_err),
        "n_points": (pa.int64(), lambda row: row.n_points),
        "content_hash": (pa.string(), lambda row: row.content_hash),
    },
    "site": {
        "site_index": (pa.int64(), _of("site", "index")),
        **_number("site", "oxidation_state", "oxidation_confidence"),
        **_text("site", "oxidation_method"),
        **_whole("site", "coordination_number"),
        **_text("site", "geometry", "ligands", "site_symmetry"),
        **_number("site", "mean_bond_length"),
        **_whole("site", "multiplicity"),
    },
    "structure": {
        "source_id": (pa.string(), _of("structure", "source_id")),
        "structure_id": (pa.int64(), lambda row: row.structure_id),
        **_text("structure", "chemical_system", "space_group_symbol"),
        **_whole("structure", "space_group_number"),
        **_text("structure", "crystal_system"),
        **_number("structure", "energy_above_hull"),
        "hypothetical": (pa.bool_(), _of("structure", "hypothetical")),
        "structure": (pa.string(), _cell),
    },
    "learning": {
        "material": (pa.string(), _material),
        "split": (pa.string(), _split),
    },
    "calculation": {
        "engine": (pa.string(), _of("calculation", "engine")),
        "engine_version": (pa.string(), _of("calculation", "version")),
        "route": (pa.string(), _of("calculation", "route")),
        "parameters": (pa.string(), _parameters),
    },
    "measurement": {
        **_text("measurement", "facility", "beamline", "mode", "monochromator"),
        **_number("measurement", "resolution_ev", "temperature_k"),
        **_text("measurement", "sample_name", "sample_formula", "sample_preparation"),
        "is_reference": (pa.bool_(), _of("measurement", "is_reference")),
        "measured_on": (pa.string(), lambda row: _iso(_of("measurement", "measured_on")(row))),
    },
    "terms": {
        "licence": (pa.string(), lambda row: row.licence),
        "citation": (pa.string(), lambda row: row.citation),
        "doi": (pa.string(), lambda row: row.doi),
    },
}
COLUMNS: dict[str, Column] = {name: one for group in GROUPS.values() for name, one in group.items()}
"""What is written of a spectrum besides its arrays, in this order."""
LONG = ("structure", "parameters")
"""JSON of kilobytes: the pymatgen structure and every parameter of the calculation."""


def usual_columns(format: str) -> list[str]:
    """All of them; of a CSV, which repeats them at each point, all but the long ones."""
    return [name for name in COLUMNS if format != "csv" or name not in LONG]


def unread_by(names: Iterable[str]) -> list[str]:
    """Fields of related rows that these columns do not need: they stay in the database."""
    unread = ["calculation__results", "calculation__sticks", "calculation__trace"]
    if "structure" not in names:
        unread.append("structure__data")
    if "parameters" not in names:
        unread.append("calculation__parameters")
    return unread
