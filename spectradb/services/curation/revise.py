"""A changed curve is a new version; the old one stays as it was."""

from __future__ import annotations

import hashlib
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from numpy.typing import ArrayLike

from spectradb.models import Calculation, Kind, Measurement, SourceFile, Spectrum, Status
from spectradb.plots import sparkline_path
from spectradb.services.accounts.quotas import check_storage
from spectradb.services.accounts.roles import may_contribute, may_curate
from spectradb.services.curation.quality import keep_checks
from spectradb.services.curation.workflow import CurationError, save_with_reason
from spectradb.services.imports.uploads import spectra_of

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

_KEPT = (
    "kind", "technique", "absorber", "edge", "structure", "site", "formula", "title", "quantity",
    "normalisation", "energy_offset_ev", "energy_offset_err", "licence", "citation", "doi",
    "embargo_until",
)  # fmt: skip


def may_revise(user: User | AnonymousUser, spectrum: Spectrum) -> bool:
    """Its author and the curators, as long as there is no newer version."""
    own = may_contribute(user) and spectrum.contributor_id == user.pk
    return (may_curate(user) or own) and not Spectrum.objects.filter(replaces=spectrum).exists()


def revise_from_file(
    spectrum: Spectrum, name: str, data: bytes, *, user: User | AnonymousUser, reason: str
) -> Spectrum:
    """A new version of a measured spectrum, its curve read from a file.

    A file of several spectra gives the one at the place that the present version had in its file,
    or the only one of the same label.

    Raises
    ------
    PermissionDenied, CurationError
        As :func:`revise`; also for theory, and for a file without a spectrum at that place.
    QuotaError
        If the account keeps too much already.
    ReadError, SkipFile, InputError
        If the file cannot be read, or holds no spectrum on an energy axis.
    """
    measured = spectrum.measurement
    if measured is None:
        raise CurationError("a theory spectrum is revised by another calculation")
    if user.is_authenticated:
        check_storage(user, len(data))
    raws = spectra_of(name, data)
    labels = [f"{number}: {raw.label}"[:120] for number, raw in enumerate(raws, start=1)]
    place = labels.index(measured.file_part) if measured.file_part in labels else None
    if place is None and len(raws) == 1:
        place = 0
    if place is None:
        told = "; ".join(labels[:10])
        raise CurationError(
            f"{PurePath(name).name} holds {len(raws)} spectra ({told}); "
            f"none is {measured.file_part or 'the only one'}: send the one alone"
        )
    raw = raws[place]
    part = labels[place] if len(raws) > 1 else ""
    with transaction.atomic():
        new = revise(
            spectrum,
            raw.energy_ev,
            raw.intensity,
            user=user,
            reason=reason,
            quantity=raw.quantity,
        )
        file, _ = SourceFile.objects.get_or_create(
            sha256=hashlib.sha256(data).hexdigest(),
            defaults={"name": PurePath(name).name[:255], "n_bytes": len(data), "data": data},
        )
        assert new.measurement is not None  # copied from the present version
        new.measurement.file, new.measurement.file_part = file, part
        new.measurement.file_name = PurePath(name).name[:255]
        new.measurement.file_format, new.measurement.warnings = raw.format, list(raw.warnings)
        new.measurement.save()
        keep_checks(new)
        new.save(update_fields=["checks", "quality"])
    return new


def revise(
    spectrum: Spectrum,
    energy: ArrayLike,
    intensity: ArrayLike,
    *,
    user: User | AnonymousUser,
    reason: str,
    calculation: Calculation | None = None,
    **fields: Any,
) -> Spectrum:
    """A draft with other arrays that replaces ``spectrum`` once it is published.

    Parameters
    ----------
    energy, intensity : (n,)
        eV, ascending; see :meth:`Spectrum.set_arrays`.
    reason
        What was wrong; kept in the history.
    calculation
        For theory the calculation that gave the new arrays. For experiment the measurement is
        copied, since it is the same one, read anew.
    fields
        Other columns that change with it, by name.

    Raises
    ------
    PermissionDenied
        If this person is neither its author nor a curator.
    CurationError
        Without a reason, if there is a newer version already, or if nothing has changed.
    ValueError
        If the arrays are no spectrum.
    """
    own = may_contribute(user) and spectrum.contributor_id == user.pk
    if not (may_curate(user) or own):
        raise PermissionDenied(f"you may not revise SDB-{spectrum.pk}")
    if not reason.strip():
        raise CurationError("A reason is needed: say what changed.")
    if Spectrum.objects.filter(replaces=spectrum).exists():
        raise CurationError(f"SDB-{spectrum.pk} has a newer version; revise that one")
    if unknown := fields.keys() - set(_KEPT):
        raise CurationError(f"not to be revised: {', '.join(sorted(unknown))}")
    new = Spectrum(**{name: getattr(spectrum, name) for name in _KEPT} | fields)
    new.set_arrays(energy, intensity)
    new.sparkline = sparkline_path(new.energy, new.intensity)
    new.version, new.replaces = spectrum.version + 1, spectrum
    new.contributor, new.status = spectrum.contributor, Status.DRAFT
    new.content_hash = new.hash_content("version", spectrum.content_hash)
    if Spectrum.objects.filter(content_hash=new.content_hash).exists():
        raise CurationError("the arrays are those of a stored version")
    with transaction.atomic():
        if spectrum.kind == Kind.EXPERIMENT:
            new.measurement = _copy(spectrum.measurement)
        elif calculation is not None:
            new.calculation = calculation
        else:
            raise CurationError("a theory spectrum is revised by another calculation")
        save_with_reason(new, user, f"Version {new.version} of SDB-{spectrum.pk}. {reason.strip()}")
    return new


def _copy(measurement: Measurement | None) -> Measurement:
    assert measurement is not None  # the database constraint on provenance
    values = {
        one.name: getattr(measurement, one.name)
        for one in Measurement._meta.concrete_fields
        if not one.primary_key
    }
    return Measurement.objects.create(**values)
