"""Which reader a file goes to: by its content first, by its name only where that is silent."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from dataclasses import replace
from pathlib import Path, PurePath

from compute.errors import ComputeError, ReadError, SkipFile
from compute.io import athena, columns, dm, emsa, kek, xdi
from compute.io.choice import ColumnChoice
from compute.io.question import with_absorber_hint
from compute.io.raw import LIMITS, Given, RawSpectrum
from compute.isolation import apart

UNFORESEEN = "the reader failed on this file, which is a fault of ours"
_TABLES = ("columns", "hdf5")  # where a person may name the columns
_GZIP = b"\x1f\x8b"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_DM = (b"\x00\x00\x00\x03\x00", b"\x00\x00\x00\x04\x00")
_BINARIES = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"%PDF": "a PDF",
    b"PK\x03\x04": "a ZIP archive or office document: unpack it and import the files inside",
}


def read(
    path: str | Path,
    *,
    element: str | None = None,
    edge: str | None = None,
    columns: ColumnChoice | None = None,
) -> list[RawSpectrum]:
    """Every spectrum of a file.

    Parameters
    ----------
    path : str or Path
    element, edge : str, optional
        Used where the file does not say, or says something invalid.
    columns : ColumnChoice, optional
        The columns that a person named, for files that leave them open.

    Raises
    ------
    ReadError
        With every fault found, each telling the line or field, the value and what to do.
    QuestionError
        A ReadError with a question: several columns or units are possible, and none was named.
    SkipFile
        If the file holds no spectrum and is no fault either: a side-car, a chi(k).
    InputError
        If ``element`` or ``edge`` does not exist.
    """
    given = Given.checked(element, edge, columns)
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > LIMITS.bytes:
            raise ReadError([_too_large(size)])
        data = path.read_bytes()
    except OSError as error:
        raise ReadError([f"{path.name}: {error.strerror}"], permanent=False) from error
    return _read(data, path.name, given)


def read_bytes(
    name: str,
    data: bytes,
    *,
    element: str | None = None,
    edge: str | None = None,
    columns: ColumnChoice | None = None,
) -> list[RawSpectrum]:
    """As :func:`read`, from memory; ``name`` is the file's name and only its ending is used."""
    return _read(bytes(data), name, Given.checked(element, edge, columns))


def columns_header(path: Path) -> str | None:
    """What an answer on columns holds for: the fingerprint of a file's table, None without one."""
    data = path.read_bytes() if path.is_file() else b""
    return columns.header_of(data, path.name)


def _read(data: bytes, name: str, given: Given) -> list[RawSpectrum]:
    if len(data) > LIMITS.bytes:
        raise ReadError([_too_large(len(data))])
    if not data.strip():
        raise ReadError(["the file is empty"], permanent=False)
    name = PurePath(name.replace("\\", "/")).name
    if data.startswith(_GZIP):
        data = _expand(data)
        name = name.removesuffix(".gz")
    try:
        return _spectra(data, name, given)
    except (ComputeError, MemoryError):
        raise
    # One file must not end the batch that it is part of, whatever a reader did not foresee.
    except Exception as error:
        raise ReadError([f"{UNFORESEEN}: {type(error).__name__}: {error}"]) from error


def _spectra(data: bytes, name: str, given: Given) -> list[RawSpectrum]:
    for magic, what in _BINARIES.items():
        if data.startswith(magic):
            raise SkipFile(f"{what}, not a spectrum")
    if data.startswith(_HDF5):
        # Broken files make its library loop or die: only ever where that can be stopped.
        spectra = apart(_hdf5, data, name, given)
    elif data.startswith(_DM):
        spectra = dm.read(data, name, given)
    else:
        spectra = _read_text(data, name, given)
    if given.columns is not None and spectra[0].format not in _TABLES:
        text = "the columns that were named are not used: this format says what its columns hold"
        spectra[0] = replace(spectra[0], warnings=(*spectra[0].warnings, text))
    return [with_absorber_hint(spectrum) for spectrum in spectra]


def _hdf5(data: bytes, name: str, given: Given) -> list[RawSpectrum]:
    from compute.io import hdf5  # h5py is loaded for its own files only

    return hdf5.read(data, name, given)


def _read_text(data: bytes, name: str, given: Given) -> list[RawSpectrum]:
    if b"\x00" in data[:4096] and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        raise ReadError(
            ["a binary file of no format known here: export it as text (XDI, EMSA or columns)"]
        )
    head = data[:4096].decode("latin-1").removeprefix("ï»¿")
    if xdi.is_xdi(head) or name.lower().endswith(".xdi"):
        return xdi.read(data, name, given)
    if kek.is_9809(head):
        return kek.read(data, name, given)
    if emsa.is_emsa(head):
        return emsa.read(data, name, given)
    if athena.is_athena(head):
        return athena.read(data, name, given)
    if head.lstrip().startswith(("{", "[")) and (len(data) > LIMITS.json_bytes or _is_json(data)):
        raise SkipFile("a JSON side-car (metadata), not a spectrum")
    return columns.read(data, name, given)


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def _expand(data: bytes) -> bytes:
    """The content of a gzip file, refused before it can fill the memory."""
    limit = int(min(LIMITS.expanded_bytes, max(len(data) * LIMITS.expansion, 2**20)))
    try:
        with gzip.open(io.BytesIO(data)) as stream:
            content = stream.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ReadError([f"the gzip compression is broken: {error}"]) from error
    if len(content) > limit:
        raise ReadError(
            [
                f"the file expands to more than {limit / 2**20:.0f} MiB from "
                f"{len(data) / 2**20:.2f} MiB: this is refused"
            ]
        )
    if not content.strip():
        raise ReadError(["the compressed file is empty"])
    return content


def _too_large(size: int) -> str:
    return (
        f"the file has {size / 2**20:.1f} MiB; the limit is {LIMITS.bytes / 2**20:.0f} MiB: split "
        "it or leave out what is no spectrum"
    )
