"""Who may see what belongs to somebody: one rule.

What is published is everyone's, the rest its owner's and the curators'. Where the owner is gone,
curators alone see it: an empty owner never means everyone. A spectrum under embargo counts as not
published until its day has come, when it shows by itself.

The rule is a list of alternatives, each a mapping of column → allowed values, so that the database
(:func:`as_condition`) and the columns held in memory
(:meth:`spectradb.services.search.columns.Columns.meeting`) follow the same one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

CURATE = "spectradb.curate_spectrum"


@dataclass(frozen=True)
class EmptyOrBy:
    """Dates that a column may hold: none, or one that has come by this day."""

    day: date


Wanted = Mapping[str, Collection[Any] | EmptyOrBy]
Alternatives = Sequence[Wanted]
"""A row counts if one of them holds for it: all its columns have one of the allowed values."""


def public_spectra() -> Wanted:
    """What everyone sees today: published, and under no embargo."""
    return {"status": ["published"], "embargo_until": EmptyOrBy(timezone.localdate())}


def spectra_seen_by(user: User | AnonymousUser | None) -> Alternatives:
    """Curators see all spectra, everybody the public ones, contributors their own as well."""
    public = public_spectra()
    return [public if "status" in one else one for one in seen_by(user)]


def seen_by(user: User | AnonymousUser | None) -> Alternatives:
    """The same of other rows with ``status`` and ``contributor``, which know no embargo."""
    if user is not None and user.is_authenticated:
        if user.has_perm(CURATE):
            return [{}]
        return [{"status": ["published"]}, {"contributor": [user.pk]}]
    return [{"status": ["published"]}]


def as_condition(alternatives: Alternatives, prefix: str = "") -> Q:
    """Alternatives as a condition of a query; ``prefix`` leads to the table of their columns."""
    condition = Q()
    for columns in alternatives:
        one = Q()
        for name, values in columns.items():
            column = f"{prefix}{name}"
            if isinstance(values, EmptyOrBy):
                one &= Q(**{f"{column}__isnull": True}) | Q(**{f"{column}__lte": values.day})
            else:
                one &= Q(**{f"{column}__in": list(values)})
        if not one:
            return Q()  # holds for every row
        condition |= one
    return condition


class FollowsSpectrum(models.QuerySet[Any]):
    """Rows that are of one ``spectrum``."""

    def visible_to(self, user: User | AnonymousUser | None) -> Self:
        """What this person may see, by the spectrum."""
        return self.filter(as_condition(spectra_seen_by(user), "spectrum__"))


class OwnedQuerySet(models.QuerySet[Any]):
    """Rows with ``requested_by`` and ``public``, which says that a visitor has asked."""

    def visible_to(self, user: User | AnonymousUser | None) -> Self:
        """One's own and the public ones; curators see all."""
        if user is None or not user.is_authenticated:
            return self.filter(public=True)
        if user.has_perm(CURATE):
            return self
        return self.filter(Q(public=True) | Q(requested_by=user.pk))
