"""Files at hand in a request: those of its session or account, and the one an address names."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext

from spectradb.formulae import edge_text
from spectradb.models import Brought, Spectrum, Upload
from spectradb.services.imports import at_hand

_SESSION = "at_hand"
_SHOWN = 8  # in the tray


@dataclass
class File:
    """One spectrum of a measured file at hand; ``address`` is what ``?file=`` takes."""

    upload: Upload
    part: int

    @cached_property
    def spectrum(self) -> Spectrum:
        return at_hand.spectrum_of(self.upload, self.part)

    @property
    def address(self) -> str:
        return address_of(self.upload.token, self.part)

    @property
    def name(self) -> str:
        return at_hand.label_of(self.upload, self.part)


def address_of(token: str, part: int = 0) -> str:
    """``TOKEN``, or ``TOKEN:2`` for the third spectrum of a file."""
    return f"{token}:{part}" if part else token


def own(request: HttpRequest) -> QuerySet[Upload]:
    """What this visitor or account has at hand."""
    return at_hand.at_hand(request.user, tokens_of(request))


def tokens_of(request: HttpRequest) -> list[str]:
    """Of the files that this session brought."""
    return list(request.session.get(_SESSION, []))


def remember(request: HttpRequest, upload: Upload) -> None:
    """Keep a file of a visitor at hand in the session; an account has its own by itself."""
    if upload.requested_by_id is None:
        request.session[_SESSION] = [*tokens_of(request), upload.token][-at_hand.MOST :]


def find_file(request: HttpRequest, text: str) -> File | None:
    """The measured file that ``?file=`` names, if it is at hand here."""
    token, _, part = text.partition(":")
    if not token or (part and not part.isdecimal()):
        return None
    row = own(request).filter(token=token, kind=Brought.SPECTRUM).first()
    number = int(part[:4] or 0)
    if row is None or number >= len(row.told["parts"]):
        return None
    return File(row, number)


def named_file(request: HttpRequest) -> File | None:
    """The file that the address or the form names; one that is not at hand any more is told."""
    text = request.POST.get("file") or request.GET.get("file") or ""
    found = find_file(request, text) if text else None
    if text and found is None:
        messages.warning(request, gone())
    return found


def gone() -> str:
    return gettext("This file is not at hand here any more: bring it again.")


def tray(request: HttpRequest) -> list[dict[str, Any]]:
    """What the strip below the header shows; nothing is read for who brought nothing."""
    session = getattr(request, "session", None)
    user = getattr(request, "user", None)
    if session is None or user is None or not (session.get(_SESSION) or user.is_authenticated):
        return []
    return [_shown(row) for row in own(request)[:_SHOWN]]


def _shown(row: Upload) -> dict[str, Any]:
    told = row.told
    if row.kind == Brought.STRUCTURE:
        return {"row": row, "formula": told["formula"], "crystal": True}
    first = told["parts"][0]
    edge = f"{first['element']} {edge_text(first['edge'])}".strip() if first["element"] else ""
    return {"row": row, "edge": edge, "crystal": False, "address": address_of(row.token)}
