"""A changed curve is a new version; the old one stays as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from numpy.typing import ArrayLike

from spectradb.models import Calculation, Kind, Measurement, Spectrum, Status
from spectradb.plots import sparkline_path
from spectradb.services.accounts.roles import may_contribute, may_curate
from spectradb.services.curation.workflow import CurationError, save_with_reason

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

_KEPT = (
    "kind", "technique", "absorber", "edge", "structure", "site", "formula", "title", "quantity",
    "normalisation", "energy_offset_ev", "energy_offset_err", "licence", "citation", "doi",
)  # fmt: skip


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
