"""Spectra as NeXus NXxas, the definition that other archives of spectra exchange.

The generic application definition (https://fairmat-nfdi.github.io/nexus_definitions, NXxas):
element, edge, sample, energy and intensity of an entry, shown by an NXdata. The older NXxas is of
raw scans, whose beams are in the uploaded file alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py

from spectradb.elements import BY_SYMBOL
from spectradb.models import Kind, Spectrum


def write_nxxas(rows: Iterator[Spectrum], path: Path) -> int:
    """An NXentry a spectrum, ``/SDB-<id>``; how many were written."""
    n = 0
    with h5py.File(path, "w") as file:
        file.attrs["NX_class"] = "NXroot"
        file.attrs["creator"] = "SpectraDB"
        for row in rows:
            entry = _group(file, f"SDB-{row.pk}", "NXentry")
            if not n:
                file.attrs["default"] = entry.name.strip("/")
            _write(row, entry)
            n += 1
    return n


def _write(row: Spectrum, entry: h5py.Group) -> None:
    entry.attrs["default"] = "data"
    entry["definition"] = "NXxas"
    entry["calculated"] = row.kind == Kind.THEORY
    _texts(
        entry,
        {
            "title": row.title or row.formula or f"SDB-{row.pk}",
            "entry_identifier": f"SDB-{row.pk}",
            "experiment_description": row.technique,
            "quantity": row.quantity,
            "licence": row.licence,
            "citation": row.citation,
            "doi": row.doi,
            "content_hash": row.content_hash,
        },
    )
    element = BY_SYMBOL.get(row.absorber)
    _texts(
        _group(entry, "element", "NXelement"),
        {"symbol": row.absorber, "name": element.name.lower() if element else ""},
    )
    _texts(_group(entry, "edge", "NXabsorption_edge"), {"name": row.edge})
    _sample(row, _group(entry, "sample", "NXsample"))
    if row.measurement is not None:
        _instrument(row, entry)
    energy = entry.create_dataset("energy", data=row.energy)
    energy.attrs["units"] = "eV"
    intensity = entry.create_dataset("intensity", data=row.intensity)
    data = _group(entry, "data", "NXdata")
    data.attrs.update({"signal": "intensity", "axes": "energy"})
    data["energy"], data["intensity"] = energy, intensity  # hard links


def _sample(row: Spectrum, sample: h5py.Group) -> None:
    of = row.measurement
    name = of.sample_name if of is not None and of.sample_name else ""
    formula = of.sample_formula if of is not None and of.sample_formula else ""
    _texts(
        sample,
        {
            "name": name or row.title or row.formula or f"SDB-{row.pk}",
            "chemical_formula": formula or row.formula,
            "preparation": of.sample_preparation if of is not None else "",
        },
    )
    if of is not None and of.temperature_k is not None:
        sample["temperature"] = of.temperature_k
        sample["temperature"].attrs["units"] = "K"


def _instrument(row: Spectrum, entry: h5py.Group) -> None:
    of = row.measurement
    assert of is not None
    entry.attrs["role"] = "reference" if of.is_reference else "sample"
    _texts(entry, {"mode": of.mode, "facility": of.facility, "beamline": of.beamline})
    if of.measured_on is not None:
        entry["start_time"] = of.measured_on.isoformat()
    instrument = _group(entry, "instrument", "NXinstrument")
    _texts(instrument, {"name": of.beamline})
    if of.facility:
        _texts(_group(instrument, "source", "NXsource"), {"name": of.facility, "probe": "x-ray"})


def _group(parent: h5py.Group, name: str, kind: str) -> h5py.Group:
    group = parent.create_group(name)
    group.attrs["NX_class"] = kind
    return group


def _texts(group: h5py.Group, values: dict[str, str]) -> None:
    """Those that say something; HDF5 keeps no NUL in a text."""
    for name, value in values.items():
        if value:
            group[name] = value.replace("\0", " ")
