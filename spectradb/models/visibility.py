"""Who may see what belongs to somebody: one rule.

What is published is everyone's, the rest its owner's and the curators'. Where the owner is gone,
curators alone see it: an empty owner never means everyone.

The rule is a list of alternatives, each a mapping of column → allowed values, so that the database
(:func:`as_condition`) and the columns held in memory
(:meth:`spectradb.services.search.columns.Columns.meeting`) follow the same one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

CURATE = "spectradb.curate_spectrum"
Alternatives = Sequence[Mapping[str, Collection[Any]]]
"""A row counts if one of them holds for it: all its columns have one of the allowed values."""


def spectra_seen_by(user: User | AnonymousUser | None) -> Alternatives:
    """Curators see all spectra, everybody the published ones, contributors their own as well."""
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
            one &= Q(**{f"{prefix}{name}__in": list(values)})
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
