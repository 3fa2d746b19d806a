"""The files of a library release: written, proved whole, read.

A release is a folder: ``manifest.json`` (version, versions of the routes, counts, licence,
citation, SHA-256 of each file) and two Parquet tables. Structures hold cell or, of prototypes,
recipe, with all that follows from them, so that nothing is analysed again when they are loaded;
spectra hold curves to 1e-4 of their maximum (:mod:`compute.packing`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compute.errors import ReadError

FORMAT, MEASURED, FORMAT_VERSION = "spectradb-release", "spectradb-measured", 1
_IN_WORDS = {FORMAT: "library release", MEASURED: "set of measured spectra"}
MANIFEST = "manifest.json"
TABLES = ("structures", "spectra")
LICENCE = "CC BY 4.0"
CITATION = "SpectraDB, a library of computed core-level spectra"
_JSON = {"about", "cell", "columns", "elements", "sites", "parameters", "results", "header"}
_LEVEL = 19  # of zstd; slow to write, as quick to read as any


@dataclass(frozen=True)
class Release:
    """A release that was proved whole.

    Attributes
    ----------
    manifest : dict
    structures, spectra : list of dict
        Rows of the tables.
    """

    manifest: dict[str, Any]
    structures: list[dict[str, Any]]
    spectra: list[dict[str, Any]]


def write_release(
    folder: Path,
    version: str,
    structures: list[dict[str, Any]],
    spectra: list[dict[str, Any]],
    about: dict[str, Any],
) -> dict[str, Any]:
    """Write a release; its manifest last, so that one cut short is none. The manifest."""
    about = {"licence": LICENCE, "citation": f"{CITATION}, release {version}", **about}
    tables = dict(zip(TABLES, (structures, spectra), strict=True))
    return write_tables(folder, FORMAT, version, tables, about)


def write_tables(
    folder: Path,
    form: str,
    version: str,
    tables: dict[str, list[dict[str, Any]]],
    about: dict[str, Any],
) -> dict[str, Any]:
    """Write tables of rows, and their manifest last, so that one cut short is none; the manifest.

    Parameters
    ----------
    form : str
        What the folder holds: the ``format`` of its manifest.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    files = {}
    for name, rows in tables.items():
        path = folder / f"{name}.parquet"
        table = pa.Table.from_pylist([_packed(row) for row in rows])
        pq.write_table(table, path, compression="zstd", compression_level=_LEVEL)
        files[path.name] = {
            "sha256": _sha256(path),
            "bytes": path.stat().st_size,
            "rows": len(rows),
        }
    manifest = {
        "format": form,
        "format_version": FORMAT_VERSION,
        "version": version,
        **about,
        "files": files,
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
    return manifest


def read_release(folder: Path) -> Release:
    """A release, once every file of it is what its manifest says.

    Raises
    ------
    ReadError
        Telling all that is missing, cut short or changed; nothing of it is read then.
    """
    manifest, rows = read_tables(folder, FORMAT, TABLES)
    return Release(manifest, rows["structures"], rows["spectra"])


def read_tables(
    folder: Path, form: str, names: Collection[str]
) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
    """The manifest of a folder and the rows of its tables, proved whole first.

    Raises
    ------
    ReadError
        As :func:`read_release`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    manifest = _manifest(folder, form)
    wrong = []
    for name in (f"{table}.parquet" for table in names):
        path, told = folder / name, manifest["files"].get(name)
        if told is None or not path.is_file():
            wrong.append(f"{name} is missing")
        elif path.stat().st_size != told["bytes"]:
            wrong.append(f"{name} has {path.stat().st_size} bytes, not {told['bytes']}")
        elif _sha256(path) != told["sha256"]:
            wrong.append(f"{name} was changed: its SHA-256 is not that of the manifest")
    if wrong:
        raise ReadError([f"{folder.name}: {one}" for one in wrong])
    rows = {}
    for table in names:
        try:
            found = pq.read_table(folder / f"{table}.parquet").to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise ReadError([f"{folder.name}: {table}.parquet: {error}"]) from error
        rows[table] = [_unpacked(row) for row in found]
    return manifest, rows


def n_rows(folder: Path, table: str) -> int:
    """How many rows a table of a release has, as its manifest tells.

    Raises
    ------
    ReadError
    """
    told = _manifest(folder, FORMAT)["files"].get(f"{table}.parquet")
    if not isinstance(told, dict) or not isinstance(told.get("rows"), int):
        raise ReadError([f"{folder.name}: {MANIFEST} does not tell the rows of {table}.parquet"])
    return int(told["rows"])


def is_release(path: Path) -> bool:
    """Whether a path is to be read as a release: a folder, or its manifest."""
    return path.is_dir() or path.name == MANIFEST


def is_measured(path: Path) -> bool:
    """Whether it is a set of measured spectra: its folder or its manifest."""
    manifest = path / MANIFEST if path.is_dir() else path
    try:
        return bool(json.loads(manifest.read_text(encoding="utf-8")).get("format") == MEASURED)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, AttributeError):
        return False


def _manifest(folder: Path, form: str) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ReadError([f"{folder.name}: no manifest that can be read ({error})"]) from error
    if not isinstance(manifest, dict) or manifest.get("format") != form:
        raise ReadError([f"{folder.name}: {MANIFEST} is not of a {_IN_WORDS[form]}"])
    if manifest.get("format_version") != FORMAT_VERSION:
        told = manifest.get("format_version")
        raise ReadError([f"{folder.name}: format version {told} is not known"])
    if not isinstance(manifest.get("files"), dict):
        raise ReadError([f"{folder.name}: {MANIFEST} names no files"])
    return manifest


def _packed(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        if name in _JSON
        else value
        for name, value in row.items()
    }


def _unpacked(row: dict[str, Any]) -> dict[str, Any]:
    return {name: json.loads(value) if name in _JSON else value for name, value in row.items()}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def older_routes(
    manifest: dict[str, Any], present: Iterable[tuple[str, str]]
) -> dict[str, tuple[str, str]]:
    """Routes of a release whose versions are not the present ones: by route, both of them."""
    told = manifest.get("engines", {})
    return {
        route: (told[route], now) for route, now in present if route in told and told[route] != now
    }
