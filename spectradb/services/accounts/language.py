"""In which language a person is written to: what they chose, else that in which they signed up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.translation import get_language

from compute.errors import InputError
from spectradb.models import Preferences

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def language_of(user: User) -> str:
    """One of the site's languages; its first where nothing is known of this person."""
    row = Preferences.objects.filter(user=user).exclude(language="").first()
    return row.language if row is not None else settings.LANGUAGE_CODE


def choose_language(user: User, language: str) -> None:
    """What this person wants to be written in.

    Raises
    ------
    InputError
        If the site has no such language.
    """
    known = dict(settings.LANGUAGES)
    if language not in known:
        raise InputError("language", language, f"there are {', '.join(known)}")
    Preferences.objects.update_or_create(user=user, defaults={"language": language})


def remember_language(user: User) -> None:
    """Keep that of the present page, unless one is known already."""
    language = (get_language() or settings.LANGUAGE_CODE).partition("-")[0]
    row, _made = Preferences.objects.get_or_create(user=user)
    if not row.language and language in dict(settings.LANGUAGES):
        row.language = language
        row.save(update_fields=["language"])
