"""Rows that hang on a spectrum are seen by those who see the spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

_CURATE = "spectradb.curate_spectrum"


class FollowsSpectrum(models.QuerySet[Any]):
    """Rows with a ``spectrum``; those whose spectrum does not exist (yet) are open to all."""

    def visible_to(self, user: User | AnonymousUser | None) -> Self:
        """What this person may see, by the status of the spectrum."""
        allowed = Q(spectrum__isnull=True) | Q(spectrum__status="published")
        if user is not None and user.is_authenticated:
            if user.has_perm(_CURATE):
                return self
            allowed |= Q(spectrum__contributor=user)
        return self.filter(allowed)
