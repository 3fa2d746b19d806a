"""From draft to published: submit, publish, send back, reject, withdraw.

::

    draft ──submit──> submitted ──publish──> published ──withdraw──> withdrawn
      ^                   │ └────reject────> rejected
      └────send back──────┘

Every step is kept in the history with who took it and why, and told to the contributor. Series and
collections go the same way as spectra; what depends on which it is stands in :func:`_before` and
:func:`_after`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import TYPE_CHECKING, Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from simple_history.models import DeletedObject

from spectradb.models import Calculation, Collection, Kind, Series, Spectrum, Status
from spectradb.models.series import COMPUTED
from spectradb.services.accounts.roles import may_contribute, may_curate
from spectradb.services.curation.notices import tell
from spectradb.services.curation.quality import (
    blocking,
    keep_checks,
    missing,
    missing_of_series,
)

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


Record = Spectrum | Series | Collection
R = TypeVar("R", Spectrum, Series, Collection)
V = TypeVar("V", Spectrum, Collection)  # those that have versions


_KINDS: dict[type[Record], str] = {
    Spectrum: "spectrum",
    Series: "series",
    Collection: "collection",
}
_LETTERS: dict[type[Record], str] = {Spectrum: "", Series: "M", Collection: "C"}


class CurationError(ValueError):
    """A step that cannot be taken now, and why."""

    cause = "Step not possible now"
    permanent = True


class IncompleteError(CurationError):
    """A draft that does not say yet what a curator needs; its own page lists that."""


@dataclass(frozen=True)
class Step:
    """One kind of decision."""

    start: Status
    end: Status
    needs_note: bool
    done: str


STEPS: dict[str, Step] = {
    "submit": Step(Status.DRAFT, Status.SUBMITTED, False, "Submitted"),
    "publish": Step(Status.SUBMITTED, Status.PUBLISHED, False, "Published"),
    "send_back": Step(Status.SUBMITTED, Status.DRAFT, True, "Sent back"),
    "reject": Step(Status.SUBMITTED, Status.REJECTED, True, "Rejected"),
    "withdraw": Step(Status.PUBLISHED, Status.WITHDRAWN, True, "Withdrawn"),
}


def submit(row: R, user: User | AnonymousUser, note: str = "") -> R:
    """Hand a draft to the curators; the automatic checks run now. Its author or a curator may."""
    return decide(row, "submit", user, note)


def publish(row: R, user: User | AnonymousUser, note: str = "") -> R:
    """Show a submitted spectrum to everyone; a failed check blocks it."""
    return decide(row, "publish", user, note)


def send_back(row: R, user: User | AnonymousUser, note: str) -> R:
    """Return a submitted spectrum to its author, saying what to mend."""
    return decide(row, "send_back", user, note)


def reject(row: R, user: User | AnonymousUser, note: str) -> R:
    """Refuse a submitted spectrum for good, saying why."""
    return decide(row, "reject", user, note)


def withdraw(row: R, user: User | AnonymousUser, note: str) -> R:
    """Take a published spectrum out of the library; its page says why."""
    return decide(row, "withdraw", user, note)


def decide(row: R, action: str, user: User | AnonymousUser, note: str = "") -> R:
    """Take one step; returns the row as it is now.

    Raises
    ------
    PermissionDenied
        If this person may not take it.
    CurationError
        If the step does not fit the present status, needs a note, or a check has failed.
    """
    if action not in STEPS:
        raise CurationError(f"no step {action!r}; there are {', '.join(STEPS)}")
    step, note = STEPS[action], note.strip()
    with transaction.atomic():
        # SQLite's transactions are IMMEDIATE, so there the lock is on the whole database.
        held = type(row)._default_manager.select_for_update(of=("self",)).get(pk=row.pk)
        name = number_of(held)
        if not may_take(action, held, user):
            raise PermissionDenied(f"you may not {action.replace('_', ' ')} {name}")
        if held.status != step.start:
            raise CurationError(
                f"{name} is {held.status}; only a {step.start.value} {_KINDS[type(held)]} can be "
                f"{step.done.lower()}"
            )
        if step.needs_note and not note:
            raise CurationError("A note is needed: say why.")
        _before(held, action)
        now = timezone.now()
        if action == "submit":
            held.submitted_at = now
        if action == "publish":
            held.published_at = shown_from(held, now)
        held.status, held.status_note = step.end, note
        if action == "withdraw" and isinstance(held, Spectrum) and held.under_embargo:
            held.status = Status.REJECTED  # nobody has seen it, so that nothing tells of it
        save_with_reason(held, user, f"{step.done}. {note}".strip())
        if action != "submit":
            tell(held, user)
        if isinstance(held, Spectrum):
            _after(held, action, user)
        if isinstance(held, Collection) and action == "publish" and held.replaces_id is not None:
            _retire(Collection, held.replaces_id, held, user)
    return held


def number_of(row: Record) -> str:
    """How it is cited: SDB-7, SDB-M7 of a series, SDB-C7 of a collection."""
    return f"SDB-{_LETTERS[type(row)]}{row.pk}"


def _before(row: Record, action: str) -> None:
    """Checks, and what the record has to say first."""
    if isinstance(row, Spectrum) and action in {"submit", "publish"}:
        if row.kind == Kind.EXPERIMENT and row.technique == COMPUTED:
            raise CurationError(
                f"{number_of(row)} is a part of the computed example: nothing of it was measured."
            )
        keep_checks(row)
        if action == "publish" and (reasons := blocking(row.checks)):
            raise CurationError(f"SDB-{row.pk} cannot be published. {' '.join(reasons)}")
        if action == "publish" and row.under_embargo and _replaces_public(row):
            raise CurationError(
                f"SDB-{row.pk} takes the place of a public record: it cannot be under embargo."
            )
    if isinstance(row, Collection):
        if action in {"submit", "publish"} and not row.entries.exists():
            raise CurationError(f"{number_of(row)} is empty.")
        return
    if isinstance(row, Series) and action == "publish" and (kept := _under_embargo(row)):
        raise CurationError(
            f"{number_of(row)} is made of {', '.join(kept)}, under embargo: publish it after that."
        )
    if action == "submit":
        absent = missing(row) if isinstance(row, Spectrum) else missing_of_series(row)
        if absent:
            raise IncompleteError(
                f"{number_of(row)} does not say: {', '.join(absent)}. Complete it first."
            )


def _under_embargo(row: Series) -> list[str]:
    """Those of the spectra that a series was made of which nobody may see yet."""
    named = (text.removeprefix("SDB-") for text in row.source_names if text.startswith("SDB-"))
    made_of = [int(text) for text in named if text.isdecimal() and len(text) < 18]
    rows = Spectrum.objects.filter(pk__in=made_of, embargo_until__gt=timezone.localdate())
    return [f"SDB-{pk}" for pk in rows.order_by("pk").values_list("pk", flat=True)]


def _after(row: Spectrum, action: str, user: User | AnonymousUser) -> None:
    """What a newly published spectrum does to others."""
    if action == "publish" and row.replaces_id is not None:
        _retire(Spectrum, row.replaces_id, row, user)
    if action == "publish" and row.calculation_id is not None:
        _send_back_others(row, user)
        retire_earlier(row, user)


def may_take(action: str, row: Record, user: User | AnonymousUser) -> bool:
    """Whether this person may take the step: authors submit their own, curators do all.

    Who has published a list of records may take it back; the records themselves stay.
    """
    if may_curate(user):
        return True
    own = may_contribute(user) and row.contributor_id == user.pk
    return own and (action == "submit" or (action == "withdraw" and isinstance(row, Collection)))


def shown_from(row: Record, published: datetime) -> datetime:
    """When everyone sees what is published then: at once, or when a spectrum's embargo ends."""
    if not isinstance(row, Spectrum) or row.embargo_until is None:
        return published
    ends = datetime.combine(row.embargo_until, time.min, tzinfo=published.tzinfo)
    return max(published, ends)


