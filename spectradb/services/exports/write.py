"""Write spectra out: Parquet, HDF5 (NXdata, NXxas), JSON, CSV and XDI, one batch of rows in memory.

The file appears under its name only when it is whole. What each format holds is in
``docs/formats.md``.
"""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import pyarrow as pa
import pyarrow.parquet as pq
from django.db.models import QuerySet

from compute.io import Measurement as RawMeasurement
from compute.io.xdi_write import XdiRecord, xdi_lines
from spectradb.models import Kind, Spectrum
from spectradb.services.exports.columns import ARRAYS, COLUMNS, batches, usual_columns
from spectradb.services.exports.nxxas import write_nxxas
from spectradb.services.imports.spectra import EXPORTED_HASH

FORMATS = ("parquet", "hdf5", "nxxas", "json", "csv", "xdi")
_BATCH = 200
_LONG_ATTRIBUTE = 8_000  # characters
_OF_ENTRY = ("id", "absorber", "edge", "quantity", "is_reference")  # named in every NXentry
# What is stored of a calculation besides what it is: none of XDI or NXxas.
_UNREAD = [f"calculation__{name}" for name in ("results", "sticks", "trace", "parameters")]


class ExportError(ValueError):
    """An export that cannot be written as asked, and why."""

    cause = "Export not possible"
    permanent = True


@dataclass(frozen=True)
class Exported:
    """Where an export is, and how large."""

    path: Path
    n_rows: int
    n_bytes: int


def export_spectra(
    rows: QuerySet[Spectrum], format: str, to: Path, *, columns: Sequence[str] | None = None
) -> Exported:
    """Write these spectra to a file.

    Parameters
    ----------
    format : str
        One of :data:`FORMATS`. XDI holds one spectrum a file: several go into a ``.zip`` or, where
        ``to`` is or names a folder (no ending), into files ``SDB-<id>.xdi`` in it.
    columns : sequence of str, optional
        Of :data:`COLUMNS`; those of :func:`usual_columns` if None. XDI and NXxas have fields
        of their own.

    Raises
    ------
    ExportError
        If the format or a column is unknown, nothing is selected, or several spectra are to go
        into one ``.xdi`` file.
    OSError
        If the place cannot be written to.
    """
    if format not in FORMATS:
        raise ExportError(f"format {format!r}: choose one of {', '.join(FORMATS)}")
    names = usual_columns(format) if columns is None else list(dict.fromkeys(columns))
    if unknown := [name for name in names if name not in COLUMNS]:
        raise ExportError(f"columns {', '.join(unknown)}: choose of {', '.join(COLUMNS)}")
    if not rows.exists():
        raise ExportError("the search selects no spectrum: nothing is written")
    to = to.absolute()
    if format == "xdi" and (to.is_dir() or not to.suffix):
        return _xdi_folder(rows, to)
    if to.is_dir():
        raise ExportError(f"{to} is a folder: name a file")
    if format == "xdi" and to.suffix.lower() != ".zip" and rows.count() > 1:
        raise ExportError(
            f"{rows.count()} spectra do not fit into one XDI file: name a folder or a .zip"
        )
    if not to.parent.is_dir():
        raise ExportError(f"{to.parent} is no folder")
    writer = {
        "parquet": _parquet,
        "hdf5": _hdf5,
        "nxxas": _nxxas,
        "json": _json,
        "csv": _csv,
        "xdi": _xdi_zip if to.suffix.lower() == ".zip" else _xdi_file,
    }[format]
    with tempfile.TemporaryDirectory(prefix=".export-", dir=to.parent) as folder:
        part = Path(folder) / "part"
        n = writer(rows, part, names)
        part.replace(to)
    return Exported(to, n, to.stat().st_size)


def xdi_text(row: Spectrum) -> str:
    """One spectrum as XDI; it imports again as the same one."""
    return "".join(xdi_lines(_record(row)))


def _stream(rows: QuerySet[Spectrum]) -> Iterator[Spectrum]:
    """The rows one by one, as models, each let go after use.

    A row and its one-to-one provenance point at each other, so that only the garbage collector,
    which waits for long, would free them.
    """
    whole = rows.select_related("measurement", "calculation").defer(*_UNREAD)
    for row in whole.iterator(chunk_size=_BATCH):
        yield row
        row._state.fields_cache.clear()


