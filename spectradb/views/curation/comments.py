"""A comment to the curators, sent from a record's page."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from spectradb.models import Spectrum
from spectradb.services.curation.comments import CommentError
from spectradb.services.curation.comments import comment as keep
from spectradb.views.accounts.signed_in import login_required
from spectradb.views.site.throttle import throttled_posts
from spectradb.words import in_words


@login_required
@require_POST
@throttled_posts("comment")
def comment(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep it; a person who is not signed in has nobody to answer to."""
    assert request.user.is_authenticated  # by the decorator; for the type checker
    rows = Spectrum.objects.visible_to(request.user).without_arrays()
    row = get_object_or_404(rows, pk=pk)
    try:
        keep(row, request.user, request.POST.get("text", ""))
    except CommentError as error:
        messages.error(request, in_words(error))
    else:
        messages.success(request, gettext("Sent to the curators; their answer appears here."))
    return redirect(f"{reverse('spectrum', args=[pk])}#comments")