def _replaces_public(row: Spectrum) -> bool:
    return Spectrum.objects.published().filter(pk=row.replaces_id or 0).exists()


def save_with_reason(row: Record, user: User | AnonymousUser | None, reason: str) -> None:
    """Save, and keep in the history who did it and why."""
    row._change_reason = reason  # type: ignore[union-attr]  # of simple_history
    if user is not None and user.is_authenticated:
        row._history_user = user  # type: ignore[union-attr]
    row.save()


def _retire(kind: type[V], older_id: int, newer: V, user: User | AnonymousUser) -> None:
    """A published new version takes the place of the old one."""
    older = kind._default_manager.select_for_update(of=("self",)).get(pk=older_id)
    if older.status == Status.PUBLISHED:
        older.status = Status.WITHDRAWN
        older.status_note = f"Replaced by {number_of(newer)}, version {newer.version}."
        save_with_reason(older, user, older.status_note)
        tell(older, user)


def shown_of_same_site(row: Calculation) -> QuerySet[Spectrum]:
    """Published spectra of the same site and edge by the same route, from other calculations.

    They are of other versions of the engine: a site counts once, whatever was computed of it.
    """
    if row.structure_id is None:
        return Spectrum.objects.none()
    return (
        Spectrum.objects.published()
        .filter(
            calculation__site=row.site_id,
            calculation__engine=row.engine,
            calculation__route=row.route,
            calculation__edge=row.edge,
        )
        .exclude(calculation=row)
    )


