"""Files that people ask about: kept a day, or by an account within its quota, then forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
from django.utils import timezone
from numpy.typing import NDArray

from compute.errors import InputError
from compute.io import ColumnChoice, RawSpectrum, read_bytes
from compute.isolation import apart
from spectradb.models import Brought, Upload
from spectradb.models.uploads import in_a_day
from spectradb.services.accounts import quotas
from spectradb.services.imports.fields import formula_of

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

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
    sample: str = ""


def keep_spectrum_file(
    name: str,
    data: bytes,
    user: User | AnonymousUser | None,
    *,
    options: Mapping[str, Any] | None = None,
) -> Upload:
    """Read a measured file once and keep it with its curves.

    ``options`` name its columns (:meth:`compute.io.ColumnChoice.checked`), where it leaves them
    open.

    Raises
    ------
    QuestionError
        If it leaves its columns open.
    ReadError, SkipFile
        If it cannot be read, or holds no spectrum.
    InputError
        If none of its spectra is on an energy axis, or an option is none.
    """
    options = dict(options or {})
    raws = spectra_of(name, data, options)[:MAX_PARTS]
    parts = [vars(_part(raw)) | {"warnings": list(raw.warnings[:20])} for raw in raws]
    curves = np.array(
        [
            np.concatenate([raw.energy_ev for raw in raws]),
            np.concatenate([raw.intensity for raw in raws]),
        ]
    )
    told = {"parts": parts} | ({"options": options} if options else {})
    return keep(name, data, told, user, curves=curves)


def keep(
    name: str,
    data: bytes,
    told: dict[str, Any],
    user: User | AnonymousUser | None,
    *,
    curves: NDArray[np.float64] | None = None,
) -> Upload:
    """Keep a file; what has expired goes.

    One that was understood stays with an account until its owner deletes it, as long as the
    account keeps no more than it may; every other is kept for a day.
    """
    forget_old()
    kind = Brought.SPECTRUM if "parts" in told else Brought.STRUCTURE if "structure" in told else ""
    owner = user if user is not None and user.is_authenticated else None
    lasting = owner is not None and bool(kind) and quotas.fits(owner, len(data))
    return Upload.objects.create(
        name=PurePath(name).name[-200:] or "file",
        kind=kind,
        n_bytes=len(data),
        told=told,
        data=data,
        curves=curves,
        requested_by=owner,
        expires=None if lasting else in_a_day(),
    )


def forget_old() -> int:
    """Delete what has expired; how many files."""
    old = Upload.objects.filter(expires__lt=timezone.now())
    n = old.count()
    if n:
        old.delete()
    return n


def spectra_of(
    name: str, data: bytes, options: Mapping[str, Any] | None = None
) -> list[RawSpectrum]:
    """The sample spectra of a file that are on an energy axis.

    Raises
    ------
    ReadError, SkipFile, InputError
        As :func:`keep_spectrum_file`.
    """
    columns = ColumnChoice.checked(**(options or {}))
    raws = apart(read_bytes, PurePath(name).name, data, columns=columns)
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
        formula_of(raw.measurement.sample_formula, raw.measurement.sample_name),
    )
