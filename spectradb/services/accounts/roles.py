"""Who may do what: visitors read, contributors upload, curators decide.

Visitors are anonymous. Contributors import spectra, keep drafts and submit them. Curators see
every row, publish, send back, reject and withdraw. The groups are made after each ``migrate``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.models import Group, Permission
from django.db.models import Q

from spectradb.models.visibility import CURATE

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

CONTRIBUTOR = "contributor"
CURATOR = "curator"

_CONTRIBUTES = ("add_spectrum", "change_spectrum", "add_peakfit", "add_calculation", "add_export")
_CURATED_MODELS = (
    "spectrum", "structure", "site", "measurement", "calculation", "peakfit", "series",
    "seriesanalysis", "comment", "collection",
)  # fmt: skip
_CURATES = (
    *_CONTRIBUTES,
    "curate_spectrum",
    "add_structure",
    *(f"{verb}_{model}" for verb in ("view", "change") for model in _CURATED_MODELS),
)
GRANTS: dict[str, tuple[str, ...]] = {CONTRIBUTOR: _CONTRIBUTES, CURATOR: _CURATES}


def make_roles() -> None:
    """Make the two groups and give them exactly their permissions; safe to repeat."""
    for name, codenames in GRANTS.items():
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.set(
            Permission.objects.filter(
                Q(content_type__app_label="spectradb"), codename__in=codenames
            )
        )


def give_role(user: User, role: str) -> None:
    """Put a person into a role; a curator may enter the admin.

    Raises
    ------
    ValueError
        If there is no such role.
    """
    if role not in GRANTS:
        raise ValueError(f"no role {role!r}; there are {', '.join(GRANTS)}")
    user.groups.add(Group.objects.get(name=role))
    if role == CURATOR and not user.is_staff:
        user.is_staff = True
        user.save(update_fields=["is_staff"])


def may_contribute(user: User | AnonymousUser) -> bool:
    return user.is_authenticated and user.has_perm("spectradb.add_spectrum")


def may_curate(user: User | AnonymousUser) -> bool:
    return user.is_authenticated and user.has_perm(CURATE)
