"""What one brings and keeps at hand: whose it is, its curves, and how it becomes a spectrum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db.models import Q, QuerySet
from django.utils import timezone
from numpy.typing import NDArray

from compute.edges import normalise_edge, normalise_element
from compute.errors import InputError
from compute.io import ColumnChoice
from compute.structures.read import is_structure_name
from spectradb.models import Brought, Kind, Spectrum, Status, Upload
from spectradb.services.accounts import quotas
from spectradb.services.imports.spectra import ImportedFile, import_file
from spectradb.services.imports.uploads import spectra_of
from spectradb.services.spectra.normalise import state, stated_of

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

FloatArray = NDArray[np.float64]
MOST = 20
"""Files that a visitor has at hand at once; the oldest is let go."""


def at_hand(user: User | AnonymousUser, tokens: Sequence[str]) -> QuerySet[Upload]:
    """Files of this account and of this session's ``tokens``, the newest first, without bytes."""
    own = Q(token__in=list(tokens)[-MOST:], requested_by=None)
    if user.is_authenticated:
        own |= Q(requested_by=user)
    fresh = Q(expires=None) | Q(expires__gt=timezone.now())
    rows = Upload.objects.filter(own, fresh).exclude(kind="")
    return rows.defer("data", "curves").order_by("-created", "-pk")


def adopt(user: User, tokens: Sequence[str]) -> None:
    """A visitor who signs in takes along what was brought before, within the quota for good."""
    for row in Upload.objects.filter(token__in=list(tokens), requested_by=None).defer("data"):
        expires = None if row.kind and quotas.fits(user, row.n_bytes) else row.expires
        Upload.objects.filter(pk=row.pk).update(requested_by=user, expires=expires)


def curve_of(upload: Upload, part: int = 0) -> tuple[FloatArray, FloatArray]:
    """Energy (n,) in eV and intensity (n,) of one spectrum of a file.

    Raises
    ------
    InputError
        If the file has no such part.
    """
    parts = upload.told.get("parts", [])
    if part >= len(parts):
        raise InputError("part", part, f"the file holds {len(parts)} spectra")
    if upload.curves is None:
        raw = spectra_of(upload.name, bytes(upload.data), upload.told.get("options"))[part]
        return raw.energy_ev, raw.intensity
    start = sum(one["n_points"] for one in parts[:part])
    energy, intensity = np.asarray(upload.curves)[:, start : start + parts[part]["n_points"]]
    return np.ascontiguousarray(energy), np.ascontiguousarray(intensity)


def spectrum_of(upload: Upload, part: int = 0) -> Spectrum:
    """One spectrum of a file as the row that it would become; it is never saved.

    Raises
    ------
    InputError
        As :func:`curve_of`.
    """
    energy, intensity = curve_of(upload, part)
    told = upload.told["parts"][part]
    row = Spectrum(
        kind=Kind.EXPERIMENT,
        technique=told["technique"],
        absorber=told["element"],
        edge=told["edge"],
        quantity=told["quantity"],
        formula=told.get("sample", ""),
        title=label_of(upload, part),
        normalisation={"stated": told["stated"]} if told.get("stated") else {},
    )
    row.set_arrays(energy, intensity)
    row.content_hash = row.hash_content(upload.token, part)
    return row


def send(upload: Upload, user: User) -> ImportedFile:
    """Store a measured file for good, as drafts, with what was said of it here.

    Raises
    ------
    InputError
        As :func:`spectradb.services.imports.spectra.import_file`.
    """
    parts = upload.told["parts"]
    said = parts[0] if len(parts) == 1 else {}
    done = import_file(
        upload.name,
        bytes(upload.data),
        element=said.get("element") or None,
        edge=said.get("edge") or None,
        contributor=user,
        columns=ColumnChoice.checked(**upload.told.get("options", {})),
    )
    ids = [one["id"] for one in done.spectra if one.get("id")]
    rows = Spectrum.objects.filter(pk__in=ids, contributor=user, status=Status.DRAFT)
    if len(parts) == len(ids):  # reference channels left none out: parts are spectra
        for pk, part in zip(ids, parts, strict=True):
            row = rows.filter(pk=pk).first()
            if row is not None and part.get("stated") and not stated_of(row):
                state(row, part["stated"], user=user)
    return done


def label_of(upload: Upload, part: int = 0) -> str:
    """The file's name, with the signal where there are several."""
    parts = upload.told.get("parts", [])
    if len(parts) < 2:
        return upload.name
    return f"{upload.name}: {parts[part]['label'] or part + 1}"


def say_absorber(upload: Upload, part: int, element: str, edge: str) -> None:
    """Keep which element and edge a person says that a spectrum is of; empty is open again.

    Raises
    ------
    InputError
        If there is no such element or edge.
    """
    symbol, name = normalise_element(element) or "", normalise_edge(edge) or ""
    if element and not symbol:
        raise InputError("element", element, "no such element")
    if edge and not name:
        raise InputError("edge", edge, "no such edge; write K, L3, L23, M45 …")
    _keep(upload, part, {"element": symbol, "edge": name, "stated": {}})


def say_normalisation(upload: Upload, part: int, values: Mapping[str, Any]) -> None:
    """Keep checked values of a normalisation; they go along when the file is sent."""
    _keep(upload, part, {"stated": dict(values)})


def forget(upload: Upload) -> None:
    """Delete a file with all answers about it."""
    Upload.objects.filter(pk=upload.pk).delete()


def structure_name(name: str, data: bytes) -> str:
    """The name by which a file is read as a crystal; empty for one that is none.

    A JSON may be of spectra as well, and a CIF is one under any name.
    """
    if is_structure_name(name):
        other = name.lower().endswith(".json") and b"lattice" not in data
        return "" if other else name
    return f"{name}.cif" if b"_cell_length_a" in data[:200_000] else ""


def _keep(upload: Upload, part: int, values: dict[str, Any]) -> None:
    if upload.kind != Brought.SPECTRUM or part >= len(upload.told["parts"]):
        raise InputError("part", part, "no such spectrum in this file")
    upload.told["parts"][part] |= values
    upload.save(update_fields=["told"])
