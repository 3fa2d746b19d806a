"""Files that visitors ask about: kept a day, then forgotten with every answer about them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from compute.errors import InputError
from compute.io import RawSpectrum, read_bytes
from compute.isolation import apart
from spectradb.models import Upload

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

KEEP = timedelta(hours=24)
MAX_PARTS = 200  # spectra of one file that can be chosen from


@dataclass(frozen=True)
class Part:
    """One spectrum of a file, as its reader understood it."""

    label: str
    format: str
    element: str
    edge: str
    quantity: str
    technique: str
    n_points: int
    low_ev: float
    high_ev: float
    warnings: tuple[str, ...]


def keep_spectrum_file(name: str, data: bytes, user: User | AnonymousUser | None) -> Upload:
    """Read a measured file and keep it for a day.

    Raises
    ------
    ReadError, SkipFile
        If it cannot be read, or holds no spectrum.
    InputError
        If none of its spectra is on an energy axis.
    """
    parts = [_part(raw) for raw in spectra_of(name, data)[:MAX_PARTS]]
    return keep(
        name,
        data,
        {"parts": [vars(part) | {"warnings": list(part.warnings)} for part in parts]},
        user,
    )


def keep(name: str, data: bytes, told: dict[str, Any], user: User | AnonymousUser | None) -> Upload:
    """Keep a file for a day; what is older goes."""
    forget_old()
    return Upload.objects.create(
        name=PurePath(name).name[-200:] or "file",
        n_bytes=len(data),
        told=told,
        data=data,
        requested_by=user if user is not None and user.is_authenticated else None,
    )


def forget_old() -> int:
    """Delete what has been kept for a day; how many files."""
    old = Upload.objects.filter(created__lt=timezone.now() - KEEP)
    n = old.count()
    if n:
        old.delete()
    return n


def spectra_of(name: str, data: bytes) -> list[RawSpectrum]:
    """The sample spectra of a file that are on an energy axis.

    Raises
    ------
    ReadError, SkipFile, InputError
        As :func:`keep_spectrum_file`.
    """
    raws = apart(read_bytes, PurePath(name).name, data)
    raws = [raw for raw in raws if raw.axis_unit == "eV"]
    found = [raw for raw in raws if raw.role != "reference"] or raws
    if not found:
        raise InputError("file", PurePath(name).name, "holds no spectrum on an energy axis")
    return found


def _part(raw: RawSpectrum) -> Part:
    return Part(
        raw.label[:120],
        raw.format,
        raw.element or "",
        raw.edge or "",
        raw.quantity,
        raw.technique,
        raw.n_points,
        float(raw.energy_ev[0]),
        float(raw.energy_ev[-1]),
        raw.warnings[:20],
    )
