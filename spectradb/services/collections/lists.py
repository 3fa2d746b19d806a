"""Collections in their owner's hands: made, filled, ordered, changed, deleted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.utils.translation import gettext

from spectradb.models import Collection, CollectionEntry, Spectrum, Status
from spectradb.services.accounts.roles import may_curate

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

    from spectradb.models.spectra import SpectrumQuerySet

MOST_ENTRIES = 1000
MOST_COLLECTIONS = 100  # of one person
LONGEST_NOTE = 300  # characters, as the columns hold
HEAD = {"title": 120, "description": 2000, "authors": 300}
Entry = tuple[int, str]
"""Number of a spectrum, and the note on it."""


CITED = (Status.PUBLISHED, Status.WITHDRAWN)
"""A withdrawn one was public: its number, and its DOI, still lead to it."""


class CollectionError(ValueError):
    """A change of a collection that cannot be made, and why."""

    cause = "Collection not changed"
    permanent = True


def owns(user: User | AnonymousUser | None, row: Collection) -> bool:
    return user is not None and user.is_authenticated and row.contributor_id == user.pk


def may_change(user: User | AnonymousUser | None, row: Collection) -> bool:
    """Its owner, while it is a draft: what a curator looks at, or has published, stays as it is."""
    return owns(user, row) and row.status == Status.DRAFT


def may_revise(user: User | AnonymousUser | None, row: Collection) -> bool:
    """Its owner, once it is public, unless its next version is begun."""
    return owns(user, row) and row.status == Status.PUBLISHED and newer_of(row) is None


def newer_of(row: Collection) -> Collection | None:
    """The version that takes its place, or is going to."""
    ended = (Status.REJECTED, Status.WITHDRAWN)
    return Collection.objects.filter(replaces=row).exclude(status__in=ended).first()


def create(user: User, title: str, description: str = "", authors: str = "") -> Collection:
    """An empty collection that only its owner and the curators see.

    Raises
    ------
    CollectionError
        Without a title, or if this person has :data:`MOST_COLLECTIONS` already.
    """
    if Collection.objects.filter(contributor=user).count() >= MOST_COLLECTIONS:
        raise CollectionError(gettext("%d collections are the most.") % MOST_COLLECTIONS)
    row = Collection(contributor=user)
    _set_head(row, {"title": title, "description": description, "authors": authors})
    row.save()
    return row


def change(row: Collection, user: User | AnonymousUser, head: dict[str, str]) -> Collection:
    """Change title, description or authors, those of :data:`HEAD` that are given.

    Raises
    ------
    PermissionDenied
        If it is not this person's.
    CollectionError
        If the title is empty or something is too long.
    """
    with transaction.atomic():
        held = _held(row, user)
        _set_head(held, head)
        held.save()
    return held


def revise(row: Collection, user: User) -> Collection:
    """A draft with the same list, which takes the place of a public one once it is published.

    Raises
    ------
    PermissionDenied
        If it is not this person's.
    CollectionError
        If it is not public, or has a newer version.
    """
    with transaction.atomic():
        held = Collection.objects.select_for_update(of=("self",)).get(pk=row.pk)
        if not owns(user, held):
            raise PermissionDenied("this collection is somebody else's")
        if not may_revise(user, held):
            raise CollectionError(gettext("It is not public, or has a newer version."))
        new = Collection.objects.create(
            title=held.title, description=held.description, authors=held.authors,
            contributor=user, version=held.version + 1, replaces=held,
        )  # fmt: skip
        for place, (pk, note) in enumerate(entries_of(held)):
            new.entries.create(spectrum_id=pk, position=place, note=note)
    return new


def set_entries(row: Collection, user: User | AnonymousUser, entries: Sequence[Entry]) -> None:
    """Replace the whole list: which spectra, in which order, with which notes.

    Raises
    ------
    PermissionDenied
        If the collection is not this person's.
    CollectionError
        If there are too many, one is named twice, a note is too long, or one is not there for
        this person.
    """
    with transaction.atomic():
        _write(_held(row, user), user, entries)


def add(row: Collection, user: User | AnonymousUser, spectra: Iterable[int], note: str = "") -> int:
    """Put spectra at the end; those that are in it already stay where they are. How many are new.

    Raises
    ------
    PermissionDenied, CollectionError
        As :func:`set_entries`.
    """
    with transaction.atomic():
        held = _held(row, user)
        present = entries_of(held)
        known = {pk for pk, _ in present}
        new = [(pk, note) for pk in dict.fromkeys(spectra) if pk not in known]
        if new:
            _write(held, user, [*present, *new])
    return len(new)


def remove(row: Collection, user: User | AnonymousUser, spectrum: int) -> None:
    """Take one out. Raises as :func:`set_entries`."""
    with transaction.atomic():
        held = _held(row, user)
        _write(held, user, [one for one in entries_of(held) if one[0] != spectrum])


def move(row: Collection, user: User | AnonymousUser, spectrum: int, by: int) -> None:
    """Move one up (``by`` < 0) or down. Raises as :func:`set_entries`."""
    with transaction.atomic():
        held = _held(row, user)
        entries = entries_of(held)
        at = next((k for k, (pk, _) in enumerate(entries) if pk == spectrum), None)
        if at is not None:
            one = entries.pop(at)
            entries.insert(max(0, at + by), one)
            _write(held, user, entries)


def annotate(row: Collection, user: User | AnonymousUser, spectrum: int, note: str) -> None:
    """Say something of one. Raises as :func:`set_entries`."""
    with transaction.atomic():
        held = _held(row, user)
        entries = [(pk, note if pk == spectrum else kept) for pk, kept in entries_of(held)]
        _write(held, user, entries)


def discard(row: Collection, user: User | AnonymousUser) -> None:
    """Delete one's own collection, unless it is or was public and may be cited.

    Raises
    ------
    PermissionDenied
        If it is not this person's.
    CollectionError
        If it was published.
    """
    with transaction.atomic():
        held = Collection.objects.select_for_update(of=("self",)).get(pk=row.pk)
        if not user.is_authenticated or held.contributor_id != user.pk:
            raise PermissionDenied("this collection is somebody else's")
        if held.status in CITED:
            raise CollectionError(gettext("It is or was public, and others may have cited it."))
        held.delete()


def entries_of(row: Collection) -> list[Entry]:
    """The whole list as it is stored."""
    return list(row.entries.values_list("spectrum", "note"))


def spectra_in(row: Collection, user: User | AnonymousUser | None) -> SpectrumQuerySet:
    """Those of its spectra that this person may see, in its order."""
    entries = CollectionEntry.objects.filter(collection=row)
    place = entries.filter(spectrum=OuterRef("pk")).values("position")
    rows = Spectrum.objects.visible_to(user).filter(pk__in=entries.values("spectrum"))
    return rows.annotate(place=Subquery(place)).order_by("place", "pk")


def _held(row: Collection, user: User | AnonymousUser) -> Collection:
    held = Collection.objects.select_for_update(of=("self",)).get(pk=row.pk)
    if not owns(user, held):
        raise PermissionDenied("this collection is somebody else's")
    if not may_change(user, held):
        raise PermissionDenied("only a draft is changed; of a public one make a new version")
    return held


def _write(row: Collection, user: User | AnonymousUser, entries: Sequence[Entry]) -> None:
    if len(entries) > MOST_ENTRIES:
        raise CollectionError(gettext("%d spectra are the most.") % MOST_ENTRIES)
    wanted = [pk for pk, _ in entries]
    if len(set(wanted)) < len(wanted):
        raise CollectionError(gettext("A spectrum is named twice."))
    if any(len(note) > LONGEST_NOTE for _, note in entries):
        raise CollectionError(gettext("A note may have %d characters.") % LONGEST_NOTE)
    before = {one.spectrum_id: one for one in row.entries.all()}
    # One that was withdrawn since stays: it is in the list, though nobody is shown it.
    new = set(wanted) - set(before)
    seen = Spectrum.objects.visible_to(user).filter(pk__in=new).values_list("pk", flat=True)
    if missing := sorted(new - set(seen)):
        told = ", ".join(f"SDB-{pk}" for pk in missing[:10])
        raise CollectionError(gettext("There is no %s.") % told)
    row.entries.exclude(spectrum__in=wanted).delete()
    for place, (pk, note) in enumerate(entries):
        kept = before.get(pk)
        if kept is None:
            row.entries.create(spectrum_id=pk, position=place, note=note.strip())
        elif (kept.position, kept.note) != (place, note.strip()):
            kept.position, kept.note = place, note.strip()
            kept.save(update_fields=["position", "note"])
    row.save()  # its date of change


def _set_head(row: Collection, head: dict[str, str]) -> None:
    for name, text in head.items():
        if name not in HEAD:
            raise CollectionError(f"{name}: there are {', '.join(HEAD)}")
        longest = HEAD[name]
        kept = text.strip()
        if len(kept) > longest:
            raise CollectionError(
                gettext("%(field)s: at most %(n)d characters.") % {"field": name, "n": longest}
            )
        setattr(row, name, kept)
    if not row.title:
        raise CollectionError(gettext("Give it a title."))


def may_see_all(user: User | AnonymousUser, row: Collection) -> bool:
    """Whether a person is told how many of its records are not public: its owner, curators."""
    return may_curate(user) or (user.is_authenticated and row.contributor_id == user.pk)
