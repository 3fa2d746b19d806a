"""What became of one's records and comments."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from compute.errors import InputError
from spectradb.models import Notice, Preferences
from spectradb.services.accounts.language import choose_language, language_of
from spectradb.services.curation.notices import mark_read, notices_of
from spectradb.views.accounts.signed_in import login_required
from spectradb.words import in_words

_PAGE = 50


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def notices(request: HttpRequest) -> HttpResponse:
    """GET lists them; POST takes all as read, or says whether and in what language they go out."""
    assert request.user.is_authenticated  # by the decorator; for the type checker
    if request.method == "POST":
        if language := request.POST.get("language", ""):
            try:
                choose_language(request.user, language)
            except InputError as error:
                raise BadRequest(in_words(error)) from error
            messages.success(request, gettext("Saved."))
        elif "mail" in request.POST:
            wanted = request.POST["mail"] == "yes"
            Preferences.objects.update_or_create(
                user=request.user, defaults={"mail_notices": wanted}
            )
            messages.success(request, gettext("Saved."))
        else:
            mark_read(request.user)
        return redirect("notices")
    page = Paginator(notices_of(request.user), _PAGE).get_page(request.GET.get("page"))
    refused = Preferences.objects.filter(user=request.user, mail_notices=False).exists()
    context = {
        "page": page,
        "rows": [(one, _words(one)) for one in page.object_list],
        "mailed": not refused,
        "languages": settings.LANGUAGES,
        "language": language_of(request.user),
        "unread": any(one.read_at is None for one in page.object_list),
    }
    return render(request, "curation/notices.html", context)


def _words(notice: Notice) -> str:
    shown = notice.spectrum
    if notice.kind == Notice.Kind.PUBLISHED and shown is not None and shown.under_embargo:
        return gettext("Accepted; everyone sees it from %s on.") % shown.embargo_until
    return {
        Notice.Kind.PUBLISHED: gettext("Published."),
        Notice.Kind.DRAFT: gettext("Sent back to you: something is to be changed."),
        Notice.Kind.REJECTED: gettext("Not accepted."),
        Notice.Kind.WITHDRAWN: gettext("Withdrawn."),
        Notice.Kind.ANSWERED: gettext("Your comment is answered."),
    }[Notice.Kind(notice.kind)]
