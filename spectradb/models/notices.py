"""What is said about a record between its contributor, its readers and the curators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from spectradb.models.collections import Collection
from spectradb.models.series import Series
from spectradb.models.spectra import Spectrum
from spectradb.models.visibility import CURATE

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


class CommentQuerySet(models.QuerySet[Any]):
    def visible_to(self, user: User | AnonymousUser | None) -> Self:
        """One's own; curators see all."""
        if user is None or not user.is_authenticated:
            return self.none()
        return self if user.has_perm(CURATE) else self.filter(author=user.pk)

    def unanswered(self) -> Self:
        return self.filter(answered_at=None)


class Comment(models.Model):
    """What somebody tells the curators about a record; they and its author see it."""

    spectrum = models.ForeignKey(Spectrum, models.CASCADE, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    text = models.TextField(max_length=2000)
    created = models.DateTimeField(auto_now_add=True)
    answer = models.TextField(max_length=2000, blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    answered_at = models.DateTimeField(null=True, blank=True, db_index=True)

    objects = CommentQuerySet.as_manager()

    def __str__(self) -> str:
        return f"On SDB-{self.spectrum_id}: {self.text[:60]}"


class Notice(models.Model):
    """What became of somebody's record or comment: a line on their page, and a mail.

    Stored in the transaction of the decision that it tells of. ``mail_due`` makes the table an
    outbox: :mod:`spectradb.services.curation.mails` sends what is due.
    """

    class Kind(models.TextChoices):
        PUBLISHED = "published", "Published"
        DRAFT = "draft", "Sent back"
        REJECTED = "rejected", "Rejected"
        WITHDRAWN = "withdrawn", "Withdrawn"
        ANSWERED = "answered", "Answered"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=9, choices=Kind)
    spectrum = models.ForeignKey(
        Spectrum, models.CASCADE, null=True, blank=True, related_name="notices"
    )
    series = models.ForeignKey(
        Series, models.CASCADE, null=True, blank=True, related_name="notices"
    )
    collection = models.ForeignKey(
        Collection, models.CASCADE, null=True, blank=True, related_name="notices"
    )
    reason = models.TextField(blank=True, help_text="Why, or the answer")
    created = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True, blank=True)
    mail_due = models.DateTimeField(
        null=True, blank=True, db_index=True, help_text="When to try next; empty: nothing to send"
    )
    mail_sent = models.DateTimeField(null=True, blank=True)
    mail_attempts = models.PositiveSmallIntegerField(default=0)
    mail_error = models.TextField(blank=True, help_text="Of the last attempt")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(spectrum__isnull=False, series=None, collection=None)
                | Q(spectrum=None, series__isnull=False, collection=None)
                | Q(spectrum=None, series=None, collection__isnull=False),
                name="notice_of_one_thing",
            )
        ]
        indexes = [models.Index(fields=["user", "read_at"], name="notice_unread")]

    def __str__(self) -> str:
        return f"{self.about}: {self.get_kind_display()}"

    @property
    def about(self) -> str:
        """The number of what it is about."""
        if self.spectrum_id is not None:
            return f"SDB-{self.spectrum_id}"
        if self.series_id is not None:
            return f"SDB-M{self.series_id}"
        return f"SDB-C{self.collection_id}"
