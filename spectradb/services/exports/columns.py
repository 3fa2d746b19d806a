"""The columns of an export, by what they are about."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

import pyarrow as pa
from django.db.models import QuerySet

from ml.data import split_by_material
from spectradb.models import Spectrum
from spectradb.services.learning.training_data import material_of


class Column(NamedTuple):
    """What is written of a spectrum, and of which of its stored fields, alone or by a function."""

    type: pa.DataType
    fields: tuple[str, ...]
    of: Callable[..., Any] | None = None


def _iso(when: datetime | None) -> str | None:
    return when.isoformat() if when else None


def _material(structure_id: int | None, source_id: str | None) -> str | None:
    return None if structure_id is None else material_of(source_id or "", structure_id)


def _split(structure_id: int | None, source_id: str | None) -> str | None:
    """The part that trainings here put the material into; none of a spectrum without one."""
    name = _material(structure_id, source_id)
    return None if name is None else str(split_by_material([name])[0])


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


def _columns(type: pa.DataType, of: str, *names: str) -> dict[str, Column]:
    """Fields under their own names; of a related row None where there is none."""
    return {name: Column(type, (of + name,)) for name in names}


def _text(of: str, *names: str) -> dict[str, Column]:
    return _columns(pa.string(), of, *names)


def _number(of: str, *names: str) -> dict[str, Column]:
    return _columns(pa.float64(), of, *names)


def _whole(of: str, *names: str) -> dict[str, Column]:
    return _columns(pa.int64(), of, *names)


_MATERIAL = ("structure_id", "structure__source_id")
GROUPS: dict[str, dict[str, Column]] = {
    "spectrum": {
        "id": Column(pa.int64(), ("pk",)),
        **_text("", "title", "formula", "kind", "technique", "absorber", "edge", "quantity"),
        **_text("", "status"),
        **_whole("", "version"),
        **_number("", "energy_offset_ev", "energy_offset_err"),
        **_whole("", "n_points"),
        **_text("", "content_hash"),
    },
    "site": {
        "site_index": Column(pa.int64(), ("site__index",)),
        **_number("site__", "oxidation_state", "oxidation_confidence"),
        **_text("site__", "oxidation_method"),
        **_whole("site__", "coordination_number"),
        **_text("site__", "geometry", "ligands", "site_symmetry"),
        **_number("site__", "mean_bond_length"),
        **_whole("site__", "multiplicity"),
    },
    "structure": {
        **_text("structure__", "source_id"),
        **_whole("", "structure_id"),
        **_text("structure__", "chemical_system", "space_group_symbol"),
        **_whole("structure__", "space_group_number"),
        **_text("structure__", "crystal_system"),
        **_number("structure__", "energy_above_hull"),
        **_columns(pa.bool_(), "structure__", "hypothetical"),
        "structure": Column(pa.string(), ("structure__data",), _json),
    },
    "learning": {
        "material": Column(pa.string(), _MATERIAL, _material),
        "split": Column(pa.string(), _MATERIAL, _split),
    },
    "calculation": {
        **_text("calculation__", "engine"),
        "engine_version": Column(pa.string(), ("calculation__version",)),
        **_text("calculation__", "route"),
        "parameters": Column(pa.string(), ("calculation__parameters",), _json),
    },
    "measurement": {
        **_text("measurement__", "facility", "beamline", "mode", "monochromator"),
        **_number("measurement__", "resolution_ev", "temperature_k"),
        **_text("measurement__", "sample_name", "sample_formula", "sample_preparation"),
        **_columns(pa.bool_(), "measurement__", "is_reference"),
        "measured_on": Column(pa.string(), ("measurement__measured_on",), _iso),
    },
    "terms": _text("", "licence", "citation", "doi"),
}
COLUMNS: dict[str, Column] = {name: one for group in GROUPS.values() for name, one in group.items()}
"""What is written of a spectrum besides its arrays, in this order."""
LONG = ("structure", "parameters")
"""JSON of kilobytes: the pymatgen structure and every parameter of the calculation."""
_FLOATS = pa.list_(pa.float64())
ARRAYS = {"energy_ev": Column(_FLOATS, ("energy",)), "intensity": Column(_FLOATS, ("intensity",))}
"""What every export ends with."""


def usual_columns(format: str) -> list[str]:
    """All of them; of a CSV, which repeats them at each point, all but the long ones."""
    return [name for name in COLUMNS if format != "csv" or name not in LONG]


def batches(
    rows: QuerySet[Spectrum], names: Sequence[str], size: int
) -> Iterator[list[Sequence[Any]]]:
    """These columns and arrays, each a sequence of values, of at most ``size`` rows at once.

    Only the fields that they are of leave the database, and no models are made of them.
    """
    columns = [(COLUMNS | ARRAYS)[name] for name in names]
    fields = list(dict.fromkeys(field for column in columns for field in column.fields))
    found = rows.values_list(*fields).iterator(chunk_size=size)
    while some := list(islice(found, size)):
        values = dict(zip(fields, zip(*some, strict=True), strict=True))
        yield [
            list(map(column.of, *(values[field] for field in column.fields)))
            if column.of
            else values[column.fields[0]]
            for column in columns
        ]