def retire_earlier(published: Spectrum, user: User | AnonymousUser | None) -> None:
    """A published calculation of a site takes the place of those of other versions."""
    if published.calculation is None:
        return
    for other in shown_of_same_site(published.calculation).select_for_update(of=("self",)):
        other.status = Status.WITHDRAWN
        other.status_note = f"Computed again as SDB-{published.pk}."
        save_with_reason(other, user, other.status_note)
        tell(other, user)


def _send_back_others(published: Spectrum, user: User | AnonymousUser) -> None:
    """Other people's records of a calculation leave the queue once one of them is public."""
    others = Spectrum.objects.filter(
        calculation=published.calculation_id, status=Status.SUBMITTED
    ).exclude(pk=published.pk)
    for other in others.select_for_update(of=("self",)):
        other.status = Status.DRAFT
        other.status_note = f"This calculation is published as SDB-{published.pk}."
        save_with_reason(other, user, other.status_note)
        tell(other, user)


@dataclass
class BulkResult:
    """What became of a bulk decision."""

    done: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)


def decide_all(
    rows: Iterable[R], action: str, user: User | AnonymousUser, note: str = ""
) -> BulkResult:
    """Take one step for many; one that cannot be taken is told and stops no other.

    Raises
    ------
    PermissionDenied
        If this person may not take it at all.
    """
    result = BulkResult()
    for row in rows:
        try:
            decide(row, action, user, note)
        except CurationError as error:
            result.refused[row.pk] = str(error)
        else:
            result.done.append(row.pk)
    return result


def queue() -> QuerySet[Spectrum]:
    """Submitted spectra, the longest waiting first."""
    waiting = Spectrum.objects.filter(status=Status.SUBMITTED)
    return waiting.without_arrays().order_by("submitted_at", "pk")


@dataclass(frozen=True)
class QueuePlace:
    """Where a spectrum stands among the submitted ones."""

    position: int
    length: int
    previous: int | None
    next: int | None


def place_in_queue(spectrum: Spectrum) -> QueuePlace:
    """Its place, and its neighbours, by the time of submission."""
    waiting = Spectrum.objects.filter(status=Status.SUBMITTED).exclude(pk=spectrum.pk)
    when = spectrum.submitted_at or spectrum.created
    before = waiting.filter(Q(submitted_at__lt=when) | Q(submitted_at=when, pk__lt=spectrum.pk))
    after = waiting.filter(Q(submitted_at__gt=when) | Q(submitted_at=when, pk__gt=spectrum.pk))
    n_before, n_after = before.count(), after.count()
    return QueuePlace(
        position=n_before + 1,
        length=n_before + n_after + 1,
        previous=before.order_by("-submitted_at", "-pk").values_list("pk", flat=True).first(),
        next=after.order_by("submitted_at", "pk").values_list("pk", flat=True).first(),
    )


def history_of(row: Any) -> list[dict[str, Any]]:
    """Every change of a row with history, newest first.

    When, who, why, and each field before and after; people and rows by their names.
    """
    records = list(row.history.select_related("history_user").order_by("-history_id")[:100])
    found = []
    for n, record in enumerate(records):
        older = records[n + 1] if n + 1 < len(records) else None
        changes = (
            record.diff_against(older, foreign_keys_are_objs=True).changes
            if older is not None
            else []
        )
        found.append(
            {
                "when": record.history_date,
                "who": record.history_user,
                "reason": record.history_change_reason or "",
                "first": older is None and record.history_type == "+",
                "changes": [
                    {"field": one.field, "before": _shown(one.old), "after": _shown(one.new)}
                    for one in changes
                    if one.field not in _QUIET
                ],
            }
        )
    return found


def _shown(value: Any) -> Any:
    """A related row that is not there, or no longer, has no name to show."""
    return (value.pk or "") if isinstance(value, DeletedObject) else value


_QUIET = {"updated", "checks", "quality", "submitted_at", "published_at", "status_note"}