def _records(rows: QuerySet[Spectrum], names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows one by one, as these columns."""
    for columns in batches(rows, names, _BATCH):
        for values in zip(*columns, strict=True):
            yield dict(zip(names, values, strict=True))


# --- formats ----------------------------------------------------------------------------------


def _parquet(rows: QuerySet[Spectrum], path: Path, names: list[str]) -> int:
    """A row a spectrum; ``energy_ev`` and ``intensity`` are lists of doubles."""
    named = COLUMNS | ARRAYS
    schema = pa.schema([(name, named[name].type) for name in (*names, *ARRAYS)])
    n = 0
    with pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        use_dictionary=names,  # numbers of curves do not repeat; byte by byte they pack better
        use_byte_stream_split=[f"{name}.list.element" for name in ARRAYS],
    ) as writer:
        for columns in batches(rows, schema.names, _BATCH):
            arrays = map(pa.array, columns, schema.types)
            writer.write_table(pa.Table.from_arrays(list(arrays), schema=schema))
            n += len(columns[0])
    return n


def _hdf5(rows: QuerySet[Spectrum], path: Path, names: list[str]) -> int:
    """A NeXus NXentry a spectrum, ``/SDB-<id>``, with an NXdata group that our reader takes."""
    n = 0
    with h5py.File(path, "w") as file:
        file.attrs["creator"] = "SpectraDB"
        for row in _records(rows, list(dict.fromkeys((*names, *_OF_ENTRY, *ARRAYS)))):
            entry = file.create_group(f"SDB-{row['id']}")
            entry.attrs["NX_class"] = "NXentry"
            for name in names:
                value = row[name]
                if value in (None, ""):
                    continue
                if isinstance(value, str) and len(value) > _LONG_ATTRIBUTE:
                    entry.create_dataset(name, data=value)  # an attribute holds 64 kB at most
                else:
                    entry.attrs[name] = value
            entry.attrs["element"] = row["absorber"]
            entry.attrs["edge"] = row["edge"]
            entry.attrs["quantity"] = row["quantity"]
            entry.attrs["role"] = "reference" if row["is_reference"] else "sample"
            data = entry.create_group("data")
            data.attrs.update({"NX_class": "NXdata", "signal": "intensity", "axes": "energy"})
            data.create_dataset("energy", data=row["energy_ev"]).attrs["units"] = "eV"
            data.create_dataset("intensity", data=row["intensity"])
            n += 1
    return n


def _nxxas(rows: QuerySet[Spectrum], path: Path, names: list[str]) -> int:
    """Fields by the definition, whatever columns are named."""
    return write_nxxas(_stream(rows), path)


def _json(rows: QuerySet[Spectrum], path: Path, names: list[str]) -> int:
    """A JSON list, one object a line."""
    n = 0
    with path.open("w", encoding="utf-8") as stream:
        stream.write("[")
        for row in _records(rows, [*names, *ARRAYS]):
            row |= {name: row[name].tolist() for name in ARRAYS}
            stream.write(",\n" if n else "\n")
            stream.write(json.dumps(row, ensure_ascii=False, allow_nan=False))
            n += 1
        stream.write("\n]\n")
    return n


def _csv(rows: QuerySet[Spectrum], path: Path, names: list[str]) -> int:
    """A line a point: the columns of its spectrum, then ``energy_ev`` and ``intensity``."""
    n = 0
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([*names, *ARRAYS])
        for row in _records(rows, [*names, *ARRAYS]):
            points = zip(*(row.pop(name).tolist() for name in ARRAYS), strict=True)
            values = ["" if v is None else _cell(v) for v in row.values()]
            writer.writerows([*values, *map(repr, point)] for point in points)
            n += 1
    return n


def _cell(value: Any) -> Any:
    """Text that a spreadsheet would take as a formula is marked as text."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value


def _xdi_file(rows: QuerySet[Spectrum], path: Path, names: list[str]) -> int:
    row = next(_stream(rows))
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(xdi_lines(_record(row)))
    return 1


def _xdi_zip(rows: QuerySet[Spectrum], path: Path, names: list[str]) -> int:
    n = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for row in _stream(rows):
            archive.writestr(f"SDB-{row.pk}.xdi", xdi_text(row))
            n += 1
    return n


def _xdi_folder(rows: QuerySet[Spectrum], folder: Path) -> Exported:
    """Files in a folder, which is made if need be; all are written before any is moved there."""
    folder.mkdir(parents=True, exist_ok=True)
    total = n = 0
    with tempfile.TemporaryDirectory(prefix=".export-", dir=folder.parent) as temporary:
        for row in _stream(rows):
            path = Path(temporary) / f"SDB-{row.pk}.xdi"
            path.write_text(xdi_text(row), encoding="utf-8", newline="\n")
            total += path.stat().st_size
            n += 1
        for path in sorted(Path(temporary).iterdir()):
            shutil.move(path, folder / path.name)
    return Exported(folder, n, total)


def _record(row: Spectrum) -> XdiRecord:
    m = row.measurement
    fields: dict[str, str] = {}
    comments: tuple[str, ...] = ()
    axis_unit = "eV"
    measurement = RawMeasurement(sample_name=row.title or row.formula, sample_formula=row.formula)
    if m is not None:
        kept = m.header if isinstance(m.header, dict) else {}
        axis_unit = str(kept.get("axis_unit", "eV"))
        if m.file_format == "xdi":
            fields = {key: value for key, value in kept.items() if isinstance(value, str)}
            comments = tuple(str(text) for text in kept.get("XDI comments", []))
        measurement = RawMeasurement(
            facility=m.facility or None,
            beamline=m.beamline or None,
            source=fields.get("Facility.xray_source"),
            monochromator=fields.get("Mono.name") or m.monochromator or None,
            resolution_ev=m.resolution_ev,
            temperature_k=m.temperature_k,
            sample_name=m.sample_name or None,
            sample_formula=m.sample_formula or row.formula or None,
            sample_preparation=m.sample_preparation or None,
            date=m.measured_on,
        )
    ours = {
        "SpectraDB.id": f"SDB-{row.pk}",
        "SpectraDB.kind": row.kind,
        "SpectraDB.licence": row.licence,
        "SpectraDB.citation": row.citation,
        "SpectraDB.doi": row.doi,
        EXPORTED_HASH: row.content_hash,
    }
    if row.kind == Kind.THEORY and row.calculation is not None:
        unknown = " (engine version unknown)" if row.calculation.engine_version_unknown else ""
        name = f"{row.calculation.engine} {row.calculation.version}".strip()
        ours["SpectraDB.engine"] = name + unknown
    return XdiRecord(
        energy_ev=row.energy,
        intensity=row.intensity,
        element=row.absorber or None,
        edge=row.edge or None,
        quantity=row.quantity,
        technique=row.technique,
        mode=(m.mode or None) if m else None,
        role="reference" if m and m.is_reference else "sample",
        measurement=measurement,
        fields=fields,
        own={name: value for name, value in ours.items() if value},
        comments=comments,
        axis_unit=axis_unit,
    )
