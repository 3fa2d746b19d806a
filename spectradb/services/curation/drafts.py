"""Drafts in their contributor's hands: what is missing, which structure it may be, deletion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext

from spectradb.filters.chemistry import reduced_formula
from spectradb.models import Kind, SourceFile, Spectrum, Status, Structure
from spectradb.services.accounts.roles import may_contribute
from spectradb.services.search.nearest import nearest_spectra

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

_SUGGESTED = 6
_ALIKE = 0.5  # correlation below which a resemblance says nothing


def may_edit(user: User | AnonymousUser, row: Spectrum) -> bool:
    """Whether this person completes, corrects and deletes it: their own measured draft."""
    return (
        may_contribute(user)
        and row.contributor_id == user.pk
        and row.kind == Kind.EXPERIMENT
        and row.status == Status.DRAFT
    )


def suggested_structures(row: Spectrum) -> list[tuple[Structure, str]]:
    """Structures that the sample may be, each with why: its formula, or a spectrum most alike."""
    found: dict[int, tuple[Structure, str]] = {}
    rows = Structure.objects.defer("data")
    if row.formula:
        same = Q(formula__in=[row.formula, _reduced(row.formula)])
        if row.absorber:
            same &= Q(element_rows__element=row.absorber)
        for one in rows.filter(same).distinct().order_by("-is_primary", "pk")[:_SUGGESTED]:
            found[one.pk] = (one, gettext("same formula"))
    if row.absorber and row.edge:
        for near in nearest_spectra(row, top=4):
            structure = near.spectrum.structure
            if structure is not None and near.likeness > _ALIKE:
                why = gettext("a spectrum most alike, %s") % f"{near.likeness:.2f}"
                found.setdefault(structure.pk, (structure, why))
    return list(found.values())[:_SUGGESTED]


def discard(row: Spectrum, user: User | AnonymousUser) -> None:
    """Delete one's own draft, its measurement, and its file if nothing else is of it.

    Raises
    ------
    PermissionDenied
        If it is another person's, or no draft any more.
    """
    with transaction.atomic():
        held = Spectrum.objects.select_for_update(of=("self",)).without_arrays().get(pk=row.pk)
        if not may_edit(user, held):
            raise PermissionDenied(gettext("Only its contributor deletes a draft."))
        measured = held.measurement
        held.delete()
        if measured is not None:
            file = measured.file
            measured.delete()
            if isinstance(file, SourceFile) and not file.measurements.exists():
                file.delete()


def _reduced(formula: str) -> str:
    try:
        return reduced_formula(formula)
    except ValueError:
        return formula
